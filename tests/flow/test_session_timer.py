# Stories of session timers (RFC 4028): who refreshes, how, and what becomes of a call that nobody refreshes.

from siplet.sip.reinvite import change
from test_call import BELL, CONTACT, DESK, SDP, TARGET, answer, invite_in_dialog, request
from test_update import update
from wire import Peer, Wire

ALLOW = b"\r\nAllow: INVITE, ACK, BYE, UPDATE"


def header(data, name):
    """The value of a header in a message that was sent, b"" without one."""
    for line in data.split(b"\r\n"):
        if line.startswith(name + b": "):
            return line[len(name) + 2 :]
    return b""


def parties(bell=0, desk=0, **knobs):
    wire = Wire(**knobs)
    both = wire.party("10.0.0.1"), wire.party("10.0.0.2")
    both[0].endpoint.session_expires, both[1].endpoint.session_expires = bell, desk
    return wire, both[0], both[1]


def up(wire, bell, desk):
    out = bell.call(TARGET)
    assert wire.run_until(lambda: "incoming" in desk.kinds(), 5000)
    into = desk.take("incoming").source
    into.answer(wire.now)
    assert wire.run_until(lambda: "answered" in bell.kinds() and "answered" in desk.kinds(), 5000)
    return out, into


def clear(*all):
    for party in all:
        party.events.clear()
        party.sent.clear()


def called(expires, answers, allow=b"", session_expires=0):
    """Our call with a far end that answers the INVITE, and then each re-INVITE and UPDATE, with (status, headers)."""
    wire = Wire()
    bell = wire.party("10.0.0.1")
    bell.endpoint.session_expires = session_expires
    answers = list(answers)

    def script(peer, message, source):
        if message.method == b"INVITE" and not message.to_tag and not answers:
            extra = b"Contact: <sip:one@10.0.0.2>" + allow + expires
            peer.say(answer(message, 200, b"one", extra, SDP), source)
        elif message.method in (b"INVITE", b"UPDATE") and answers:
            status, extra = answers.pop(0)
            if status:
                body = SDP if message.method == b"INVITE" and status < 300 else b""
                peer.say(answer(message, status, b"one", b"Contact: <sip:one@10.0.0.2>" + extra, body), source)
        elif message.method == b"BYE":
            peer.say(answer(message, 200), source)

    peer = Peer(wire, "10.0.0.2", script=script)
    return wire, bell, peer, bell.call(TARGET)


def calling(extra=b"", session_expires=0, cseq=1):
    """A far end that calls us, and is answered; with the INVITE's headers. The call, when it is up."""
    wire = Wire()
    desk = wire.party("10.0.0.2")
    desk.endpoint.session_expires = session_expires
    peer = Peer(wire, "10.0.0.1")
    peer.say(request(b"INVITE", CONTACT + extra, SDP, cseq=cseq), DESK)
    wire.run(50)
    event = desk.take("incoming")
    if not event:
        return wire, desk, peer, None
    into = event.source
    into.answer(wire.now)
    wire.run(50)
    peer.say(
        request(b"ACK", b"", b"", to=peer.got[-1].header(b"to"), cseq=cseq).replace(b"z9hG4bKabc", b"z9hG4bKdef"), DESK
    )
    wire.run(50)
    assert into.state == "up"
    return wire, desk, peer, into


def test_nobody_asks_for_a_timer():
    wire, bell, desk = parties()
    out, into = up(wire, bell, desk)
    assert b"timer" in header(bell.sent[0][1], b"Supported")
    assert not out.timer and not into.timer and not bell.endpoint.usages
    assert all(b"Session-Expires" not in data for _, data, _ in bell.sent + desk.sent)
    wire.run(100_000_000)
    assert out.state == "up"


def test_the_caller_asks_and_refreshes_by_update_at_half_of_it():
    wire, bell, desk = parties(bell=120)
    out, into = up(wire, bell, desk)
    assert header(bell.sent[0][1], b"Session-Expires") == b"120" and not header(bell.sent[0][1], b"Min-SE")
    ok = desk.sent[-1][1]
    assert header(ok, b"Session-Expires") == b"120;refresher=uac" and header(ok, b"Require") == b"timer"
    assert out.timer.ours and not into.timer.ours
    clear(bell, desk)
    wire.run(59000)
    assert not bell.sent
    wire.run(2000)
    assert bell.methods() == ["UPDATE"] and desk.methods() == ["200"]
    assert header(bell.sent[0][1], b"Session-Expires") == b"120;refresher=uac"
    assert header(desk.sent[0][1], b"Session-Expires") == b"120;refresher=uac"
    wire.run(3_600_000)
    assert out.state == into.state == "up" and 59 <= bell.methods().count("UPDATE") <= 62
    assert not bell.events and not desk.events  # nothing for the application in it
    out.hang_up(wire.now)
    wire.run(70000)
    assert bell.at_rest() and desk.at_rest() and not bell.endpoint.usages and not desk.endpoint.usages


def test_the_called_side_asks_and_refreshes():
    wire, bell, desk = parties(desk=1800)
    out, into = up(wire, bell, desk)
    ok = desk.sent[-1][1]
    assert header(ok, b"Session-Expires") == b"1800;refresher=uas" and header(ok, b"Require") == b"timer"
    clear(bell, desk)
    wire.run(901_000)
    assert desk.methods() == ["UPDATE"] and bell.methods() == ["200"]
    assert header(desk.sent[0][1], b"Session-Expires") == b"1800;refresher=uac"  # it asks now
    assert into.timer.ours and not out.timer.ours
    wire.run(10_000_000)
    assert out.state == into.state == "up"


def test_a_caller_that_does_not_know_timers_is_refreshed_by_us():
    wire, _desk, peer, _into = calling(b"", session_expires=100)
    ok = peer.got[1]
    assert ok.header(b"session-expires") == b"100;refresher=uas" and not ok.header(b"require")
    peer.got.clear()
    wire.run(51_000)
    assert peer.methods()[0] == "INVITE" and peer.got[0].header(b"session-expires") == b"100;refresher=uac"


def test_whom_the_table_of_section_9_chooses():
    for supported, asked, chosen in (
        (b"", b"", b"uas"),
        (b"", b";refresher=uac", b"uas"),
        (b"", b";refresher=uas", b"uas"),
        (b"\r\nSupported: timer", b"", b"uac"),
        (b"\r\nk: 100rel, Timer", b";refresher=uac", b"uac"),
        (b"\r\nSupported: timer", b";Refresher=UAS", b"uas"),
        (b"\r\nRequire: timer", b"", b"uac"),
    ):
        wire, _desk, peer, _into = calling(b"\r\nSession-Expires: 300" + asked + supported)
        ok = peer.got[1]
        assert ok.header(b"session-expires") == b"300;refresher=" + chosen, (supported, asked)
        assert (ok.header(b"require") == b"timer") == bool(supported)
        peer.got.clear()
        wire.run(151_000)
        assert ("INVITE" in peer.methods()) == (chosen == b"uas")


def test_a_session_that_nobody_refreshes_is_ended():
    for seconds, end in ((90, 60), (300, 268), (1800, 1768)):  # a third, at most 32 s, before its end
        wire, desk, peer, into = calling(b"\r\nx: %d\r\nSupported: timer".replace(b"%d", str(seconds).encode()))
        wire.run(end * 1000 - 300)
        assert into.state == "up" and "BYE" not in peer.methods()
        wire.run(500)
        ended = desk.take("ended")
        assert ended.data == "lost" and ended.status == 408 and ended.reason == b"Session Expired"
        assert peer.methods()[-1] == "BYE"
        peer.say(answer(peer.got[-1], 200), DESK)
        wire.run(70000)
        assert desk.at_rest() and not desk.endpoint.usages


def test_their_refreshes_keep_it_alive_by_reinvite_and_by_update():
    wire, desk, _peer, into = calling(b"\r\nSession-Expires: 90\r\nSupported: timer")
    extra = b"Supported: timer\r\nSession-Expires: 90;refresher=uac"
    cseq = 2
    for _ in range(6):
        wire.run(50_000)
        assert into.state == "up"
        if cseq % 2:
            desk.receive(update(into, cseq, b"", extra), BELL, wire.now)
        else:
            desk.receive(invite_in_dialog(into, cseq, SDP, extra), BELL, wire.now)
            ack = invite_in_dialog(into, cseq).replace(b"INVITE sip", b"ACK sip").replace(b" INVITE", b" ACK")
            desk.receive(ack.replace(b"z9hG4bKre", b"z9hG4bKack"), BELL, wire.now)
        assert header(desk.sent[-1][1], b"Session-Expires") == b"90;refresher=uac"
        assert header(desk.sent[-1][1], b"Require") == b"timer"
        cseq += 1
    wire.run(61_000)
    assert desk.take("ended")


def test_what_refuses_a_refresh_is_not_one():
    wire, desk, _peer, into = calling(b"\r\nSession-Expires: 90\r\nSupported: timer")
    wire.run(50_000)
    bad = SDP.replace(b"RTP/AVP 8 101", b"RTP/AVP 18")
    desk.receive(update(into, 2, bad, b"Supported: timer\r\nSession-Expires: 4000"), BELL, wire.now)
    assert desk.methods()[-1] == "488"
    wire.run(12_000)
    assert desk.take("ended")


def test_roles_stay_when_the_other_one_asks():
    # Who is refreshed puts the call on hold: that refreshes it, too, and changes nothing of who does so
    wire, bell, desk = parties(bell=600)
    out, into = up(wire, bell, desk)
    clear(bell, desk)
    wire.run(200_000)
    change(into, wire.now, "sendonly")
    wire.run(100)
    assert header(desk.sent[0][1], b"Session-Expires") == b"600;refresher=uas"
    assert header(bell.sent[0][1], b"Session-Expires") == b"600;refresher=uas"
    assert out.timer.ours and not into.timer.ours
    wire.run(299_000)
    assert "UPDATE" not in bell.methods()  # its time runs from the hold
    wire.run(2_000)
    assert bell.methods()[-1] == "UPDATE"


def test_a_request_of_theirs_that_says_nothing_of_it_does_not_stop_it():
    wire, bell, desk = parties(bell=600)
    out, into = up(wire, bell, desk)
    bell.receive(update(out, 50), DESK, wire.now)
    assert header(bell.sent[-1][1], b"Session-Expires") == b"600;refresher=uas" and out.timer.ours
    wire, desk, _peer, into = calling(b"\r\nSession-Expires: 90\r\nSupported: timer")
    desk.receive(update(into, 2), BELL, wire.now)  # not even that it knows timers: so it falls to us
    assert header(desk.sent[-1][1], b"Session-Expires") == b"90;refresher=uas" and into.timer.ours
    desk.receive(update(into, 3, b"", b"Supported: timer"), BELL, wire.now)
    assert header(desk.sent[-1][1], b"Session-Expires") == b"90;refresher=uas"


def test_an_answer_without_it_ends_the_timer():
    wire, bell, peer, out = called(b"", (), session_expires=120)
    wire.run(3_600_000)
    assert out.state == "up" and peer.methods() == ["INVITE", "ACK"]
    wire, bell, peer, out = called(b"\r\nSession-Expires: 120;refresher=uac", ())
    wire.run(100)
    peer.script = lambda peer, message, source: peer.say(answer(message, 200, b"", b"", SDP), source)
    wire.run(3_600_000)
    assert out.state == "up" and peer.methods() == ["INVITE", "ACK", "INVITE", "ACK"]
    assert bell.endpoint.next_timer() is None


def test_refreshing_by_reinvite_where_update_is_not_taken():
    refresh = (200, b"\r\nSession-Expires: 100;refresher=uac")
    wire, _, peer, out = called(b"\r\nSession-Expires: 100;refresher=uac", ())
    wire.run(49_900)
    assert peer.methods() == ["INVITE", "ACK"]
    wire.run(300)
    assert peer.methods() == ["INVITE", "ACK", "INVITE"]
    first, _, second = peer.got
    assert second.body == first.body  # the same offer, to the letter (RFC 3264 8)
    # It is in Allow, and is not taken all the same
    wire, _bell, peer, out = called(b"\r\nSession-Expires: 100", (), ALLOW)
    wire.run(100)
    replies = [(405, b""), refresh]

    def script(peer, message, source):
        if message.method != b"ACK":
            status, extra = replies.pop(0)
            peer.say(answer(message, status, b"", extra[2:], SDP if status == 200 else b""), source)

    peer.script = script
    wire.run(51_000)
    assert peer.methods() == ["INVITE", "ACK", "UPDATE", "INVITE", "ACK"] and out.state == "up" and out.timer.running


def test_a_refresh_that_is_refused_is_tried_again_and_then_the_call_ends():
    wire, bell, peer, out = called(b"\r\nSession-Expires: 120;refresher=uac", ())
    wire.run(100)

    def script(peer, message, source):
        if message.method != b"ACK":
            peer.say(answer(message, 200 if message.method == b"BYE" else 503), source)

    peer.script = script
    wire.run(119_000)
    assert out.state == "up" and 3 <= peer.methods().count("INVITE") <= 8, peer.methods()
    wire.run(2_000)
    ended = bell.take("ended")
    assert ended.reason == b"Session Expired" and peer.methods()[-1] == "BYE"
    wire.run(70_000)
    assert bell.at_rest() and not bell.endpoint.usages


def test_a_refresh_that_is_lost_or_finds_no_call_ends_it():
    for status, end in ((0, 95), (481, 62), (408, 62)):
        wire, bell, peer, _out = called(b"\r\nSession-Expires: 120;refresher=uac", ())
        wire.run(100)

        def script(peer, message, source, status=status):
            if message.method != b"ACK" and status:
                peer.say(answer(message, 200 if message.method == b"BYE" else status), source)

        peer.script = script
        wire.run(end * 1000)
        assert bell.take("ended").status == (status or 408), status


def test_the_far_end_is_switched_off():
    for asks, end in (("bell", 95), ("desk", 120)):
        wire, bell, desk = parties(**{asks: 120})
        up(wire, bell, desk)
        wire.parties.pop(DESK if asks == "bell" else BELL)
        left = bell if asks == "bell" else desk
        wire.run(end * 1000)
        assert left.take("ended").data == "lost"
    # And seen from who is refreshed
    wire, bell, desk = parties(bell=120)
    up(wire, bell, desk)
    wire.parties.pop(BELL)
    wire.run(89_000)
    assert desk.take("ended").reason == b"Session Expired"


def test_too_short_an_interval_is_refused_with_422():
    wire, desk, peer, into = calling(b"\r\nSession-Expires: 60\r\nSupported: timer")
    assert into is None and peer.got[0].status == 422 and peer.got[0].header(b"min-se") == b"90"
    assert desk.at_rest() and not desk.endpoint.usages and all(line.closed for line in desk.lines)
    # Who does not know timers cannot mend it: the call goes on without one
    wire, desk, peer, into = calling(b"\r\nSession-Expires: 60")
    assert into and not peer.got[1].header(b"session-expires")
    # In a call it is refused likewise, and leaves everything as it was
    wire, desk, peer, into = calling(b"\r\nSession-Expires: 90\r\nSupported: timer")
    for make in (update, invite_in_dialog):
        desk.receive(make(into, 2, SDP, b"Supported: timer\r\nSession-Expires: 30"), BELL, wire.now)
        assert desk.methods()[-1] == "422" and header(desk.sent[-1][1], b"Min-SE") == b"90"
    assert into.timer.interval == 90 and not into.timer.ours
    wire, desk, peer, into = calling(b"\r\nSession-Expires: soon\r\nSupported: timer")
    assert into is None and peer.got[0].status == 400 and b"Session-Expires" in peer.got[0].header(b"warning")


def test_a_422_is_asked_again_with_what_it_wants():
    ok = (200, b"\r\nSession-Expires: 4000;refresher=uac")
    steps = [(422, b"\r\nMin-SE: 1800"), (422, b"\r\nMin-SE: 4000"), ok]
    for ours in (0, 600):  # also when it is a proxy that asks, and not we
        wire, _, peer, out = called(b"", steps, session_expires=ours)
        wire.run(1000)
        invites = [message for message in peer.got if message.method == b"INVITE"]
        assert [i.header(b"session-expires") for i in invites] == [b"600" if ours else None, b"1800", b"4000"]
        assert [i.header(b"min-se") for i in invites] == [None, b"1800", b"4000"]
        assert [i.cseq for i in invites] == list(range(invites[0].cseq, invites[0].cseq + 3))
        assert out.state == "up" and out.timer.interval == 4000
    # In a refresh, too
    wire, _bell, peer, out = called(b"\r\nSession-Expires: 100;refresher=uac", ())
    wire.run(100)
    replies = [(422, b"Min-SE: 500"), (200, b"Session-Expires: 500;refresher=uac")]

    def script(peer, message, source):
        if message.method != b"ACK":
            status, extra = replies.pop(0)
            peer.say(answer(message, status, b"", extra, SDP if status == 200 else b""), source)

    peer.script = script
    wire.run(51_000)
    assert out.timer.interval == 500 and peer.methods() == ["INVITE", "ACK"] * 3
    assert peer.got[4].header(b"session-expires") == b"500;refresher=uac" and peer.got[4].header(b"min-se") == b"500"


def test_422_without_end_is_a_refusal():
    for least in ([b"100", b"200", b"300", b"400", b"500", b"600", b"700", b"800"], [b"500"] * 9, [b"9999999"], [b"x"]):
        wire, bell, peer, _ = called(b"", [(422, b"\r\nMin-SE: " + value) for value in least], session_expires=90)
        wire.run(5000)
        ended = bell.take("ended")
        assert ended.status == 422 and ended.data == "rejected"
        assert peer.methods().count("INVITE") <= 6
    wire, bell, peer, _out = called(b"", [(422, b"")])
    wire.run(1000)
    assert bell.take("ended").status == 422


def test_refresh_meets_hold():
    # At the moment of the refresh the far end holds: both cross, and both come through
    for seed in range(1, 8):
        wire, bell, desk = parties(bell=120, seed=seed)
        out, into = up(wire, bell, desk)
        bell.endpoint.usages[0].updates = False  # so that it is a re-INVITE
        clear(bell, desk)
        wire.run(60_000 - 30)
        wire.run_until(lambda bell=bell: bell.sent, 1000)
        held = change(into, wire.now, "sendonly")
        wire.run(20_000)
        assert held.status == 200 and out.state == into.state == "up"
        wire.run(600_000)
        assert out.state == into.state == "up"
    # And our own: the hold is the refresh
    wire, bell, desk = parties(bell=120)
    out, into = up(wire, bell, desk)
    clear(bell, desk)
    wire.run_until(lambda: False, 59_900)
    held = change(out, wire.now, "sendonly")
    wire.run(30_000)
    assert held.status == 200 and bell.methods() == ["INVITE", "ACK"]


def test_timers_over_a_wire_that_loses():
    for seed in range(1, 6):
        wire, bell, desk = parties(bell=300, seed=seed)
        out, into = up(wire, bell, desk)
        wire.loss, wire.duplicate, wire.reorder = 25, 5, 10
        wire.run(7_200_000)
        assert out.state == into.state == "up", seed
        wire.loss = 0
        out.hang_up(wire.now)
        wire.run(70_000)
        assert bell.at_rest() and desk.at_rest() and not bell.endpoint.usages and not desk.endpoint.usages


def test_an_interval_of_weeks_and_one_of_a_second():
    wire, _desk, peer, into = calling(b"\r\nSession-Expires: 4000000000\r\nSupported: timer")
    assert peer.got[1].header(b"session-expires") == b"4000000000;refresher=uac" and into.timer.deadline is None
    wire, bell, peer, _out = called(b"\r\nSession-Expires: 1;refresher=uac", ())
    wire.run(2000)
    assert bell.take("ended").reason == b"Session Expired" and peer.methods().count("INVITE") <= 3


def test_what_cannot_be_read_beside_it_does_no_harm():
    for expires in (
        b"\r\nSession-Expires: 120;refresher",
        b"\r\nSession-Expires: 120;;;",
        b'\r\nSession-Expires: 120;refresher="uas',
        b"\r\nSession-Expires: -5",
        b"\r\nSession-Expires: 99999999999999999999;refresher=uac",
        b"\r\nSession-Expires: ",
        b'\r\nSession-Expires: 120\r\nAllow: "',
        b"\r\nSession-Expires: 120\r\nAllow: " + b"A," * 80 + b"A",
    ):
        wire, bell, peer, out = called(expires, ())
        wire.run(100)
        assert out.state == "up" and bell.take("answered") and peer.methods() == ["INVITE", "ACK"], expires
        assert bell.endpoint.dropped == 0
        wire, _, peer, _ = calling(expires + b'\r\nSupported: timer, "\r\nMin-SE: x')
        assert peer.got[0].status in (180, 400, 422), expires
