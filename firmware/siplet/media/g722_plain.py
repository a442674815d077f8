# G.722 in bytecode, where @micropython.viper does not exist. Imports siplet.media.g722, which imports this one.
#
# Both kernels are one flat loop each over names that a twin in viper keeps at hand: no calls, no rows. Blocks are those
# of G.722 6.2.

from siplet.media.g722 import CODES, FINE, GROWTH, LEVELS, OCTAVE, STEPS


def qmf(x, a, n, work, frame, history, joining):
    """The quadrature mirror filters, 2 * n samples of frame (s16le at 16 kHz); work: array "H", 22 + 2 * n.

    joining 0: frame becomes n pairs, lower and upper band, at the front of work. 1: n pairs, sum and difference, behind
    22 words of work become frame. history: array "H", 22 words, what is left for the next call. x: work
    once more, and a: 0, for the twin's sake, which has its first three arguments at hand.
    """
    i = 0
    while i < 22:
        work[i] = history[i]
        i += 1
    at = 0
    if not joining:
        while at < 4 * n:
            work[i] = (frame[at] | frame[at + 1] << 8) ^ 0x8000
            i += 1
            at += 2
    at = 0
    i = 0
    while i < 2 * n:
        a = x[i + 23] * 3 - x[i + 21] * 11 + x[i + 19] * 12 + x[i + 17] * 32 - x[i + 15] * 210 + x[i + 13] * 951
        a += x[i + 11] * 3876 - x[i + 9] * 805 + x[i + 7] * 362 - x[i + 5] * 156 + x[i + 3] * 53 - x[i + 1] * 11
        b = x[i] * 3 - x[i + 2] * 11 + x[i + 4] * 12 + x[i + 6] * 32 - x[i + 8] * 210 + x[i + 10] * 951
        b += x[i + 12] * 3876 - x[i + 14] * 805 + x[i + 16] * 362 - x[i + 18] * 156 + x[i + 20] * 53 - x[i + 22] * 11
        if joining:
            a = (a >> 11) - 65536  # the taps' sum is 4096, which the offset of the samples was multiplied by
            if a + 32768 >> 16:
                a = 32767 if a > 0 else -32768
            frame[at] = a & 0xFF
            frame[at + 1] = a >> 8 & 0xFF
            b = (b >> 11) - 65536
            if b + 32768 >> 16:
                b = 32767 if b > 0 else -32768
            frame[at + 2] = b & 0xFF
            frame[at + 3] = b >> 8 & 0xFF
            at += 4
        else:
            at = a
            a = (a + b >> 14) - 16384
            if a + 16384 >> 15:
                a = 16383 if a > 0 else -16384
            work[i] = a + 32768
            b = at - b >> 14
            if b + 16384 >> 15:
                b = 16383 if b > 0 else -16384
            work[i + 1] = b + 32768
        i += 2
    at = 0
    while at < 22:
        history[at] = work[i]
        i += 1
        at += 1


def band(w, z, d, n, work, codes, at, state, kind):
    """ADPCM of one band, n samples. kind: 1 for the upper band (after the lower one), 2 more to decode.

    Encoding takes the samples from the front of work, each second one (see qmf), and writes its bits of codes[at:];
    decoding the other way round, behind 22 words of work. state: array "i" of 21 words, the predictor's.
    w, z, d: 0, likewise.
    """
    high = kind & 1
    i = 22 if kind & 2 else high
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
    n += at
    while at < n:
        if kind & 2:
            k = codes[at]
            if high:
                k = (k >> 6) + 16
            else:
                k &= 63
                e = s + (det * (FINE[k] - 32768) >> 15)  # blocks 5L and 6L
                if e + 16384 >> 15:
                    e = 16383 if e > 0 else -16384
                work[i] = e + 32768
                k >>= 2
        else:
            e = work[i] - 32768 - s  # block 1, SUBTRA
            k = 32
            if e < 0:
                e = -1 - e
            else:
                k = 0
            if high:
                k = 19 - (k >> 4)
                if e >= 564 * det >> 12:
                    k -= 1
                codes[at] = codes[at] & 63 | (k & 3) << 6
            else:
                # How many levels lie below: 786 is the 16th of 30. As floor(a / b) <= e is a < (e + 1) * b
                e = e + 1 << 12
                z = 0
                if 786 * det < e:
                    z = 24 if 1612 * det < e else 16
                elif 323 * det < e:
                    z = 8
                if LEVELS[z + 4] * det < e:
                    z += 4
                if LEVELS[z + 2] * det < e:
                    z += 2
                if LEVELS[z + 1] * det < e:
                    z += 1
                k = CODES[k + z]
                codes[at] = k
                k >>= 2
        at += 1
        d = det * (STEPS[k] - 32768) >> 15  # block 2
        if kind == 3:
            e = s + d
            if e + 16384 >> 15:
                e = 16383 if e > 0 else -16384
            z = work[i]
            work[i] = z + e
            work[i + 1] = z - e
        i += 2
        nb = (nb * 127 >> 7) + GROWTH[k] - 214  # block 3
        if nb < 0:
            nb = 0
        elif nb > top:
            nb = top
        det = OCTAVE[nb >> 6 & 31] << (nb >> 11) >> octave << 2
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
