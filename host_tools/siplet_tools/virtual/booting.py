# What a chip does with what lies in its flash: the ROM looks for the bootloader, that for the partition table and the
# application it names. Imports board.images, which reads the formats.

from dataclasses import dataclass

from siplet_tools.board import images
from siplet_tools.errors import ToolError
from siplet_tools.virtual.rom_chips import CHIPS


@dataclass(frozen=True)
class Boot:
    """what: "micropython"; "other" for an application that is none; "no application" when the bootloader finds none;
    "invalid header" when there is no bootloader. version: the application's. text: what is printed again and again
    when nothing starts, bytes.
    """

    what: str
    version: str = ""
    text: bytes = b""


def boots(chip, flash):
    """The Boot of a chip (a rom_chips.Chip or its name) from a nor_flash.NorFlash."""
    chip = CHIPS[chip] if isinstance(chip, str) else chip
    start = chip.bootloader
    if images.chip_of_flash(flash.read()) != chip.title:
        word = int.from_bytes(flash.read(start, 4), "little")
        return Boot("invalid header", text=b"invalid header: 0x%08x\r\n" % word)
    try:
        image = images.parse(flash.read(start), "flash")
        name, version = image.project, image.version
        number = images.slot(flash.read(image.ota, 0x2000), image.slots) if image.ota is not None else 0
        if number:
            table = images.partitions(flash.read(images.TABLE, 0xC00))
            app = next(one for one in table if (one.kind, one.subkind) == (0, 0x10 + number))
            name, version = images.application(chip.title, flash.read(app.start, app.size), "flash")
    except (ToolError, StopIteration):
        return Boot("no application", text=b"E (31) boot: No bootable app partitions in the partition table\r\n")
    return Boot("micropython" if name == "micropython" else "other", version)
