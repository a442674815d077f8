# An oscillator for a few sine waves at once: the keys of ITU-T Q.23, the tones that tell how a call goes on (E.180).
# Pure; imports its kernel: tone_viper where the build can run it, else tone_plain.
#
#     tones = Tones(2)                    takes all its memory: at most two waves at once here
#     tones.set(770, -6, 1336, -4)        key 5: each wave's frequency in Hz and level in dBm0; fades in over 4 ms
#     tones.fill(frame, 160)              20 ms at 8 kHz instead of what is in the frame; each 20 ms while it sounds
#     tones.mix(frame, 320, 16000)        the same at 16 kHz, added to what is in the frame
#     tones.off()                         fades out over 4 ms, in the next frames: go on until tones.sounding is False
#
# set() while it sounds goes over to other waves without a gap or a step. A phase has 24 bits and moves by the frequency
# to a part in 2097, so a frequency is right to 0.03 %; waves are looked up in a table of 512 places, and what that adds
# lies 48 dB below them. Nothing but the constructor takes memory.

import math
from array import array

from micropython import const

try:  # not every build compiles viper: WebAssembly, some RISC-V ones, CPython; or a .mpy of another build
    from siplet.media.tone_viper import add
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.tone_plain import add

_ZERO = const(22350)  # the peak of a sine of 0 dBm0: 3.14 dB (A-law) or 3.17 (mu-law) below full scale, G.711 table 5
_DECIBEL = const(1825)  # of 2048: 1 dB less
# A wave: see tone_plain
_PHASE = const(0)
_STEP = const(1)
_LEVEL = const(2)
_SLOPE = const(3)
_LEFT = const(4)
_GOAL = const(5)

_table = None


def _sine():
    # One period as 512 unsigned samples, made with the first oscillator
    global _table
    if _table is None:
        _table = array("H", [32768 + round(32767 * math.sin(math.pi * i / 256)) for i in range(512)])
    return _table


class Tones:
    """most: how many waves there are at once at most. sounding: fill() and mix() have something to say."""

    def __init__(self, most=2):
        self._table = _sine()
        self._waves = tuple([array("i", (0, 0, 0, 0, 0, 0)) for _ in range(most)])
        self._hertz = array("H", bytes(2 * most))
        self._rate = 8000
        self._fading = True
        self.sounding = False

    def set(self, hertz, level, hertz2=0, level2=0, hertz3=0, level3=0, hertz4=0, level4=0):
        """Sound with these waves, 1 to 4095 Hz, 0 to -60 dBm0 each, from the next sample on; 0 Hz: no such wave."""
        most = len(self._waves)
        self._wave(0, hertz, level)
        if most > 1:
            self._wave(1, hertz2, level2)
        if most > 2:
            self._wave(2, hertz3, level3)
        if most > 3:
            self._wave(3, hertz4, level4)
        self._fading = False
        self.sounding = True

    def off(self):
        """Fade out."""
        i = len(self._waves)
        while i:
            i -= 1
            self._fade(self._waves[i], 0)
        self._fading = True

    def fill(self, frame, samples, rate=8000, at=0):
        """Write samples of 16 bits to frame from sample at on. rate: 8000 or 16000. Returns sounding."""
        return self._say(frame, samples, rate, at, 0)

    def mix(self, frame, samples, rate=8000, at=0):
        """As fill(), but added to what is in frame, and clipped."""
        return self._say(frame, samples, rate, at, 1)

    def _say(self, frame, samples, rate, at, keep):
        if rate != self._rate:
            self._rate = rate
            i = len(self._waves)
            while i:
                i -= 1
                self._pace(i)
                self._fade(self._waves[i], self._waves[i][_GOAL])
        i = 0
        sounding = False
        while i < len(self._waves):
            wave = self._waves[i]
            if wave[_LEVEL] or wave[_LEFT]:
                add(samples, wave, frame, at, self._table, keep)
                keep = 1
                sounding = sounding or wave[_LEVEL] != 0
            i += 1
        if not keep:
            at += at
            samples += samples + at
            while at < samples:
                frame[at] = 0
                at += 1
        if self._fading:
            self.sounding = sounding
        return self.sounding

    def _wave(self, i, hertz, level):
        wave = self._waves[i]
        goal = 0
        if hertz:
            if not wave[_LEVEL]:
                wave[_PHASE] = 0
            self._hertz[i] = hertz
            self._pace(i)
            goal = _ZERO << 8
            while level < 0:
                goal = (goal >> 4) * _DECIBEL >> 7
                level += 1
        self._fade(wave, goal)

    def _pace(self, i):
        step = self._hertz[i] * 262144 // 125  # of 2**24 at 8 kHz; the product has 30 bits
        self._waves[i][_STEP] = step if self._rate == 8000 else step >> 1

    def _fade(self, wave, goal):
        shift = 5 if self._rate == 8000 else 6
        wave[_GOAL] = goal
        wave[_SLOPE] = goal - wave[_LEVEL] >> shift
        wave[_LEFT] = 1 << shift
