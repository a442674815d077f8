# Stories of short messages: MESSAGE (RFC 3428) between two of ours, in calls and without, and with scripted peers.

from siplet.errors import LocalError
from siplet.limits import TEXT, TRANSACTIONS
from siplet.sip.instant import Inbox, Instant
from wire import Peer, Wire

BELL, DESK = ("10.0.0.1", 5060), ("10.0.0.2", 5060)
TARGET = b"sip:desk@10.0.0.2"
ME = b"<sip:bell@10.0.0.1>"


def two(**knobs):
    wire = Wire(**knobs)
    return wire, wire.party("10.0.0.1"), wire.party("10.0.0.2")


def send(party, wire, body, **options):
    options.setdefault("credentials", None)
    message = Instant(party.endpoint, TARGET, ME, body, wire.now, **options)
    party.collect()
    return message


def texts(party):
    party.collect()
    return [event.data[0].body for event in party.events if event.kind == "message"]


def statuses(party):
    party.collect()
    return [event.status for event in party.events if event.kind == "sent"]


def request(kind=b"text/plain", body=b"hello", branch=b"1", extra=b""):
    lines = [
        b"MESSAGE sip:bell@10.0.0.1 SIP/2.0",
        b"Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK" + branch,
        b"Max-Forwards: 70",
        b"From: <sip:desk@10.0.0.2>;tag=f" + branch,
        b"To: <sip:bell@10.0.0.1>",
        b"Call-ID: m" + branch,
        b"CSeq: 1 MESSAGE",
        b"Content-Length: " + str(len(body)).encode(),
    ]
    if kind:
        lines.append(b"Content-Type: " + kind)
    return b"\r\n".join(lines) + b"\r\n" + extra + b"\r\n" + body


def asked(data):
    """What an open inbox answers a scripted peer."""
    wire = Wire()
    bell, desk = wire.party("10.0.0.1"), Peer(wire, "10.0.0.2")
    Inbox(bell.endpoint)
    desk.say(data, BELL)
    wire.run(100)
    return bell, desk.got[-1]


def test_a_text_arrives_once_and_its_sender_knows():
    wire, bell, desk = two()
    Inbox(desk.endpoint)
    send(bell, wire, "Gr\u00fc\u00dfe \u20ac".encode())
    wire.run(100)
    assert texts(desk) == ["Gr\u00fc\u00dfe \u20ac".encode()] and statuses(bell) == [200]
    sent = desk.events[-1].data[0]
    assert sent.header(b"content-type") == b"text/plain" and sent.header(b"contact") is None  # RFC 3428 4
    assert desk.events[-1].data[1] is None
    wire.run(40_000)
    assert bell.at_rest() and desk.at_rest() and not bell.endpoint.usages


def test_thirty_percent_loss_and_repetitions_deliver_each_text_once():
    for seed in range(1, 9):
        wire, bell, desk = two(loss=30, duplicate=10, reorder=10, seed=seed)
        Inbox(desk.endpoint)
        wanted = []
        for i in range(6):
            body = str(i).encode()
            message = send(bell, wire, body)
            assert wire.run_until(lambda message=message: not message.alive, 40_000)
            wanted.append(body)
        arrived = texts(desk)
        assert sorted(set(arrived)) == sorted(arrived)
        for i, status in enumerate(statuses(bell)):
            assert status in (200, 408) and (status == 408 or wanted[i] in arrived)


def test_nobody_there_nobody_reading_and_too_long():
    wire, bell, desk = two()
    send(bell, wire, b"x")
    wire.run(100)
    assert statuses(bell) == [480] and texts(desk) == []  # no inbox
    wire.drop = lambda data, to: True
    send(bell, wire, b"x")
    wire.run(40_000)
    assert statuses(bell) == [480, 408]
    try:
        send(bell, wire, b"x" * TEXT)
        raise AssertionError("too long")
    except LocalError:
        pass
    assert not bell.endpoint.usages and not bell.endpoint.transactions
    assert all(len(data) <= TEXT for _, data, _ in bell.sent)


def test_a_text_in_a_call_goes_through_its_dialog_both_ways():
    wire, bell, desk = two()
    out = bell.call(TARGET)
    wire.run(100)
    into = desk.take("incoming").source
    into.answer(wire.now)
    wire.run(100)
    for party in (bell, desk):
        Inbox(party.endpoint)
        party.events.clear()
    send(bell, wire, b"open the door", session=out)
    wire.run(100)
    event = desk.take("message")
    assert event.data[0].to_tag == into.dialog.local_tag and event.data[1] is into and statuses(bell) == [200]
    Instant(desk.endpoint, b"", b"<sip:desk@10.0.0.2>", b"it is", wire.now, session=into)
    wire.run(100)
    event = bell.take("message")
    assert event.data[0].body == b"it is" and event.data[1] is out
    out.hang_up(wire.now)
    wire.run(100)
    assert bell.take("ended").data == "local" and desk.take("ended").data == "remote"  # the sequence numbers agreed


def test_what_is_no_plain_text_is_refused_with_what_would_be():
    for kind in (b"application/im-iscomposing+xml", b"message/cpim", b"text/html", b"", b"text/plainer", b";"):
        bell, answer = asked(request(kind))
        assert answer.status == 415 and answer.header(b"accept") == b"text/plain" and texts(bell) == []
    for kind in (b"Text/Plain", b"text/plain; charset=UTF-8", b"text/plain;format=flowed"):
        bell, answer = asked(request(kind))
        assert answer.status == 200 and texts(bell) == [b"hello"]
    assert asked(request(extra=b"Content-Encoding: gzip\r\n"))[1].status == 415
    assert asked(request(body=b"x" * TEXT))[1].status == 200
    assert asked(request(body=b"x" * (TEXT + 1)))[1].status == 413
    assert asked(request(extra=b"Require: recipient-list-message\r\n"))[1].status == 420


def test_our_password_answers_our_server_only_once_and_the_size_stays():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    challenge = b'WWW-Authenticate: Digest realm="pbx", nonce="n", qop="auth", algorithm=MD5'

    def script(peer, message, source):
        known = message.header(b"authorization")
        status, extra = (b"202 Later", b"X: y") if known else (b"401 No", challenge)
        lines = [b"SIP/2.0 " + status, b"Via: " + message.via, b"From: " + message.header(b"from")]
        lines += [b"To: " + message.header(b"to") + b";tag=p", b"Call-ID: " + message.call_id]
        lines += [b"CSeq: " + str(message.cseq).encode() + b" MESSAGE", extra, b"", b""]
        peer.say(b"\r\n".join(lines), source)

    pbx = Peer(wire, "10.0.0.2", script=script)
    send(bell, wire, b"hi", credentials=bell.credentials("bell", "secret"))
    wire.run(100)
    assert statuses(bell) == [202]
    assert [m.cseq for m in pbx.got] == [pbx.got[0].cseq, pbx.got[0].cseq + 1] and pbx.got[1].body == b"hi"
    # What fits without credentials, and not with them, is told to be too long
    send(bell, wire, b"y" * (TEXT - 500), credentials=bell.credentials("bell", "secret"))
    wire.run(100)
    assert statuses(bell) == [202, 413] and not bell.endpoint.usages


def test_a_proxy_of_ours_is_named_in_the_route():
    wire = Wire()
    bell, proxy = wire.party("10.0.0.1"), Peer(wire, "10.0.0.9")
    send(bell, wire, b"hi", hop=b"sip:10.0.0.9;lr")
    wire.run(20)
    assert proxy.got[0].uri == TARGET and proxy.got[0].header(b"route") == b"<sip:10.0.0.9;lr>"


def test_a_flood_of_texts_leaves_room_for_calls():
    wire = Wire()
    bell, flood, desk = wire.party("10.0.0.1"), Peer(wire, "10.0.0.2"), wire.party("10.0.0.3")
    Inbox(bell.endpoint)
    for i in range(3 * TRANSACTIONS):
        flood.say(request(branch=str(i).encode()), BELL)
        wire.run(10)
    wire.run(100)
    assert len(texts(bell)) == 3 * TRANSACTIONS and len(bell.endpoint.transactions) <= TRANSACTIONS
    desk.call(b"sip:bell@10.0.0.1")
    wire.run(100)
    assert bell.take("incoming")
