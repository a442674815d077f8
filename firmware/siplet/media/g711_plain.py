# G.711 in bytecode, where @micropython.viper does not exist. Imports siplet.media.g711, which imports this one.

from siplet.media.g711 import BITS


def encode(n, pcm, out, at, law):
    """Write the codes of n 16-bit little-endian samples of pcm to out[at:]."""
    bits = BITS
    i = 0
    n += at
    while at < n:
        x = pcm[i] | pcm[i + 1] << 8
        i += 2
        sign = 0xFF
        if x > 0x7FFF:
            x ^= 0xFFFF
            sign = 0x7F
        if law:
            e = bits[x >> 9]  # the two lowest segments of A-law have steps of one size
            x = (e << 4) + (x >> e + 4) ^ 0x2A
        else:
            x = (x >> 2) + 33
            if x > 0x1FFF:
                x = 0x1FFF
            e = bits[x >> 6]
            x = e << 4 | x >> e + 1 & 15
        out[at] = x ^ sign
        at += 1


def decode(n, data, pcm, at, samples):
    """Write the samples that the n codes data[at:] stand for to pcm.

    samples: the law's table().
    """
    n += at
    to = 0
    while at < n:
        i = data[at] << 1
        pcm[to] = samples[i]
        pcm[to + 1] = samples[i + 1]
        at += 1
        to += 2


def move(n, data, out, at, to):
    """Copy n bytes, data[at:] to out[to:], where a slice would cost memory; the two may not overlap."""
    n += at
    while at < n:
        out[to] = data[at]
        at += 1
        to += 1
