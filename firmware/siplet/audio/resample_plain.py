# The resampler's kernels in plain Python: the reference, and what runs where viper does not compile. Imports nothing.
#
# Samples wait in an array("H") as value + 32768: unsigned halfwords are what viper reads fast, and both twins share it.
# Raw driver data and 8 kHz frames are bytes-like, little-endian; a "word" is 16 bits of them.


def gather(source, start, stride, target, to, count):
    """Words start, start + stride, ... of source (bytes-like) as count samples into target (array "H") from to on."""
    end = to + count
    start *= 2
    stride *= 2
    while to < end:
        target[to] = (source[start] | source[start + 1] << 8) ^ 0x8000
        to += 1
        start += stride


def move(words, start, count):
    """The count words (16 bits each; array "H" or bytes-like) from start on go to the front."""
    if isinstance(words, bytearray):
        start *= 2
        count *= 2
    i = 0
    while i < count:
        words[i] = words[start]
        i += 1
        start += 1


def decimate(source, taps, frame, factor, count, gain):
    """count samples of frame (bytes-like, s16le), each the filter over source from factor times its index on.

    taps: symmetric; of an odd number the middle one stands alone. gain: 0 to 6, doublings (6 dB each); what exceeds 16
    bits is clipped.
    """
    half = len(taps) // 2
    last = len(taps) - 1
    middle = taps[half] if len(taps) & 1 else 0
    shift = 14 - gain
    round_up = 1 << (shift - 1)
    start = 0
    i = 0
    count *= 2
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
        acc >>= shift
        if acc > 32767:
            acc = 32767
        elif acc < -32768:
            acc = -32768
        frame[i] = acc & 0xFF
        frame[i + 1] = (acc >> 8) & 0xFF
        start += factor
        i += 2


def interpolate(source, taps, target, at, factor, count, stride):
    """factor times count samples into target (bytes-like), the first one at word at, the next stride words on.

    source: array "H" with the history, one sample less than a phase of taps has, before the count new ones.
    """
    phases = len(taps) // factor
    word = 2 * at
    i = 0
    while i < count:
        p = 0
        while p < factor:
            k = p
            j = i + phases - 1
            acc = 0
            while j >= i:
                acc += taps[k] * (source[j] - 32768)
                k += factor
                j -= 1
            acc = ((acc >> 2) * factor + 2048) >> 12
            if acc > 32767:
                acc = 32767
            elif acc < -32768:
                acc = -32768
            target[word] = acc & 0xFF
            target[word + 1] = (acc >> 8) & 0xFF
            word += 2 * stride
            p += 1
        i += 1
