# What could be left behind, or go on without end, when a far end does what no good one does: transactions, sessions and
# usages that nobody would ever end, loops, memory that grows with what others send.

from siplet.sip.reinvite import change
from test_call import BELL, TARGET, answer
from test_races import inside, scripted
from test_session_timer import called
from wire import Wire


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
    wire, bell, peer, out = called(b"", [(200, b""), (100, b"")])
    wire.run(100)
    change(out, wire.now, "sendonly")
    wire.run(170000)
    assert out.state == "up"
    wire.run(15000)
    assert bell.take("changed").status == 408 and bell.take("ended").data == "lost"
    wire.run(40000)
    assert bell.at_rest() and not bell.endpoint.usages
