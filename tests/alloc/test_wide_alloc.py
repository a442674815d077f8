# G.722 under a locked heap: loud, silent, garbage.

NEEDS = ("heap_lock",)

from locked import locked
from siplet.media import g722, g722_plain


def test_g722_allocates_nothing():
    codec = g722.G722()
    pcm = bytearray(640)
    packet = bytearray(172)

    def run(n):
        while n:
            i = 0
            while i < 640:
                pcm[i] = i * n * 7 & 0xFF
                pcm[i + 1] = 0 if n & 2 else (i * n >> 3) + n & 0xFF
                i += 2
            codec.encode(160, pcm, packet, 12)
            codec.decode(160, packet, pcm, 12)
            i = 12
            while i < 172:
                packet[i] = i * n & 0xFF
                i += 1
            codec.decode(160, packet, pcm, 12)
            n -= 1

    locked(run, 12)


def test_the_plain_kernels_allocate_nothing_either():
    codec = g722.G722()
    pcm = bytearray(b"\xff\x7f\x00\x80" * 160)
    packet = bytearray(172)

    def run(n):
        work, said = codec._work, codec._said
        low, high = codec._bands[0], codec._bands[1]
        while n:
            n -= 1
            g722_plain.qmf(work, 0, 160, work, pcm, said, n & 1)
            g722_plain.band(0, 0, 0, 160, work, packet, 12, low, 0)
            g722_plain.band(0, 0, 0, 160, work, packet, 12, high, 1)
            g722_plain.band(0, 0, 0, 160, work, packet, 12, low, 2)
            g722_plain.band(0, 0, 0, 160, work, packet, 12, high, 3)

    locked(run, 3)
