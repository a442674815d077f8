# Stories of hold and resume, by our re-INVITE and by theirs, over a wire with a fake clock (RFC 3261 14, RFC 3264 8.4).

from siplet.errors import LocalError
from siplet.sip.message import Message
from siplet.sip.reinvite import change, changing
from siplet.ticks import ticks_diff
from test_call import BELL, SDP, TARGET, answer, invite_in_dialog, two, up
from wire import Peer, Wire


def scripted(*steps, options=b""):
    """Our call with a far end that answers each re-INVITE or UPDATE with the next of steps: (status, extra, body)."""
    wire = Wire()
    bell = wire.party("10.0.0.1")
    steps = list(steps)

    def script(peer, message, source):
        if message.method == b"INVITE" and not message.to_tag:
            peer.say(answer(message, 200, b"one", b"Contact: <sip:one@10.0.0.2>" + options, SDP), source)
        elif message.method in (b"INVITE", b"UPDATE") and steps:
            status, extra, body = steps.pop(0)
            if status:
                peer.say(answer(message, status, b"", extra, body), source)
        elif message.method in (b"BYE", b"CANCEL"):
            peer.say(answer(message, 200), source)

    peer = Peer(wire, "10.0.0.2", script=script)
    out = bell.call(TARGET, credentials=bell.credentials("bell", "secret"))
    wire.run(100)
    assert out.state == "up"
    peer.got.clear()
    bell.events.clear()
    return wire, bell, peer, out


def directions(bell, desk):
    return bell.lines[0].agreed.direction, desk.lines[0].agreed.direction


def test_hold_and_resume_by_either_side():
    for holder in (0, 1):
        wire, bell, desk = two()
        sessions = up(wire, bell, desk)
        ours, theirs = (bell, desk) if holder == 0 else (desk, bell)
        held = change(sessions[holder], wire.now, "sendonly")
        assert not held.status and changing(sessions[holder]) is held
        wire.run(100)
        assert held.status == 200 and ours.lines[0].agreed.direction == "sendonly"
        assert theirs.lines[0].agreed.direction == "recvonly"
        assert theirs.lines[0].held and not ours.lines[0].held
        assert ours.take("changed").data == "sendonly" and ours.take("media") and theirs.take("media")
        assert ours.methods() == ["INVITE", "ACK"] and theirs.methods() == ["200"]
        change(sessions[holder], wire.now, "sendrecv")
        wire.run(100)
        assert directions(bell, desk) == ("sendrecv", "sendrecv") and not theirs.lines[0].held
        wire.run(60000)
        assert not bell.endpoint.usages and not desk.endpoint.usages and not bell.endpoint.transactions
        sessions[holder].hang_up(wire.now)
        wire.run(40000)
        assert bell.at_rest() and desk.at_rest()


def test_both_hold_and_each_takes_back_its_own():
    wire, bell, desk = two()
    out, into = up(wire, bell, desk)
    change(out, wire.now, "sendonly")
    wire.run(100)
    change(into, wire.now, "sendonly")
    wire.run(100)
    assert directions(bell, desk) == ("inactive", "inactive")
    assert bell.lines[0].held and desk.lines[0].held
    change(out, wire.now, "sendrecv")
    wire.run(100)
    assert directions(bell, desk) == ("recvonly", "sendonly")
    change(into, wire.now, "sendrecv")
    wire.run(100)
    assert directions(bell, desk) == ("sendrecv", "sendrecv")


def test_a_hold_survives_a_wire_that_loses():
    for seed in range(1, 12):
        wire, bell, desk = two(seed=seed)
        out, into = up(wire, bell, desk)
        wire.loss, wire.duplicate, wire.reorder = 30, 10, 10
        held = change(out, wire.now, "sendonly")
        wire.run(31000)
        assert held.status == 200 and directions(bell, desk) == ("sendonly", "recvonly"), seed
        assert bell.kinds().count("changed") == 1 and out.state == into.state == "up"
        wire.loss = 0
        wire.run(4000)
        assert into.unacknowledged is None


def test_a_lost_ack_is_said_again_for_every_2xx_and_a_next_change_waits_for_it():
    wire, bell, desk = two()
    out, into = up(wire, bell, desk)
    wire.drop = lambda data, to: data.startswith(b"ACK")
    change(out, wire.now, "sendonly")
    wire.run(100)
    resumed = change(into, wire.now, "inactive")  # its 2xx waits for the ACK: an INVITE may not be sent (14.1)
    wire.run(1300)
    assert bell.methods() == ["INVITE", "ACK", "ACK"] and desk.methods() == ["200", "200"]
    assert resumed.state == "waiting"
    wire.drop = None
    wire.run(1000)
    assert resumed.status == 200 and directions(bell, desk) == ("inactive", "inactive")


def test_glare_both_are_refused_and_each_waits_its_time():
    for seed in range(1, 20):
        wire, bell, desk = two(seed=seed)
        out, into = up(wire, bell, desk)
        start = wire.now
        ours = change(out, wire.now, "sendonly")
        theirs = change(into, wire.now, "inactive")
        wire.run(50)
        assert (bell.methods()[:3], desk.methods()[:3]) == (["INVITE", "491", "ACK"], ["INVITE", "491", "ACK"])
        assert ours.state == "resting" and 2000 <= ticks_diff(ours.deadline, wire.now) <= 4000  # bell made the Call-ID
        assert theirs.state != "resting" or ticks_diff(theirs.deadline, wire.now) <= 2000
        wire.run(15000)
        assert ours.status == theirs.status == 200 and directions(bell, desk) == ("inactive", "inactive"), seed
        assert ticks_diff(wire.now, start) < 20000
        assert bell.methods().count("491") <= 3
        out.hang_up(wire.now)
        wire.run(40000)
        assert bell.at_rest() and desk.at_rest()


def test_the_times_after_glare_are_in_steps_of_10_ms_and_differ():
    seen = [set(), set()]
    for seed in range(1, 60):
        wire, bell, desk = two(seed=seed)
        sessions = up(wire, bell, desk)
        for who in (0, 1):
            one = change(sessions[who], wire.now, "sendonly")
            one.on_response(one.transaction, 491, _Refusal(), wire.now)
            wait = ticks_diff(one.deadline, wire.now)
            assert wait % 10 == 0
            seen[who].add(wait)
    assert min(seen[0]) >= 2100 and max(seen[0]) <= 4000 and min(seen[1]) >= 0 and max(seen[1]) <= 2000
    assert len(seen[0]) > 30 and len(seen[1]) > 30


class _Refusal:
    reason = b"Request Pending"


def test_a_far_end_that_is_always_busy_with_its_own_is_given_up():
    wire, bell, peer, out = scripted(*[(491, b"", b"")] * 20)
    change(out, wire.now, "sendonly")
    wire.run(60000)
    assert peer.methods() == ["INVITE", "ACK"] * 6
    refused = bell.take("changed")
    assert refused.status == 491 and out.state == "up"
    assert bell.lines[0].agreed.direction == "sendrecv" and bell.lines[0].direction == "sendrecv"


def test_overlapping_requests_are_said_again_after_the_time_that_500_gives():
    wire, bell, peer, out = scripted((500, b"Retry-After: 7", b""), (200, b"", SDP + b"a=recvonly\r\n"))
    change(out, wire.now, "sendonly")
    wire.run(6900)
    assert peer.methods() == ["INVITE", "ACK"]
    wire.run(300)
    assert bell.take("changed").status == 200 and bell.lines[0].agreed.direction == "sendonly"
    # Without a time it is a refusal like any other; and so is one that is far away
    for extra in (b"X: y", b"Retry-After: 100"):
        wire, bell, peer, out = scripted((500, extra, b""))
        change(out, wire.now, "sendonly")
        wire.run(1000)
        assert bell.take("changed").status == 500 and out.state == "up"


def test_a_refusal_leaves_the_call_as_it_was():
    for status in (403, 415, 488, 503, 603):
        wire, bell, peer, out = scripted((status, b"", b""))
        before = bell.lines[0].agreed
        change(out, wire.now, "sendonly")
        wire.run(1000)
        refused = bell.take("changed")
        assert refused.status == status and refused.reason == b"Whatever" and out.state == "up"
        assert bell.lines[0].agreed is before and bell.lines[0].direction == "sendrecv"
        assert peer.methods() == ["INVITE", "ACK"] and "media" not in bell.kinds()


def test_an_answer_that_cannot_be_used_changes_nothing():
    for body in (b"", b"nonsense", SDP.replace(b" 8 101", b" 18")):
        wire, bell, peer, out = scripted((200, b"", body))
        change(out, wire.now, "sendonly")
        wire.run(1000)
        assert bell.take("changed").status == 488 and out.state == "up"
        assert bell.lines[0].agreed.direction == "sendrecv" and peer.methods() == ["INVITE", "ACK"]


def test_a_far_end_that_has_lost_the_call_ends_it():
    for status in (408, 481):
        wire, bell, peer, out = scripted((status, b"", b""))
        change(out, wire.now, "sendonly")
        wire.run(1000)
        ended = bell.take("ended")
        assert ended.status == status and ended.data == "lost" and peer.methods() == ["INVITE", "ACK", "BYE"]
    # The same when it is silent: timer B
    wire, bell, peer, out = scripted((0, b"", b""))
    change(out, wire.now, "sendonly")
    wire.run(33000)
    assert bell.take("ended").status == 408 and peer.methods()[-1] == "BYE"
    wire.run(40000)
    assert bell.at_rest() and not bell.endpoint.usages


def test_a_challenge_is_answered_and_the_ack_has_the_answer_too():
    ask = b'Proxy-Authenticate: Digest realm="r", nonce="n"'
    wire, bell, peer, out = scripted((407, ask, b""), (200, b"", SDP + b"a=recvonly\r\n"))
    change(out, wire.now, "sendonly")
    wire.run(1000)
    assert bell.take("changed").status == 200 and peer.methods() == ["INVITE", "ACK", "INVITE", "ACK"]
    first, _, second, ack = peer.got
    assert second.cseq == first.cseq + 1 == ack.cseq and second.branch != first.branch
    assert second.header(b"proxy-authorization") and ack.header(b"proxy-authorization")
    # A wrong password is not tried for ever
    wire, bell, peer, out = scripted(*[(407, ask, b"")] * 9)
    change(out, wire.now, "sendonly")
    wire.run(1000)
    assert bell.take("changed").status == 407 and peer.methods().count("INVITE") == 2


def test_nobody_waits_any_longer_before_during_and_after_the_provisional_response():
    # None came: CANCEL waits for it
    wire, bell, peer, out = scripted((0, b"", b""))
    held = change(out, wire.now, "sendonly")
    wire.run(100)
    held.cancel(wire.now)
    wire.run(100)
    assert "CANCEL" not in peer.methods()
    invite = peer.got[0]
    peer.say(answer(invite, 100), BELL)
    wire.run(100)
    assert peer.methods()[-1] == "CANCEL" and peer.got[-1].branch == invite.branch
    peer.say(answer(invite, 487), BELL)
    wire.run(100)
    assert held.status == 487 and out.state == "up" and peer.methods()[-1] == "ACK"
    # One was here: at once; and the 2xx that crosses it counts
    wire, bell, peer, out = scripted((100, b"", b""))
    held = change(out, wire.now, "sendonly")
    wire.run(100)
    held.cancel(wire.now)
    peer.say(answer(peer.got[0], 200, b"", b"", SDP + b"a=recvonly\r\n"), BELL)
    wire.run(100)
    assert peer.methods() == ["INVITE", "CANCEL", "ACK"] and held.status == 200
    assert bell.lines[0].agreed.direction == "sendonly" and out.state == "up"
    # Not even a CANCEL is answered: the far end is gone
    wire, bell, peer, out = scripted((100, b"", b""))
    held = change(out, wire.now, "sendonly")
    wire.run(100)
    held.cancel(wire.now)
    wire.run(33000)
    assert bell.take("ended").status == 408
    wire.run(40000)
    assert bell.at_rest() and not bell.endpoint.usages
    # While it rests, or waits: nothing is under way
    wire, bell, peer, out = scripted((491, b"", b""))
    held = change(out, wire.now, "sendonly")
    wire.run(100)
    held.cancel(wire.now)
    wire.run(10000)
    assert held.status == 487 and peer.methods() == ["INVITE", "ACK"] and not held.alive


def test_one_change_at_a_time_and_only_of_a_call_that_is_up():
    wire, bell, desk = two()
    out = bell.call(TARGET)
    refused = 0
    for _ in range(2):
        try:
            change(out, wire.now, "sendonly")
        except LocalError:
            refused += 1
    wire.run(100)
    desk.take("incoming").source.answer(wire.now)
    wire.run(100)
    change(out, wire.now, "sendonly")
    try:
        change(out, wire.now, "sendrecv")
    except LocalError:
        refused += 1
    assert refused == 3
    out.hang_up(wire.now)
    try:
        change(out, wire.now, "sendrecv")
    except LocalError:
        refused += 1
    assert refused == 4


def test_the_call_ends_while_a_change_is_under_way():
    for who in (0, 1):
        for after in (0, 5, 15, 25):
            wire, bell, desk = two()
            sessions = up(wire, bell, desk)
            change(sessions[0], wire.now, "sendonly")
            wire.run(after)
            sessions[who].hang_up(wire.now)
            wire.run(100)
            assert bell.kinds().count("ended") == desk.kinds().count("ended") == 1, (who, after)
            wire.run(70000)
            assert bell.at_rest() and desk.at_rest(), (who, after, bell.methods(), desk.methods())
            assert not bell.endpoint.usages and not desk.endpoint.usages


def test_a_2xx_that_comes_after_our_bye_is_acknowledged():
    wire, bell, peer, out = scripted((0, b"", b""))
    change(out, wire.now, "sendonly")
    wire.run(100)
    out.hang_up(wire.now)
    bell.lines.clear()
    out.media = None  # as the phone leaves it
    peer.say(answer(peer.got[0], 200, b"", b"", SDP), BELL)
    wire.run(100)
    assert peer.methods() == ["INVITE", "BYE", "ACK"] and bell.take("ended")
    wire.run(70000)
    assert bell.at_rest()


def test_the_old_way_of_hold_and_its_end():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    cseq = into.dialog.remote_cseq
    offer = SDP.replace(b"10.0.0.2", b"10.0.0.1")
    for step, body, held in ((1, offer.replace(b"c=IN IP4 10.0.0.1", b"c=IN IP4 0.0.0.0"), True), (2, offer, False)):
        desk.receive(invite_in_dialog(into, cseq + step, body), BELL, wire.now)
        assert desk.methods()[-1] == "200" and desk.lines[0].held == held
        assert (b"a=recvonly" in desk.sent[-1][1]) == held
        ack = invite_in_dialog(into, cseq + step).replace(b"INVITE sip", b"ACK sip").replace(b" INVITE", b" ACK")
        desk.receive(ack.replace(b"z9hG4bKre", b"z9hG4bKack"), BELL, wire.now)
    assert desk.lines[0].agreed.direction == "sendrecv"


def test_their_invite_while_ours_is_under_way_is_refused_with_491():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    wire.drop = lambda data, to: True
    change(into, wire.now, "sendonly")
    desk.receive(invite_in_dialog(into, into.dialog.remote_cseq + 1, SDP), BELL, wire.now)
    assert desk.methods()[-1] == "491" and into.state == "up"


def test_an_invite_before_the_first_is_answered_gets_500_and_a_time():
    wire = Wire()
    bell, desk = wire.party("10.0.0.1"), wire.party("10.0.0.2")
    bell.call(TARGET)
    wire.run(100)
    into = desk.take("incoming").source
    desk.receive(invite_in_dialog(into, into.dialog.remote_cseq + 1, SDP), BELL, wire.now)
    assert desk.methods()[-1] == "500"
    data = desk.sent[-1][1]
    after = int(data[data.find(b"Retry-After: ") + 13 :].split(b"\r\n")[0])
    assert 0 <= after <= 10 and into.state == "ringing"
    # And on the other side, whose own INVITE is not answered: 491
    out = bell.endpoint.sessions[0]
    bell.receive(invite_in_dialog(out, 7, SDP), ("10.0.0.2", 5060), wire.now)
    assert bell.methods()[-1] == "491"


def test_random_stories_of_two_who_hold_and_resume_all_end():
    for seed in range(1, 40):
        wire, bell, desk = two(loss=15, duplicate=5, reorder=20, seed=seed)
        wire.loss = 0
        sessions = up(wire, bell, desk)
        wire.loss = 15
        started = 0
        for _ in range(12):
            session = sessions[wire.chance.below(2)]
            try:
                change(session, wire.now, ("sendonly", "sendrecv", "inactive")[wire.chance.below(3)])
                started += 1
            except LocalError:
                pass
            wire.run(wire.chance.below(3000))
        wire.run(60000)
        assert bell.kinds().count("changed") + desk.kinds().count("changed") == started, seed
        assert sessions[0].state == sessions[1].state == "up"
        a, b = bell.lines[0].agreed.direction, desk.lines[0].agreed.direction
        assert (a, b) in (
            ("sendrecv", "sendrecv"),
            ("sendonly", "recvonly"),
            ("recvonly", "sendonly"),
            ("inactive", "inactive"),
        ), (seed, a, b)
        wire.loss = 0
        sessions[0].hang_up(wire.now)
        wire.run(70000)
        assert bell.at_rest() and desk.at_rest() and not bell.endpoint.usages and not desk.endpoint.usages, seed


def test_the_ack_goes_where_the_2xx_points_to():
    wire, bell, peer, out = scripted((200, b"Contact: <sip:moved@10.0.0.3>", SDP + b"a=recvonly\r\n"))
    elsewhere = Peer(wire, "10.0.0.3")
    held = change(out, wire.now, "sendonly")
    wire.run(100)
    assert held.status == 200 and elsewhere.methods() == ["ACK"] and elsewhere.got[0].uri == b"sip:moved@10.0.0.3"
    assert peer.methods() == ["INVITE"] and bell.take("changed")


def test_an_offer_of_ours_in_a_call_that_the_ack_does_not_answer_changes_nothing():
    for body in (b"", SDP.replace(b" 8 101", b" 18")):
        wire, bell, desk = two()
        _, into = up(wire, bell, desk)
        before = desk.lines[0].agreed
        cseq = into.dialog.remote_cseq + 1
        desk.receive(invite_in_dialog(into, cseq), BELL, wire.now)
        ack = invite_in_dialog(into, cseq, body).replace(b"INVITE sip", b"ACK sip").replace(b" INVITE", b" ACK")
        desk.receive(ack.replace(b"z9hG4bKre", b"z9hG4bKack"), BELL, wire.now)
        assert into.state == "up" and into.unacknowledged is None and desk.lines[0].agreed is before
        desk.receive(invite_in_dialog(into, cseq + 1, SDP), BELL, wire.now)
        assert desk.methods()[-1] == "200"


def test_without_room_for_a_transaction_nothing_changes():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    before = desk.lines[0].agreed
    for i in range(20):
        desk.endpoint.serve(into, _request_of(into, i), BELL)
    desk.receive(invite_in_dialog(into, into.dialog.remote_cseq + 1, SDP), BELL, wire.now)
    assert desk.methods() == ["503"] and desk.lines[0].agreed is before and into.unacknowledged is None


def _request_of(session, i):
    data = invite_in_dialog(session, 100 + i).replace(b"INVITE", b"OPTIONS")
    message = Message(data)
    message.check()
    return message
