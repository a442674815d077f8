# The resampler's kernels in viper; resample_plain documents them, a test compares the two. Imports nothing.
#
# A ptr32 load has no sign on 64-bit machines, so a sum there carries multiples of 2**32; its 32 true bits get their
# sign back once an output sample, which changes nothing on 32-bit ones.

import micropython


@micropython.viper
def gather(source: ptr16, start: int, stride: int, target: ptr16, to: int, count: int):
    end = to + count
    while to < end:
        target[to] = source[start] ^ 0x8000
        to += 1
        start += stride


@micropython.viper
def move(words: ptr16, start: int, count: int):
    i = 0
    while i < count:
        words[i] = words[start]
        i += 1
        start += 1


@micropython.viper
def decimate(source: ptr16, taps_: object, frame: ptr16, factor: int, count: int, gain: int):
    taps = ptr32(taps_)
    last = int(len(taps_)) - 1  # noqa: RUF046  an object to viper
    half = last + 1 >> 1
    middle = 0 if last & 1 else taps[half]
    shift = 14 - gain
    round_up = 1 << (shift - 1)
    sign = 1 << (31 - shift)
    start = 0
    i = 0
    while i < count:
        a = start
        b = start + last
        acc = round_up
        if middle:
            acc += middle * (source[start + half] - 32768)
        k = 0
        while k < half:
            acc += taps[k] * (source[a] + source[b] - 65536)
            k += 1
            a += 1
            b -= 1
        acc = (((acc >> shift) & (2 * sign - 1)) ^ sign) - sign
        if acc > 32767:
            acc = 32767
        elif acc < -32768:
            acc = -32768
        frame[i] = acc
        start += factor
        i += 1


@micropython.viper
def interpolate(source: ptr16, taps_: object, target: ptr16, at: int, factor: int, count: int, stride: int):
    taps = ptr32(taps_)
    newest = int(len(taps_)) // factor - 1  # noqa: RUF046
    word = at
    i = 0
    while i < count:
        p = 0
        while p < factor:
            k = p
            j = i + newest
            acc = 0
            while j >= i:
                acc += taps[k] * (source[j] - 32768)
                k += factor
                j -= 1
            acc = (((((acc >> 2) * factor + 2048) >> 12) & 0x3FFFF) ^ 0x20000) - 0x20000
            if acc > 32767:
                acc = 32767
            elif acc < -32768:
                acc = -32768
            target[word] = acc
            word += stride
            p += 1
        i += 1
