# The module `sys` of the virtual board: what tells it from the PC, the rest is the interpreter's own. Imports nothing.
# (board_modules fills in what is not here.)

import io as _io
from collections import namedtuple as _namedtuple

_LITERAL = b"\x1b\x00\xfd"  # tells ../uart.py that the next byte goes out as it is
_Implementation = _namedtuple("implementation", ("name", "version", "_machine", "_mpy", "_build", "_thread"))
_real = None


class _Raw(_io.IOBase):
    """sys.stdout.buffer: bytes that are sent as they are, where print() ends lines with two."""

    def write(self, data, *place):
        data = bytes(data)
        if place:  # (most,) or (from, most)
            start = place[0] if len(place) > 1 else 0
            data = data[start : start + place[-1]]
        _real.stdout.buffer.write(data.replace(b"\x1b", _LITERAL + b"\x1b").replace(b"\n", _LITERAL + b"\n"))
        return len(data)

    def ioctl(self, request, argument):
        return 1 if request == 10 else 0  # as a file descriptor, poll() waits for the terminal


class _Text(_io.IOBase):
    """sys.stdout: what is written is text."""

    buffer = _Raw()

    def write(self, text):
        return _real.stdout.write(text)

    def flush(self):
        pass

    def ioctl(self, request, argument):
        return 1 if request == 10 else 0


def set_up(real, options):
    """real: the interpreter's sys. Afterwards this module is a board's, but for what is the same."""
    global _real, platform, implementation, stdout, stderr, version
    _real = real
    platform = options["platform"]
    known = real.implementation
    implementation = _Implementation(
        known.name, known.version, options["machine"], known._mpy, options["build"], known._thread
    )
    version = f"{real.version.split(';')[0]}; MicroPython {options['release']} on {options['date']}"
    stdout = stderr = _Text()
