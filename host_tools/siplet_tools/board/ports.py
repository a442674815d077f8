# Which boards are on a cable, which one is meant, and why a port cannot be used. Imports errors and pyserial.

import errno
import os
import sys
from dataclasses import asdict, dataclass

from siplet_tools.errors import NO_BOARD, ToolError

# Chips that make a serial line of USB, and Espressif's own: who has one of them is likely a board.
_BRIDGES = {
    0x303A: "Espressif USB",
    0x10C4: "Silicon Labs CP210x",
    0x1A86: "WCH CH34x",
    0x0403: "FTDI",
    0x067B: "Prolific PL2303",
    0x2E8A: "Raspberry Pi",
    0xF055: "MicroPython",
    0x0D28: "Arm DAPLink",
}


@dataclass
class Attached:
    """A serial port behind which a board may be. usb: "303a:1001" or ""; virtual: a virtual board's folder, or ""."""

    port: str
    what: str
    usb: str = ""
    serial_number: str = ""
    virtual: str = ""

    as_dict = asdict


def attached():
    """[Attached, ...]: the serial ports of USB devices, and the virtual boards that run, each in the order of names."""
    from serial.tools import list_ports

    from siplet_tools.virtual import registry

    found = []
    for info in list_ports.comports():
        if info.vid is None:  # a mainboard's own ttyS, Bluetooth
            continue
        what = _BRIDGES.get(info.vid) or info.product or info.description or "USB"
        found.append(Attached(info.device, what, f"{info.vid:04x}:{info.pid:04x}", info.serial_number or ""))
    found.sort(key=lambda one: one.port)
    for entry in registry.running():
        what = "virtual board, " + entry.get("chip", "esp32")
        found.append(
            Attached(entry["port"], what, serial_number=entry.get("mac", ""), virtual=entry.get("folder", "?"))
        )
    return found


def choose(port=None):
    """The port that is meant: the one named, or the only one there is; ToolError when that is not clear."""
    port = port or os.environ.get("SIPLET_PORT")
    if port:
        return port
    found = attached()
    if not found:
        raise ToolError(
            "no board: connect one by USB (with a cable that has data lines), or start one: siplet virtual", NO_BOARD
        )
    if len(found) > 1:
        names = ", ".join(f"{one.port} ({one.what})" for one in found)
        raise ToolError(f"several boards, say which one with --port: {names}", NO_BOARD)
    return found[0].port


def explain(error, port):
    """The ToolError for an OSError (pyserial's among them) of a port: what is wrong and what to do."""
    code = getattr(error, "errno", None)
    text = str(error)
    windows = sys.platform == "win32"
    if windows and "PermissionError" in text:
        code = errno.EBUSY
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO) or "FileNotFoundError" in text:
        return ToolError(f"{port}: there is no such port; siplet boards lists those that are there", NO_BOARD)
    if f"({errno.ENOTTY}," in text or os.path.isfile(port) or os.path.isdir(port):
        return ToolError(f"{port}: is no serial port; siplet boards lists those that are there", NO_BOARD)
    if code in (errno.EACCES, errno.EPERM):
        return ToolError(f"{port}: you may not use it; {_membership(port)}", NO_BOARD)
    if code in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in text:
        holder = _holder(port)
        who = f" ({holder})" if holder else ""
        return ToolError(f"{port}: another program{who} has it open; end that one first", NO_BOARD)
    return ToolError(f"{port}: the line broke; check the cable, then run the same command again", NO_BOARD)


def reopen_error(port):
    """The OSError of opening that port, or None when it opens: mpremote does not tell why it could not."""
    import serial

    try:
        serial.Serial(port, exclusive=None if sys.platform == "win32" else True).close()
    except OSError as error:
        return error
    return None


def _membership(port):
    # How to become one of those who may use it
    if sys.platform == "win32":
        return "run it as a user who may use serial ports"
    import grp

    try:
        group = grp.getgrgid(os.stat(port).st_gid).gr_name
    except (OSError, KeyError):
        group = "dialout"
    if group == "root":
        return "it belongs to root alone: a udev rule for your board's USB id gives it to a group"
    return f"join its group: sudo usermod -aG {group} $USER, then log in anew"


def _holder(port):
    # "name, process 123" of a program that has the port open, "" when that cannot be seen: Linux tells it in /proc
    try:
        wanted = os.path.realpath(port)
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) == os.getpid():
                continue
            folder = f"/proc/{pid}/fd"
            try:
                if any(os.path.realpath(f"{folder}/{fd}") == wanted for fd in os.listdir(folder)):
                    with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
                        return f"{file.read().strip()}, process {pid}"
            except OSError:  # another user's, or it has ended
                continue
    except OSError:
        pass
    return ""
