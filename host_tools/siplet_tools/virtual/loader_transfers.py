# What takes the loader more than one request: a write to its flash, a reading of it. Espressif's "Serial Protocol".
# Imports its neighbour loader_requests.

import hashlib
import zlib

from siplet_tools.virtual import loader_requests as requests

_SECTOR = 0x1000


class Write:
    """A write that is under way. flash: a NorFlash; left: bytes that are missing; deflated: whether they come so.

    erases: whether sectors are erased on the way, as the stub does; the ROM has erased all of them before.
    """

    def __init__(self, flash, offset, size, deflated, erases):
        self.left = size
        self.deflated = deflated
        self._flash, self._offset = flash, offset
        self._inflate = zlib.decompressobj() if deflated else None
        self._erased = offset - offset % _SECTOR if erases else None

    def put(self, data):
        """The next block; Refused when it is broken or too much."""
        if self._inflate:
            try:
                data = self._inflate.decompress(data, self.left + 1)
            except zlib.error:
                raise requests.Refused(requests.BAD_DEFLATE)
            if len(data) > self.left:
                raise requests.Refused(requests.TOO_MUCH)
        data = data[: self.left]  # the last block of what is not compressed is padded
        while self._erased is not None and self._erased < self._offset + len(data):
            self._flash.erase(self._erased)
            self._erased += _SECTOR
        self._flash.program(self._offset, data)
        self._offset += len(data)
        self.left -= len(data)


class Read:
    """A reading that is under way. flash: a NorFlash; at, end: addresses; block: bytes at once."""

    def __init__(self, flash, at, end, block):
        self.over = False  # the digest, the last part, was taken
        self._flash, self._at, self._end, self._block = flash, at, end, block
        self._digest = hashlib.md5()

    def part(self):
        """The next bytes to send."""
        self.over = self._at >= self._end
        if self.over:
            return self._digest.digest()
        part = self._flash.read(self._at, min(self._block, self._end - self._at))
        self._at += len(part)
        self._digest.update(part)
        return part
