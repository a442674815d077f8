# What SRTP does to each byte of a packet, in native code; the twin of srtp_plain. Refuses to be imported elsewhere.
# May import sys.

import sys

import micropython

if sys.implementation.name != "micropython":
    raise ImportError("viper")


@micropython.viper
def counters(n: int, out: ptr32, salt: ptr8, data: ptr8, at: int, index: ptr8, first: int):
    """See srtp_plain.counters; out must lie at a word border."""
    block = ptr8(int(out))
    i = 14
    while i:
        i -= 1
        block[i] = salt[i]
    data = ptr8(int(data) + at)
    i = 4
    while i:
        i -= 1
        block[4 + i] = salt[4 + i] ^ data[i]
    index = ptr8(int(index) + 824)
    i = 6
    while i:
        i -= 1
        block[8 + i] = salt[8 + i] ^ index[i]
    i = 0
    while True:
        block[14] = first >> 8
        block[15] = first
        i += 1
        if i >= n:
            break
        out[4] = out[0]
        out[5] = out[1]
        out[6] = out[2]
        out = ptr32(int(out) + 16)
        block = ptr8(int(out))
        block[12] = block[-4]
        block[13] = block[-3]
        first += 1


@micropython.viper
def mix(n: int, data: ptr8, out: ptr8, at: int, to: int, stream: ptr8):
    """See srtp_plain.mix."""
    data = ptr8(int(data) + at)
    out = ptr8(int(out) + to)
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
