# G.711: both laws between 8-bit codes and 16-bit samples, bit-exact with ITU-T G.711 (11/88) and the G.191 reference.
# Imports its kernels: g711_viper where the build can run it, else g711_plain.
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

_tables = {}


def table(law):
    """The law's 256 samples as 512 bytes, 16 bits little-endian each: what decode() looks codes up in. Made once."""
    samples = _tables.get(law)
    if samples:
        return samples
    samples = _tables[law] = bytearray(512)
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


# Both need BITS from above.
try:  # not every build compiles viper: WebAssembly, some RISC-V ones, CPython; or a .mpy of another build
    from siplet.media.g711_viper import decode, encode, move
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.g711_plain import decode, encode, move  # noqa: F401
