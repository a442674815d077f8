# The board's flash chip as a file, and what lies in it when it leaves the factory: MicroPython for its chip, made up,
# and the board's files. Imports nor_flash, booting, rom_chips.
#
# The files of a board live in a folder, where a person can see them. A host program that reads or writes the flash
# itself meets them as a tar archive in the place of the file system, so that a copy of the flash brings them back, and
# erasing it is the end of them.

import contextlib
import hashlib
import io
import os
import shutil
import struct
import tarfile
from functools import reduce

from siplet_tools.virtual.nor_flash import NorFlash
from siplet_tools.virtual.rom_chips import CHIPS

FILES = 0x200000  # flash address of the file system
_TABLE, _APPLICATION = 0x8000, 0x10000
_LOADED_AT = {  # memory, mapped flash
    "esp32": (0x3FFF0030, 0x3F400020),
    "esp32s3": (0x3FCE2820, 0x3C000020),
    "esp32c3": (0x3FCD5820, 0x3C000020),
}


class Flash:
    """The chip of one board. folder, files: paths; chip: its name; size: bytes; version: MicroPython's, "v1.29.0"."""

    def __init__(self, folder, files, chip, size, version):
        self.path = os.path.join(folder, "flash.bin")
        self._files, self._chip, self._size, self._version = files, chip, size, version
        self._romfs = os.path.join(folder, "romfs.bin")  # device/board_rom.py makes it
        self._boot = None

    @property
    def mapped(self):
        """Bytes of the ROMFS partition, once it was looked at: an ESP32 maps them into its address space."""
        return os.path.getsize(self._romfs) if os.path.exists(self._romfs) else 0

    def make_bare(self):
        """Nothing is in it: as a module comes out of its bag."""
        with open(self.path, "wb") as file:
            file.write(b"\xff" * self._size)
        self._wipe()
        self._boot = None

    def format(self):
        """An empty file system, as MicroPython makes it at its first start."""
        self._wipe()
        with open(os.path.join(self._files, "boot.py"), "w", encoding="utf-8") as file:
            file.write("# Runs at each start, before main.py\n")

    def trouble(self):
        """What keeps the chip from starting MicroPython: the text that it prints, bytes; None when it starts."""
        if not os.path.exists(self.path):
            return None  # it was never looked at since the factory
        if self._boot is None:
            from siplet_tools.virtual.booting import boots

            flash = NorFlash(self._size, self.path)
            self._boot = boots(self._chip, flash)
            flash.close()
        return None if self._boot.what == "micropython" else self._boot.text or b"hello, no MicroPython here\r\n"

    def open(self):
        """The NorFlash for a loader, with the board's files in it."""
        fresh = not os.path.exists(self.path)
        flash = NorFlash(self._size, self.path)
        if fresh:
            flash.load(factory(self._chip, self._version), CHIPS[self._chip].bootloader)
        if fresh or self.trouble() is None:
            archive = self._packed()
            flash.load(b"\xff" * (self._size - FILES), FILES)
            flash.load(archive, FILES)
            self._loaded = hashlib.sha256(flash.read(FILES)).digest()
        else:
            self._loaded = None
        return flash

    def close(self, flash):
        """The loader is done: what it wrote counts from now on."""
        content = flash.read(FILES)
        if hashlib.sha256(content).digest() != self._loaded:
            self._wipe()
            self._unpack(content)
        flash.close()
        self._boot = None

    def _packed(self):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            archive.add(self._files, ".")
        return out.getvalue()[: self._size - FILES]

    def _unpack(self, content):
        try:
            with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
                members = [one for one in archive if (one.isfile() or one.isdir()) and _inside(one.name)]
                for member in members:
                    archive.extract(member, self._files, **_FILTER)
        except (tarfile.TarError, OSError):  # erased, or a file system that we cannot read
            self.format()

    def _wipe(self):
        shutil.rmtree(self._files, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError):
            os.remove(self._romfs)
        os.makedirs(self._files, exist_ok=True)


_FILTER = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}


def _inside(name):
    return not name.startswith("/") and ".." not in name.split("/")


def factory(chip, version):
    """An image of MicroPython for that chip as far as anybody looks: bootloader, partition table, application; bytes
    from the bootloader's offset on. ESP-IDF's application image format and partition tables.
    """
    number, offset = CHIPS[chip].chip_id, CHIPS[chip].bootloader
    memory, mapped = _LOADED_AT[chip]
    filler = hashlib.sha256(version.encode()).digest() * 128
    told = struct.pack("<II8s32s32s16s16s32s32s", 0xABCD5432, 0, b"", version.encode(), b"micropython", *[b""] * 4)
    data = _image(number, [(memory, filler)]).ljust(_TABLE - offset, b"\xff")
    data = (data + _table()).ljust(_APPLICATION - offset, b"\xff")
    return data + _image(number, [(mapped, told.ljust(256, b"\0") + filler * 4), (memory, filler)])


def _image(number, segments):
    data = struct.pack("<BBBBI", 0xE9, len(segments), 2, 0x0F, segments[0][0])
    data += struct.pack("<BBBBHBHHIB", 0xEE, 0, 0, 0, number, 0, 0, 0xFFFF, 0, 1)
    check = 0xEF
    for address, content in segments:
        data += struct.pack("<II", address, len(content)) + content
        check = reduce(lambda a, b: a ^ b, content, check)
    data += bytes(15 - len(data) % 16) + bytes([check])
    return data + hashlib.sha256(data).digest()


def _table():
    rows = [(1, 2, 0x9000, 0x6000, b"nvs"), (1, 1, 0xF000, 0x1000, b"phy_init"), (0, 0, 0x10000, 0x1F0000, b"factory")]
    data = b"".join(struct.pack("<HBBII16sI", 0x50AA, *row, 0) for row in rows)
    return data + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(data).digest()
