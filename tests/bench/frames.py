# Time of a 20 ms frame, on the unix port: two streams talk to each other over loopback sockets without waiting.
# frames.py N prints the microseconds of one stream's tick: encode, send, receive, jitter buffer, decode. callgrind
# counts its instructions (core.py): the difference between two N.

import sys
import time

from siplet.audio.null import Null
from siplet.net.udp import Udp
from siplet.offer import Agreement
from siplet.stream import Stream


class Hum(Null):
    """A microphone that is never silent."""

    def read(self, frame):
        frame[0] = 77
        return True


def two():
    sockets = [Udp("127.0.0.1", 0), Udp("127.0.0.1", 0)]
    streams = [Stream(Hum(), udp, lambda n: bytes(range(n))) for udp in sockets]
    for stream, other in zip(streams, reversed(sockets)):
        stream.configure(Agreement("127.0.0.1", other.port, b"PCMA", 8, 101, "sendrecv", 20))
    return streams


one, other = two()
count = int(sys.argv[1])


def run(frames):
    for _ in range(frames):
        one.tick()
        other.tick()


run(20)  # until both are connected and the jitter buffers are full
start = time.ticks_us()
run(count)
print(time.ticks_diff(time.ticks_us(), start) / count / 2)
if one.stats.received < count or one.stats.concealed > 5:
    raise ValueError("the streams did not hear each other")
