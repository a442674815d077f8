# G.711 in native code, the twin of g711_plain, where @micropython.viper exists.
# Refuses to be imported elsewhere. Imports siplet.media.g711, which imports this one; may import sys.
#
# Lengths and places are the caller's to get right: viper does not check a bound. Loops count down and the busiest
# names are the first arguments, because those are what viper keeps in registers: half the time of the obvious form.

import sys

import micropython

from siplet.media.g711 import BITS

if sys.implementation.name != "micropython":
    raise ImportError("viper")


@micropython.viper
def encode(n: int, pcm: ptr16, out: ptr8, at: int, law: int):
    """See g711_plain.encode; pcm must lie at an even address."""
    bits = ptr8(BITS)
    out = ptr8(int(out) + at)
    if law:
        while n:
            n -= 1
            x = int(pcm[n])
            sign = 0xD5
            if x > 0x7FFF:
                x ^= 0xFFFF
                sign = 0x55
            e = bits[x >> 9]
            out[n] = (e << 4) + (x >> e + 4) ^ sign
    else:
        while n:
            n -= 1
            x = int(pcm[n])
            sign = 0xFF
            if x > 0x7FFF:
                x ^= 0xFFFF
                sign = 0x7F
            x = (x >> 2) + 33
            if x > 0x1FFF:
                x = 0x1FFF
            e = bits[x >> 6]
            out[n] = (e << 4 | x >> e + 1 & 15) ^ sign


@micropython.viper
def decode(n: int, data: ptr8, pcm: ptr16, at: int, samples: ptr16):
    """See g711_plain.decode; samples and pcm must lie at even addresses."""
    data = ptr8(int(data) + at)
    while n:
        n -= 1
        pcm[n] = samples[data[n]]


@micropython.viper
def move(n: int, data: ptr8, out: ptr8, at: int, to: int):
    """See g711_plain.move."""
    data = ptr8(int(data) + at)
    out = ptr8(int(out) + to)
    if not (n | int(data) | int(out)) & 3:  # four at a time, where all of it lies at word borders
        n >>= 2
        words = ptr32(data)
        there = ptr32(out)
        while n:
            n -= 1
            there[n] = words[n]
    while n:
        n -= 1
        out[n] = data[n]
