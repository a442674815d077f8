# The board's processor: MicroPython's unix port as a child on a terminal of its own. Imports interpreter, uart.
#
# On a board Ctrl-C interrupts whenever code runs and micropython.kbd_intr() allows it, and is a byte like others while
# the REPL reads. MicroPython's unix port takes SIGINT exactly then, so that is asked of the system for each Ctrl-C.

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import time
import tty

from siplet_tools import interpreter
from siplet_tools.virtual.uart import Uart

DEVICE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "device")
_HIDDEN = b'  File "' + os.fsencode(DEVICE)
_START = "__import__('board_start')"
_INTERRUPT = b"\x03"
_MORE_S = 0.02  # what MicroPython prints in several pieces follows within that
_ROOM = 4096  # bytes that USB takes for a board that does not read
_AGAIN_S = 0.1  # a second SIGINT before the first one was handled would end MicroPython
_REST_S = 2  # the system needs a moment to bring what was printed last


class Child:
    """One run of MicroPython, from one reset to the next.

    options: dict for device/board_start.py; raw: whether the board was in the raw REPL before; banner: the line that a
    board of this kind prints, bytes; heap: bytes; buffer: bytes that the UART holds until they are read, what comes
    then is lost; None: whoever sends has to wait, as with USB.
    """

    def __init__(self, options, raw, banner, heap, buffer=None):
        path = interpreter.find()
        self.ended = False
        self._uart = Uart(_native_banner(path), banner, raw, _HIDDEN)
        self._buffer = buffer
        self.lost = 0  # bytes that came while the UART's buffer was full
        self._lines = b""
        self._input = bytearray()
        self._up = False  # the simulation stands, the board's own code begins
        self._interrupted = 0.0
        self._spoke = 0.0
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self._control, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [path, "-X", f"heapsize={heap}", "-i", "-c", _START],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={
                "MICROPYPATH": DEVICE + ":.frozen",
                "SIPLET_BOARD": json.dumps({"channel": theirs.fileno(), **options}),
                "TZ": "UTC0",
            },
            cwd="/",
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()

    @property
    def up(self):
        """Whether it came as far as boot.py."""
        return self._up

    @property
    def pid(self):
        return self._process.pid

    @property
    def stumbled(self):
        """Whether a Ctrl-C ended MicroPython itself, for it came in the moment in which its code ended by itself."""
        return self._process.returncode == -signal.SIGINT

    @property
    def crashed(self):
        """What ended MicroPython though it did not mean to end, "SIGSEGV"; "" when nothing did."""
        code = self._process.returncode
        return signal.Signals(-code).name if code is not None and code < 0 and not self.stumbled else ""

    @property
    def raw(self):
        """Whether it is in the raw REPL."""
        return self._uart.raw

    def filenos(self):
        """What to wait for until it is readable."""
        return [self._master, self._control.fileno()]

    def due(self, now):
        """When to call turn() without that anything is readable."""
        return now + (0.003 if self._uart.holds or (self._input and self._up) else 0.25)

    @property
    def full(self):
        """Whether the board does not read what has come already."""
        return len(self._input) >= _ROOM

    def feed(self, data):
        """Bytes that arrived at the board's UART."""
        if self._buffer is not None and self._up:
            waiting = struct.unpack("i", fcntl.ioctl(self._slave, termios.FIONREAD, b"\0" * 4))[0] + len(self._input)
            room = max(0, self._buffer - waiting)
            self.lost += max(0, len(data) - room)
            data = data[:room]
        self._input += data

    def interrupt(self):
        """Ctrl-C before all that waits."""
        self._input[:0] = _INTERRUPT

    def tell(self, line):
        """A line of text for the device's side, without its end."""
        with contextlib.suppress(OSError):
            self._control.sendall(line.encode() + b"\n")

    def turn(self, now, room=4096):
        """(bytes that the board sends, [lines that its parts tell]); ended is True after the last ones."""
        self.ended = self._process.poll() is not None
        told = self._told()
        data = self._read(room)
        if data:
            self._spoke = now
        sent = self._uart.sent(data, now - self._spoke < _MORE_S and not self.ended)
        if self._uart.wants_raw:
            self._uart.wants_raw = False
            self._write(b"\x01")
        if not self.ended:
            self._type(now)
        return sent, told

    def unread(self):
        """What had arrived and was not read: a UART keeps it over a soft reset."""
        data = b""
        os.set_blocking(self._slave, False)
        with contextlib.suppress(OSError):
            tty.setraw(self._slave, termios.TCSANOW)
            data = os.read(self._slave, 4096)
        return data + bytes(self._input)

    def kill(self):
        """Power off; the bytes that it had still sent."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        rest = self._uart.sent(self._rest(), False)
        for fd in (self._master, self._slave):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._control.close()
        return rest

    def _rest(self):
        # Linux brings what is written at one end of a terminal to the other one a little later: a mark comes behind it
        mark = unsent = os.urandom(16)
        data = b""
        os.set_blocking(self._slave, False)
        deadline = time.monotonic() + _REST_S
        while not data.endswith(mark) and time.monotonic() < deadline:
            with contextlib.suppress(BlockingIOError):
                unsent = unsent[os.write(self._slave, unsent) :]
            select.select([self._master], [], [], 0.005)
            data += self._read(1 << 20)
        return data.removesuffix(mark)

    def _told(self):
        with contextlib.suppress(BlockingIOError, ConnectionResetError):
            while True:
                data = self._control.recv(65536, socket.MSG_DONTWAIT)
                if not data:
                    break
                self._lines += data
        *lines, self._lines = self._lines.split(b"\n")
        if b"up" in lines:
            self._up = True
        return [line.decode("utf-8", "replace") for line in lines]

    def _read(self, room):
        data = b""
        with contextlib.suppress(OSError):
            while len(data) < room:
                piece = os.read(self._master, min(4096, room - len(data)))
                if not piece:
                    break
                data += piece
        return data

    def _type(self, now):
        while self._input and self._up and not self._uart.entering:
            before, mark, _ = bytes(self._input).partition(_INTERRUPT)
            if not before and self._takes_interrupts():
                if now - self._interrupted < _AGAIN_S:
                    return
                self._interrupted = now
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(signal.SIGINT)
                count = 1
            else:
                count = self._write(before or mark)
            del self._input[:count]
            if not count:
                return

    def _write(self, data):
        try:
            return os.write(self._master, data)
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def _takes_interrupts(self):
        try:
            if sys.platform == "linux":
                with open(f"/proc/{self._process.pid}/status", encoding="ascii") as file:
                    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)", file.read(), re.M).group(1)
            else:
                command = ["ps", "-o", "sigcatch=", "-p", str(self._process.pid)]
                caught = subprocess.run(command, capture_output=True, text=True).stdout.strip()
            return bool(int(caught, 16) >> signal.SIGINT - 1 & 1)
        except (OSError, AttributeError, ValueError):
            return False


_known = {}


def _native_banner(path):
    # The line that this MicroPython's REPL begins with
    if path not in _known:
        run = subprocess.run([path, "--version"], capture_output=True)
        _known[path] = run.stdout.strip() + b"\r\n"
    return _known[path]


def release():
    """(version, date) of the MicroPython that plays the board, ("v1.29.0", "2026-07-05")."""
    path = interpreter.find()
    date = re.search(rb"\d{4}-\d\d-\d\d", _native_banner(path))
    version = interpreter.describe(path).split(",")[0].split(" ")[1]
    return "v" + version, date.group().decode() if date else "2026-01-01"
