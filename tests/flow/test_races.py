# Stories of what crosses, is lost or comes too late: every one must end, and say so once (RFC 3261 9, 12 to 15).

from siplet.errors import LocalError
from test_call import BELL, CONTACT, DESK, SDP, TARGET, answer, invite_in_dialog, request, ring, two, up
from wire import Peer, Wire

FROM_ONE = b"Contact: <sip:one@10.0.0.2>"
CHALLENGE = b'Proxy-Authenticate: Digest realm="a", nonce="n"'


def scripted(*steps):
    """A caller, and a far end that answers each INVITE with the next of steps: lists of (status, extra, body)."""
    wire = Wire()
    bell = wire.party("10.0.0.1")
    steps = list(steps)

    def script(peer, message, source):
        if message.method == b"INVITE" and steps:
            for status, extra, body in steps.pop(0):
                peer.say(answer(message, status, b"one", extra, body), source)
        elif message.method == b"BYE":
            peer.say(answer(message, 200), source)

    return wire, bell, Peer(wire, "10.0.0.2", script=script)


def inside(session, method, cseq, body=b"", kind=b"application/dtmf"):
    """A request as the far end of `session` would send it."""
    data = invite_in_dialog(session, cseq, body, b"X: y")
    return data.replace(b"INVITE", method).replace(b"application/sdp", kind).replace(b"z9hG4bKre", b"z9hG4bK" + method)


def test_a_cancelled_call_whose_far_end_died_leaves_nothing():
    wire, bell, _ = scripted([(180, FROM_ONE, b"")])
    out = bell.call(TARGET)
    wire.run(100)
    out.hang_up(wire.now)  # no final answer to the INVITE will ever come
    wire.run(33000)
    assert bell.take("ended") and bell.at_rest()
    assert bell.endpoint.next_timer() is None


def test_hanging_up_while_the_answer_or_its_ack_is_lost():
    for lost in (b"ACK", b"SIP/2.0 200"):
        wire, bell, desk = two()
        _, into = ring(wire, bell, desk)
        wire.run(100)
        wire.drop = lambda data, to, lost=lost: data.startswith(lost)
        into.answer(wire.now)
        into.hang_up(wire.now)
        wire.run(1600)
        assert into.state == "leaving" and desk.methods() == ["180", "200", "200", "200"]
        wire.drop = None
        wire.run(3000)
        assert desk.kinds().count("ended") == 1 and bell.kinds().count("ended") == 1
        assert desk.methods()[-1] == "BYE"
        # And when it never comes: 32 s, then BYE all the same (13.3.1.4).
        wire, bell, desk = two()
        _, into = ring(wire, bell, desk)
        wire.drop = lambda data, to, lost=lost: data.startswith(lost)
        into.answer(wire.now)
        into.hang_up(wire.now)
        wire.run(33000)
        wire.drop = None
        assert desk.take("ended").data == "lost"
        wire.run(70000)
        assert desk.at_rest() and "BYE" in desk.methods()


def test_cancel_waits_for_an_answer_to_the_invite_with_credentials():
    wire, bell, peer = scripted([(100, b"", b""), (407, CHALLENGE, b"")])
    out = bell.call(TARGET, credentials=bell.credentials("bell", "secret"))
    wire.run(100)
    assert peer.methods() == ["INVITE", "ACK", "INVITE"]
    out.hang_up(wire.now)
    wire.run(100)
    assert "CANCEL" not in peer.methods()  # the second INVITE may still be on its way (9.1)
    peer.say(answer(peer.got[-1], 180, b"one"), BELL)
    wire.run(30)
    assert peer.methods()[-1] == "CANCEL" and peer.got[-1].branch == peer.got[2].branch


def test_a_route_that_cannot_be_gone_in_a_response_ends_the_call():
    bad = FROM_ONE + b"\r\nRecord-Route: <tel:+1>"
    # In a 180: it rings all the same, and can be taken back.
    wire, bell, peer = scripted([(180, bad, b"")])
    out = bell.call(TARGET)
    wire.run(100)
    assert bell.take("ringing").status == 180
    out.hang_up(wire.now)
    wire.run(100)
    assert peer.methods() == ["INVITE", "CANCEL"]
    # In the 200: no ACK finds its way, so there is no call.
    wire, bell, peer = scripted([(180, FROM_ONE, b""), (200, bad, SDP)])
    bell.call(TARGET)
    wire.run(100)
    ended = bell.take("ended")
    assert ended.data == "lost" and ended.status == 488 and peer.methods() == ["INVITE"]
    # Another fork's 200 comes too late, and is told so.
    peer.say(answer(peer.got[0], 200, b"two", FROM_ONE, SDP), BELL)
    wire.run(100)
    assert peer.methods() == ["INVITE", "ACK", "BYE"]
    wire.run(40000)
    assert bell.at_rest()


def test_a_refusal_inside_a_call_that_was_lost_is_said_again():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    cseq = into.dialog.remote_cseq
    info = inside(into, b"INFO", cseq + 1, b"hello", b"text/plain")
    for _ in range(2):
        desk.receive(info, BELL, wire.now)
    bad = SDP.replace(b"RTP/AVP 8 101", b"RTP/AVP 18")
    for _ in range(2):
        desk.receive(invite_in_dialog(into, cseq + 2, bad), BELL, wire.now)
    assert desk.methods() == ["415", "415", "488", "488"]
    # What was taken is not taken again, by whatever way it comes.
    key = inside(into, b"INFO", cseq + 3, b"5")
    desk.receive(key, BELL, wire.now)
    desk.receive(key.replace(b"branch=z9hG4bK", b"branch=z9hG4bKother"), BELL, wire.now)
    assert desk.methods()[4:] == ["200", "200"] and desk.kinds().count("digit") == 1


def test_a_key_that_crosses_our_bye_is_not_heard():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    cseq = into.dialog.remote_cseq
    into.hang_up(wire.now)
    desk.receive(inside(into, b"INFO", cseq + 1, b"5"), BELL, wire.now)
    assert desk.kinds() == ["ended"] and desk.methods() == ["BYE", "481"]
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()


def test_a_bye_that_was_overtaken_is_said_again():
    wire, bell, desk = two()
    out, into = up(wire, bell, desk)
    wire.drop = lambda data, to: data.startswith(b"BYE")
    out.hang_up(wire.now)
    wire.drop = None
    out.dialog.local_cseq += 1  # of a request that was on its way, too, and arrives
    desk.receive(inside(into, b"INFO", out.dialog.local_cseq, b"5"), BELL, wire.now)
    wire.run(1000)
    assert desk.take("ended").data == "remote"
    assert bell.methods() == ["BYE", "BYE", "BYE"] and desk.methods() == ["200", "500", "200"]
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()
    # Who always says so is not asked for ever
    wire, bell, peer = scripted([(200, FROM_ONE, SDP)])
    out = bell.call(TARGET)
    wire.run(100)
    peer.script = lambda peer, message, source: peer.say(answer(message, 500), source)
    out.hang_up(wire.now)
    wire.run(100)
    assert peer.methods() == ["INVITE", "ACK", "BYE", "BYE"] and out.state == "over"


def test_a_caller_that_vanished_does_not_hold_the_line_for_ever():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    Peer(wire, "10.0.0.1").say(request(b"INVITE", CONTACT, SDP), DESK)
    wire.run(179000)
    assert desk.endpoint.full and desk.kinds() == ["incoming"]
    wire.run(2000)
    ended = desk.take("ended")
    assert ended.status == 480 and ended.data == "timeout" and not desk.endpoint.full
    wire.run(40000)
    assert desk.at_rest()


def test_calls_taken_back_and_never_acknowledged_do_not_keep_others_out():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    stranger = Peer(wire, "10.0.0.1")
    for i in range(20):
        invite = (
            request(b"INVITE", CONTACT, SDP)
            .replace(b"by-hand", str(i).encode())
            .replace(b"z9hG4bKabc", b"z9hG4bKx" + str(i).encode())
        )
        stranger.say(invite, DESK)
        wire.run(20)
        stranger.say(invite.replace(b"INVITE", b"CANCEL"), DESK)
        wire.run(20)
    assert len(desk.endpoint.transactions) <= 16 and desk.kinds() == ["incoming", "ended"] * 20
    other = wire.party("10.0.0.3")
    other.call(TARGET)
    wire.run(100)
    assert other.take("ringing")


def test_a_call_that_cannot_even_be_written_leaves_nothing():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    try:
        bell.call(b"sip:" + b"x" * 6000 + b"@10.0.0.2")
        raise AssertionError("sent")
    except LocalError:
        pass
    assert bell.at_rest() and not bell.endpoint.full


def test_a_registration_that_never_was_is_over_at_once():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    binding = bell.endpoint.register(b"sip:10.0.0.5", b"sip:bell@10.0.0.5")
    binding.start(wire.now)
    bell.endpoint.unreachable(("10.0.0.5", 5060), wire.now)
    assert binding.state == "failed"
    binding.stop(wire.now)
    assert binding.state == "off" and not bell.endpoint.registrations


def test_requests_in_a_call_carry_credentials_only_where_they_are_asked_for():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    asked = []

    def script(peer, message, source):
        if message.method == b"INVITE":
            peer.say(answer(message, 200, b"one", b"Contact: <sip:one@10.0.0.2>", SDP), source)
        elif message.method != b"ACK":
            asked.append((message.method, message.cseq, message.header(b"authorization") is not None))
            if asked[-1][2]:
                peer.say(answer(message, 200), source)
            else:
                peer.say(
                    answer(message, 401, b"", b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"'), source
                )

    Peer(wire, "10.0.0.2", script=script)
    out = bell.call(TARGET, credentials=bell.credentials("bell", "pw"))
    wire.run(100)
    out.send_info(b"application/dtmf", b"1", wire.now)
    wire.run(100)
    assert bell.take("info").status == 200
    out.hang_up(wire.now)
    wire.run(100)
    first = asked[0][1]
    assert asked == [(b"INFO", first, False), (b"INFO", first + 1, True), (b"BYE", first + 2, True)]
    assert out.state == "over"
