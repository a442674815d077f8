# A virtual board in the calling process: start it, press its buttons, pull its cable.
# Imports supervisor, chips, registry.

import os
from dataclasses import dataclass

from siplet_tools.virtual import child, chips, registry
from siplet_tools.virtual.supervisor import Supervisor

NETWORKS = (("siplet", "virtual-board", 6), ("guests", "", 11))  # of the simulated room: name, password, channel
_FIRMWARE_ROOM = 2 << 20  # of the flash, before the file system


@dataclass
class Settings:
    """folder: keeps the board's file system and flash; baud: bits a second, None: as fast as can be; address: the
    board's own in the simulated network; flash_size: bytes of the chip; room: bytes of its file system, None: what the
    firmware leaves; heap: bytes.
    """

    folder: str
    chip: str = "esp32"
    baud: int = None
    address: str = "127.0.0.1"
    flash_size: int = 4 << 20
    room: int = None
    heap: int = 1 << 20
    bare: bool = False
    mac: str = ""
    networks: tuple = NETWORKS

    def __post_init__(self):
        self.folder = os.path.abspath(self.folder)
        self.files = os.path.join(self.folder, "files")
        self.kind = chips.KINDS[self.chip]
        self.room = self.room or self.flash_size - _FIRMWARE_ROOM
        self.mac = self.mac or _own_mac(self.folder)
        self.release, self.date = child.release()
        self.banner = f"MicroPython {self.release} on {self.date}; {self.kind.machine}\r\n".encode()


def _own_mac(folder):
    # Locally administered, and the same each time for a folder
    import hashlib

    return "02" + hashlib.sha256(os.fsencode(folder)).hexdigest()[:10]


class VirtualBoard:
    """with VirtualBoard(folder) as board: board.port is what a host program opens. Options: those of Settings."""

    def __init__(self, folder, **options):
        self.settings = Settings(str(folder), **options)
        os.makedirs(self.settings.files, exist_ok=True)
        self._supervisor = Supervisor(self.settings)
        self._entry = registry.Entry(
            f"{os.getpid()}-{id(self):x}",
            pid=os.getpid(),
            chip=self.settings.chip,
            mac=self.settings.mac,
            folder=self.settings.folder,
            control="",
        )

    @property
    def port(self):
        """The path to open; None while the cable is out."""
        return self._supervisor.line.port

    def start(self):
        """Power on, cable in. Returns self."""
        self._supervisor.line.plug()
        self._entry.write(port=self.port)
        self._supervisor.start()
        return self

    def stop(self):
        """Power off, for good."""
        self._entry.remove()
        self._supervisor.stop()

    def unplug(self, after=None, direction="both"):
        """The cable out: at once, or once `after` more bytes have passed "in" to the board, "out" of it, or "both"."""
        line = self._supervisor.line
        if after is None:
            self._supervisor.ask(line.unplug)
            self._entry.write(port=None)
        else:
            self._supervisor.ask(line.cut_after, after, direction)

    def plug(self, same=True):
        """The cable in again, at the same path if that is free, else at another one; returns the port."""
        self._supervisor.ask(self._supervisor.line.plug, same)
        self._entry.write(port=self.port)
        return self.port

    def reset(self):
        """The button RESET."""
        self._supervisor.ask(self._supervisor.power_on)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, trace):
        self.stop()
