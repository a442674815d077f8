# Zero bytes a frame: keys as tones, said and heard.

NEEDS = ("heap_lock",)

from locked import locked
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
