# Firmware files for the ESP32 family: what is in one, for which chip, which of a folder fits. ESP-IDF's "App Image
# Format" and "Partition Tables"; MicroPython's published .bin: bootloader, partition table and application with 0xff
# between them, from the bootloader's flash offset on. Imports errors and esptool's image reader.

import fnmatch
import glob
import hashlib
import os
import re
import struct
from dataclasses import dataclass, field

from siplet_tools.errors import USAGE, ToolError

TABLE = 0x8000  # flash address of the partition table
_TABLE_SIZE = 0xC00
_APP_MAGIC = 0xABCD5432
# What sys.version says: MicroPython leaves the name and version of the application's description empty
_BANNER = re.compile(rb"MicroPython (?:\([ -'*-~]+\) )?v(\d[\w.+-]{0,40}) on 20\d\d-")
_LARGEST = 32 << 20
_OTHERS = (  # first bytes: what it is, what to do
    (b"\x7fELF", "an ELF file: the .bin of the same build is the one to flash"),
    (b"UF2\n", "a UF2 file, for boards that show up as a disk: take the .bin for an ESP32"),
    (b"\x1f\x8b", "compressed: unpack it first"),
    (b"PK\x03\x04", "a ZIP file: unpack it first"),
)


@dataclass
class Partition:
    """A row of the partition table. kind: 0 application, 1 data; start, size: in flash, bytes."""

    kind: int
    subkind: int
    start: int
    size: int
    label: str


@dataclass
class Image:
    """A firmware. chip: esptool's name, "ESP32-S3"; offset: where its first byte goes in flash; project: "micropython",
    or what else the application calls itself, "" for nothing; version: its, "1.29.0", or "". regions: (start, bytes)
    in flash that a running firmware does not change; ota: start of the data that chooses among several applications,
    or None; slots: how many. revisions: of the chip, the lowest and highest that it runs on, 301 for v3.1.
    """

    path: str
    chip: str
    offset: int
    data: bytes = field(repr=False)
    project: str
    version: str
    regions: tuple = field(repr=False)
    ota: int = None
    slots: int = 0
    revisions: tuple = (0, 0xFFFF)

    @property
    def end(self):
        return self.offset + len(self.data)

    def part(self, start, size):
        """The bytes for a range of flash."""
        return self.data[start - self.offset : start - self.offset + size]


def read(path):
    """The Image of a file, its checksums checked; ToolError that says what else it is."""
    return parse(_content(path), path)


def parse(data, path="this", whole=True):
    """The Image of bytes from the bootloader on. whole: checksums and hashes too, not the outline alone."""
    from esptool.targets import ROM_LIST

    for start, what in _OTHERS:
        if data.startswith(start):
            raise ToolError(f"{path}: {what}", USAGE)
    if data[:1] == b"\xff" and any(data[at : at + 1] == b"\xe9" for at in (0x1000, 0x2000)):
        raise ToolError(f"{path}: a copy of a whole flash: siplet flash --restore {path}", USAGE)
    if data[:1] != b"\xe9" or len(data) < 0x1000:
        raise ToolError(f"{path}: not a firmware for an ESP32", USAGE)
    chip_id = struct.unpack_from("<H", data, 12)[0]
    rom = next((one for one in ROM_LIST if one.IMAGE_CHIP_ID == chip_id), None)
    if rom is None:
        raise ToolError(f"{path}: for no chip of the ESP32 family that is known, but for number {chip_id}", USAGE)
    if _description(data):
        raise ToolError(
            f"{path}: an application alone, for updates over the air: take the .bin that holds the bootloader too",
            USAGE,
        )
    offset = rom.BOOTLOADER_FLASH_OFFSET
    table = partitions(data[TABLE - offset : TABLE - offset + _TABLE_SIZE])
    apps = sorted((one for one in table or () if one.kind == 0 and one.subkind < 0x20), key=lambda one: one.subkind)
    if not apps:
        raise ToolError(f"{path}: holds no partition table for an {rom.CHIP_NAME}: not a whole firmware", USAGE)
    app = data[apps[0].start - offset :][: apps[0].size]
    told = _description(app)
    if not told or struct.unpack_from("<H", app, 12)[0] != chip_id:
        raise ToolError(f"{path}: the application is missing: the file is cut off or damaged", USAGE)
    boot_size, app_size = len(data), len(app)
    if whole:
        boot_size, app_size = (_verified(rom.CHIP_NAME, one, path) for one in (data[: TABLE - offset], app))
    ota = next((one.start for one in table if (one.kind, one.subkind) == (1, 0)), None)
    regions = ((offset, boot_size), (TABLE, _TABLE_SIZE), (apps[0].start, app_size))
    slots = sum(one.subkind >= 0x10 for one in apps)
    lowest, highest = zip(_revisions(data), _revisions(app))
    revisions = (max(lowest), min(highest))
    return Image(path, rom.CHIP_NAME, offset, data, told[0], told[1], regions, ota, slots, revisions)


def partitions(data):
    """[Partition, ...] of a partition table; None when it is none or its MD5 is wrong."""
    found = []
    for at in range(0, len(data) - 31, 32):
        magic, kind, subkind, start, size, label = struct.unpack_from("<HBBII16s", data, at)
        if magic == 0xEBEB:
            return found if data[at + 16 : at + 32] == hashlib.md5(data[:at]).digest() else None
        if magic != 0x50AA:
            return found or None
        found.append(Partition(kind, subkind, start, size, _printable(label)))
    return found or None


def slot(data, slots):
    """Which application starts: its number, from the two sectors of OTA data; 0 when they are erased or invalid."""
    best = 0
    for at in (0, 0x1000):
        number, _label, _state, crc = struct.unpack_from("<I20sII", data.ljust(0x2000, b"\xff"), at)
        if 0 < number < 0xFFFFFFFF and crc == _ota_crc(number):
            best = max(best, number)
    return (best - 1) % slots if best and slots else 0


def application(chip, data, path):
    """(project, version) of an application's image for esptool's chip name, checksums checked; ToolError."""
    told = _description(data)
    if not told:
        raise ToolError(f"{path}: no application there", USAGE)
    _verified(chip, data, path)
    return told


def find(where, chip, pattern=None):
    """(Image, how many fitted) for esptool's chip name: the file, or the newest of the folder that fits.

    pattern: of the file's name, as of the shell; without one a plain build goes before a variant.
    """
    if not os.path.isdir(where):
        return read(where), 1
    fitting = []
    for path in candidates(where):
        if pattern and not fnmatch.fnmatch(os.path.basename(path), pattern):
            continue
        try:
            image = parse(_content(path), path, whole=False)
        except ToolError:
            continue
        if image.chip == chip:
            fitting.append(image)
    if not fitting:
        named = f", {pattern}," if pattern else ""
        raise ToolError(
            f"{where}: no firmware{named} for an {chip} among {len(candidates(where))} files: "
            "fetch one from micropython.org/download, or add --download",
            USAGE,
        )
    newest = max(fitting, key=_age)
    return read(newest.path), len(fitting)


def candidates(folder):
    """The .bin files of a folder, sorted; ToolError when there is no such folder or nothing in it."""
    if not os.path.isdir(folder):
        raise ToolError(
            f"{folder}: no such firmware file or folder: give one with --firmware, or add --download", USAGE
        )
    found = sorted(glob.glob(os.path.join(glob.escape(folder), "*.bin")))
    if not found:
        raise ToolError(f"{folder}: no .bin file in it: fetch one from micropython.org, or add --download", USAGE)
    return found


def _age(image):
    # Versions by number, a preview before its release, a variant (a longer name) after the plain build
    numbers = tuple(int(part) for part in re.findall(r"\d+", image.version.split("-")[0]))
    name = os.path.basename(image.path)
    date = re.search(r"-(20\d{6})-", name)
    return numbers, "-" not in image.version, date.group(1) if date else "", -len(name), name


def _content(path):
    try:
        if os.path.getsize(path) > _LARGEST:
            raise ToolError(f"{path}: larger than any ESP32's flash", USAGE)
        with open(path, "rb") as file:
            return file.read(_LARGEST)  # a device has no size
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror}", USAGE) from None


def _description(data):
    # (project, version) of an application image; None of what is none
    if len(data) < 288 or struct.unpack_from("<I", data, 32)[0] != _APP_MAGIC:
        return None
    version, project = struct.unpack_from("<32s32s", data, 48)
    banner = _BANNER.search(data)
    if banner:
        return "micropython", banner.group(1).decode()
    project = _printable(project)
    if not project and b"micropython" in data:  # one of its names for Python code
        project = "micropython"
    return project, re.sub(r"^v(?=\d)", "", _printable(version))


def _revisions(data):
    # Those of an image; old ones say nothing
    lowest, highest = struct.unpack_from("<HH", data, 15)
    return (lowest, highest) if highest else (0, 0xFFFF)


def _verified(chip, data, path):
    # Bytes of the image at the start of data
    from esptool.bin_image import LoadFirmwareImage
    from esptool.util import FatalError

    try:
        image = LoadFirmwareImage(chip, data)
        good = image.checksum == image.calculate_checksum()
        good = good and (not image.append_digest or image.calc_digest == image.stored_digest)
    except (FatalError, RuntimeError, TypeError, struct.error):
        good = False
    if not good:
        raise ToolError(f"{path}: damaged: its checksum is wrong; fetch it again", USAGE)
    last = image.segments[-1]
    size = (last.file_offs + 8 + len(last.data) + 16) // 16 * 16  # the checksum stands at the end of 16 bytes
    return size + 32 * image.append_digest


def _ota_crc(number):
    import zlib

    return zlib.crc32(struct.pack("<I", number), 0xFFFFFFFF) & 0xFFFFFFFF


def _printable(data):
    return "".join(chr(c) for c in data.split(b"\0")[0] if 32 <= c < 127)


def copy_of_flash(path):
    """The bytes of a backup; ToolError when the file cannot be one."""
    data = _content(path)
    if len(data) < 1 << 18 or len(data) & (len(data) - 1):
        raise ToolError(f"{path}: not a copy of a whole flash, whose size is a power of two", USAGE)
    return data


def chip_of_flash(data):
    """esptool's name of the chip whose bootloader lies in the content of a flash; None when there is none."""
    from esptool.targets import ROM_LIST

    for rom in ROM_LIST:
        at = rom.BOOTLOADER_FLASH_OFFSET
        if data[at : at + 1] == b"\xe9" and struct.unpack_from("<H", data, at + 12)[0] == rom.IMAGE_CHIP_ID:
            return rom.CHIP_NAME
    return None
