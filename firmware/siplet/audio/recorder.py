# What is heard, as a WAV file: 16-bit PCM. Loaded when there is something to record. Imports errors.
#
# The sizes in the header are renewed once a second, so that a recording can be read while it grows and after a crash. A
# disk that is full or fails ends it: what is there stays, and is a whole file.

import struct

from micropython import const

from siplet.errors import LocalError

_HEADER = const(44)
_TOP = const(0x3FFF0000)  # bytes of a recording: 18 hours of one channel at 8 kHz


class Recorder:
    """One file, begun anew by each start(). rate: samples a second; channels: 1 or 2, whose samples take turns.

    owner.errors counts failures of the disk. is_open: what is written is kept. bytes: of sound, so far.
    LocalError with a line for the user when it cannot be written.
    """

    def __init__(self, owner, path, rate=8000, channels=1):
        self._owner = owner
        self._path = path
        self._file = None
        self.bytes = 0
        self._number = bytearray(4)
        self.form(rate, channels)
        self.start()
        if not self._file:
            raise LocalError(path + ": cannot be written")
        self.stop()

    def form(self, rate, channels):
        """What the next start() begins a file of."""
        self._form = channels, rate, 2 * channels * rate, 2 * channels
        self._second = 2 * channels * rate

    @property
    def is_open(self):
        return self._file is not None

    def start(self):
        """A call begins."""
        self.bytes = 0
        try:
            self._file = open(self._path, "wb")
            head = struct.pack("<IHHIIHH", 16, 1, *self._form, 16)
            self._file.write(b"RIFF\0\0\0\0WAVEfmt " + head + b"data\0\0\0\0")
        except OSError:
            self._fail()

    def stop(self):
        """It is over; start() may follow."""
        if self._file:
            self._patch()
        if self._file:
            try:
                self._file.close()
            except OSError:
                self._owner.errors += 1
            self._file = None

    def write(self, frame):
        """Keep a frame. Allocates nothing."""
        if not self._file or self.bytes > _TOP:
            return
        size = len(frame)
        try:
            if self._file.write(frame) != size:  # what a disk does whose last block is being filled
                raise OSError
        except OSError:
            self._fail()
            return
        self.bytes += size
        if self.bytes % self._second == 0:
            self._patch()

    def _patch(self):
        try:
            self._write_sizes(self._file)
            self._file.seek(0, 2)
            self._file.flush()
        except OSError:
            self._fail()

    def _write_sizes(self, file):
        for at in (4, 40):  # the sizes of what follows each
            struct.pack_into("<I", self._number, 0, self.bytes + _HEADER - 4 - at)
            file.seek(at)
            file.write(self._number)

    def _fail(self):
        self._owner.errors += 1
        file, self._file = self._file, None
        if not file:
            return
        for last in (self._write_sizes, _close):  # the header lies in a block that is there already
            try:
                last(file)
            except OSError:
                pass


def _close(file):
    file.close()
