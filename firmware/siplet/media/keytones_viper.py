# The kernels that hear keys, in native code, the twin of keytones_plain, where @micropython.viper exists.
# Refuses to be imported elsewhere. May import sys.
#
# All of a block is one function, and its sums have a name each: a call or a list would cost more than the arithmetic.

import sys

import micropython
from micropython import const

if sys.implementation.name != "micropython":
    raise ImportError("viper")

_FLOOR = const(19000)
_QUIET = const(280)
_BUSY = const(50)
_WIDE = const(51)
_KEPT = const(52)


@micropython.viper
def hear(e: int, t: ptr8, room: ptr32, frame: ptr16, later: ptr16) -> int:
    """See keytones_plain.hear; frame must lie at an even address."""
    first = 1
    if e:
        first = 0
    f = ptr16(int(frame) + e + e)
    if first:
        g = f
        k = 14 + 14 * room[_WIDE]
        at = 23
        x = 0
        while at:
            at -= 1
            e = ((g[0] ^ 0x8000) >> 6) - 512
            x = e * e + x
            g = ptr16(int(g) + k)
        if x < _QUIET:
            room[0] = 0
            room[_KEPT] = 0
            return room[_BUSY] << 6
        if room[_WIDE]:
            g = ptr16(int(later) + 320)
            e = 160
            while e:
                e -= 1
                g[e] = (f[e + e] ^ 0x8000) + (f[e + e + 1] ^ 0x8000) >> 1 ^ 0x8000
            f = g
        frame = f
    # Half the rate, folded at the middle: even and odd parts; and the low group's sums
    waves = t
    to = ptr32(int(room) + 40)
    f = ptr16(int(f) + 80)
    g = ptr16(int(f) - 4)
    left = g[0] ^ 0x8000
    right = f[0] ^ 0x8000
    x = g[1] ^ 0x8000
    e = (left + x + x + right >> 6) - 2048
    x = (x >> 4) - 2048
    energy = x * x
    to[0] = e + 8192
    evens = e
    odds = 0
    a0 = e * t[0]
    a1 = e * t[1]
    a2 = e * t[2]
    a3 = e * t[3]
    b0 = b1 = b2 = b3 = 0
    k = 19
    while k:
        k -= 1
        t = ptr8(int(t) + 16)
        to = ptr32(int(to) + 8)
        f = ptr16(int(f) + 4)
        g = ptr16(int(g) - 4)
        e = f[-1] ^ 0x8000
        x = e + e + right
        e = (e >> 4) - 2048
        energy = e * e + energy
        right = f[0] ^ 0x8000
        x = x + right >> 6
        e = g[1] ^ 0x8000
        y = e + e + left
        e = (e >> 4) - 2048
        energy = e * e + energy
        left = g[0] ^ 0x8000
        y = y + left >> 6
        e = x + y - 4096
        to[0] = e + 8192
        evens = e + evens
        a0 = e * t[0] + a0
        a1 = e * t[1] + a1
        a2 = e * t[2] + a2
        a3 = e * t[3] + a3
        e = x - y
        to[1] = e + 8192
        odds = e + odds
        b0 = e * t[4] + b0
        b1 = e * t[5] + b1
        b2 = e * t[6] + b2
        b3 = e * t[7] + b3
    energy += energy - (energy >> 3)
    evens <<= 7
    odds <<= 7
    lc = a0 - evens >> 8
    ls = b0 - odds >> 8
    best = lc * lc + ls * ls
    key = 0
    x = a1 - evens >> 8
    y = b1 - odds >> 8
    k = x * x + y * y
    if k > best:
        best = k
        lc = x
        ls = y
        key = 4
    x = a2 - evens >> 8
    y = b2 - odds >> 8
    k = x * x + y * y
    if k > best:
        best = k
        lc = x
        ls = y
        key = 8
    x = a3 - evens >> 8
    y = b3 - odds >> 8
    k = x * x + y * y
    if k > best:
        best = k
        lc = x
        ls = y
        key = 12
    code = 0
    if best > (energy >> 6) * 3 and best > _FLOOR >> 1:
        # The high group
        t = ptr8(int(waves) + 8)
        to = ptr32(int(room) + 40)
        e = to[0] - 8192
        a0 = e * t[0]
        a1 = e * t[1]
        a2 = e * t[2]
        a3 = e * t[3]
        b0 = b1 = b2 = b3 = 0
        k = 19
        while k:
            k -= 1
            t = ptr8(int(t) + 16)
            to = ptr32(int(to) + 8)
            e = to[0] - 8192
            a0 = e * t[0] + a0
            a1 = e * t[1] + a1
            a2 = e * t[2] + a2
            a3 = e * t[3] + a3
            e = to[1] - 8192
            b0 = e * t[4] + b0
            b1 = e * t[5] + b1
            b2 = e * t[6] + b2
            b3 = e * t[7] + b3
        hc = a0 - evens >> 8
        hs = b0 - odds >> 8
        best = hc * hc + hs * hs
        j = 0
        x = a1 - evens >> 8
        y = b1 - odds >> 8
        k = x * x + y * y
        if k > best:
            best = k
            hc = x
            hs = y
            j = 1
        x = a2 - evens >> 8
        y = b2 - odds >> 8
        k = x * x + y * y
        if k > best:
            best = k
            hc = x
            hs = y
            j = 2
        x = a3 - evens >> 8
        y = b3 - odds >> 8
        k = x * x + y * y
        if k > best:
            best = k
            hc = x
            hs = y
            j = 3
        key += j
        # What each group sees of the other is taken away
        t = ptr8(int(waves) + 320 + 4 * key)
        a0 = lc - ((t[0] - 128) * hc >> 9)
        a1 = ls - ((t[1] - 128) * hs >> 9)
        a2 = hc - ((t[2] - 128) * lc >> 9)
        a3 = hs - ((t[3] - 128) * ls >> 9)
        low = a0 * a0 + a1 * a1
        high = a2 * a2 + a3 * a3
        both = a0 * lc + a1 * ls + a2 * hc + a3 * hs
        if low > _FLOOR and high > _FLOOR and low > high >> 4 and high > low >> 4 and both > (energy >> 5) * 21:
            code = key + 1
            if room[0] == code:
                # On from the former block: each wave's phase has turned by so much, and its power is still the same
                t = ptr8(int(waves) + 384 + 3 * (key >> 2))
                x = room[1] - 32768
                y = room[2] - 32768
                e = x * x + y * y
                same = (x * (t[0] - 128) + y * (t[1] - 128) >> 7) * a0
                same += (y * (t[0] - 128) - x * (t[1] - 128) >> 7) * a1
                left = e + low
                if e > low >> 1 and low > e >> 1 and same > (left >> 8) * (t[2] - 128):
                    left -= same + same
                    t = ptr8(int(waves) + 396 + 3 * (key & 3))
                    x = room[3] - 32768
                    y = room[4] - 32768
                    e = x * x + y * y
                    same = (x * (t[0] - 128) + y * (t[1] - 128) >> 7) * a2
                    same += (y * (t[0] - 128) - x * (t[1] - 128) >> 7) * a3
                    right = e + high
                    if e > high >> 1 and high > e >> 1 and same > (right >> 8) * (t[2] - 128):
                        left += right - same - same
                        e = both + room[5]
                        same = energy + room[6]
                        if e + (left >> 5) * 5 > (same >> 6) * 57:
                            code += 32
            room[1] = a0 + 32768
            room[2] = a1 + 32768
            room[3] = a2 + 32768
            room[4] = a3 + 32768
            room[5] = both
            room[6] = energy
    room[0] = code & 31
    if first:
        if code or room[_BUSY]:
            return 128 + code
        # The other half may be wanted after the next frame; two samples at a time, where all lies at word borders
        room[_KEPT] = 1
        f = ptr16(int(frame) + 160)
        g = ptr16(int(later) + 160)
        e = 80
        if not (int(f) | int(g)) & 3:
            to = ptr32(int(f))
            room = ptr32(int(g))
            e = 40
            while e:
                e -= 1
                room[e] = to[e]
        while e:
            e -= 1
            g[e] = f[e]
    return code
