# Faster G.711 in native code, the twin of g711_fast_plain, where @micropython.viper exists. Refuses to be imported
# elsewhere. May import sys.
#
# What each sample needs stands in the first three arguments, which are those in registers; and several samples go by in
# a turn, for a place that stands in the code costs half of one that is worked out. Lengths and places are the caller's
# to get right: viper does not check a bound.

import sys

import micropython

if sys.implementation.name != "micropython":
    raise ImportError("viper")


@micropython.viper
def encode(words: ptr16, pcm: ptr16, out: ptr8, n: int, at: int):
    """See g711_fast_plain.encode; pcm and words must lie at even addresses."""
    out = ptr8(int(out) + at)
    if not words[257]:
        high = ptr8(pcm)
        while n > 3:
            n -= 4
            t = int(words[high[1]])
            out[0] = (pcm[0] >> (t >> 8) & 15) ^ t
            t = int(words[high[3]])
            out[1] = (pcm[1] >> (t >> 8) & 15) ^ t
            t = int(words[high[5]])
            out[2] = (pcm[2] >> (t >> 8) & 15) ^ t
            t = int(words[high[7]])
            out[3] = (pcm[3] >> (t >> 8) & 15) ^ t
            pcm = ptr16(int(pcm) + 8)
            high = ptr8(pcm)
            out = ptr8(int(out) + 4)
        while n:
            n -= 1
            x = int(pcm[n])
            t = int(words[x >> 8])
            out[n] = (x >> (t >> 8) & 15) ^ t
        return
    while n:
        n -= 1
        x = int(pcm[n])
        if x < 0x8000:
            x += 132
            t = int(words[x >> 8])
        else:
            x -= 132
            t = int(words[(x >> 8) + 2])
        out[n] = (x >> (t >> 8) & 15) ^ t


@micropython.viper
def decode(samples: ptr16, data: ptr8, pcm: ptr16, n: int, at: int):
    """See g711_fast_plain.decode; samples and pcm must lie at even addresses."""
    data = ptr8(int(data) + at)
    while n > 7:
        n -= 8
        pcm[0] = samples[data[0]]
        pcm[1] = samples[data[1]]
        pcm[2] = samples[data[2]]
        pcm[3] = samples[data[3]]
        pcm[4] = samples[data[4]]
        pcm[5] = samples[data[5]]
        pcm[6] = samples[data[6]]
        pcm[7] = samples[data[7]]
        pcm = ptr16(int(pcm) + 16)
        data = ptr8(int(data) + 8)
    while n:
        n -= 1
        pcm[n] = samples[data[n]]
