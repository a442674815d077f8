# Adding two sounds in native code, the twin of mix_plain, where @micropython.viper exists. Refuses to be imported
# elsewhere. May import sys.
#
# A sample plus 0x8000 is one from 0 to 0xffff: what halfwords are loaded as, without a sign on any machine.

import sys

import micropython

if sys.implementation.name != "micropython":
    raise ImportError("viper")


@micropython.viper
def mix(n: int, frame: ptr16, other: ptr16):
    """See mix_plain.mix; both must lie at even addresses."""
    while n:
        n -= 1
        x = (frame[n] ^ 0x8000) + (other[n] ^ 0x8000) - 0x8000
        if x & ~0xFFFF:
            x = 0 if x < 0 else 0xFFFF
        frame[n] = x ^ 0x8000


@micropython.viper
def fold(n: int, pcm: ptr16):
    """See mix_plain.fold."""
    i = 0
    while i < n:
        k = i + i
        pcm[i] = (pcm[k] ^ 0x8000) + (pcm[k + 1] ^ 0x8000) >> 1 ^ 0x8000
        i += 1


@micropython.viper
def weave(n: int, left: ptr16, right: ptr16, pcm: ptr16):
    """See mix_plain.weave."""
    while n:
        n -= 1
        k = n + n
        pcm[k] = left[n]
        pcm[k + 1] = right[n]


@micropython.viper
def hush(at: int, end: int, pcm: ptr16):
    """See mix_plain.hush."""
    while at < end:
        pcm[at] = 0
        at += 1
