# Hears keys that are pressed as tones, after the limits of ITU-T Q.24 (there those of AT&T, the widest ones).
# Pure; imports q23 and its kernels: keytones_viper where the build can run it, else keytones_plain.
#
# Time is cut into blocks of 10 ms. Of each: is it two waves, one of each group, and little else; and does it go on from
# the block before, both waves with the phase that their frequency asks for, and as strong? A press are three such
# blocks in a row: 40 ms hold three whole ones wherever they begin, 23 ms never do. It is over when three
# blocks have nothing of it: 40 ms of pause hold those, an interruption of 10 ms does not.
#
#     a frame is quiet -> nothing             (23 samples of it tell)
#     half the rate (1 2 1), folded: even and odd parts about the block's middle
#     low group: four sums with cosines, four with sines; the strongest has 5 % of all the power, or nothing
#     high group alike
#     the two waves that fit best: what one group's wave adds to the other's sums is known, and taken away
#     each above -36 dBm0; neither more than 12 dB above the other; together 66 % of all power
#     against the block before: each wave's turn is right within 1.8 % of its frequency, its power within 3 dB; and
#     together they have 89 % of both blocks' power, when what the wrong frequency hides is added
#
# Speech fails by the share of power, which is that of the whole band before it was halved: a second harmonic, which is
# the usual test, is but one of the things that may be there besides. A frequency is told by its phase because 10 ms are
# too short for a filter: 3.5 % of 697 Hz turn it by 88 degrees from block to block, 1.5 % by 38.

import math
from array import array

from micropython import const

from siplet.media.q23 import GRID, HIGH, LOW

try:  # not every build compiles viper: WebAssembly, some RISC-V ones, CPython; or a .mpy of another build
    from siplet.media.keytones_viper import hear
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.keytones_plain import hear

_RUN = const(3)  # blocks of a press
_GAP = const(3)  # blocks of a pause
_ON = const(32)
# Places of a kernel's room
_CODE = const(0)
_BUSY = const(50)
_WIDE = const(51)
_KEPT = const(52)
_SCALE = 256 * math.sqrt(39 * 15 / 16)
_TURN = 0.018  # how wrong a frequency may be


def _tables():
    # 20 rows, of the even and odd parts' places from the middle on: 4 cosines and 4 sines of the low group, of the high
    # one; then 4 bytes for each key, what the other group's wave adds (of 512): low cosine, low sine, high cosine, high
    # sine; then 3 for each wave: cosine and sine of its turn in a block, cosine of what it may be wrong. All + 128.
    waves = bytearray(320 + 64 + 24)
    seen = []  # of each wave: what the sums get of an amplitude of 1
    for k in range(8):
        f = (LOW + HIGH)[k]
        w = 2 * math.pi * f / 4000
        left = (1 + math.cos(w / 2)) / 2  # by the halving
        column = k + (k & 4)
        # The sums' scale makes a wave's power that of its samples: 15/8 of the sum of 39 squares, 12 bits each
        wanted = _SCALE / left
        norm = 1 + sum([2 * math.cos(w * m) ** 2 for m in range(1, 20)])
        for m in range(20):
            waves[16 * m + column] = 128 + round(math.cos(w * m) * wanted / norm)
            waves[16 * m + column + 4] = 128 + round(math.sin(w * m) * wanted / (39 - norm))
        seen.append((w, left))
        turn = 2 * math.pi * f / 100
        at = 384 + 3 * k
        waves[at] = 128 + round(127 * math.cos(turn))
        waves[at + 1] = 128 + round(127 * math.sin(turn))
        waves[at + 2] = 128 + round(127 * math.cos(turn * _TURN))
    for key in range(16):
        for i in range(4):
            group = i >> 1
            here = 4 + (key & 3) if group else key >> 2
            w, left = seen[key >> 2 if group else 4 + (key & 3)]
            column = here + (here & 4) + 4 * (i & 1)
            wave = math.sin if i & 1 else math.cos
            got = 0 if i & 1 else waves[column] - 128
            for m in range(1, 20):
                got += 2 * wave(w * m) * (waves[16 * m + column] - 128)
            waves[320 + 4 * key + i] = 128 + round(512 * got * left / (_SCALE))
    return waves


class Ear:
    """held: the key that is being pressed, one of GRID, or ""."""

    def __init__(self):
        self._waves = _tables()
        self._room = array("i", bytes(212))
        self._later = memoryview(bytearray(640))
        self._half = self._later[320:]
        self.tune(8000)

    def tune(self, rate):
        """Forget what was heard; frames are 20 ms of 16 bits at a rate of 8000 or 16000 from now on."""
        room = self._room
        self.held = ""
        self._key = self._run = self._gap = 0
        room[_CODE] = room[_BUSY] = room[_KEPT] = 0
        room[_WIDE] = 1 if rate == 16000 else 0

    def hear(self, frame, lost=False):
        """The key, one of GRID, when a press was recognised in frame, else None. Each 20 ms; allocates nothing.

        lost: the frame is a guess at what the network lost, of which a pause is not believed.
        """
        code = hear(0, self._waves, self._room, frame, self._later)
        return self.on(code, frame, lost) if code else None

    def on(self, code, frame, lost):
        """hear(), when the kernel had something to say of frame: code."""
        room = self._room
        if code < 128:
            found = self._block(0, lost)
            return self._block(0, lost) or found
        waves = self._waves
        later = self._later
        if room[_WIDE]:
            frame = self._half
        if room[_KEPT]:
            # A press may have begun in a block that was not looked at: most frames are told by their first one alone
            room[_CODE] = room[_KEPT] = 0
            self._block(hear(80, waves, room, later, later), lost)
            room[_BUSY] = 1
            wide = room[_WIDE]
            room[_WIDE] = 0
            code = hear(0, waves, room, frame, later)
            room[_WIDE] = wide
        found = self._block(code & 63, lost)
        return self._block(hear(80, waves, room, frame, later), lost) or found

    def _block(self, code, lost):
        key = code & 31
        if key and key == self._key and code & _ON:
            self._run += 1
        else:
            self._run = 1 if key else 0
            self._key = key
        found = None
        if self.held:
            if key and GRID[key - 1] == self.held:
                self._gap = 0
            elif not lost:
                self._gap += 1
                if self._gap >= _GAP:
                    self.held = ""
        if self._run >= _RUN and GRID[key - 1] != self.held:
            self.held = found = GRID[key - 1]
            self._gap = 0
        self._room[_BUSY] = 1 if self._run or self.held else 0
        return found
