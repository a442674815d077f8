# A hands-free phone in a simulated room, on MicroPython:
# in_a_room.py MODE RT60_MS COUPLING_DB DELAY_MS FAR NEAR OUT SPLIT plays FAR (samples of 16 bits, 8 kHz) through the
# phone's far direction into the room, adds NEAR and a hiss of -66 dB, and writes in turns of 20 ms: what of the
# microphone was echo, and what was sent. From frame SPLIT on the room is another one. MODE: none, switch, cancel
# (sound.hands_free), alone (the canceller without the switching).
# in_a_room.py count MODE RATE N: N frames of speech both ways, for callgrind.

import math
import sys
from array import array

from room_viper import reflect

_TAIL = 4096


class Random:
    def __init__(self, seed):
        self.x = seed

    def next(self):
        """-1 to 1."""
        self.x = (self.x * 1103515245 + 12345) & 0x7FFFFFFF
        return self.x / 0x40000000 - 1


class Room:
    """An impulse response: the way from speaker to microphone through the case, 3 ms of noise after delay ms, and 8 dB
    below it a room of noise that fades by 60 dB in rt60 ms. The energy of all is that of the coupling.
    """

    def __init__(self, rt60, coupling, delay, seed):
        random = Random(seed)
        n = min(_TAIL - 8 * delay, rt60 * 8)
        case = [random.next() * 10 ** (-i / 24) for i in range(24)]
        room = [random.next() * 10 ** (-3 * i / (rt60 * 8)) for i in range(n)]
        share = 10 ** (-8 / 20) * math.sqrt(sum(t * t for t in case) / sum(t * t for t in room))
        taps = [0.0] * (8 * delay) + [t * share for t in room]
        for i in range(24):
            taps[8 * delay + i] += case[i]
        gain = 10 ** (coupling / 20) / math.sqrt(sum(t * t for t in taps))
        self.taps = array("i", [int(t * gain * 4096) for t in taps])
        self.history = array("i", [0] * (_TAIL + 160))
        self.out = array("i", [0] * 160)

    def hear(self, frame):
        history = self.history
        for i in range(_TAIL):
            history[i] = history[i + 160]
        for i in range(160):
            x = frame[2 * i] | frame[2 * i + 1] << 8
            history[_TAIL + i] = x - 65536 if x > 32767 else x
        reflect(len(self.taps), history, self.taps, self.out, 160)
        return [(x if x < 0x80000000 else x - 0x100000000) / 4096 for x in self.out]


class Stream:
    muted = wide = False

    def __init__(self):
        self.parts = []


class Call:
    def __init__(self):
        self.stream = Stream()
        self.audio = None


class Bare:
    def near(self, frame):
        pass

    far = near


def phone(mode, rate=8000, **options):
    from siplet.sound.handsfree import HandsFree

    if mode == "none":
        return [Bare()]
    options["sound.hands_free"] = "cancel" if mode == "alone" else mode
    part = HandsFree(options)
    part.begin(Call())
    if rate != 8000:
        part.tune(rate)
        if part.canceller:
            part.canceller.tune(rate)
    return [part.canceller] if mode == "alone" else [part.canceller, part] if part.canceller else [part]


def run(mode, rt60, coupling, delay, far, near, out, split):
    parts = phone(mode)
    rooms = Room(rt60, coupling, delay, 7), Room(rt60, coupling, delay, 11)
    random = Random(3)
    history = rooms[0].history
    echo = [0.0] * 160
    frame = bytearray(320)
    with open(far, "rb") as far, open(near, "rb") as near, open(out, "wb") as out:
        count = 0
        while True:
            said = far.read(320)
            spoken = array("h", near.read(320))
            if len(said) < 320 or len(spoken) < 160:
                return
            for i in range(160):
                x = int(spoken[i] + echo[i] + 28 * random.next())
                x = -32768 if x < -32768 else 32767 if x > 32767 else x
                frame[2 * i] = x & 255
                frame[2 * i + 1] = x >> 8 & 255
            out.write(array("h", [int(max(-32768, min(32767, x))) for x in echo]))
            for part in parts:
                part.near(frame)
            out.write(frame)
            frame[:] = said
            for part in reversed(parts):
                part.far(frame)
            room = rooms[count >= split]
            room.history = history
            echo = room.hear(frame)
            count += 1


def count(mode, rate, n):
    parts = phone(mode, rate)
    size = rate // 25
    random = Random(5)
    # Both speak, too loud and too soft in turn, so that every gain is at work
    frames = [bytearray(size) for _ in range(8)]
    for k in range(8):
        for i in range(size // 2):
            x = int(random.next() * (9000, 700, 9000, 700, 9000, 9000, 700, 700)[k])
            frames[k][2 * i] = x & 255
            frames[k][2 * i + 1] = x >> 8 & 255
    frame = bytearray(size)
    back = list(reversed(parts))
    while n:
        n -= 1
        frame[:] = frames[n & 7]
        for part in parts:
            part.near(frame)
        frame[:] = frames[(n >> 2) & 7]
        for part in back:
            part.far(frame)


if sys.argv[1] == "count":
    count(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
else:
    run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:8], int(sys.argv[8]))
