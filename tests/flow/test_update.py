# Stories of UPDATE (RFC 3311): theirs before and after the answer, ours as a refresh and with an offer, what crosses.

from siplet.sip.reinvite import change
from test_call import BELL, CONTACT, DESK, SDP, TARGET, answer, invite_in_dialog, request, two, up
from test_hold import directions, scripted
from wire import Peer, Wire


def update(session, cseq, body=b"", extra=b""):
    """An UPDATE as the far end of session sends it."""
    data = invite_in_dialog(session, cseq, body, extra)
    return data.replace(b"INVITE sip", b"UPDATE sip").replace(b" INVITE", b" UPDATE").replace(b"4bKre", b"4bKup")


def retry_after(data):
    return int(data[data.find(b"Retry-After: ") + 13 :].split(b"\r\n")[0])


def test_it_is_allowed():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    peer = Peer(wire, "10.0.0.1")
    peer.say(request(b"OPTIONS"), DESK)
    peer.say(request(b"UPDATE", to=b"<sip:desk@10.0.0.2>;tag=none", cseq=2), DESK)
    peer.say(request(b"UPDATE", cseq=3), DESK)
    wire.run(100)
    assert b"UPDATE" in peer.got[0].header(b"allow")
    assert peer.methods()[1:] == ["481", "405"] and desk.at_rest()


def test_their_update_moves_them_and_changes_the_sound():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    cseq = into.dialog.remote_cseq + 1
    desk.receive(update(into, cseq), BELL, wire.now)
    assert desk.methods() == ["200"] and into.dialog.target == b"sip:moved@10.0.0.3"
    said = desk.sent[-1][1]
    assert b"Contact: <sip:10.0.0.2" in said and b"Content-Length: 0\r\n" in said
    assert "media" not in desk.kinds()
    desk.receive(update(into, cseq + 1, SDP + b"a=sendonly\r\n"), BELL, wire.now)
    assert desk.take("media").data.direction == "recvonly" and desk.lines[0].held
    assert b"a=recvonly" in desk.sent[-1][1] and into.dialog.remote_cseq == cseq + 1
    wire.run(40000)
    assert into.state == "up" and len(desk.endpoint.transactions) == 0


def test_the_same_update_again_gets_the_same_answer():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    data = update(into, into.dialog.remote_cseq + 1, SDP)
    for _ in range(3):
        desk.receive(data, BELL, wire.now)
    assert desk.methods() == ["200"] * 3 and desk.kinds().count("media") == 1
    assert desk.sent[0][1] == desk.sent[1][1] == desk.sent[2][1]
    # By another way it comes too late
    desk.receive(data.replace(b"4bKup", b"4bKother"), BELL, wire.now)
    assert desk.methods()[-1] == "500"


def test_what_cannot_be_had_leaves_the_call_as_it_was():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    cseq = into.dialog.remote_cseq + 1
    before = desk.lines[0].agreed
    for data, status in (
        (update(into, cseq, SDP.replace(b"RTP/AVP 8 101", b"RTP/AVP 18")), "488"),
        (update(into, cseq, SDP).replace(b"application/sdp", b"text/plain"), "415"),
        (update(into, cseq, b"nonsense"), "400"),
        (update(into, cseq, SDP, b"Require: teleport"), "420"),
    ):
        desk.receive(data, BELL, wire.now)
        assert desk.methods()[-1] == status and desk.lines[0].agreed is before
        assert into.dialog.target != b"sip:moved@10.0.0.3"
    desk.receive(update(into, cseq, SDP), BELL, wire.now)
    assert desk.methods()[-1] == "200"


def test_their_update_while_it_still_rings_here():
    wire = Wire()
    bell, desk = wire.party("10.0.0.1"), wire.party("10.0.0.2")
    bell.call(TARGET)
    wire.run(100)
    into = desk.take("incoming").source
    cseq = into.dialog.remote_cseq + 1
    desk.receive(update(into, cseq), BELL, wire.now)
    assert desk.methods()[-1] == "200" and into.state == "ringing"
    # Their first offer is not answered yet: 500, and a time (RFC 3311 5.2)
    desk.receive(update(into, cseq + 1, SDP), BELL, wire.now)
    assert desk.methods()[-1] == "500" and 0 <= retry_after(desk.sent[-1][1]) <= 10
    into.dialog.target = b"sip:bell@10.0.0.1"
    into.answer(wire.now)
    wire.run(100)
    assert into.state == "up"


def test_their_update_before_they_have_answered():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    early = []

    def script(peer, message, source):
        if message.method == b"INVITE":
            peer.say(answer(message, 180, b"one", b"Contact: <sip:one@10.0.0.2>", early[0]), source)

    for body, status in ((b"", "491"), (SDP, "200")):  # with and without early media: our offer is answered, or not
        early[:] = [body]
        peer = Peer(wire, "10.0.0.2", script=script)
        out = bell.call(TARGET)
        wire.run(100)
        bell.events.clear()
        assert out.state == "proceeding"
        bell.receive(update(out, 7), DESK, wire.now)
        assert bell.methods()[-1] == "200" and out.dialog.target == b"sip:moved@10.0.0.3"
        bell.receive(update(out, 8, SDP.replace(b"4000", b"4444")), DESK, wire.now)
        assert bell.methods()[-1] == status and out.state == "proceeding"
        peer.say(answer(peer.got[0], 200, b"one", b"Contact: <sip:one@10.0.0.2>", SDP), BELL)
        wire.run(100)
        assert out.state == "up" and out.dialog.target == b"sip:one@10.0.0.2"
        # What the 2xx repeats is older than the UPDATE
        assert bell.lines[-1].agreed.port == (4444 if body else 4000)
        bell.receive(update(out, 7).replace(b"4bKup", b"4bKlate"), DESK, wire.now)  # the numbers went on
        assert bell.methods()[-1] == "500"
        assert bell.kinds().count("media") == 1
        out.hang_up(wire.now)
        wire.run(70000)


def test_their_offer_while_ours_waits_for_its_answer_gets_491():
    for ours in (False, True):  # by re-INVITE, by UPDATE
        wire, bell, desk = two()
        _, into = up(wire, bell, desk)
        wire.drop = lambda data, to: True
        one = change(into, wire.now, "sendonly", ours)
        cseq = into.dialog.remote_cseq + 1
        desk.receive(update(into, cseq, SDP), BELL, wire.now)
        assert desk.methods()[-1] == "491" and not one.status
        desk.receive(update(into, cseq), BELL, wire.now)  # no offer: nothing crosses
        assert desk.methods()[-1] == "200"
        desk.receive(invite_in_dialog(into, cseq + 1, SDP), BELL, wire.now)
        assert desk.methods()[-1] == "491"


def test_their_offer_while_the_ack_owes_us_an_answer_gets_491():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    peer = Peer(wire, "10.0.0.1")
    peer.say(request(b"INVITE", CONTACT), DESK)  # without an offer
    wire.run(50)
    into = desk.take("incoming").source
    into.answer(wire.now)
    wire.run(50)
    desk.receive(update(into, 2, SDP), BELL, wire.now)
    desk.receive(invite_in_dialog(into, 2, SDP), BELL, wire.now)
    assert desk.methods()[-2:] == ["491", "491"] and into.state == "answered"


def test_our_update_with_and_without_an_offer():
    wire, bell, desk = two()
    out, into = up(wire, bell, desk)
    into.dialog.target = b"sip:old@10.0.0.1"
    plain = change(out, wire.now, None, True)
    wire.run(100)
    assert plain.status == 200 and bell.methods() == ["UPDATE"] and desk.methods() == ["200"]
    assert into.dialog.target.startswith(b"sip:bell@10.0.0.1") and not bell.events and not desk.events
    change(out, wire.now, "sendonly", True)
    wire.run(100)
    assert bell.take("changed").status == 200 and directions(bell, desk) == ("sendonly", "recvonly")
    assert bell.methods() == ["UPDATE", "UPDATE"]
    wire.run(40000)
    assert not bell.endpoint.transactions and not bell.endpoint.usages


def test_two_updates_cross():
    for seed in range(1, 12):
        wire, bell, desk = two(seed=seed)
        out, into = up(wire, bell, desk)
        ours = change(out, wire.now, "sendonly", True)
        theirs = change(into, wire.now, "sendonly", True)
        wire.run(30)
        assert (bell.methods()[:2], desk.methods()[:2]) == (["UPDATE", "491"], ["UPDATE", "491"])
        wire.run(20000)
        assert ours.status == theirs.status == 200 and directions(bell, desk) == ("inactive", "inactive")
    # Without offers nothing is in the way
    wire, bell, desk = two()
    out, into = up(wire, bell, desk)
    for session in (out, into):
        change(session, wire.now, None, True)
    wire.run(100)
    assert bell.methods() == desk.methods() == ["UPDATE", "200"]


def test_an_update_crosses_a_reinvite():
    wire, bell, desk = two()
    out, into = up(wire, bell, desk)
    ours = change(out, wire.now, "sendonly", True)
    theirs = change(into, wire.now, "sendonly")
    wire.run(20000)
    assert ours.status == theirs.status == 200 and directions(bell, desk) == ("inactive", "inactive")


def test_who_does_not_take_it_gets_a_reinvite():
    for status in (405, 501):
        wire, _, peer, out = scripted((status, b"", b""), (200, b"", SDP))
        one = change(out, wire.now, None, True)
        wire.run(100)
        assert one.status == 200 and peer.methods() == ["UPDATE", "INVITE", "ACK"]


def test_an_update_that_nobody_answers_or_knows_ends_the_call():
    wire, bell, peer, out = scripted((0, b"", b""))
    change(out, wire.now, None, True)
    wire.run(33000)
    assert bell.take("ended").status == 408 and peer.methods()[-1] == "BYE"
    wire, bell, peer, out = scripted((481, b"", b""))
    change(out, wire.now, None, True)
    wire.run(100)
    assert bell.take("ended").status == 481


def test_an_update_that_is_not_wanted_any_more_cannot_be_taken_back():
    wire, _, peer, out = scripted((100, b"", b""))
    one = change(out, wire.now, "sendonly", True)
    wire.run(100)
    one.cancel(wire.now)
    wire.run(100)
    assert peer.methods() == ["UPDATE"]
    peer.say(answer(peer.got[0], 200, b"", b"", SDP + b"a=recvonly\r\n"), BELL)
    wire.run(100)
    assert one.status == 200 and out.state == "up"


def test_the_call_ends_while_an_update_is_under_way():
    for who in (0, 1):
        for after in (0, 5, 15):
            wire, bell, desk = two()
            sessions = up(wire, bell, desk)
            change(sessions[0], wire.now, "sendonly", True)
            wire.run(after)
            sessions[who].hang_up(wire.now)
            wire.run(70000)
            assert bell.kinds().count("ended") == desk.kinds().count("ended") == 1
            assert bell.at_rest() and desk.at_rest() and not bell.endpoint.usages, (who, after)


def test_another_fork_may_answer_after_the_first_one_has_sent_an_update():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    peer = Peer(wire, "10.0.0.2")
    out = bell.call(TARGET)
    wire.run(100)
    invite = peer.got[0]
    peer.say(answer(invite, 183, b"one", b"Contact: <sip:one@10.0.0.2>", SDP), BELL)
    wire.run(100)
    bell.receive(update(out, 7, SDP.replace(b"4000", b"4444")), DESK, wire.now)
    peer.say(answer(invite, 200, b"two", b"Contact: <sip:two@10.0.0.2>", SDP.replace(b"4000", b"5000")), BELL)
    wire.run(100)
    assert out.state == "up" and bell.lines[0].agreed.port == 5000
