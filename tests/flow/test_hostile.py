# What strangers send to the endpoint: it never raises, never fills up, and counts what it could not answer.

from siplet.limits import MESSAGE
from wire import Wire

STRANGER = ("10.0.0.9", 4444)
INVITE = (
    b"INVITE sip:desk@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:4444;branch=z9hG4bKx1\r\nMax-Forwards: 70\r\n"
    b"From: <sip:x@10.0.0.9>;tag=1\r\nTo: <sip:desk@10.0.0.2>\r\nCall-ID: c1\r\nCSeq: 1 INVITE\r\n"
    b"Contact: <sip:x@10.0.0.9:4444>\r\nContent-Length: 0\r\n\r\n"
)


def test_a_request_that_names_no_way_back_is_dropped_and_counted():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    for via in (
        b"",
        b"SIP/2.0/UDP",
        b'SIP/2.0/UDP a;branch="',
        b"SIP/2.0/UDP [::1;branch=z9hG4bK",
        b"UDP a;=;",
        b"x" * 900,
    ):
        desk.endpoint.receive(INVITE.replace(b"SIP/2.0/UDP 10.0.0.9:4444;branch=z9hG4bKx1", via), STRANGER, wire.now)
    assert not desk.sent
    assert desk.endpoint.dropped == 6 and not desk.endpoint.sessions


def test_the_longest_requests_are_answered_and_longer_ones_dropped():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    require = b"Require: " + b",".join([b"option" + str(i).encode() for i in range(60)]) + b"\r\n"
    answered = 0
    for size in range(2000, 4000, 50):
        data = INVITE.replace(b"z9hG4bKx1", b"z9hG4bK" + b"x" * size).replace(b"Contact:", require + b"Contact:")
        desk.endpoint.receive(data, STRANGER, wire.now)
        answered += len(data) <= MESSAGE
        assert desk.endpoint.refused == len(desk.sent) == answered
    assert 10 < answered < 40 and desk.endpoint.dropped == 40 - answered
    assert not desk.endpoint.transactions


def test_damaged_requests_inside_and_outside_a_call_raise_nothing():
    wire = Wire(seed=5)
    desk = wire.party("10.0.0.2", max_calls=2)
    chance = wire.chance
    methods = (b"INVITE", b"BYE", b"INFO", b"OPTIONS", b"CANCEL", b"ACK", b"REFER")
    tag = b""
    for i in range(300):
        data = INVITE.replace(b"INVITE", methods[chance.below(len(methods))]).replace(
            b"1 ", str(i // 2).encode() + b" "
        )
        data = bytearray(data.replace(b"x1", str(i).encode()).replace(b"10.0.0.2>\r\n", b"10.0.0.2>" + tag + b"\r\n"))
        if i % 3:
            for _ in range(1 + chance.below(6)):
                data[chance.below(len(data))] = (10, 13, 34, 44, 59, 60, 0, 255)[chance.below(8)]
        desk.endpoint.receive(bytes(data), STRANGER, wire.now)
        desk.collect()
        ringing = desk.take("incoming")
        if ringing:
            tag = b";tag=" + ringing.source.dialog.local_tag
            ringing.source.answer(wire.now)
        wire.run(200)
        assert len(desk.endpoint.transactions) <= 16 and len(desk.endpoint.sessions) <= 4
