# Commands for a virtual board, a line each: typed where it runs, or sent to its socket, by programs of the same user.
# Imports errors, console's words.

import contextlib
import os
import socket
import threading

from siplet_tools.errors import NO_BOARD, USAGE, ToolError

HELP = """\
press [NAME|PIN] [MS]    press a button (bell, 150 ms); an empty line does the same
pin NAME|PIN [0|1|-]     the level of a pin; or hold it at one, or let it go
relay, led               on or off
wifi on|off|DBM          the room's access points, or how strong they are
say FILE.wav [repeat]    the microphone hears it; hush ends it
hear FILE.wav            what the amplifier plays goes there, until: deaf
unplug [BYTES [in|out]]  pull the cable, now or after so many bytes; plug [other]: put it back
reset, bootloader        the buttons RESET, and RESET with BOOT
status                   what runs, where, in which network"""


def obey(board, line):
    """Does what a line says to a board.VirtualBoard; the reply, one line (help: several). ToolError when it cannot."""
    word, *rest = line.split() or ["press"]
    command = _COMMANDS.get(word)
    if not command:
        raise ToolError(f"no command {word}: help lists them", USAGE)
    try:
        return command(board, *rest)
    except (TypeError, ValueError):
        form = next((row for row in HELP.splitlines() if row.startswith(word)), word)
        raise ToolError(f"{word}: {' '.join(form.split())}", USAGE) from None


def _count(text):
    if not text.isdecimal():
        raise ValueError
    return int(text)


def _press(board, name="bell", ms="150"):
    board.press(name, _count(ms))
    return f"pressed {name}"


def _pin(board, name, level=None):
    if level is None:
        found = board.level(name)
        return "none" if found is None else str(found)
    if level not in ("0", "1", "-"):
        raise ValueError
    board.drive(name, None if level == "-" else int(level))
    return "ok"


def _wifi(board, what):
    if what in ("on", "off"):
        board.wifi(what == "on")
    else:
        board.signal(int(what))
    return "ok"


def _say(board, path, repeat=""):
    board.say(path, repeat == "repeat")
    return "ok"


def _hear(board, path):
    board.hear(os.path.abspath(path))
    return "ok"


def _unplug(board, after=None, direction="both"):
    if direction not in ("in", "out", "both"):
        raise ValueError
    board.unplug(None if after is None else _count(after), direction)
    return "ok"


def _plug(board, other=""):
    return board.plug(same=other != "other")


def _status(board):
    pins = " ".join(f"{name} {'on' if board.is_on(name) else 'off'}" for name in ("relay", "led") if _has(board, name))
    return f"{board.state}, port {board.port or 'unplugged'}, network {board.network or 'none'}, {pins}".rstrip(", ")


def _has(board, name):
    with contextlib.suppress(ToolError):
        return board.number(name) >= 0
    return False


def _ok(method):
    def done(board):
        getattr(board, method)()
        return "ok"

    return done


_COMMANDS = {
    "press": _press,
    "pin": _pin,
    "relay": lambda board: "on" if board.relay else "off",
    "led": lambda board: "on" if board.led else "off",
    "wifi": _wifi,
    "say": _say,
    "hush": _ok("hush"),
    "hear": _hear,
    "deaf": lambda board: f"{board.deaf()} samples",
    "unplug": _unplug,
    "plug": _plug,
    "reset": _ok("reset"),
    "bootloader": _ok("enter_loader"),
    "status": _status,
    "help": lambda board: HELP,
}


class Server:
    """Takes commands at a UNIX socket; path: in a folder that belongs to this user alone."""

    def __init__(self, board, path):
        self.path = path
        self._board = board
        self._socket = None

    def start(self):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(self.path)
        self._socket.listen(4)
        threading.Thread(target=self._serve, name="virtual board's commands", daemon=True).start()

    def stop(self):
        if self._socket:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)  # ends accept()
            self._socket.close()
            with contextlib.suppress(OSError):
                os.remove(self.path)
            self._socket = None

    def _serve(self):
        server = self._socket
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line):
        with contextlib.suppress(OSError), line, line.makefile("rw", encoding="utf-8", errors="replace") as file:
            for command in file:
                try:
                    reply = obey(self._board, command.strip())
                except (ToolError, OSError, RuntimeError) as error:
                    reply = f"error: {error}"
                file.write(reply + "\n")
                file.flush()


def send(entry, line, timeout_s=10):
    """The reply of a board that runs elsewhere. entry: one of registry.running(). ToolError when it does not answer, or
    not well.
    """
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.settimeout(timeout_s)
            one.connect(entry["control"])
            one.sendall(line.encode() + b"\n")
            with one.makefile(encoding="utf-8") as file:
                reply = file.readline()
        if not reply:  # it ended meanwhile
            raise OSError
    except OSError:
        raise ToolError(f"{entry['port']}: this virtual board does not answer", NO_BOARD) from None
    reply = reply.rstrip("\n")
    if reply.startswith("error: "):
        raise ToolError(reply[7:])
    return reply
