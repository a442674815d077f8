# The kernels of siplet.media.canceller in native code, the twin of canceller_plain, which explains them, where
# @micropython.viper exists. Refuses to be imported elsewhere. May import sys.
#
# A word read through ptr32 has no sign on 64 bits. Where it matters it gets one by a shift of 2 to 16 bits first;
# sums carry multiples of 2**32 until then, as those of siplet.audio.resample_viper do.

import sys

import micropython

if sys.implementation.name != "micropython":
    raise ImportError("viper")


@micropython.viper
def push(x: int, p: ptr16, ring: ptr16, at: int, state: ptr32):
    n = x
    last = state[0] - 32768
    few = n // 40
    shift = 6
    if few == 4:
        shift = 5
    i = 8
    while i < 368:
        state[i] = state[i + 40]
        i += 1
    total = k = 0
    ring = ptr16(int(ring) + 2 * at)
    i = 0
    while i < n:
        x = (p[i] ^ 0x8000) - 32768
        ring[i] = (x * 8 - last * 7 >> 6) + 32768
        last = x
        total += x
        i += 1
        k += 1
        if k == few:
            state[i // few + 367] = total >> shift
            total = 0
            k = 0
    state[0] = last + 32768


@micropython.viper
def means(n: int, p: ptr16, out: ptr32):
    few = n // 40
    shift = 6
    if few == 4:
        shift = 5
    i = 0
    while i < 40:
        total = 0
        j = few
        while j:
            total += (p[0] ^ 0x8000) - 32768
            p = ptr16(int(p) + 2)
            j -= 1
        out[i] = total >> shift
        i += 1


@micropython.viper
def gather(x: int, ring: ptr16, window: ptr32, start: int, size: int, sums: ptr32):
    n = x
    total = squares = 0
    while n:
        n -= 1
        x = ring[start] - 32768
        start += 1
        if start == size:
            start = 0
        window[0] = x
        window = ptr32(int(window) + 4)
        squares += x * x >> 8
        if x < 0:
            x = 0 - x
        total += x
    sums[0] = total
    sums[1] = squares


@micropython.viper
def correlate(total: int, a: ptr32, b: ptr32, at: int, out: ptr32, count: int, shift: int):
    n = total >> 3
    half = 1 << shift - 1
    sign = 1 << 31 - shift
    first = int(a)
    second = int(b) + 4 * at
    i = 0
    while i < count:
        total = half
        a = ptr32(first)
        b = ptr32(second)
        k = n
        while k:
            k -= 1
            total += a[0] * b[0]
            total += a[1] * b[1]
            total += a[2] * b[2]
            total += a[3] * b[3]
            total += a[4] * b[4]
            total += a[5] * b[5]
            total += a[6] * b[6]
            total += a[7] * b[7]
            a = ptr32(int(a) + 32)
            b = ptr32(int(b) + 32)
        out[i] = out[i] + ((total >> shift & 2 * sign - 1) ^ sign) - sign
        second += 4
        i += 1


@micropython.viper
def subtract(n: int, p: ptr16, at: int, echo: ptr32, error: ptr32, state: ptr32, use: int):
    last = state[1] - 65536
    heard = state[2] - 65536
    before = left = taken = top = 0
    p = ptr16(int(p) + 2 * at)
    i = 0
    while i < n:
        d = (p[i] ^ 0x8000) - 32768
        y = ((echo[i] & 0xFFFF) ^ 0x8000) - 32768
        if y > 16383:
            y = 16383
        elif y < -16384:
            y = -16384
        echo[i] = 0
        x = d * 8 - last * 7 >> 6
        last = d
        if x < 0:
            before -= x
        else:
            before += x
        if y < 0:
            taken -= y
        else:
            taken += y
        x -= y
        error[i] = x
        if x < 0:
            x = 0 - x
        left += x
        if x > top:
            top = x
        heard *= 7
        if heard < 0:
            heard += 7  # it fades to zero from below, too
        heard = y * 8 + (heard >> 3)
        if heard > 65535:
            heard = 65535
        elif heard < -65536:
            heard = -65536
        if use:
            d -= heard
            if d > 32767:
                d = 32767
            elif d < -32768:
                d = -32768
            p[i] = d
        i += 1
    state[1] = last + 65536
    state[2] = heard + 65536
    state[3] = before
    state[4] = left
    state[5] = taken
    state[6] = top


@micropython.viper
def scale(n: int, error: ptr32, factor: int, shift: int):
    half = 1 << shift - 1
    i = 0
    while i < n:
        x = ((error[i] & 0xFFFF) ^ 0x8000) - 32768
        error[i] = x * factor + half >> shift
        i += 1


@micropython.viper
def peak(n: int, sums: ptr32) -> int:
    total = best = place = 0
    i = 0
    while i < n:
        x = ((sums[i] & 0x3FFFFFFF) ^ 0x20000000) - 0x20000000
        sums[i] = x - (x >> 4)
        if x < 0:
            x = 0 - x
        total += x >> 8
        if x > best:
            best = x
            place = i
        i += 1
    x = (best >> 5) * n // (total + 1)
    if x > 255:
        x = 255
    return place << 8 | x
