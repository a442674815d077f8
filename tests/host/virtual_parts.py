# What the tests of the virtual board share: real mpremote, a plain serial port, siplet on a terminal.

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

import pytest
import serial
from siplet_tools.board.link import Link
from siplet_tools.errors import ToolError
from siplet_tools.virtual import VirtualBoard

MPREMOTE = os.path.join(os.path.dirname(sys.executable), "mpremote")


def mpremote(port, *arguments, folder=None, status=0):
    """What mpremote prints and complains of, str, line ends as \\n; AssertionError when it ends with another status."""
    run = subprocess.run(
        [MPREMOTE, "connect", port, *arguments], capture_output=True, text=True, timeout=30, cwd=folder
    )
    assert run.returncode == status, run.stdout + run.stderr
    return (run.stdout + run.stderr).replace("\r\n", "\n")


@pytest.fixture
def board(tmp_path):
    """A virtual board at its prompt, with an address of its own."""
    with VirtualBoard(tmp_path / "board", address="127.0.0.9") as board:
        board.wait_idle()
        yield board


@pytest.fixture
def link(board):
    """A board.link.Link to it."""
    with Link.open(board.port) as link:
        yield link


class Terminal:
    """with Terminal(port) as terminal: bytes in and out, as a terminal program has them."""

    def __init__(self, port):
        self._serial = serial.Serial(port, timeout=10)
        self.heard = b""

    def type(self, data):
        self._serial.write(data)

    def until(self, ending):
        """All that comes until these bytes; AssertionError when they do not within 10 s."""
        data = self._serial.read_until(ending)
        self.heard += data
        assert data.endswith(ending), data
        return data

    def synchronize(self):
        """Waits for the friendly REPL's prompt, whatever else is on the line."""
        self.type(b"\r'in'+'step'\r")
        self.until(b"'instep'\r\n>>> ")

    def read(self, count):
        return self._serial.read(count)

    def close(self):
        self._serial.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()


def trace(link, code):
    """What code raises on a board; link: board.link.Link."""
    with pytest.raises(ToolError) as caught:
        link.run(code)
    return caught.value.trace


def terminal(arguments, typed=b"", after=b"", columns=120, command=None, out=None):
    """(exit status, all bytes that the terminal showed) of siplet ARGUMENTS; typed once `after` is there.

    command: another one; out: a file for its standard output.
    """
    paths = [path for path in sys.path if path.endswith(("host_tools", "firmware", "shim"))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "TERM": "xterm-256color"}
    for name in ("COLUMNS", "LINES", "NO_COLOR"):
        environment.pop(name, None)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    process = subprocess.Popen(
        [*(command or [sys.executable, "-m", "siplet_tools"]), *arguments],
        stdin=slave,
        stdout=out or slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # Ctrl-C is a signal there
    )
    os.close(slave)
    shown, deadline = b"", time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            if select.select([master], [], [], 0.1)[0]:
                try:
                    shown += os.read(master, 65536)
                except OSError:  # all of it has come, and it has ended
                    break
            if typed and after in shown:
                os.write(master, typed)
                typed = b""
        return process.wait(10), shown
    finally:
        process.kill()
        process.wait()
        os.close(master)


def last_screen(shown):
    """What is left of those bytes once lines were wiped: rich goes up a line and wipes it."""
    lines = [b""]
    for part in re.split(rb"(\r\n|\x1b\[1A|\x1b\[2K)", shown):
        if part == b"\r\n":
            lines.append(b"")
        elif part == b"\x1b[1A":
            lines.pop()
        elif part == b"\x1b[2K":
            lines[-1] = b""
        else:
            lines[-1] += re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\r", b"", part)
    return b"\n".join(lines).decode()
