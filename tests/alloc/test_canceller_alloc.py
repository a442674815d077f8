# Zero bytes a frame for the canceller: while it looks for the echo, learns, hears two speak, loses the echo.

NEEDS = ("heap_lock",)

from locked import locked
from siplet.media.canceller import Canceller
from siplet.sound.canceller import Canceller as Part

LOUD = bytearray(640)
SOFT = bytearray(640)
COPY = bytearray(640)


class Call:
    def __init__(self):
        self.stream = self
        self.muted = False


def fill():
    x = 1
    low = 0
    for i in range(320):
        x = (x * 75 + 74) % 65537
        low = low * 7 // 8 + (x - 32768) // 8
        for frame, y in ((LOUD, low), (SOFT, low // 2)):
            frame[2 * i] = y & 255
            frame[2 * i + 1] = y >> 8 & 255


fill()


def copy(frame):
    i = 0
    while i < 640:
        COPY[i] = frame[i]
        i += 1


def frames(canceller, n):
    while n:
        n -= 1
        copy(LOUD if n % 11 == 3 else SOFT)  # the echo, and now and then somebody who speaks
        if n > 3:
            canceller.near(COPY)
        copy(LOUD)
        canceller.far(COPY)


def test_finding_learning_and_losing_an_echo():
    for rate in (8000, 16000):
        canceller = Canceller(8)
        canceller.tune(rate)
        locked(frames, canceller, 24)
        canceller._place = 300  # found, wherever it is
        locked(frames, canceller, 24)
        canceller._use = False
        canceller._poor = 400
        locked(frames, canceller, 8)


def test_as_a_part():
    part = Part({"sound.echo_tail": 32})
    part.begin(Call())
    locked(frames, part, 10)
    locked(part.lost)
    part.end()


def test_the_longest_tail_at_16_khz():
    canceller = Canceller(128)
    canceller.tune(16000)
    x = 1
    for size in (200, 300, 2000):  # of the differences: the sum of their squares meets the tail's length
        canceller.reset()
        canceller._place = 300
        for i in range(len(canceller._room)):
            x = (x * 75 + 74) % 65537
            canceller._room[i] = 32768 + (size if x & 64 else -size)
        copy(SOFT)
        locked(canceller.near, COPY)
