# Speech of 16 kHz: what changes in a stream when an agreement brings G.722, or takes it away. Loaded when a phone may
# offer it. May import media.g722, audio.rates and platform.
#
# G.722's clock of RTP says 8000, by an old mistake that RFC 3551 4.5.2 keeps: so numbers, timestamps and the jitter
# buffer are those of G.711, a byte for 125 us. Only the samples between the codec and the audio object are twice as
# many, and who counts them is told: the parts, the player, the audio object.

from siplet import platform
from siplet.media import g722
from siplet.media.g722 import G722


def wide(audio):
    """Whether an audio object can hear and say 16 kHz."""
    return 16000 in getattr(audio, "rates", ())


def fast():
    """Whether G.722 keeps up with speech here: without native code a board takes seconds for a second."""
    return g722.NATIVE or not platform.MICROPYTHON


class Doubled:
    """An audio object of 8 kHz as one of 16 kHz, the filters between them included. audio: set it before start()."""

    rate = 16000
    audio = None

    def __init__(self):
        from siplet.audio.rates import Rates

        self._narrow = bytearray(320)
        self._up = Rates(8000, 16000)
        self._down = Rates(16000, 8000)

    def start(self):
        self.audio.start()

    def stop(self):
        self.audio.stop()

    def reset(self):
        """What comes next has nothing to do with what came before."""
        self._up.reset()
        self._down.reset()

    def read(self, frame):
        """As audio.null: 320 samples."""
        heard = self.audio.read(self._narrow)
        self._up.convert(self._narrow, frame)
        return heard

    def write(self, frame):
        """As audio.null: 320 samples."""
        self._down.convert(frame, self._narrow)
        self.audio.write(self._narrow)


class Wide:
    """What a stream needs to be wide: its codec, and for an audio object that is not, what stands between. 2.5 KB and
    1.9 KB, taken at once, so that an agreement in the middle of a call finds it.
    """

    def __init__(self, audio):
        self.codec = G722()
        self.doubled = None if wide(audio) else Doubled()


def widen(stream):
    """Make a stream's frames, its audio and its parts wide, or narrow again. stream.hd: its Wide, when there is one."""
    rate = 8000 if stream.wide else 16000
    audio = stream.audio
    hd = stream.hd
    if stream.wide:
        if hd.doubled and audio is hd.doubled:
            stream.audio = audio.audio
            audio.audio = None
        else:
            audio.tune(rate)
        stream.wide = None
    else:
        if not hd:
            hd = stream.hd = Wide(audio)
        if wide(audio):
            audio.tune(rate)
        else:
            if not hd.doubled:
                hd.doubled = Doubled()
            hd.doubled.reset()
            hd.doubled.audio = audio
            stream.audio = hd.doubled
        hd.codec.reset()
        stream.wide = hd.codec
    stream.shape(rate // 50)
    for part in stream.parts:
        if hasattr(part, "tune"):
            part.tune(rate)
