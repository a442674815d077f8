# Zero bytes a frame for a call without a handset: both kernels, speech and noise, an echo, clipping, silence.

NEEDS = ("heap_lock",)

from locked import locked
from siplet.media import level, level_plain
from siplet.sound.handsfree import HandsFree


class Call:
    def __init__(self):
        self.stream = self
        self.muted = False
        self.wide = None
        self.parts = []
        self.audio = None


FRAMES = [bytearray(640) for _ in range(6)]
COPY = bytearray(640)


def fill():
    x = 1
    for k in range(1, 6):
        for i in range(320):
            x = (x * 75 + 74) % 65537
            y = (x - 32768) * (3, 100, 2000, 12000, 32767)[k - 1] // 32768
            FRAMES[k][2 * i] = y & 255
            FRAMES[k][2 * i + 1] = y >> 8 & 255


fill()


def copy(frame):
    i = 0
    while i < 640:
        COPY[i] = frame[i]
        i += 1


def frames(part, n):
    while n:
        n -= 1
        copy(FRAMES[n // 7 % 6])
        part.near(COPY)
        copy(FRAMES[n // 11 % 6])
        part.far(COPY)


def test_every_kind_of_sound_both_ways():
    for rate in (8000, 16000):
        part = HandsFree({})
        part.begin(Call())
        part.tune(rate)
        locked(frames, part, 150)
        part.end()


def test_the_plain_kernel_too():
    state = level.make(190, 512, 120)

    def run(n):
        while n:
            n -= 1
            copy(FRAMES[n // 7 % 6])
            level_plain.treat(160, COPY, 0, state)
            copy(FRAMES[n // 11 % 6])
            level_plain.treat(160, COPY, 16, state)

    locked(run, 150)
