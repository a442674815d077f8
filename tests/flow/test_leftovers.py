# What could be left behind, or go on without end, when a far end does what no good one does, or the heap is full at the
# wrong moment: transactions, sessions and usages that nobody would ever end, loops, memory that others make grow.

from siplet.limits import MESSAGE
from siplet.sip.builder import Builder
from siplet.sip.message import Message
from siplet.sip.reinvite import change
from test_call import BELL, SDP, TARGET, answer
from test_notifier import Watcher, watch, watched
from test_races import FROM_ONE, inside, scripted
from test_session_timer import called

LONG = b'Proxy-Authenticate: Digest realm="%s", nonce="' + b"n" * 600 + b'"'


def long_challenge():
    """Four realms that ask with as much as is believed: our answer to them all is longer than any message of ours."""
    return b"\r\n".join([LONG.replace(b"%s", b"r" + str(i).encode()) for i in range(4)])


def test_a_reinvite_that_was_begun_to_be_answered_does_not_outlive_its_call():
    wire, bell, peer, out = called(b"", [(200, b""), (100, b"")])
    wire.run(100)
    change(out, wire.now, "sendonly")
    wire.run(100)
    assert peer.methods()[-1] == "INVITE" and len(bell.endpoint.transactions) == 2
    peer.say(inside(out, b"BYE", 1), BELL)
    wire.run(100)
    assert bell.take("ended").data == "remote" and not bell.endpoint.usages
    wire.run(200000)
    assert bell.at_rest() and bell.endpoint.next_timer() is None


def test_a_reinvite_that_is_never_answered_ends_the_call():
    wire, bell, _, out = called(b"", [(200, b""), (100, b"")])
    wire.run(100)
    change(out, wire.now, "sendonly")
    wire.run(170000)
    assert out.state == "up"
    wire.run(15000)
    assert bell.take("changed").status == 408 and bell.take("ended").data == "lost"
    wire.run(40000)
    assert bell.at_rest() and not bell.endpoint.usages


def test_a_challenge_whose_answer_would_be_too_long_is_a_refusal():
    route = FROM_ONE + b"\r\nRecord-Route: <sip:10.0.0.2;lr;" + b"x" * 2500 + b">"
    wire, bell, peer = scripted([(407, long_challenge(), b"")])
    bell.call(b"sip:" + b"d" * 460 + b"@10.0.0.2", credentials=bell.credentials("bell" * 50, "secret"))
    wire.run(100)
    assert bell.take("ended").status == 407 and peer.methods() == ["INVITE", "ACK"]
    wire.run(40000)
    assert bell.at_rest()
    # Of a BYE: the call is over all the same
    wire, bell, peer = scripted([(200, route, SDP)])
    out = bell.call(TARGET, credentials=bell.credentials("bell", "secret"))
    wire.run(100)
    peer.script = lambda peer, message, source: peer.say(answer(message, 407, b"", long_challenge()), source)
    out.hang_up(wire.now)
    wire.run(200000)
    assert bell.kinds()[-2:] == ["ended", "over"] and bell.at_rest() and bell.endpoint.next_timer() is None


def test_a_watcher_whose_notify_would_be_too_long_does_not_keep_the_others_from_theirs():
    wire, bell, notifier, _ = watched()
    far = Watcher(wire)
    far.subscribe(more=b"Record-Route: <sip:10.0.0.2;lr;" + b"x" * 3200 + b">", event=b"dialog")
    wire.run(50)
    other = wire.party("10.0.0.3")
    watch(wire, other, b"dialog")
    wire.run(1500)
    other.events.clear()
    bell.endpoint.builder = Builder(3600)  # the first one's does not fit any more
    bell.call(b"sip:x@10.0.0.4")
    wire.run(3000)
    assert "notify" in other.kinds() and len(notifier.watchers()) == 1


def test_a_watcher_asks_to_be_told_in_an_age():
    for after in (b"4294967295", b"4294967", b"soon", b"0"):
        wire, _, notifier, _ = watched()
        far = Watcher(wire)
        far.subscribe()
        wire.run(100)
        far.status, far.extra = 503, b"Retry-After: " + after
        notifier.changed(b"presence", wire.now)
        wire.run(5000)
        assert len(notifier.watchers()) == 1 and len(far.notifys) < 8, after


def test_a_refusal_of_an_invite_too_long_to_be_acknowledged_ends_the_call():
    # With the answers to four challenges it is longer than a message that we would read ourselves
    wire, bell, peer = scripted([(407, long_challenge(), b"")])
    wire.drop = lambda data, to: len(data) > MESSAGE
    bell.call(b"sip:" + b"d" * 100 + b"@10.0.0.2", credentials=bell.credentials("bell", "secret"))
    wire.run(100)
    data = bell.sent[-1][1]
    assert len(data) > MESSAGE
    invite = b"\r\n".join([line for line in data.split(b"\r\n") if b"uthorization" not in line])
    peer.say(answer(Message(invite), 486, b"x"), BELL)
    wire.run(100)
    assert bell.take("ended").status == 486
    wire.run(40000)
    assert bell.at_rest() and bell.endpoint.next_timer() is None


def large_call(*script):
    """A call whose INVITE is too large for a datagram, to a far end with TCP; and what was sent to it: (data, way)."""
    wire, bell, peer = scripted(*script)
    wire.attach(("10.0.0.2", 5060, b"TCP"), peer)
    bell.endpoint.large = True
    out = bell.endpoint.invite(TARGET, b"<sip:a@b>", bell.media(), wire.now, extra=((b"Subject", b"x" * 1000),))
    wire.run(100)
    return wire, bell, peer, out


def test_a_connection_that_ends_after_the_answer_begins_nothing_anew():
    wire, bell, peer, out = large_call([(200, FROM_ONE, SDP)])
    assert out.state == "up" and len(bell.sent[0][2]) == 3
    bell.endpoint.unreachable(("10.0.0.2", 5060, b"TCP"), wire.now)
    wire.run(100000)
    assert out.state == "up" and [to for _, data, to in bell.sent if not data or data[:3] == b"INV"] == [
        bell.sent[0][2]
    ]
    # Nor after a 180: somebody has taken it
    wire, bell, peer, out = large_call([(180, FROM_ONE, b"")])
    bell.endpoint.unreachable(("10.0.0.2", 5060, b"TCP"), wire.now)
    wire.run(100000)
    assert out.state == "proceeding" and peer.methods() == ["INVITE"]
    # Before any answer it goes by UDP
    wire, bell, peer, out = large_call([])
    bell.endpoint.unreachable(("10.0.0.2", 5060, b"TCP"), wire.now)
    wire.run(100)
    assert peer.methods() == ["INVITE", "INVITE"] and b"/UDP " in peer.got[1].via


def test_a_cancel_goes_the_way_of_its_invite():
    wire, bell, peer, out = large_call([(180, FROM_ONE, b"")])
    out.hang_up(wire.now)
    wire.run(100)
    assert peer.methods() == ["INVITE", "CANCEL"] and peer.got[1].via == peer.got[0].via and b"/TCP " in peer.got[1].via
    assert bell.sent[1][2] == bell.sent[0][2]
