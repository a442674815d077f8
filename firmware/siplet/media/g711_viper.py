# G.711 in native code, the twin of g711: the same three functions, where @micropython.viper exists.
# Refuses to be imported elsewhere. May import siplet.media.g711 and sys.
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
    """See g711.encode; pcm must lie at an even address."""
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
            e = bits[x >> 8]
            x >>= 4
            if e:
                x >>= e - 1
            out[n] = (e << 4 | x & 15) ^ sign
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
def decode(n: int, data: ptr8, pcm: ptr16, at: int, to: int, samples: ptr16):
    """See g711.decode; samples and pcm must lie at even addresses."""
    data = ptr8(int(data) + at)
    pcm = ptr16(int(pcm) + to + to)
    while n:
        n -= 1
        pcm[n] = samples[data[n]]


@micropython.viper
def move(n: int, data: ptr8, out: ptr8, at: int, to: int):
    """See g711.move."""
    data = ptr8(int(data) + at)
    out = ptr8(int(out) + to)
    while n:
        n -= 1
        out[n] = data[n]
