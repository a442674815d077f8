# A call as a WAV file: the far end and what it hears, in one channel or in one each. A part of siplet.sound, put into a
# call by call.record(). May import audio and media.
#
# It is the last one on the way out and the first one on the way in: what the far end is sent, prompts and beeps
# included, and what it sent, before anything here was made of it. A frame costs one write of 320 to 1280 bytes. On a
# board's own flash a write takes some ten ms each time a block of it is erased, which the stream catches up with; an SD
# card may need more than 100 ms now and then, and frames are left out (stats.slips).

import asyncio

from siplet.audio.null import ALL
from siplet.audio.recorder import Recorder
from siplet.media.mix import mix, weave


class Recording:
    """errors: failures of the disk. over: an Event, set when a recording has ended, whoever ended it. seconds: of the
    recording; failed: the disk ended it, or a full heap.
    """

    order = 50

    def __init__(self, options=None):
        self.errors = 0
        self.task = None  # who waits for the end
        self.failed = self.wanted = False
        self.over = asyncio.Event()
        self.over.set()
        self.rate = 8000
        self._file = None
        self._channels = 1
        self._near = bytearray(640)
        self._both = self._rates = None

    def begin(self, call):
        self.rate = 8000
        return self.wanted

    def record(self, path, both, channels):
        """Begin a file at the rate that there is now. LocalError when it cannot be written."""
        self.stop()
        self._channels = channels
        self._mixed = both
        self._of = self.rate
        if not self._both:
            self._both = bytearray(1280), bytearray(640)
        self._rates = None
        size = self.rate // 25
        near = self._own = memoryview(self._near)[:size]
        self._far = memoryview(self._both[1])[:size]
        self._pairs = memoryview(self._both[0])[: 2 * size] if channels == 2 else near
        self._size = size
        self._file = Recorder(self, path, self.rate, channels)
        self._file.start()
        self.failed = False
        self.over.clear()

    @property
    def seconds(self):
        return self._file.bytes // (2 * self._channels * self._of) if self._file else 0

    @property
    def busy(self):
        """Whether something is recorded."""
        return self._file is not None and not self.over.is_set()

    def tune(self, rate):
        """The call's frames change; a file stays as it was begun."""
        self.rate = rate
        self._rates = None
        if self.busy and rate != self._of:
            try:
                from siplet.audio.rates import Rates

                self._rates = Rates(rate, self._of), Rates(rate, self._of)
            except MemoryError:  # what there is of it is kept, and the call goes on
                self.stop()
                self.failed = True

    def near(self, frame):
        if self.over.is_set():
            return
        if self._rates:
            self._rates[0].convert(frame, self._own)
        else:
            self._own[ALL] = frame

    def far(self, frame):
        if self.over.is_set():
            return
        if self._rates:
            self._rates[1].convert(frame, self._far)
            frame = self._far
        file = self._file
        if self._channels == 2:
            weave(self._size >> 1, self._own, frame, self._pairs)
            file.write(self._pairs)
        elif self._mixed:
            mix(self._size >> 1, self._own, frame)
            file.write(self._own)
        else:
            file.write(frame)
        if not file.is_open:
            self.failed = True
            self.over.set()

    def stop(self):
        """The recording is over; its file is whole."""
        if self.busy:
            errors = self.errors
            self._file.stop()
            self.failed = self.errors != errors
            self.over.set()

    def end(self):
        self.wanted = False
        self.stop()
