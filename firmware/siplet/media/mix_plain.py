# Adding two sounds in bytecode, where @micropython.viper does not exist. Imports nothing.
#
# All sounds are 16-bit little-endian samples, bytes-like.


def mix(n, frame, other):
    """Add n samples of other to those of frame; what exceeds 16 bits is clipped."""
    i = 0
    n += n
    while i < n:
        x = ((frame[i] | frame[i + 1] << 8) ^ 0x8000) + ((other[i] | other[i + 1] << 8) ^ 0x8000) - 0x8000
        if x < 0:
            x = 0
        elif x > 0xFFFF:
            x = 0xFFFF
        x ^= 0x8000
        frame[i] = x & 0xFF
        frame[i + 1] = x >> 8
        i += 2


def fold(n, pcm):
    """Make n samples at the front of pcm of the n pairs there, left and right: their mean."""
    i = 0
    n += n
    while i < n:
        k = i + i
        x = ((pcm[k] | pcm[k + 1] << 8) ^ 0x8000) + ((pcm[k + 2] | pcm[k + 3] << 8) ^ 0x8000)
        x = x >> 1 ^ 0x8000
        pcm[i] = x & 0xFF
        pcm[i + 1] = x >> 8
        i += 2


def weave(n, left, right, pcm):
    """Write n pairs to pcm, a sample of left and one of right each."""
    i = k = 0
    n += n
    while i < n:
        pcm[k] = left[i]
        pcm[k + 1] = left[i + 1]
        pcm[k + 2] = right[i]
        pcm[k + 3] = right[i + 1]
        i += 2
        k += 4


def hush(at, end, pcm):
    """Make samples at to end of pcm silence."""
    at += at
    end += end
    while at < end:
        pcm[at] = 0
        at += 1
