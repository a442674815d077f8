# What is heard, as a WAV file: 16-bit PCM of 8 kHz, one channel. Loaded when there is something to record.
# Imports errors.
#
# The sizes in the header are renewed once a second, so that a recording can be read while it grows and after a crash.

import struct

from micropython import const

from siplet.errors import LocalError

_HEADER = const(44)
_FRAME = const(320)
_TOP = const(0x3FFF0000)  # bytes of a recording: 18 hours


class Recorder:
    """One file, begun anew by each start(). owner.errors counts failures of the disk.

    LocalError with a line for the user when it cannot be written.
    """

    def __init__(self, owner, path):
        self._owner = owner
        self._path = path
        self._file = None
        self._bytes = 0
        self._number = bytearray(4)
        self.start()
        if not self._file:
            raise LocalError(path + ": cannot be written")
        self.stop()

    def start(self):
        """A call begins."""
        self._bytes = 0
        try:
            self._file = open(self._path, "wb")
            self._file.write(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0@\x1f\0\0\x80>\0\0\x02\0\x10\0data\0\0\0\0")
        except OSError:
            self._owner.errors += 1

    def stop(self):
        """It is over; start() may follow."""
        if self._file:
            self._patch()
            self._file.close()
            self._file = None

    def write(self, frame):
        """Keep a frame of 320 bytes. Allocates nothing."""
        if not self._file or self._bytes > _TOP:
            return
        try:
            self._file.write(frame)
        except OSError:
            self._owner.errors += 1
            return
        self._bytes += _FRAME
        if self._bytes % (50 * _FRAME) == 0:
            self._patch()

    def _patch(self):
        try:
            for at in (4, 40):  # the sizes of what follows each
                struct.pack_into("<I", self._number, 0, self._bytes + _HEADER - 4 - at)
                self._file.seek(at)
                self._file.write(self._number)
            self._file.seek(0, 2)
            self._file.flush()
        except OSError:
            self._owner.errors += 1
