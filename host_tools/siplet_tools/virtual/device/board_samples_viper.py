# The loops over samples of board_i2s, where MicroPython has viper. board_samples_plain is its twin.


@micropython.viper  # noqa: F821
def widen(source: ptr16, target: ptr16, frames: int, words: int, both: int):  # noqa: F821
    """frames of 16 bits, mono, become frames of `words` halfwords a sample, in one channel or in both."""
    i = 0
    at = words - 1
    while i < frames:
        value = source[i]
        if words == 2:
            target[at - 1] = 0
        target[at] = value
        at += words
        if both:
            if words == 2:
                target[at - 1] = 0
            target[at] = value
            at += words
        i += 1


@micropython.viper  # noqa: F821
def narrow(source: ptr16, target: ptr16, frames: int, stride: int, first: int):  # noqa: F821
    """Of each frame of `stride` halfwords the one at `first`."""
    i = 0
    at = first
    while i < frames:
        target[i] = source[at]
        at += stride
        i += 1
