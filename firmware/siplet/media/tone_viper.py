# The oscillator's kernel in native code, the twin of tone_plain, where @micropython.viper exists.
# Refuses to be imported elsewhere. May import sys.

import sys

import micropython

if sys.implementation.name != "micropython":
    raise ImportError("viper")


@micropython.viper
def add(n: int, wave: ptr32, frame: ptr16, at: int, table: ptr16, keep: int):
    """See tone_plain.add; frame must lie at an even address."""
    phase = wave[0]
    step = wave[1]
    level = wave[2]
    slope = wave[3]
    left = wave[4]
    frame = ptr16(int(frame) + at + at)
    i = 0
    while i < n:
        phase = phase + step & 0xFFFFFF
        if left:
            left -= 1
            level = level + slope & 0x7FFFFF
            if not left:
                level = wave[5]
        x = (int(table[phase >> 15]) - 32768) * (level >> 8) >> 15
        if keep:
            x += (int(frame[i]) ^ 0x8000) - 0x8000
            if x > 32767:
                x = 32767
            elif x < -32768:
                x = -32768
        frame[i] = x
        i += 1
    wave[0] = phase
    wave[2] = level
    wave[4] = left
