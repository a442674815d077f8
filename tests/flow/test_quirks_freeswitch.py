# FreeSWITCH as a scripted peer: NOTIFYs that nobody asked for, beside calls and in them.

from test_call import BELL, DESK, request, two, up
from wire import Peer, Wire

SUMMARY = b"Messages-Waiting: yes\r\nMessage-Account: sip:desk@10.0.0.2\r\nVoice-Message: 2/0 (0/0)\r\n"


def notify(event, body=b"", cseq=1, to=b"<sip:desk@10.0.0.2>", kind=b"application/simple-message-summary"):
    extra = (
        b"Event: " + event + b"\r\n" if event else b""
    ) + b"Subscription-State: active\r\nContact: <sip:fs@10.0.0.1>"
    return request(b"NOTIFY", extra, body, to=to, cseq=cseq, kind=kind)


def test_outside_a_call_each_is_refused_and_none_is_remembered():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    peer = Peer(wire, "10.0.0.1")
    cases = (
        (notify(b"message-summary", SUMMARY, 1), 481),
        (notify(b"presence", b"", 2), 481),
        (notify(b"keep-alive", b"", 3), 489),
        (notify(b"check-sync;reboot=false", b"", 4), 489),
        (notify(b"as-feature-event", b"<x/>", 5, kind=b"application/x-as-feature-event+xml"), 489),
        (notify(b"", b"", 6), 489),
    )
    for data, status in cases:
        for _ in range(3):  # it repeats what it is refused, too
            peer.say(data, DESK)
            wire.run(30)
            assert peer.got[-1].status == status, data
    assert all(message.header(b"allow-events") for message in peer.got if message.status == 489)
    wire.run(40000)
    assert desk.at_rest() and not desk.events and not desk.endpoint.usages
    peer.say(request(b"OPTIONS", cseq=9), DESK)
    wire.run(30)
    assert peer.got[-1].status == 200


def test_in_a_call_it_goes_on():
    wire, bell, desk = two()
    out, into = up(wire, bell, desk)
    cseq = into.dialog.remote_cseq
    for i, (event, status) in enumerate(((b"talk", "489"), (b"message-summary", "481"), (b"hold", "489"))):
        data = notify(event, SUMMARY, cseq + 1 + i, into.dialog.local)
        data = data.replace(b"Call-ID: by-hand", b"Call-ID: " + into.dialog.call_id)
        data = data.replace(b"<sip:bell@10.0.0.1>;tag=from1", into.dialog.remote)
        desk.receive(data, BELL, wire.now)
        wire.run(30)
        assert desk.methods()[-1] == status, event
    assert into.state == out.state == "up" and not desk.take("ended")
    out.send_info(b"application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", wire.now)
    wire.run(50)
    assert desk.take("digit").data == "5"
    into.hang_up(wire.now)
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()
