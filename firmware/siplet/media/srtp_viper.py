# What SRTP does to each byte of a packet, in native code; the twin of srtp_plain. Refuses to be imported elsewhere.
# May import sys.

import sys

import micropython

if sys.implementation.name != "micropython":
    raise ImportError("viper")


@micropython.viper
def start(work: ptr8, salt: ptr8, data: ptr8, at: int):
    """See srtp_plain.start."""
    index = ptr8(int(work) + 824)
    work = ptr8(int(work) + 832)
    data = ptr8(int(data) + at)
    i = 14
    while i:
        i -= 1
        work[i] = salt[i]
    i = 4
    while i:
        i -= 1
        work[4 + i] = salt[4 + i] ^ data[i]
    i = 6
    while i:
        i -= 1
        work[8 + i] = salt[8 + i] ^ index[i]


@micropython.viper
def counters(n: int, out: ptr32, work: ptr32, first: int):
    """See srtp_plain.counters; out must lie at a word border."""
    work = ptr32(int(work) + 832)
    block = ptr8(int(out))
    while n:
        n -= 1
        out[0] = work[0]
        out[1] = work[1]
        out[2] = work[2]
        out[3] = work[3]
        block[14] = first >> 8
        block[15] = first
        first += 1
        out = ptr32(int(out) + 16)
        block = ptr8(int(out))


@micropython.viper
def mix(n: int, data: ptr8, out: ptr8, at: int, stream: ptr8):
    """See srtp_plain.mix."""
    data = ptr8(int(data) + at)
    out = ptr8(int(out) + at)
    while n:
        n -= 1
        out[n] = data[n] ^ stream[n]


@micropython.viper
def differ(n: int, data: ptr8, other: ptr8, at: int, to: int) -> int:
    """See srtp_plain.differ."""
    data = ptr8(int(data) + at)
    other = ptr8(int(other) + to)
    found = 0
    while n:
        n -= 1
        found |= data[n] ^ other[n]
    return found
