# Zero bytes a frame: keys as tones, said and heard.

NEEDS = ("heap_lock",)

from locked import locked
from siplet.media.keytones import Ear
from siplet.media.presses import Presses
from siplet.media.tone import Tones


def test_tones_alone():
    tones = Tones(4)
    frame = memoryview(bytearray(640))

    def run(n):
        while n:
            if n % 10 == 0:
                tones.set(941, -6, 1633, -4, 425, -20, 480, -60)
            if n % 10 == 5:
                tones.off()
            tones.fill(frame, 160)
            tones.mix(frame, 320 if n & 64 else 160, 16000 if n & 64 else 8000)
            n -= 1

    locked(run, 200)


class Listening:
    def __init__(self, rate):
        self.size = rate // 50
        self.frame = memoryview(bytearray(2 * self.size))
        self.tones = Tones(2)
        self.ear = Ear()
        self.ear.tune(rate)
        self.heard = 0

    def run(self, n):
        while n:
            if n % 12 == 0:
                self.tones.set(941, -6, 1336 + (n & 16), -4)
            if n % 12 == 5:
                self.tones.off()
            self.tones.fill(self.frame, self.size, 50 * self.size)
            if self.ear.hear(self.frame):
                self.heard += 1
            n -= 1


def test_hearing_keys():
    for rate in (8000, 16000):
        listening = Listening(rate)
        locked(listening.run, 150)
        assert listening.heard > 5, rate


def test_telling_presses_apart():
    presses = Presses()

    def run(n):
        now = 0x3FFFFF00
        while n:
            presses.press("5", 1 << n % 3, now)
            presses.hold("5", 1, now)
            now = (now - 0x3FFFFFDB) & 0x3FFFFFFF
            n -= 1

    locked(run, 300)
