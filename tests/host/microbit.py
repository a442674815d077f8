# A second, real firmware behind a UART: Debian's MicroPython for the BBC micro:bit on QEMU's machine of that name. It
# is of 2017: a raw REPL without raw paste, no file system as others have it, 10 KB of heap.
# Imports the standard library and siplet_tools.process.

import os
import re
import shutil

from siplet_tools.process import Process, wait_until

QEMU = "qemu-system-arm"
FIRMWARE = "/usr/share/firmware-microbit-micropython/firmware.hex"


def missing():
    """A line that names what is not installed; "" when all is there."""
    lacks = [QEMU] if not shutil.which(QEMU) else []
    lacks += ["firmware-microbit-micropython"] if not os.path.exists(FIRMWARE) else []
    return f"micro:bit: no {' and no '.join(lacks)}, `make peers` installs them" if lacks else ""


class Microbit(Process):
    """with Microbit(folder) as board: board.port is its serial port, a pseudo-terminal."""

    def __init__(self, folder):
        options = "-M microbit -display none -monitor none -serial pty".split()
        super().__init__("microbit", [QEMU, *options, "-device", f"loader,file={FIRMWARE}"], folder)
        try:
            found = wait_until(
                lambda: re.search(r"redirected to (/dev/\S+)", self.output()), 20, "port of the micro:bit", self
            )
        except BaseException:
            self.stop()
            raise
        self.port = found[1]
