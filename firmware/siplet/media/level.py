# Levels of speech: measures a frame, decides who speaks, and sets its gain; after ITU-T G.169 (level control) and P.340
# (hands-free, switched loss). Pure; imports its kernels.
#
# One call a frame and direction does all of it:
#
#     frame -> level of 32 samples -> noise floor, voice -> level control -> gain -> limiter -> frame
#                  |                                                          ^
#     near: beside the last 12 levels of far: how loud is its echo here? -> who speaks -> loss
#
# Levels are logarithms: 16 steps an octave, 0.376 dB each, of the mean magnitude; 256 is a full square wave. Between
# octaves they are straight lines, so that from a level to its gain and back is exact in whole numbers. A fine step is
# 1/16 of one.
#
# Noise floor: the lowest level of the last 1.3 to 2.6 s. Voice: 10 dB above it. Level control follows the mean level of
# voice, by 6 dB a second up and 19 down, leaves 3 dB either way alone, and stands still without voice, so that noise is
# never pumped up. The limiter lowers the gain before a sample would clip.
#
# Echo: the coupling is how much louder the microphone hears a frame than the speaker was driven. It is believed to be
# an echo while the difference of both levels stands still for one of eight delays (0 to 160 ms), which two people who
# speak at once do not make it; and what the microphone hears while the speaker is loud is always its upper bound. So
# without an echo both directions are open all the time. With one, the microphone is lowered, from the first frame on,
# by what keeps the echo 44 dB below the speech that caused it; who is louder than the echo expected at this moment gets
# through within the frame. The background that is lowered with the echo is replaced by noise.

from array import array

from micropython import const

STATE = const(68)  # words of it: 16 of near, 16 of far, then what both share
UNITY = const(2048)  # fine steps; a gain of 1, Q12
_COUPLING = const(34)  # in the state: fine steps + 8192
DEPTH = const(35)  # in the state: the largest loss of the microphone; 0: no switching
_LOSS = const(10)


def make(target, most, depth):
    """The state of both directions, an array. target: of speech, level steps. most: fine steps of gain either way.
    depth: level steps, the largest loss of the microphone; 0: no switching."""
    state = array("i", [0] * STATE)
    for side in (0, 16):
        state[side + 11] = 16 * target
        state[side + 12] = most
        state[side + 6] = 1 << 21
        state[side + 1] = UNITY
        state[side + 5] = 16 * target
    state[_COUPLING] = 8192  # as loud as driven, until it is known
    state[DEPTH] = depth
    reset(state)
    return state


def reset(state):
    """A call begins: what the far end and the room were told to be is kept for the microphone only."""
    for side in (0, 16):
        state[side] = 4096
        state[side + 2] = state[side + 3] = 256
        for i in (4, 7, 8, 9, 10, 14):
            state[side + i] = 0
    state[17] = UNITY
    state[21] = state[27]
    for i in (32, 36, 38):
        state[i] = 0
    state[33] = state[33] or 6
    for i in range(40, 52):
        state[i] = 0
    for i in range(52, 60):
        state[i] = 4096
        state[i + 8] = 256


def forget(state):
    """The echo is another one: it is as loud as driven, until it is known, and nobody is believed to speak."""
    state[_COUPLING] = 8192
    state[36] = 0
    state[39] = 12  # and there is one


def level(decibels):
    """The level, in steps, of speech that lies so many dB below full scale (root mean square)."""
    return 237 - decibels * 266 // 100


try:  # not every build compiles viper: WebAssembly, some RISC-V ones, CPython; or a .mpy of another build
    from siplet.media.level_viper import treat
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.level_plain import treat  # noqa: F401
