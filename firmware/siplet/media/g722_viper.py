# G.722 in native code, the twin of g722_plain, where @micropython.viper exists.
# Refuses to be imported elsewhere. Imports siplet.media.g722, which imports this one; may import sys.
#
# What a loop needs is kept in locals, which cost a load each, and not in arrays, which cost four times that. The first
# three arguments lie in registers. Viper knows no signs of what it loads from memory: hence the offsets.

import sys

import micropython

from siplet.media.g722 import CODES, FINE, GROWTH, LEVELS, OCTAVE, STEPS

if sys.implementation.name != "micropython":
    raise ImportError("viper")


@micropython.viper
def qmf(x: ptr16, a: int, n: int, work: ptr16, frame: ptr16, history: ptr16, joining: int):
    """See g722_plain.qmf; frame must lie at an even address. x: work once more, a: 0."""
    a = 22
    while a:
        a -= 1
        x[a] = history[a]
    if not joining:
        x = ptr16(int(x) + 44)
        a = n + n
        while a:
            a -= 1
            x[a] = frame[a] ^ 0x8000
        x = work
    while n:
        n -= 1
        a = x[23] * 3
        a = x[21] * -11 + a
        a = x[19] * 12 + a
        a = x[17] * 32 + a
        a = x[15] * -210 + a
        a = x[13] * 951 + a
        a = x[11] * 3876 + a
        a = x[9] * -805 + a
        a = x[7] * 362 + a
        a = x[5] * -156 + a
        a = x[3] * 53 + a
        a = x[1] * -11 + a
        b = a
        a = x[0] * 3
        a = x[2] * -11 + a
        a = x[4] * 12 + a
        a = x[6] * 32 + a
        a = x[8] * -210 + a
        a = x[10] * 951 + a
        a = x[12] * 3876 + a
        a = x[14] * -805 + a
        a = x[16] * 362 + a
        a = x[18] * -156 + a
        a = x[20] * 53 + a
        a = x[22] * -11 + a
        if joining:
            b = (b >> 11) - 65536
            if b + 32768 >> 16:
                b = 32767 if b > 0 else -32768
            frame[0] = b
            a = (a >> 11) - 65536
            if a + 32768 >> 16:
                a = 32767 if a > 0 else -32768
            frame[1] = a
            frame = ptr16(int(frame) + 4)
        else:
            low = (b + a >> 14) - 16384
            if low + 16384 >> 15:
                low = 16383 if low > 0 else -16384
            x[0] = low + 32768
            a = b - a >> 14
            if a + 16384 >> 15:
                a = 16383 if a > 0 else -16384
            x[1] = a + 32768
        x = ptr16(int(x) + 4)
    a = 22
    while a:
        a -= 1
        history[a] = x[a]


@micropython.viper
def band(w: int, z: int, d: int, n: int, work: ptr16, codes: ptr8, at: int, state: ptr32, kind: int):
    """See g722_plain.band."""
    high = kind & 1
    decoding = kind & 2
    both = high & kind >> 1
    codes = ptr8(int(codes) + at)
    work = ptr16(int(work) + (44 if decoding else high + high))
    levels = ptr16(LEVELS)
    names = ptr8(CODES)
    steps = ptr16(STEPS)
    growth = ptr16(GROWTH)
    octaves = ptr16(OCTAVE)
    fine = ptr16(FINE)
    octave = 10 if high else 8
    top = 22528 if high else 18432
    loud = 6
    det = state[0] - 65536
    nb = state[1] - 65536
    s = state[2] - 65536
    sz = state[3] - 65536
    a1 = state[4] - 65536
    a2 = state[5] - 65536
    p1 = state[6] - 65536
    p2 = state[7] - 65536
    r1 = state[8] - 65536
    b1 = state[9] - 65536
    b2 = state[10] - 65536
    b3 = state[11] - 65536
    b4 = state[12] - 65536
    b5 = state[13] - 65536
    b6 = state[14] - 65536
    d1 = state[15] - 65536
    d2 = state[16] - 65536
    d3 = state[17] - 65536
    d4 = state[18] - 65536
    d5 = state[19] - 65536
    d6 = state[20] - 65536
    h1 = (d1 >> 20 << 16) + 32768
    h2 = (d2 >> 20 << 16) + 32768
    h3 = (d3 >> 20 << 16) + 32768
    h4 = (d4 >> 20 << 16) + 32768
    h5 = (d5 >> 20 << 16) + 32768
    h6 = (d6 >> 20 << 16) + 32768
    while n:
        n -= 1
        if decoding:
            k = codes[0]
            if high:
                k = (k >> 6) + 16
            else:
                k &= 63
                e = s + (det * (fine[k] - 32768) >> 15)  # blocks 5L and 6L
                if e + 16384 >> 15:
                    e = 16383 if e > 0 else -16384
                work[0] = e + 32768
                k >>= 2
        else:
            e = work[0] - 32768 - s  # block 1, SUBTRA
            k = 32
            if e < 0:
                e = -1 - e
            else:
                k = 0
            if high:
                k = 19 - (k >> 4)
                if e >= 564 * det >> 12:
                    k -= 1
                codes[0] = codes[0] & 63 | (k & 3) << 6
            else:
                # How many levels lie below: 786 is the 16th of 30. As floor(a / b) <= e is a < (e + 1) * b
                z = e + 1 << 12
                w = int(levels)
                if det * 786 < z:
                    w += 48 if det * 1612 < z else 32
                elif det * 323 < z:
                    w += 16
                if ptr16(w)[4] * det < z:
                    w += 8
                if ptr16(w)[2] * det < z:
                    w += 4
                if ptr16(w)[1] * det < z:
                    w += 2
                k = names[(w - int(levels) >> 1) + k]
                codes[0] = k
                k >>= 2
        d = det * (steps[k] - 32768) >> 15  # block 2
        if both:
            e = s + d
            if e + 16384 >> 15:
                e = 16383 if e > 0 else -16384
            z = work[0]
            work[0] = z + e
            work[1] = z - e
        work = ptr16(int(work) + 4)
        codes = ptr8(int(codes) + 1)
        nb = (nb * 127 >> 7) + growth[k] - 214  # block 3
        if nb < 0:
            nb = 0
        elif nb > top:
            nb = top
        det = octaves[nb >> 6 & 31] << (nb >> 11) >> octave << 2
        # Block 4, UPPOL2 and UPPOL1
        e = d + sz
        w = 15360
        if (e ^ p1) < 0:
            z = a1 >> 5
            k = (a1 * 255 >> 8) - 192
        else:
            z = -a1 >> 5
            k = (a1 * 255 >> 8) + 192
        if z + 256 >> 9:
            z = 255 if z > 0 else -256
        a2 = (a2 * 127 >> 7) + z + (128 if (e ^ p2) >= 0 else -128)
        if a2 > 12288:
            a2 = 12288
        elif a2 < -12288:
            a2 = -12288
        p2 = p1
        p1 = e
        w -= a2
        a1 = w if k > w else -w if k < -w else k
        # FILTEP of what RECONS says, twice as large
        e = s + d << 1
        if e + 32768 >> 16:
            e = 32767 if e > 0 else -32768
        s = (a1 * e >> 15) + (a2 * r1 >> 15)
        r1 = e
        if s + 32768 >> 16:
            s = 32767 if s > 0 else -32768
        # UPZERO and FILTEZ
        if not d:
            b6 = b6 * 255 >> 8
            b5 = b5 * 255 >> 8
            b4 = b4 * 255 >> 8
            b3 = b3 * 255 >> 8
            b2 = b2 * 255 >> 8
            b1 = b1 * 255 >> 8
        elif d < 0:
            b6 = b6 * 255 - h6 >> 8
            b5 = b5 * 255 - h5 >> 8
            b4 = b4 * 255 - h4 >> 8
            b3 = b3 * 255 - h3 >> 8
            b2 = b2 * 255 - h2 >> 8
            b1 = b1 * 255 - h1 >> 8
        else:
            b6 = b6 * 255 + h6 >> 8
            b5 = b5 * 255 + h5 >> 8
            b4 = b4 * 255 + h4 >> 8
            b3 = b3 * 255 + h3 >> 8
            b2 = b2 * 255 + h2 >> 8
            b1 = b1 * 255 + h1 >> 8
        h6 = h5
        w = d5
        d6 = w
        z = b6 * w >> 14
        h5 = h4
        w = d4
        d5 = w
        z = (b5 * w >> 14) + z
        h4 = h3
        w = d3
        d4 = w
        z = (b4 * w >> 14) + z
        h3 = h2
        w = d2
        d3 = w
        z = (b3 * w >> 14) + z
        h2 = h1
        w = d1
        d2 = w
        z = (b2 * w >> 14) + z
        h1 = (d >> 20 << 16) + 32768
        d1 = d
        z = (b1 * d >> 14) + z
        if d > 2730 or d < -2730:
            loud = 6
        if loud:  # else all six products are too small for a sum that overflows
            loud -= 1
            z = (d6 * b6 >> 14) + (d5 * b5 >> 14)
            if z + 32768 >> 16:
                z = 32767 if z > 0 else -32768
            z += d4 * b4 >> 14
            if z + 32768 >> 16:
                z = 32767 if z > 0 else -32768
            z += d3 * b3 >> 14
            if z + 32768 >> 16:
                z = 32767 if z > 0 else -32768
            z += d2 * b2 >> 14
            if z + 32768 >> 16:
                z = 32767 if z > 0 else -32768
            z += d1 * b1 >> 14
            if z + 32768 >> 16:
                z = 32767 if z > 0 else -32768
        sz = z
        s += z  # PREDIC
        if s + 32768 >> 16:
            s = 32767 if s > 0 else -32768
    state[0] = det + 65536
    state[1] = nb + 65536
    state[2] = s + 65536
    state[3] = sz + 65536
    state[4] = a1 + 65536
    state[5] = a2 + 65536
    state[6] = p1 + 65536
    state[7] = p2 + 65536
    state[8] = r1 + 65536
    state[9] = b1 + 65536
    state[10] = b2 + 65536
    state[11] = b3 + 65536
    state[12] = b4 + 65536
    state[13] = b5 + 65536
    state[14] = b6 + 65536
    state[15] = d1 + 65536
    state[16] = d2 + 65536
    state[17] = d3 + 65536
    state[18] = d4 + 65536
    state[19] = d5 + 65536
    state[20] = d6 + 65536
