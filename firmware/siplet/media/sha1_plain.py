# HMAC-SHA1 in bytecode, where @micropython.viper does not exist. Imports nothing.
#
# A word of 32 bits would be a heap object on 31-bit small ints: each is two halves of 16 bits, kept in an array made
# once. Nothing is allocated.

from array import array

_words = array("H", bytes(2 * 160))  # the 80 words of a block's schedule, high half first


def authenticate(work, n, at, data, pads, more):
    """HMAC-SHA1 of data[at : at + n] and the first `more` bytes of work's trailer: 20 bytes to work[TAIL:].

    work: of sha1.work(); pads: two states of sha1.Hmac, what the key with the inner and with the outer pad leads to.
    more: -1: nothing but compress n bytes (a multiple of 64) with the state in pads, which becomes the new one.
    """
    tail = 696
    i = 20
    while i:
        i -= 1
        work[660 + i] = pads[i]
    blocks = n >> 6
    last = 0
    if more >= 0:
        size = n & 63
        i = 0
        while i < size:
            work[tail + i] = data[at + n - size + i]
            i += 1
        i = 0
        while i < more:
            work[tail + size] = work[824 + i]
            size += 1
            i += 1
        work[tail + size] = 0x80
        size += 1
        last = 64 if size <= 56 else 128
        while size < last:
            work[tail + size] = 0
            size += 1
        bits = n + more + 64 << 3
        work[tail + last - 1] = bits & 0xFF
        work[tail + last - 2] = bits >> 8 & 0xFF
        work[tail + last - 3] = bits >> 16 & 0xFF
    while blocks:
        blocks -= 1
        _compress(work, data, at)
        at += 64
    if more < 0:
        i = 20
        while i:
            i -= 1
            pads[i] = work[660 + i]
        return
    i = 0
    while i < last:
        _compress(work, work, tail + i)
        i += 64
    _tell(work)
    i = 20
    while i:
        i -= 1
        work[660 + i] = pads[20 + i]
    i = 20
    while i < 64:
        work[tail + i] = 0
        i += 1
    work[tail + 20] = 0x80
    work[tail + 62] = 672 >> 8
    work[tail + 63] = 672 & 0xFF
    _compress(work, work, tail)
    _tell(work)


def _tell(work):
    # The state, five words e d c b a with the low byte first, as the digest, a first and the high byte first
    i = 0
    while i < 20:
        work[696 + i] = work[679 - i]
        i += 1


def _compress(work, data, at):
    w = _words
    i = 0
    while i < 32:
        w[i] = data[at] << 8 | data[at + 1]
        at += 2
        i += 1
    while i < 160:
        x = w[i - 6] ^ w[i - 16] ^ w[i - 28] ^ w[i - 32]
        x_ = w[i - 5] ^ w[i - 15] ^ w[i - 27] ^ w[i - 31]
        w[i] = (x << 1 | x_ >> 15) & 0xFFFF
        w[i + 1] = (x_ << 1 | x >> 15) & 0xFFFF
        i += 2
    e = work[662] | work[663] << 8
    e_ = work[660] | work[661] << 8
    d = work[666] | work[667] << 8
    d_ = work[664] | work[665] << 8
    c = work[670] | work[671] << 8
    c_ = work[668] | work[669] << 8
    b = work[674] | work[675] << 8
    b_ = work[672] | work[673] << 8
    a = work[678] | work[679] << 8
    a_ = work[676] | work[677] << 8
    i = 0
    while i < 160:
        if i < 40:
            f = d ^ b & (c ^ d)
            f_ = d_ ^ b_ & (c_ ^ d_)
            k = 0x5A82
            k_ = 0x7999
        elif 80 <= i < 120:
            f = b & c | d & (b | c)
            f_ = b_ & c_ | d_ & (b_ | c_)
            k = 0x8F1B
            k_ = 0xBCDC
        else:
            f = b ^ c ^ d
            f_ = b_ ^ c_ ^ d_
            k, k_ = 0x6ED9, 0xEBA1
            if i >= 120:
                k, k_ = 0xCA62, 0xC1D6
        f_ += ((a_ << 5 | a >> 11) & 0xFFFF) + e_ + w[i + 1] + k_
        f += ((a << 5 | a_ >> 11) & 0xFFFF) + e + w[i] + k + (f_ >> 16)
        e = d
        e_ = d_
        d = c
        d_ = c_
        c = (b >> 2 | b_ << 14) & 0xFFFF  # by 30 to the left is by 2 to the right
        c_ = (b_ >> 2 | b << 14) & 0xFFFF
        b = a
        b_ = a_
        a = f & 0xFFFF
        a_ = f_ & 0xFFFF
        i += 2
    _add(work, 660, e, e_)
    _add(work, 664, d, d_)
    _add(work, 668, c, c_)
    _add(work, 672, b, b_)
    _add(work, 676, a, a_)


def _add(work, at, high, low):
    low += work[at] | work[at + 1] << 8
    high += (work[at + 2] | work[at + 3] << 8) + (low >> 16)
    work[at] = low & 0xFF
    work[at + 1] = low >> 8 & 0xFF
    work[at + 2] = high & 0xFF
    work[at + 3] = high >> 8 & 0xFF
