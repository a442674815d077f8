# What the tests of the virtual board share: real mpremote, a plain serial port.

import os
import subprocess
import sys

import pytest
import serial
from siplet_tools.errors import ToolError

MPREMOTE = os.path.join(os.path.dirname(sys.executable), "mpremote")


def mpremote(port, *arguments, folder=None, status=0):
    """What mpremote prints and complains of, str, line ends as \\n; AssertionError when it ends with another status."""
    run = subprocess.run(
        [MPREMOTE, "connect", port, *arguments], capture_output=True, text=True, timeout=30, cwd=folder
    )
    assert run.returncode == status, run.stdout + run.stderr
    return (run.stdout + run.stderr).replace("\r\n", "\n")


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
