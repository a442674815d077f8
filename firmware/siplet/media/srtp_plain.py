# What SRTP does to each byte of a packet, in bytecode, where @micropython.viper does not exist. Imports nothing.


def start(work, salt, data, at):
    """Begin a packet: what its counter blocks have in common (RFC 3711 4.1.1), to work[832:846].

    work: of sha1.work(), with the packet's index, 48 bits, at its TRAILER; salt: the session's, 14 bytes;
    data[at : at + 4]: the SSRC.
    """
    i = 14
    while i:
        i -= 1
        x = salt[i]
        if i > 7:
            x ^= work[816 + i]
        elif i > 3:
            x ^= data[at + i - 4]
        work[832 + i] = x


def counters(n, out, work, first):
    """Write n counter blocks to out, the first one with that number, after start()."""
    i = 0
    while n:
        n -= 1
        j = 14
        while j:
            j -= 1
            out[i + j] = work[832 + j]
        out[i + 14] = first >> 8 & 0xFF
        out[i + 15] = first & 0xFF
        first += 1
        i += 16


def mix(n, data, out, at, stream):
    """Write the n bytes data[at:], each with its byte of the key stream, to out[at:]; out may be data."""
    i = at + n
    while n:
        n -= 1
        i -= 1
        out[i] = data[i] ^ stream[n]


def differ(n, data, other, at, to):
    """Whether data[at : at + n] is not other[to : to + n], in a time that does not tell where; 0: they are equal."""
    found = 0
    while n:
        n -= 1
        found |= data[at + n] ^ other[to + n]
    return found
