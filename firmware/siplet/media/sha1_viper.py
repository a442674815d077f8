# HMAC-SHA1 in native code, the twin of sha1_plain, where @micropython.viper exists. Refuses to be imported elsewhere.
# May import sys.
#
# A word of 32 bits is no object here. A round shuffles no names: the five words of the state slide through an array of
# 85, e d c b a at p[0] to p[4]; the new a goes to p[5], b is turned where it stands, and p moves on by one. Words that
# were just loaded have 32 bits on a 64-bit machine, too, so only what was loaded is shifted to the right.

import sys

import micropython

if sys.implementation.name != "micropython":
    raise ImportError("viper")


@micropython.viper
def authenticate(p: ptr32, a: uint, at: int, data: ptr8, pads: ptr32, more: int):
    """See sha1_plain.authenticate: a is its n. The three hottest names come first: they live in registers."""
    n = int(a)
    work = p
    state = ptr32(int(p) + 660)
    constants = ptr32(int(p) + 680)
    tail = ptr8(int(p) + 696)
    i = 5
    while i:
        i -= 1
        state[i] = pads[i]
    data = ptr8(int(data) + at)
    blocks = n >> 6  # of 64 bytes, up to where the tail begins
    last = 0  # blocks of the tail
    if more >= 0:
        at = n & 63
        source = ptr8(int(data) + n - at)
        i = at
        while i:
            i -= 1
            tail[i] = source[i]
        source = ptr8(int(work) + 824)
        i = 0
        while i < more:
            tail[at] = source[i]
            at += 1
            i += 1
        tail[at] = 0x80
        at += 1
        last = 1 if at <= 56 else 2
        i = last << 6
        while at < i:
            tail[at] = 0
            at += 1
        at = n + more + 64 << 3
        tail[i - 1] = at
        tail[i - 2] = at >> 8
        tail[i - 3] = at >> 16
    outer = 0
    while True:
        p = ptr32(int(work) + 340)
        if blocks or last:
            if blocks:
                blocks -= 1
            else:
                if last > 0:
                    data = tail
                    blocks = last - 1
                last = 0
            i = 16
            while i:
                i -= 1
                p[0] = data[0] << 24 | data[1] << 16 | data[2] << 8 | data[3]
                data = ptr8(int(data) + 4)
                p = ptr32(int(p) + 4)
            p = ptr32(int(work) + 340)
        elif more < 0 or outer:
            break
        else:  # what came out goes through once more
            outer = 1
            p[0] = state[4]
            p[1] = state[3]
            p[2] = state[2]
            p[3] = state[1]
            p[4] = state[0]
            p[5] = outer << 31
            i = 14
            while i > 5:
                p[i] = 0
                i -= 1
            p[14] = 0
            p[15] = 672
            i = 5
            while i:
                i -= 1
                state[i] = pads[5 + i]
        i = 64
        while i:
            i -= 1
            a = uint(p[13] ^ p[8] ^ p[2] ^ p[0])
            p[16] = a << 1 | a >> 31
            p = ptr32(int(p) + 4)
        p = work
        i = 5
        while i:
            i -= 1
            p[i] = state[i]
        k = constants[0]
        i = 20
        while i:
            i -= 1
            a = uint(p[4])
            p[5] = (a << 5 | a >> 27) + (p[1] ^ p[3] & (p[2] ^ p[1])) + p[0] + p[85] + k
            a = uint(p[3])
            p[3] = a << 30 | a >> 2
            p = ptr32(int(p) + 4)
        k = constants[1]
        i = 20
        while i:
            i -= 1
            a = uint(p[4])
            p[5] = (a << 5 | a >> 27) + (p[3] ^ p[2] ^ p[1]) + p[0] + p[85] + k
            a = uint(p[3])
            p[3] = a << 30 | a >> 2
            p = ptr32(int(p) + 4)
        k = constants[2]
        i = 20
        while i:
            i -= 1
            a = uint(p[4])
            p[5] = (a << 5 | a >> 27) + (p[3] & p[2] | p[1] & (p[3] | p[2])) + p[0] + p[85] + k
            a = uint(p[3])
            p[3] = a << 30 | a >> 2
            p = ptr32(int(p) + 4)
        k = constants[3]
        i = 20
        while i:
            i -= 1
            a = uint(p[4])
            p[5] = (a << 5 | a >> 27) + (p[3] ^ p[2] ^ p[1]) + p[0] + p[85] + k
            a = uint(p[3])
            p[3] = a << 30 | a >> 2
            p = ptr32(int(p) + 4)
        i = 5
        while i:
            i -= 1
            state[i] = state[i] + p[i]
    if more < 0:
        i = 5
        while i:
            i -= 1
            pads[i] = state[i]
        return
    p = ptr32(int(state) + 16)  # a first
    i = 0
    while i < 20:
        a = uint(p[0])
        tail[i] = a >> 24
        tail[i + 1] = a >> 16
        tail[i + 2] = a >> 8
        tail[i + 3] = a
        p = ptr32(int(p) - 4)
        i += 4
