# MD5 for boards whose hashlib lacks it (ESP8266, ESP32 before 1.22, RP2 before 1.27). RFC 1321. Imports nothing.
#
# A 32-bit word would be a heap object on a board whose small ints have 31 bits, and a block takes 64 rounds of them:
# each word is two halves of 16 bits here. It digests a few hundred bytes for a login, it is not made for files.

from array import array

# Round constants floor(2**32 * abs(sin(i + 1))), high half first (the floats of a board are too short to compute them)
_SINES = (
    b"\xd7\x6a\xa4\x78\xe8\xc7\xb7\x56\x24\x20\x70\xdb\xc1\xbd\xce\xee\xf5\x7c\x0f\xaf\x47\x87\xc6\x2a"
    b"\xa8\x30\x46\x13\xfd\x46\x95\x01\x69\x80\x98\xd8\x8b\x44\xf7\xaf\xff\xff\x5b\xb1\x89\x5c\xd7\xbe"
    b"\x6b\x90\x11\x22\xfd\x98\x71\x93\xa6\x79\x43\x8e\x49\xb4\x08\x21\xf6\x1e\x25\x62\xc0\x40\xb3\x40"
    b"\x26\x5e\x5a\x51\xe9\xb6\xc7\xaa\xd6\x2f\x10\x5d\x02\x44\x14\x53\xd8\xa1\xe6\x81\xe7\xd3\xfb\xc8"
    b"\x21\xe1\xcd\xe6\xc3\x37\x07\xd6\xf4\xd5\x0d\x87\x45\x5a\x14\xed\xa9\xe3\xe9\x05\xfc\xef\xa3\xf8"
    b"\x67\x6f\x02\xd9\x8d\x2a\x4c\x8a\xff\xfa\x39\x42\x87\x71\xf6\x81\x6d\x9d\x61\x22\xfd\xe5\x38\x0c"
    b"\xa4\xbe\xea\x44\x4b\xde\xcf\xa9\xf6\xbb\x4b\x60\xbe\xbf\xbc\x70\x28\x9b\x7e\xc6\xea\xa1\x27\xfa"
    b"\xd4\xef\x30\x85\x04\x88\x1d\x05\xd9\xd4\xd0\x39\xe6\xdb\x99\xe5\x1f\xa2\x7c\xf8\xc4\xac\x56\x65"
    b"\xf4\x29\x22\x44\x43\x2a\xff\x97\xab\x94\x23\xa7\xfc\x93\xa0\x39\x65\x5b\x59\xc3\x8f\x0c\xcc\x92"
    b"\xff\xef\xf4\x7d\x85\x84\x5d\xd1\x6f\xa8\x7e\x4f\xfe\x2c\xe6\xe0\xa3\x01\x43\x14\x4e\x08\x11\xa1"
    b"\xf7\x53\x7e\x82\xbd\x3a\xf2\x35\x2a\xd7\xd2\xbb\xeb\x86\xd3\x91"
)
_SHIFTS = b"\x07\x0c\x11\x16\x05\x09\x0e\x14\x04\x0b\x10\x17\x06\x0a\x0f\x15"  # four a round
_STEP = b"\x01\x05\x03\x07"  # how the rounds walk through the block's 16 words,
_FIRST = b"\x00\x01\x05\x00"  # and where each begins
_START = (0x6745, 0x2301, 0xEFCD, 0xAB89, 0x98BA, 0xDCFE, 0x1032, 0x5476)  # A, B, C, D


def md5(data):
    """The 16-byte digest of data (bytes)."""
    n = len(data)
    data = data + b"\x80" + bytes((55 - n) % 64) + (n * 8).to_bytes(8, "little")
    state = array("H", _START)
    for block in range(0, len(data), 64):
        a, a_, b, b_, c, c_, d, d_ = state
        for i in range(64):
            r = i >> 4
            if r == 0:
                f = b & c | ~b & d
                f_ = b_ & c_ | ~b_ & d_
            elif r == 1:
                f = d & b | ~d & c
                f_ = d_ & b_ | ~d_ & c_
            elif r == 2:
                f = b ^ c ^ d
                f_ = b_ ^ c_ ^ d_
            else:
                f = c ^ (b | ~d)
                f_ = c_ ^ (b_ | ~d_)
            p = block + ((_FIRST[r] + i * _STEP[r]) & 15) * 4
            q = i * 4
            f_ = (f_ & 0xFFFF) + a_ + data[p] + (data[p + 1] << 8) + (_SINES[q + 2] << 8) + _SINES[q + 3]
            f = f + a + data[p + 2] + (data[p + 3] << 8) + (_SINES[q] << 8) + _SINES[q + 1] + (f_ >> 16)
            f &= 0xFFFF
            f_ &= 0xFFFF
            s = _SHIFTS[r * 4 + (i & 3)]
            if s & 16:
                f, f_ = f_, f
                s &= 15
            f, f_ = f << s | f_ >> 16 - s, f_ << s | f >> 16 - s
            f_ = (f_ & 0xFFFF) + b_
            f = ((f & 0xFFFF) + b + (f_ >> 16)) & 0xFFFF
            a, d, c = d, c, b
            a_, d_, c_ = d_, c_, b_
            b = f
            b_ = f_ & 0xFFFF
        sums = (a, a_, b, b_, c, c_, d, d_)
        for i in (7, 5, 3, 1):
            low = state[i] + sums[i]
            state[i] = low & 0xFFFF
            state[i - 1] = (state[i - 1] + sums[i - 1] + (low >> 16)) & 0xFFFF
    out = bytearray()
    for i in (1, 0, 3, 2, 5, 4, 7, 6):
        out.append(state[i] & 255)
        out.append(state[i] >> 8)
    return bytes(out)
