# What the host's phone says and hears: audio objects as siplet's (firmware/siplet/audio/null.py), which keep both sides
# for measure. Imports errors, measure, and siplet for WAV files to play.

import os
import sys
import time
import wave
from array import array
from collections import deque

from siplet_tools.errors import USAGE, ToolError
from siplet_tools.wire import measure

_FRAME_BYTES = 2 * measure.FRAME
_KEPT = 120 * measure.RATE * 2  # bytes of each side that are kept to be measured, the first two minutes
_SILENCE = bytes(_FRAME_BYTES)
_PAUSE_S = 0.06  # between two frames of 20 ms; a jitter buffer that has adapted to a calm network holds no more


class Kept:
    """Says what source.read() gives, hears into sink.write(), and keeps both; source, sink: audio objects or None.

    record: path of a WAV file for what is heard. acoustic is False: what is played is heard by no microphone here.
    """

    rate = measure.RATE
    acoustic = False
    returns_sound = False

    def __init__(self, source=None, sink=None, record=None, clock=time.monotonic):
        self._source, self._sink = source, sink
        self._said, self._heard = bytearray(), bytearray()
        # The disk's file beside the one of the module wave, which does not close what it was given
        self._file, self._disk = _open_wav(record) if record else (None, None)
        self.errors = 0  # of the disk
        self.pauses = 0  # frames that were asked for much too late: this computer was busy with something else
        self._clock, self._asked = clock, None

    def start(self):
        self._asked = None
        for end in {self._source, self._sink} - {None}:
            end.start()

    def stop(self):
        for end in {self._source, self._sink} - {None}:
            end.stop()

    def read(self, frame):
        former, self._asked = self._asked, self._clock()
        if former is not None and self._asked - former > _PAUSE_S:
            self.pauses += 1
        there = bool(self._source) and self._source.read(frame)
        if len(self._said) < _KEPT:
            self._said += frame if there else _SILENCE
        return there

    def write(self, frame):
        if self._sink:
            self._sink.write(frame)
        if len(self._heard) < _KEPT:
            self._heard += frame
        if self._file:
            try:
                self._file.writeframesraw(frame)
            except OSError:
                self.errors += 1

    def forget(self):
        """What was kept of a former call."""
        self._said.clear()
        self._heard.clear()
        self.pauses = 0

    def notes(self):
        """What the ends have to say of the call that is over, a line each."""
        return [note for end in {self._source, self._sink} if hasattr(end, "notes") for note in end.notes()]

    def close(self):
        """The recording is complete."""
        for file in (self._file, self._disk) if self._file else ():
            try:
                file.close()
            except OSError:
                self.errors += 1
        self._file = None

    @property
    def said(self):
        return _samples(self._said)

    @property
    def heard(self):
        return _samples(self._heard)

    def level(self, seconds=0.5):
        """The level of what was heard last, dBov; None for silence."""
        size = int(seconds * measure.RATE) * 2
        return measure.dbov(measure.rms(_samples(self._heard[-size:])))


def _samples(data):
    # siplet's samples are little-endian
    samples = array("h", bytes(data))
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


def _open_wav(path):
    if os.path.isdir(path):
        raise ToolError(f"{path}: is a folder; --record wants the name of a WAV file", USAGE)
    try:
        raw = open(path, "wb")
    except OSError as error:
        raise ToolError(f"{path}: cannot be written ({error.strerror})", USAGE) from None
    file = wave.open(raw, "wb")
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(measure.RATE)
    return file, raw


class Samples:
    """A source that says samples, array("h"), again and again."""

    def __init__(self, samples):
        samples = array("h", samples)
        if sys.byteorder == "big":
            samples.byteswap()
        data = samples.tobytes()
        self._data = data[: len(data) // _FRAME_BYTES * _FRAME_BYTES]
        self._at = 0

    def start(self):
        self._at = 0

    def stop(self):
        pass

    def read(self, frame):
        frame[:] = self._data[self._at : self._at + _FRAME_BYTES]
        self._at = (self._at + _FRAME_BYTES) % len(self._data)
        return True


class Delayed:
    """Source and sink that says what it hears, some frames later: the host as an echo. What nobody takes, because the
    far end does not want to hear it now, is forgotten.
    """

    def __init__(self, frames=10):
        self._frames = frames
        self._queue = deque(maxlen=2 * frames)

    def start(self):
        self._queue.clear()
        self._queue.extend([_SILENCE] * self._frames)

    stop = start

    def read(self, frame):
        if not self._queue:
            return False
        frame[:] = self._queue.popleft()
        return True

    def write(self, frame):
        self._queue.append(bytes(frame))


def play(path):
    """A source that says a WAV file again and again: 8, 16 or 48 kHz, PCM16 or G.711. ToolError when it cannot."""
    from siplet_tools import firmware

    firmware.load("audio")
    from siplet.audio.wav import Wav
    from siplet.errors import LocalError

    try:
        return Wav(path, repeat=True)
    except LocalError as error:
        raise ToolError(f"{error}; --play wants a mono WAV file", USAGE) from None
