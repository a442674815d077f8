# The period of a voice, in native code, the twin of pitch_plain, where
# @micropython.viper exists. Refuses to be imported elsewhere. May import sys.

import sys

import micropython
from micropython import const

if sys.implementation.name != "micropython":
    raise ImportError("viper")

_WIDE = const(17)
_PERIOD = const(23)
_LIKENESS = const(24)
_SPAN_ALL = const(280)


@micropython.viper
def pitch(a: ptr8, b: ptr8, acc: int, s: ptr32, pcm: ptr16, end: int):
    wide = int(s[_WIDE])
    work = int(a)
    step = 2 << wide
    acc = int(pcm) + 2 * end
    start = acc - _SPAN_ALL * step
    top = 0
    while acc > start:
        acc -= step
        x = int(ptr16(acc)[0])
        if x > 32767:
            x = 65536 - x
        top |= x
    shift = 0
    while top > 127:
        top = top >> 1
        shift += 1
    bias = 128 - (32768 >> shift)
    i = _SPAN_ALL
    while i:
        i -= 1
        a[0] = (int(ptr16(acc)[0] ^ 32768) >> shift) + bias
        acc += step
        a = ptr8(int(a) + 1)
    b = ptr8(work)
    i = 70
    while i:
        i -= 1
        a[0] = int(b[0]) + int(b[1]) + int(b[2]) + int(b[3]) >> 2
        a = ptr8(int(a) + 1)
        b = ptr8(int(b) + 4)
    acc = 0
    b = ptr8(work + 310)
    i = 10
    while i:
        i -= 1
        acc += int(b[0]) + int(b[1]) + int(b[2]) + int(b[3])
        b = ptr8(int(b) + 4)
    mean = acc - 128 * 40
    total = 0
    power = 0
    a = ptr8(work + 303)
    i = 40
    while i:
        i -= 1
        acc = int(a[0])
        total += acc
        acc -= 128
        power += acc * acc
        a = ptr8(int(a) + 1)
    best = 8
    most = -1
    lag = 8
    while lag <= 30:
        a = ptr8(work + 310 - lag)
        b = ptr8(work + 310)
        x = int(a[0])
        total += x
        x -= 128
        power += x * x
        x = int(a[40])
        total -= x
        x -= 128
        power -= x * x
        acc = 0
        i = 5
        while i:
            i -= 1
            acc += int(a[0]) * int(b[0])
            acc += int(a[1]) * int(b[1])
            acc += int(a[2]) * int(b[2])
            acc += int(a[3]) * int(b[3])
            acc += int(a[4]) * int(b[4])
            acc += int(a[5]) * int(b[5])
            acc += int(a[6]) * int(b[6])
            acc += int(a[7]) * int(b[7])
            a = ptr8(int(a) + 8)
            b = ptr8(int(b) + 8)
        acc -= mean + total << 7
        if acc > 0:
            x = acc >> 6
            x = x * x // ((power >> 6) + 1)
            if x > most:
                most = x
                best = lag
        lag += 1
    lag = (best << 2) - 4
    if lag < 30:
        lag = 30
    stop = (best << 2) + 4
    if stop > 120:
        stop = 120
    # The sums of every other sample: of the window itself, and of the first two lagged ones, from which the next follow
    own = mean = 0
    total = power = 0
    other = strength = 0
    b = ptr8(work + 200)
    a = ptr8(work + 200 - lag)
    i = 40
    while i:
        i -= 1
        acc = int(b[0]) - 128
        mean += acc
        own += acc * acc
        acc = int(a[0]) - 128
        total += acc
        power += acc * acc
        a = ptr8(int(a) - 1)
        acc = int(a[0]) - 128
        other += acc
        strength += acc * acc
        a = ptr8(int(a) + 3)
        b = ptr8(int(b) + 2)
    own = (own >> 6) + 1
    best = lag
    most = 0
    while lag <= stop:
        a = ptr8(work + 200 - lag)
        b = ptr8(work + 200)
        acc = -(mean + total << 7) - 128 * 128 * 40
        i = 5
        while i:
            i -= 1
            acc += int(a[0]) * int(b[0])
            acc += int(a[2]) * int(b[2])
            acc += int(a[4]) * int(b[4])
            acc += int(a[6]) * int(b[6])
            acc += int(a[8]) * int(b[8])
            acc += int(a[10]) * int(b[10])
            acc += int(a[12]) * int(b[12])
            acc += int(a[14]) * int(b[14])
            a = ptr8(int(a) + 16)
            b = ptr8(int(b) + 16)
        if acc > 0:
            x = acc >> 6
            x = x * x // ((power >> 6) + 1)
            if x > most:
                most = x
                best = lag
        if lag < stop - 1:
            a = ptr8(work + 198 - lag)
            x = int(a[0]) - 128
            i = int(a[80]) - 128
            start = total + x - i
            shift = power + x * x - i * i
        total = other
        power = strength
        other = start
        strength = shift
        lag += 1
    most = (most << 7) // own
    if most < 30 and best < 60:
        best = best << 1
    s[_PERIOD] = best << wide
    s[_LIKENESS] = most
