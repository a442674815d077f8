# MicroPython onto a board of the ESP32 family: compare, back up, write, verify, start. Imports errors, images,
# rom_loader.
#
# Nothing is written before a copy of the whole flash lies in a file whose MD5 the chip has confirmed. A mark beside it
# says for which board a write began and did not end: the next run then keeps that copy and does not make one of a flash
# that is half-written.

import contextlib
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, field

from siplet_tools import private
from siplet_tools.board import images
from siplet_tools.board.rom_loader import RomLoader
from siplet_tools.errors import FAILED, USAGE, ToolError

_SECTOR = 0x1000


@dataclass
class Flashed:
    """What was done. skipped: the same firmware was there; backup: the file with what was there before, or "";
    written: bytes; notes: lines worth reading.
    """

    port: str
    chip: str
    mac: str
    flash_size: int
    image: str
    version: str
    backup: str = ""
    skipped: bool = False
    dry_run: bool = False
    erased: bool = False
    written: int = 0
    seconds: float = 0.0
    notes: list = field(default_factory=list)

    as_dict = asdict


@contextlib.contextmanager
def _silent(text):
    yield lambda done, total: None


def flash(
    port,
    firmware,
    backup_folder="firmware-backups",
    progress=_silent,
    backup=True,
    erase=False,
    dry_run=False,
    pattern=None,
    download=None,
    baud=460800,
):
    """Writes a firmware; Flashed. Nothing when the same one is there.

    firmware: a file or a folder of them; backup_folder: for the copy of what is there; pattern: of the
    file's name, for a folder. erase: all of the flash, files too. download(chip, folder): fetches one into the folder
    first, when that is wanted. progress("text"): a context manager that gives a function (done, total), as
    console.progress. ToolError with what to do; 3 as its status when the port or the board is to blame.
    """
    image = None
    if os.path.isfile(firmware):
        image = images.read(firmware)
    elif not download:
        images.candidates(firmware)
    with _session(port, baud, progress) as rom:
        notes = []
        if image is None:
            if download:
                with progress("downloading") as step:
                    download(rom.chip, firmware, step)
            image, fitting = images.find(firmware, rom.chip, pattern)
            if fitting > 1:
                notes.append(f"{fitting} firmwares fit, {os.path.basename(image.path)} is the newest")
        if image.chip != rom.chip:
            raise ToolError(f"{image.path}: for an {image.chip}; the board at {port} is an {rom.chip}", USAGE)
        lowest, highest = image.revisions
        if not lowest <= rom.revision <= highest:
            wanted = f"{_v(lowest)} or later" if lowest > rom.revision else f"{_v(highest)} at most"
            raise ToolError(
                f"{image.path}: for an {rom.chip} {wanted}; {port} has {_v(rom.revision)}: take another build",
                USAGE,
            )
        if image.project != "micropython":
            notes.append(f"{os.path.basename(image.path)} calls itself {image.project or 'nothing'}, not micropython")
        done = Flashed(port, rom.chip, rom.mac, rom.flash_size, image.path, image.version, notes=notes)
        how = _How(backup_folder, backup, progress, erase, dry_run)
        return _bring(rom, image, image.offset, image.data, done, how)


def _v(revision):
    return f"v{revision // 100}.{revision % 100}"


def restore(port, path, backup_folder="firmware-backups", progress=_silent, backup=True, dry_run=False, baud=460800):
    """Writes a backup back, all of the flash; Flashed. A copy of what is there is made first, as flash does."""
    data = images.copy_of_flash(path)
    with _session(port, baud, progress) as rom:
        if len(data) != rom.flash_size:
            raise ToolError(
                f"{path}: {len(data)} bytes, but the flash of the board at {port} has {rom.flash_size}", USAGE
            )
        held = images.chip_of_flash(data)
        if held and held != rom.chip:
            raise ToolError(f"{path}: of an {held}; the board at {port} is an {rom.chip}", USAGE)
        done = Flashed(port, rom.chip, rom.mac, rom.flash_size, path, "")
        if rom.mac not in os.path.basename(path):
            done.notes.append("the copy is not of this board by its name: settings of another one come with it")
        return _bring(rom, None, 0, data, done, _How(backup_folder, backup, progress, False, dry_run))


@dataclass
class _How:
    folder: str
    backup: bool
    progress: object
    erase: bool
    dry_run: bool


def _bring(rom, image, start, data, done, how):
    # What flash and restore have in common, with the chip in its loader
    begun = time.monotonic()
    end = start + len(data)
    if end > rom.flash_size:
        raise ToolError(f"{done.image}: needs {end} bytes of flash, the board has {rom.flash_size}", USAGE)
    mark = _Mark(how.folder, rom)
    rom.doing = "comparing"
    with how.progress("comparing"):
        same = not how.erase and _same(rom, image, start, data)
    if same:
        done.skipped = True
        if not how.dry_run:
            mark.remove()
    elif how.dry_run:
        done.dry_run, done.erased, done.written = True, how.erase, len(data)
    else:
        if how.backup:
            done.backup = mark.backup(end)
            if done.backup:
                done.notes.append("an earlier run did not end: its copy of the flash is kept, no new one is made")
            else:
                done.backup = _copy(rom, how.folder, how.progress)
            mark.set(done.backup, how.erase)
        kept = f"; what was there is in {done.backup}" if done.backup else ""
        rom.after_break = f"the firmware is half-written, the next run finishes it{kept}"
        if how.erase:
            rom.doing = "erasing"
            with how.progress("erasing"):
                rom.erase()
        rom.doing = "writing"
        with how.progress("writing") as step:
            rom.write(start, data, step)
        done.erased, done.written = how.erase, len(data)
        mark.remove()
    rom.after_break = "the firmware is complete: press RESET"
    rom.doing = "starting it"
    done.seconds = round(time.monotonic() - begun, 1)
    done.notes += rom.warnings
    return done


@contextlib.contextmanager
def _session(port, baud, progress):
    # The chip in its loader; whatever happens, it is told to start its firmware afterwards
    with contextlib.ExitStack() as stack:
        with progress("looking for the chip"):
            rom = stack.enter_context(RomLoader.open(port, baud))
        try:
            yield rom
        except BaseException:
            with contextlib.suppress(Exception):
                rom.run()
            raise
        rom.run()


def _same(rom, image, start, data):
    # By MD5, of what a running firmware leaves as it is: between the parts lies what it writes itself, its NVS for one
    regions = image.regions if image else ((start, len(data)),)
    for at, size in regions:
        if rom.digest(at, size) != hashlib.md5(data[at - start : at - start + size]).hexdigest():
            return False
    if image and image.ota is not None:
        chosen = b"".join(rom.read(image.ota, 0x2000, lambda done, total: None))
        return images.slot(chosen, image.slots) == 0
    return True


def _copy(rom, folder, progress):
    # The path of a copy of the whole flash; there is a complete one or none
    rom.doing = "making a copy of the flash"
    name = f"{rom.chip.replace('-', '').lower()}-{rom.mac}-{time.strftime('%Y%m%d-%H%M%S')}"
    path = os.path.join(folder, name + ".bin")
    number = 1
    while os.path.exists(path):
        number += 1
        path = os.path.join(folder, f"{name}-{number}.bin")
    part = path + ".part"
    digest = hashlib.md5()
    try:
        os.makedirs(folder, exist_ok=True)
        with open(part, "wb", opener=private.opener) as file:  # it holds the board's passwords
            with progress("copy of the flash") as step:
                for data in rom.read(0, rom.flash_size, step):
                    digest.update(data)
                    file.write(data)
            file.flush()
            os.fsync(file.fileno())
        rom.doing = "comparing the copy"
        with progress("comparing the copy"):
            same = rom.digest(0, rom.flash_size) == digest.hexdigest()
        if not same:
            raise ToolError(
                f"{rom.port}: the copy differs from the flash: try --baud 115200; nothing was changed", FAILED
            )
        os.replace(part, path)
    except OSError as error:
        raise ToolError(f"{folder}: cannot keep a copy there: {error.strerror}; see --backups", USAGE) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part)
    return path


class _Mark:
    """The file that says: a write to this board began. It holds the name of the copy made before."""

    def __init__(self, folder, rom):
        self.folder, self.rom = folder, rom
        self.path = os.path.join(folder, f"{rom.mac}.unfinished")

    def backup(self, end):
        """The path of the copy of an unfinished write; "" when there is none, or the board has run since: then what
        lies behind the firmware's end differs from the copy.
        """
        try:
            with open(self.path, encoding="utf-8") as file:
                told = json.load(file)
            path = os.path.join(self.folder, os.path.basename(told["backup"]))
            with open(path, "rb") as file:
                data = file.read(self.rom.flash_size + 1)
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        if len(data) != self.rom.flash_size:
            return ""
        end = -(-end // _SECTOR) * _SECTOR  # as far as the write erases
        rest = data[end:]
        if rest and not told.get("erase") and self.rom.digest(end, len(rest)) != hashlib.md5(rest).hexdigest():
            return ""
        return path

    def set(self, backup, erase):
        try:
            with open(self.path, "w", encoding="utf-8") as file:
                json.dump({"backup": os.path.basename(backup), "erase": erase}, file)
        except OSError as error:
            raise ToolError(f"{self.path}: {error.strerror}", USAGE) from None

    def remove(self):
        with contextlib.suppress(OSError):
            os.unlink(self.path)
