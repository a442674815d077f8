# What siplet.audio.wav does not do itself: files of 16 or 48 kHz or of two channels, said and kept at 8 or 16 kHz.
# Loaded for such a file. Imports clip, null, recorder and, for a recording whose call changes, rates.

from siplet.audio.clip import Clip
from siplet.audio.null import ALL
from siplet.audio.recorder import Recorder

_SILENCE = bytes(640)


class Wav:
    """What a siplet.audio.wav.Wav, its owner, becomes: its methods are this one's from now on, and its errors are
    counted there. rates: the samples a second that tune() may be given. LocalError as there.
    """

    def __init__(self, owner, play, record, repeat):
        self._owner = owner
        self._clip = Clip(play)
        self.rates = (8000, 16000) if self._clip.rate > 8000 else (8000,)
        self._rate = self._kept = 8000
        self._silence = memoryview(_SILENCE)[:320]
        self._repeat = repeat
        self._said = True
        self._recorder = Recorder(owner, record) if record else None
        self._rates = self._own = None
        for name in ("start", "stop", "read", "write", "tune", "rates"):
            setattr(owner, name, getattr(self, name))

    def tune(self, rate):
        """Frames of rate // 50 samples from the next one on; between calls, or in one."""
        self._rate = rate
        self._silence = memoryview(_SILENCE)[: rate // 25]
        self._clip.tune(rate)
        if self._recorder and self._recorder.is_open and rate != self._kept:
            from siplet.audio.rates import Rates

            self._rates = Rates(rate, self._kept)
            self._own = bytearray(self._kept // 25)
        else:
            self._rates = None

    def start(self):
        self.stop()
        self._clip.rewind()
        self._said = False
        self._rates = None
        if self._recorder:
            self._kept = self._rate
            self._recorder.form(self._rate, 1)
            self._recorder.start()

    def stop(self):
        self._said = True
        if self._recorder:
            self._recorder.stop()

    def read(self, frame):
        if self._said:
            frame[ALL] = self._silence
            return False
        if not self._clip.read(frame):
            self._owner.errors += self._clip.errors
            self._clip.errors = 0
            if self._repeat:
                self._clip.rewind()
            else:
                self._said = True
        return True

    def write(self, frame):
        if not self._recorder:
            return
        if self._rates:
            self._rates.convert(frame, self._own)
            frame = self._own
        self._recorder.write(frame)
