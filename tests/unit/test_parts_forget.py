# What the parts of siplet.sound keep of a call that is over: nothing of its stream, or all of it would stay in the heap
# (8 KB) while the next call is set up.

from media_parts import rtp
from siplet.offer import Agreement
from siplet.sound.stream import Stream
from siplet.stream import Stats
from test_media_storm import HOST, Call, Random, Sound

_PLAIN = (int, float, str, bytes, bytearray, memoryview, bool, type(None))


def find(thing, kinds, path="", seen=None):
    """Where in thing, its attributes and what lies in them, there is an instance of kinds; "" when nowhere."""
    seen = {} if seen is None else seen
    if isinstance(thing, _PLAIN) or id(thing) in seen:
        return ""
    seen[id(thing)] = thing
    if isinstance(thing, kinds):
        return path
    if isinstance(thing, (list, tuple)):
        inner = [(f"{path}[{i}]", thing[i]) for i in range(len(thing))]
    elif isinstance(thing, dict):
        inner = [(f"{path}[{name!r}]", thing[name]) for name in thing]
    else:
        owner = getattr(thing, "__self__", None)  # of a bound method, where the interpreter tells
        inner = [(f"{path}.{name}", value) for name, value in getattr(thing, "__dict__", {}).items()]
        inner.append((path + ".__self__", owner))
    for place, value in inner:
        found = find(value, kinds, place, seen)
        if found:
            return found
    return ""


def test_parts_that_are_free_keep_nothing_of_the_last_call():
    sound = Sound({})
    parts = sound._spare[0]
    call = Call(Random(7), parts)
    stream = call.stream
    stream.configure(Agreement(HOST, 4000, b"PCMU", 0, 101, "sendrecv", 20))
    for i in range(60):
        stream.udp.incoming.append((HOST, 4000, rtp(1000 + i, 160 * i, b"\x55" * 160)))
        stream.tick()
    assert stream.stats.received == 60
    assert find(call.parts, (Stream, Call)), "while it lasts they do"
    call.end()
    assert find(call.parts, (Stream, Call)) == ""
    # How good it was is still told
    assert call.reports["packets_received"] == 60 and call.reports["lost"] == 0
    call = Call(Random(8), parts)
    assert isinstance(call.stream.stats, Stats) and call.stream.control
    call.end()
    assert find(call.parts, (Stream, Call)) == ""
