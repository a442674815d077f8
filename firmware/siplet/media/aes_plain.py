# AES with keys of 128 bits, encryption only, in bytecode: FIPS 197. For interpreters without cryptolib: CPython and the
# WebAssembly port, which run tests; too slow for sound on a board. Imports nothing.
#
# encrypt() allocates nothing. The S-box looks at memory by secret bytes: on a shared machine its timing would tell.

_S = bytearray(256)  # the S-box,
_DOUBLE = bytearray(256)  # and twice a number, in the field of 256


def _fill():
    p = q = 1
    while True:  # p runs through the field, q through the inverses
        _DOUBLE[p] = p << 1 & 0xFF ^ (0x1B if p & 0x80 else 0)
        p ^= _DOUBLE[p]
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        x = q << 8 | q
        _S[p] = (q ^ x >> 7 ^ x >> 6 ^ x >> 5 ^ x >> 4 ^ 0x63) & 0xFF
        if p == 1:
            break
    _S[0] = 0x63


_fill()


class Aes:
    """As cryptolib.aes(key, 1), ECB: encrypt(data, out), whole blocks; out may be data."""

    def __init__(self, key):
        keys = self._keys = bytearray(176)
        keys[:16] = key
        r = 1
        for i in range(16, 176, 4):
            word = keys[i - 4 : i]
            if i & 15 == 0:
                word = bytes([_S[word[1]] ^ r, _S[word[2]], _S[word[3]], _S[word[0]]])
                r = _DOUBLE[r]
            for j in range(4):
                keys[i + j] = keys[i + j - 16] ^ word[j]
        self._state = bytearray(16)

    def encrypt(self, data, out):
        """Encrypt the blocks of data into out."""
        n = len(data)
        at = 0
        while at < n:
            self._block(data, out, at)
            at += 16

    def _block(self, data, out, at):
        keys = self._keys
        t = self._state
        double = _DOUBLE
        i = 0
        while i < 16:
            out[at + i] = data[at + i] ^ keys[i]
            i += 1
        k = 16
        while True:
            i = 0
            while i < 16:  # bytes substituted, rows shifted
                t[i] = _S[out[at + ((i + (i << 2)) & 15)]]
                i += 1
            if k == 160:
                break
            i = 0
            while i < 16:  # columns mixed, and the round's key
                a = t[i]
                b = t[i + 1]
                c = t[i + 2]
                d = t[i + 3]
                x = a ^ b ^ c ^ d
                out[at + i] = a ^ x ^ double[a ^ b] ^ keys[k + i]
                out[at + i + 1] = b ^ x ^ double[b ^ c] ^ keys[k + i + 1]
                out[at + i + 2] = c ^ x ^ double[c ^ d] ^ keys[k + i + 2]
                out[at + i + 3] = d ^ x ^ double[d ^ a] ^ keys[k + i + 3]
                i += 4
            k += 16
        i = 0
        while i < 16:
            out[at + i] = t[i] ^ keys[k + i]
            i += 1
