# What SRTP does to each byte of a packet, in bytecode, where @micropython.viper does not exist. Imports nothing.


def counters(n, out, salt, data, at, index, first):
    """Write n counter blocks of AES-CM (RFC 3711 4.1.1) to out, the first one with that number.

    salt: the session's, 14 bytes; data[at : at + 4]: the SSRC; index: of sha1.work(), with the packet's index, 48 bits,
    at its TRAILER.
    """
    i = 0
    while i < 14:
        x = salt[i]
        if i > 7:
            x ^= index[816 + i]
        elif i > 3:
            x ^= data[at + i - 4]
        out[i] = x
        i += 1
    i = 0
    n <<= 4
    while i < n:
        if i:
            j = 14
            while j:
                j -= 1
                out[i + j] = out[j]
        out[i + 14] = first >> 8 & 0xFF
        out[i + 15] = first & 0xFF
        first += 1
        i += 16


def mix(n, data, out, at, to, stream):
    """Write the n bytes data[at:], each with its byte of the key stream, to out[to:], which may be the same place."""
    while n:
        n -= 1
        out[to + n] = data[at + n] ^ stream[n]


def differ(n, data, other, at, to):
    """Whether data[at : at + n] is not other[to : to + n], in a time that does not tell where; 0: they are equal."""
    found = 0
    while n:
        n -= 1
        found |= data[at + n] ^ other[to + n]
    return found
