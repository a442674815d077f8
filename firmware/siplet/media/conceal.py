# What stands for sound that did not come, after ITU-T G.711 Appendix I, and comfort noise, RFC 3389. Imports its
# kernels: conceal_viper where the build can run it, else conceal_plain.
#
# The last period of what was heard is repeated, from 20 ms on the last two, from 30 ms on the last three; it fades by
# 20 % each 10 ms from 10 ms on and is gone after 60. The noise that was behind the speech takes its place. What begins
# and what ends goes over into its neighbours within a quarter of a period. Unlike in the Appendix, nothing waits for
# a loss that may come: the end of the true sound is changed only when it is known in time that nothing follows, and the
# period is found by pitch.py. And where the sound behind the gap is there before the gap is heard, it is repeated
# backwards in the same way, and the one goes over into the other (bridge): who hears it gets the voice as it changed.
#
# The numbers in s are those of adaptive.py. pcm, last: arrays "H" of signed samples.

from micropython import const

_LOUDEST = const(2000)  # of comfort noise, the mean magnitude: -24 dBov
_STEPS = b"\xff\xe4\xcb\xb5\xa1\x90"  # 0 to 5 dB down

try:
    from siplet.media.conceal_viper import begin, bridge, fade, splice, synthesize
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.conceal_plain import begin, bridge, fade, splice, synthesize  # noqa: F401


def magnitude(level):
    """The mean magnitude of noise of -level dBov, the first byte of a comfort noise packet (RFC 3389 3.1)."""
    level &= 0x7F
    return min((28377 * _STEPS[level % 6] >> 8) >> level // 6, _LOUDEST)
