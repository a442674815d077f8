# A tone with its rhythm, frame by frame: what siplet.media.country_tones writes, made to sound. Imports errors, mix and
# tone.

from array import array

from micropython import const

from siplet.errors import LocalError
from siplet.media.mix import hush
from siplet.media.tone import Tones

_LEVEL = const(-13)  # dBm0 of each wave: one alone or two lie within the -10 +- 5 of ITU-T E.180 section 4
_LONGEST = const(60000)  # ms


def _steps(sound):
    # array of (Hz, Hz, ms) one behind the other; 0 ms: for ever
    steps = array("H")
    for group in sound.split("/"):
        hertz, at, times = group.partition("@")
        waves = [int(wave) for wave in hertz.split("+")]
        if not 1 <= len(waves) <= 2 or not all(1 <= wave < 4000 for wave in waves):
            raise ValueError
        first = waves[0]
        second = waves[1] if len(waves) > 1 else 0
        for ms in times.split(",") if at else ("0",):
            ms = int(ms)
            if not 0 <= ms <= _LONGEST or (at and not ms):
                raise ValueError
            steps.extend(array("H", (first, second, ms)))
            if first:
                first = second = 0
            else:
                first = waves[0]
                second = waves[1] if len(waves) > 1 else 0
    return steps


class Cadence:
    """A voice of siplet.sound.mixer. sound: "425@480,480", as in siplet.media.country_tones. rate: 8000 or 16000.

    LocalError when sound is nothing that can be sounded.
    """

    def __init__(self, sound, rate=8000):
        self._once = sound[-1:] == "!"
        try:
            self._steps = _steps(sound[:-1] if self._once else sound)
        except ValueError:
            raise LocalError(sound + ": is no tone; 425@480,480 is one")
        self._tones = Tones(2)
        self._at = 0
        self._left = -1  # samples of this step; -1: it is to begin, -2: it has no end
        self._rate = rate

    def tune(self, rate):
        """8000 or 16000 samples a second from the next frame on."""
        if self._left > 0 and rate != self._rate:
            self._left = self._left * 2 if rate > self._rate else self._left // 2
        self._rate = rate

    def rewind(self):
        """From its beginning again."""
        self._at = 0
        self._left = -1

    def close(self):
        """No more is wanted of it."""

    def read(self, frame):
        """Fill frame with the next 20 ms; False when it was the last of a tone that sounds once. Allocates nothing."""
        n = len(frame) >> 1
        at = 0
        more = True
        tones = self._tones
        while at < n:
            if self._left == -1:
                more = more and self._begin()
            count = n - at
            if 0 <= self._left < count:
                count = self._left
            if tones.sounding:
                tones.fill(frame, count, self._rate, at)
            else:
                hush(at, at + count, frame)
            at += count
            if self._left >= 0:
                self._left -= count
                if not self._left:
                    self._left = -1
        return more

    def _begin(self):
        # The next step; False when there is none
        steps = self._steps
        i = self._at
        if i == len(steps):
            i = 0
            if self._once:
                self._left = -2
                self._tones.off()
                return False
        if steps[i]:
            self._tones.set(steps[i], _LEVEL, steps[i + 1], _LEVEL)
        else:
            self._tones.off()
        ms = steps[i + 2]
        self._left = ms * (self._rate // 1000) if ms else -2
        self._at = i + 3
        return True
