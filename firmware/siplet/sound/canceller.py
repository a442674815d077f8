# The echo canceller as a part of a call: sound.handsfree makes it and hangs it before itself. May import
# media.canceller.

from siplet.media.canceller import Canceller as Filter


class Canceller:
    """options: sound.echo_tail: ms of the room's answer, 32 to 128; each costs its share of the processor.

    loss: dB by which the echo is lower for it. delay: ms from speaker to microphone, None while it is not known.
    """

    order = 10

    def __init__(self, options):
        self._filter = Filter(options.get("sound.echo_tail", 32), options.get("sound.wideband_speech") is not False)
        self.far = self._filter.far
        self._stream = None

    def begin(self, call):
        self._stream = call.stream
        if self._filter.rate != 8000:
            self._filter.tune(8000)

    def tune(self, rate):
        if self._filter.rate != rate:
            self._filter.tune(rate)

    def near(self, frame):
        if not self._stream.muted:
            self._filter.near(frame)

    def lost(self):
        """Whether the echo came another way, since this was asked the last time."""
        lost = self._filter.lost
        if lost:
            self._filter.lost = False
        return lost

    def end(self):
        self._stream = None

    @property
    def loss(self):
        return self._filter.loss

    @property
    def delay(self):
        return self._filter.delay
