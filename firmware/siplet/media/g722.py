# G.722 (11/88): speech of 50 to 7000 Hz at 64 kbit/s, mode 1, bit-exact with ITU-T G.191. Imports its kernels:
# g722_viper where the build can run it, else g722_plain, which is right, but too slow for speech on a board.
#
#     16 kHz -> qmf: two bands of 8 kHz -> band: ADPCM, 6 bits of the lower one, 2 of the upper -> a byte each 125 us
#     16 kHz <- qmf, the other way round <- band, with the same predictor, led by the same codes
#
# G.191 saturates each sum to 16 bits. The kernels leave that out where nothing can reach it (block 4's coefficients,
# what blocks 1 compare) or where it changes nothing later, and look first whether it can where it costs much (FILTEZ).
# What a predictor remembers lies in an array between the frames, 65536 added, so that no twin has to mind the sign of
# what it loads; samples on their way have 32768 added. Sums stay below 2**30: small ints to the plain kernels.

from array import array

from micropython import const

_HISTORY = const(22)  # samples that the mirror filters look back
_FRAME = const(320)
_STATE = const(21)  # words that a band's predictor remembers: see the kernels

# Decision levels of QUANTL (table 14); the last one thrice, to fill up what is searched
LEVELS = array(
    "H",
    (0, 35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714)
    + (786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919, 2919, 2919),
)
# Codes of the intervals between them: of positive differences, then of negative ones
CODES = bytes([61 - min(i, 29) for i in range(32)]) + b"\x3f\x3e" + bytes([33 - min(i, 29) for i in range(2, 32)])

# INVQAL by the upper four bits of a code, behind them INVQAH by its two: the difference in units of the step
_QL = (0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0)
STEPS = array("H", [32768 + q for q in _QL + (-7408, -1616, 7408, 1616)])
# LOGSCL and LOGSCH likewise: what the step's logarithm grows by, 214 added
_WL = (-60, 3042, 1198, 538, 334, 172, 58, -30)
GROWTH = array("H", [214 + w for w in _WL + _WL[1:] + (-60, 798, -214, 798, -214)])
# The 32 steps of an octave (table 18)
OCTAVE = array(
    "H",
    (2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834)
    + (2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008),
)
# INVQBL of all six bits
_Q6 = (24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576)
_Q6 += (6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728)
FINE = array(
    "H",
    [32768 + q for q in (-136,) * 4 + tuple([-q for q in _Q6]) + _Q6 + (432, 136, -432, -136)],
)

# All need the tables above.
try:  # not every build compiles viper: WebAssembly, some RISC-V ones, CPython; or a .mpy of another build
    from siplet.media.g722_viper import band, qmf

    NATIVE = True
except (SyntaxError, ImportError, NameError, ValueError, RuntimeError):
    from siplet.media.g722_plain import band, qmf

    NATIVE = False


class G722:
    """Both directions of one call; 1.3 KB, all of it made here. encode() and decode() allocate nothing."""

    def __init__(self):
        self._work = array("H", bytes(2 * (_HISTORY + _FRAME)))  # used by one direction at a time
        self._said = array("H", bytes(2 * _HISTORY))
        self._heard = array("H", bytes(2 * _HISTORY))
        self._bands = [array("i", bytes(4 * _STATE)) for _ in range(4)]
        self.reset()

    def reset(self):
        """Forget what was coded and decoded: another far end begins."""
        for history in (self._said, self._heard):
            for i in range(_HISTORY):
                history[i] = 32768
        for i in range(4):
            state = self._bands[i]
            for k in range(_STATE):
                state[k] = 65536
            state[0] += 8 if i & 1 else 32

    def encode(self, samples, frame, packet, at):
        """Write samples bytes (160 at most), the codes of 2 * samples of frame (s16le at 16 kHz), to packet[at:]."""
        work = self._work
        bands = self._bands
        qmf(work, 0, samples, work, frame, self._said, 0)
        band(0, 0, 0, samples, work, packet, at, bands[0], 0)
        band(0, 0, 0, samples, work, packet, at, bands[1], 1)

    def decode(self, samples, data, frame, at):
        """Write 2 * samples samples (s16le at 16 kHz) to frame: what the samples codes (160 at most) data[at:] mean."""
        work = self._work
        bands = self._bands
        band(0, 0, 0, samples, work, data, at, bands[2], 2)
        band(0, 0, 0, samples, work, data, at, bands[3], 3)
        qmf(work, 0, samples, work, frame, self._heard, 1)
