# G.711: both laws between 8-bit codes and 16-bit samples, bit-exact with ITU-T G.711 (11/88) and the G.191 reference.
# The plain twin of g711_viper, which replaces it where the build can run it. Imports siplet.media.g711_viper only.
#
# Rounding is that of G.191: mu-law takes the upper 14 bits of a sample, A-law the upper 13, the rest is cut off; the
# magnitude of a negative sample is its ones' complement, so that x and ~x get codes that differ in the sign bit alone.
# A magnitude's segment is the place of its highest bit: one table of bit lengths serves both laws. Decoding gives the
# middle of the interval. A law is named by its static RTP payload type (RFC 3551 table 4).

from micropython import const

PCMU = const(0)
PCMA = const(8)

# The number of bits in 0 to 127.
BITS = (
    b"\x00\x01\x02\x02\x03\x03\x03\x03\x04\x04\x04\x04\x04\x04\x04\x04\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05\x05"
    b"\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06\x06"
    b"\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07"
    b"\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07\x07"
)


def silence(law):
    """The code of a zero sample."""
    return 0xD5 if law else 0xFF


def table(law):
    """The law's 256 samples as 512 bytes, 16 bits little-endian each: what decode() looks codes up in."""
    samples = bytearray(512)
    i = 0
    while i < 256:
        x = i ^ (0x55 if law else 0x7F)
        e = x >> 4 & 7
        x = x << 4 & 0xF0
        if not law:
            x = ((x >> 1) + 0x84 << e) - 0x84
        elif e:
            x = x + 0x108 << e - 1
        else:
            x += 8
        if i < 0x80:  # the sign bit of both laws is 1 for positive
            x = -x
        samples[2 * i] = x & 0xFF
        samples[2 * i + 1] = x >> 8 & 0xFF
        i += 1
    return samples


def encode(n, pcm, out, at, law):
    """Write the codes of n 16-bit little-endian samples of pcm to out[at:]."""
    bits = BITS
    i = 0
    n += at
    if law:
        while at < n:
            x = pcm[i] | pcm[i + 1] << 8
            i += 2
            sign = 0xD5
            if x > 0x7FFF:
                x ^= 0xFFFF
                sign = 0x55
            e = bits[x >> 8]
            out[at] = (e << 4 | x >> (e + 3 if e else 4) & 15) ^ sign
            at += 1
    else:
        while at < n:
            x = pcm[i] | pcm[i + 1] << 8
            i += 2
            sign = 0xFF
            if x > 0x7FFF:
                x ^= 0xFFFF
                sign = 0x7F
            x = (x >> 2) + 33
            if x > 0x1FFF:
                x = 0x1FFF
            e = bits[x >> 6]
            out[at] = (e << 4 | x >> e + 1 & 15) ^ sign
            at += 1


def decode(n, data, pcm, at, to, samples):
    """Write the samples that the n codes data[at:] stand for to pcm, from its sample number to on.

    samples: the law's table().
    """
    n += at
    to += to
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


PLAIN = encode, decode, move
try:
    from siplet.media.g711_viper import decode, encode, move
except (SyntaxError, ImportError, NameError, ValueError):  # no native code in this build, or a .mpy of another one
    pass
