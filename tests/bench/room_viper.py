# The sound of a room in native code, for in_a_room.py: a convolution. Imports nothing.

# ruff: noqa: F821  viper's machine types are names of its compiler

import micropython


@micropython.viper
def reflect(count: int, history: ptr32, taps: ptr32, out: ptr32, n: int):
    # out[i] = sum of taps[k] * history[4096 + i - k]; the true sum has 31 bits and a sign
    i = 0
    while i < n:
        acc = 0
        k = 0
        x = ptr32(int(history) + 4 * (4096 + i))
        while k < count:
            t = ptr32(int(taps) + 4 * k)[0]
            acc += t * ptr32(int(x) - 4 * k)[0]
            k += 1
        out[i] = acc
        i += 1
