# The oscillator's kernel in bytecode, where @micropython.viper does not exist. Imports nothing.
#
# A wave is an array("i"): its phase and what is added to it for each sample, 24 bits each; its amplitude, 15 bits and 8
# behind the point; what is added to that for each of so many samples that are left; and where it is to be then.


def add(n, wave, frame, at, table, keep):
    """Add n samples of a wave to frame (16 bits, little-endian) from sample at on; keep 0: write them.

    table: one period as 512 samples, array("H"), 32768 is zero.
    """
    phase = wave[0]
    step = wave[1]
    level = wave[2]
    slope = wave[3]
    left = wave[4]
    at += at
    while n:
        n -= 1
        phase = phase + step & 0xFFFFFF
        if left:
            left -= 1
            level = level + slope & 0x7FFFFF
            if not left:
                level = wave[5]
        x = (table[phase >> 15] - 32768) * (level >> 8) >> 15
        if keep:
            x += (frame[at] | frame[at + 1] << 8 ^ 0x8000) - 0x8000
            if x > 32767:
                x = 32767
            elif x < -32768:
                x = -32768
        frame[at] = x & 0xFF
        frame[at + 1] = x >> 8 & 0xFF
        at += 2
    wave[0] = phase
    wave[2] = level
    wave[4] = left
