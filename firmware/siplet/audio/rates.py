# From one rate of samples to another, frame by frame: 8, 16 and 48 kHz, with the low-pass of resample. Loaded for files
# of another rate than the call's. Imports resample.

from array import array

from siplet.audio.resample import PHASE, decimate, gather, interpolate, move, taps


class Rates:
    """Frames of 20 ms at the rate `of`, as frames at the rate `to`: 48000 or 16000 to less, or 8000 to 16000."""

    def __init__(self, of, to):
        self._up = to > of
        self._factor = to // of if self._up else of // to
        self._taps = taps(self._factor)
        self._new = of // 50  # samples of a frame that come in
        self._made = to // 50
        self._past = PHASE - 1 if self._up else len(self._taps) - self._factor
        self._samples = array("H", bytes(2 * (self._past + self._new)))
        self.reset()

    def reset(self):
        """What comes next has nothing to do with what came before."""
        i = self._past
        while i:
            i -= 1
            self._samples[i] = 0x8000  # silence, as resample has it

    def convert(self, source, frame):
        """Write to frame what source, 16-bit samples, is at the other rate. Allocates nothing."""
        samples = self._samples
        past = self._past
        new = self._new
        gather(source, 0, 1, samples, past, new)
        if self._up:
            interpolate(samples, self._taps, frame, 0, self._factor, new, 1)
        else:
            decimate(samples, self._taps, frame, self._factor, self._made, 0)
        move(samples, new, past)
