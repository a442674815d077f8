# The loops over samples of board_i2s, for a MicroPython without viper. board_samples_viper is its twin.


def widen(source, target, frames, words, both):
    """frames of 16 bits, mono, become frames of `words` halfwords a sample, in one channel or in both."""
    size = 2 * words
    at = 0
    for i in range(0, 2 * frames, 2):
        for _ in range(1 + bool(both)):
            if words == 2:
                target[at] = target[at + 1] = 0
            target[at + size - 2] = source[i]
            target[at + size - 1] = source[i + 1]
            at += size


def narrow(source, target, frames, stride, first):
    """Of each frame of `stride` halfwords the one at `first`."""
    at = 2 * first
    for i in range(0, 2 * frames, 2):
        target[i] = source[at]
        target[i + 1] = source[at + 1]
        at += 2 * stride


def mix(target, ring, frames, at, gain):
    """Adds frames of a ring of 8192 from `at` on, times gain / 256, and stays within 16 bits."""
    for i in range(frames):
        j = 2 * ((at + i) & 8191)
        heard = target[2 * i] | target[2 * i + 1] << 8
        said = ring[j] | ring[j + 1] << 8
        heard -= (heard & 32768) << 1
        heard += (said - ((said & 32768) << 1)) * gain >> 8
        heard = min(32767, max(-32768, heard))
        target[2 * i] = heard & 255
        target[2 * i + 1] = heard >> 8 & 255
