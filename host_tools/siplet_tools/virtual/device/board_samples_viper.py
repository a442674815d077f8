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


@micropython.viper  # noqa: F821
def mix(target: ptr16, ring: ptr16, frames: int, at: int, gain: int):  # noqa: F821
    """Adds frames of a ring of 8192 from `at` on, times gain / 256, and stays within 16 bits."""
    i = 0
    while i < frames:
        heard = target[i]
        if heard >= 32768:
            heard -= 65536
        said = ring[(at + i) & 8191]
        if said >= 32768:
            said -= 65536
        heard += said * gain >> 8
        if heard > 32767:
            heard = 32767
        if heard < -32768:
            heard = -32768
        target[i] = heard
        i += 1
