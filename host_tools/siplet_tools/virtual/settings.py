# What a virtual board is: its chip, its line, its flash, its place in the network. Imports chips, child, flash, errors.

import hashlib
import json
import os
from dataclasses import dataclass

from siplet_tools.errors import USAGE, ToolError
from siplet_tools.virtual import child, chips
from siplet_tools.virtual.flash import FILES

NETWORKS = (("siplet", "virtual-board", 6), ("guests", "", 11))  # of the simulated room: name, password, channel


@dataclass
class Settings:
    """folder: keeps the board's file system and flash; chip: a name of chips.KINDS; baud: bits a second of the line,
    None: as fast as can be; address: the board's own in the simulated network, 127.x; flash_size: bytes of the chip;
    room: bytes of its file system, None: what the firmware leaves; romfs: bytes of its ROMFS partition, 0: none; heap:
    bytes; bare: nothing is in the flash yet; mac: 12 hex digits, "": one that belongs to the folder; networks: those of
    the room, (name, password, channel) each; None: those of networks.json in the folder, else NETWORKS; buffer: bytes
    that a UART holds while the board does not read, None: 259 with a baud, else no limit, as with USB; flash_ms: how
    long a block of 4 KB takes to be written, None: 25 with a baud, else 0.
    """

    folder: str
    chip: str = "esp32"
    baud: int = None
    address: str = "127.0.0.1"
    flash_size: int = 4 << 20
    room: int = None
    romfs: int = 512 << 10
    heap: int = 1 << 20
    bare: bool = False
    mac: str = ""
    networks: tuple = None
    buffer: int = None
    flash_ms: int = None

    def __post_init__(self):
        if self.chip not in chips.KINDS:
            raise ToolError(f"no virtual {self.chip}: there are {', '.join(chips.KINDS)}", USAGE)
        if self.flash_size not in (4 << 20, 8 << 20, 16 << 20):
            raise ToolError("a flash of 4, 8 or 16 MB", USAGE)
        self.folder = os.path.abspath(self.folder)
        self.files = os.path.join(self.folder, "files")
        self.kind = chips.KINDS[self.chip]
        self.room = self.room or self.flash_size - FILES
        self.mac = self.mac or "02" + hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:10]
        if self.baud:
            self.buffer = 259 if self.buffer is None else self.buffer
            self.flash_ms = 25 if self.flash_ms is None else self.flash_ms
        if self.networks is None:
            self.networks = _networks(os.path.join(self.folder, "networks.json"))
        self.release, self.date = child.release()
        self.banner = f"MicroPython {self.release} on {self.date}; {self.kind.machine}\r\n".encode()


def _networks(path):
    if not os.path.exists(path):
        return NETWORKS
    try:
        with open(path, encoding="utf-8") as file:
            found = [(str(name), str(password), int(channel)) for name, password, channel in json.load(file)]
    except (OSError, ValueError, TypeError):
        raise ToolError(
            f'{path}: is no list of networks, [["name", "password or nothing", channel], ...]', USAGE
        ) from None
    return tuple(found)
