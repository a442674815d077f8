# A serial NOR flash chip, simulated: erased bytes are 0xff, programming only clears bits, erasing takes whole sectors.
# JEDEC JESD216 for its identification. Imports the standard library alone.

import mmap
import os

SECTOR = 0x1000
_MAKER, _KIND = 0xEF, 0x40  # Winbond W25Q


class NorFlash:
    """size: bytes, a power of two from 256 KB to 16 MB. path: a file that holds the content and survives the process;
    None keeps it in memory. erased: numbers of the sectors that were erased since it was made.
    """

    def __init__(self, size=4 << 20, path=None):
        if size & (size - 1) or not 1 << 18 <= size <= 1 << 24:
            raise ValueError("a flash chip of 256 KB, 512 KB, 1, 2, 4, 8 or 16 MB")
        self.size = size
        self.erased = set()
        if path is None:
            self._cells = bytearray(b"\xff") * size
            return
        with open(path, "a+b") as file:
            have = os.fstat(file.fileno()).st_size
            file.write(b"\xff" * (size - have))
            file.flush()
            if have > size:
                file.truncate(size)
            self._cells = mmap.mmap(file.fileno(), size)

    @property
    def identity(self):
        """The three bytes of RDID as the SPI controller delivers them: maker lowest, then kind, then log2 of size."""
        return _MAKER | _KIND << 8 | (self.size.bit_length() - 1) << 16

    def read(self, start=0, length=None):
        """bytes; past the end the address wraps, as in the chip."""
        length = self.size - start if length is None else length
        start %= self.size
        data = self._cells[start : start + length]
        while len(data) < length:
            data += self._cells[: length - len(data)]
        return bytes(data)

    def program(self, start, data):
        """Clears the bits that are 0 in data; what is 0 already stays so."""
        if start < 0 or start + len(data) > self.size:
            raise ValueError("outside of the chip")
        old = int.from_bytes(self._cells[start : start + len(data)], "big")
        self._cells[start : start + len(data)] = (old & int.from_bytes(data, "big")).to_bytes(len(data), "big")

    def erase(self, start, length=SECTOR):
        """Sets all sectors that hold a byte of start...start+length to 0xff."""
        first, end = start // SECTOR, -(-(start + length) // SECTOR)
        if start < 0 or end * SECTOR > self.size:
            raise ValueError("outside of the chip")
        self._cells[first * SECTOR : end * SECTOR] = b"\xff" * ((end - first) * SECTOR)
        self.erased.update(range(first, end))

    def load(self, data, start=0):
        """Content from the factory, past all rules."""
        self._cells[start : start + len(data)] = data

    def answer(self, opcode, address=0):
        """What a command over the SPI controller reads back, 32 bits."""
        if opcode == 0x9F:  # RDID
            return self.identity
        if opcode == 0x5A:  # RDSFDP: the signature; the tables behind it are not there
            return 0x50444653 if address == 0 else 0xFFFFFFFF
        return 0  # status registers: ready, nothing protected

    def close(self):
        if isinstance(self._cells, mmap.mmap):
            self._cells.flush()
            self._cells.close()
