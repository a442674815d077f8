# G.711 for who has the room: the codes and samples of g711, bit for bit, in half of its time, for a table of 516 bytes
# a law. Imports g711 and its kernels: g711_fast_viper where the build can run it, else g711_fast_plain.
#
# The upper byte of a sample, sign and all, tells the segment, so one word of a table tells the rest: how far the sample
# is shifted down, and what the lowest four bits of that are turned round with to become the code. Of mu-law it is the
# upper byte of what the bias was added to (taken from, where it is negative); the one value beyond either end is that
# of an overload.

from siplet.media.g711 import BITS

_tables = {}


def encoder(law):
    """What encode() looks the samples of a law, 8 (PCMA) or 0 (PCMU), up in: 258 words of 16 bits, little-endian: the
    shift above, the turn below; the last one is 0 for A-law alone. Made once.
    """
    words = _tables.get(law)
    if words:
        return words
    words = _tables[law] = bytearray(516)
    i = 0
    while i < (256 if law else 258):
        shift = 16
        if law:  # by the upper byte
            positive = i < 0x80
            high = (i if positive else ~i) & 0xFF
            e = BITS[high >> 1]
            turn = (e + 1 << 4 if e else high << 4 & 0x10) ^ (0xD5 if positive else 0x5A)
            shift = e + 4
        elif i == 128:  # 0 to 128 for the positive ones
            turn = 0x80
        elif i == 129:  # 127 to 255, each two places further on
            turn = 0
        else:
            e = BITS[i if i < 0x80 else 257 - i]
            turn = e << 4 ^ (0xFF if i < 0x80 else 0x70)
            shift = e + 3
        words[2 * i] = turn
        words[2 * i + 1] = shift
        i += 1
    return words


try:  # as in g711
    from siplet.media.g711_fast_viper import decode, encode
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.g711_fast_plain import decode, encode  # noqa: F401
