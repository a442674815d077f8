# A second, real firmware behind a UART: Debian's MicroPython for the BBC micro:bit on QEMU's machine of that name. It
# is of 2017: a raw REPL without raw paste, no file system as others have it, 10 KB of heap.
# Imports the standard library, siplet_tools.process and the virtual board's line, for QEMU's UART knows no speed.

import contextlib
import os
import select
import shutil
import socket
import threading
import time

from siplet_tools.process import Process, free_ports, wait_until
from siplet_tools.virtual.line import Line

QEMU = "qemu-system-arm"
_BAUD = 57600  # the UART's buffer of 64 bytes is emptied by a processor that the host may keep waiting
FIRMWARE = "/usr/share/firmware-microbit-micropython/firmware.hex"


def missing():
    """A line that names what is not installed; "" when all is there."""
    lacks = [QEMU] if not shutil.which(QEMU) else []
    lacks += ["firmware-microbit-micropython"] if not os.path.exists(FIRMWARE) else []
    return f"micro:bit: no {' and no '.join(lacks)}, `make peers` installs them" if lacks else ""


class Microbit(Process):
    """with Microbit(folder) as board: board.port is its serial port, a pseudo-terminal."""

    def __init__(self, folder):
        number = free_ports()
        options = f"-M microbit -display none -monitor none -serial tcp:127.0.0.1:{number},server=on,wait=off".split()
        super().__init__("microbit", [QEMU, *options, "-device", f"loader,file={FIRMWARE}"], folder)
        self._line = Line(_BAUD)
        self._going = True
        try:
            self._far = wait_until(lambda: _connected(number), 20, "UART of the micro:bit", self)
        except BaseException:
            super().stop()
            raise
        self.port = self._line.plug()
        self._carrier = threading.Thread(target=self._carry, daemon=True)
        self._carrier.start()

    def stop(self, timeout_s=3):
        self._going = False
        self._carrier.join()
        self._line.unplug()
        self._far.close()
        return super().stop(timeout_s)

    def _carry(self):
        while self._going:
            now = time.monotonic()
            waiting = [self._far] + [self._line.fileno()] * (self._line.fileno() is not None)
            due = min(self._line.due(now) or now + 0.05, now + 0.05)
            ready = select.select(waiting, [], [], max(0, due - now))[0]
            with contextlib.suppress(OSError):
                if self._far in ready:
                    self._line.send(self._far.recv(4096), time.monotonic())
                self._far.sendall(self._line.turn(time.monotonic()))


def _connected(port):
    try:
        return socket.create_connection(("127.0.0.1", port), 1)
    except OSError:
        return None
