# Time of a 20 ms frame, on the unix port: two streams talk to each other over loopback sockets without waiting.
# frames.py KIND N prints the microseconds of one stream's tick: encode, send, receive, jitter buffer, decode. callgrind
# counts its instructions (core.py): the difference between two N. KIND: "plain", siplet.stream; "bare", siplet.sound's
# stream without parts; "all", of a call between two phones, with all parts that are usual (SRTP and the canceller are
# not) and speech both ways.

import asyncio
import sys
import time

from siplet import Phone
from siplet.audio.null import ALL, Null
from siplet.media import g711
from siplet.net.udp import Udp
from siplet.offer import Agreement

HERE = "127.0.0.1"
SPEECH = "tests/vectors/speech/"


class Hum(Null):
    """A microphone that is never silent."""

    def read(self, frame):
        frame[0] = 77
        return True


class Speech(Null):
    """A microphone that somebody speaks into, the words of a G.711 file again and again."""

    def __init__(self, path):
        with open(path, "rb") as file:
            data = file.read()
        start = data.find(b"data") + 8
        table = g711.table(g711.PCMU if data[20] == 7 else g711.PCMA)
        self.frames = [bytearray(320) for _ in range(start, len(data) - 159, 160)]
        for frame in self.frames:
            g711.decode(160, data, frame, start, table)
            start += 160
        self.i = 0

    def read(self, frame):
        frame[ALL] = self.frames[self.i]
        self.i += 1
        if self.i == len(self.frames):
            self.i = 0
        return True


def two(Stream):
    sockets = [Udp(HERE, 0), Udp(HERE, 0)]
    streams = [Stream(Hum(), udp, lambda n, i=udp.port: bytes([i + k & 255 for k in range(n)])) for udp in sockets]
    for stream, other in zip(streams, reversed(sockets)):
        stream.configure(Agreement(HERE, other.port, b"PCMA", 8, 101, "sendrecv", 20))
    return streams


def run(one, other, frames):
    for _ in range(frames):
        one.tick()
        other.tick()


def look_and_run(one, other, frames):
    # As the run() of siplet.sound's stream does
    for _ in range(frames):
        for stream in (one, other):
            if not stream.source.clock & 0xE0:
                stream.peek()
            stream.tick()


def measure(one, other, count):
    # Without an await in it, so that no task of the phones comes between
    go = look_and_run if kind == "all" else run
    go(one, other, 50)  # until both are connected and the jitter buffers are full
    start = time.ticks_us()
    go(one, other, count)
    print(time.ticks_diff(time.ticks_us(), start) / count / 2)
    if one.stats.received < count or one.stats.concealed > 5:
        raise ValueError("the streams did not hear each other")


def phone(user, speech):
    sound = {"sound.complete": True, "sound.srtp_encryption": "off"}
    options = {"local_address": HERE, "local_port": 0, "accept": ("open",), "sound": sound}
    return Phone(f"sip:{user}@{HERE}", audio=Speech(SPEECH + speech), **options)


async def call(count):
    async with phone("door", "door.wav") as door, phone("desk", "indoor.wav") as desk:
        ours = door.call(f"sip:desk@{HERE}:{desk.local_port}")
        task = asyncio.create_task(ours.connect(3000))
        theirs = await desk.incoming(3000)
        await theirs.answer()
        await task
        if door.sound.failed or desk.sound.failed or len(ours.stream.parts) < 4:
            raise ValueError("parts are missing")
        measure(ours.stream, theirs.stream, count)
        await ours.hangup(200)


kind, count = sys.argv[1], int(sys.argv[2])
if kind == "all":
    asyncio.run(call(count))
elif kind == "bare":
    from siplet.sound.stream import Stream

    measure(*two(Stream), count)
else:
    from siplet.stream import Stream

    measure(*two(Stream), count)
