# The serial link to a board's MicroPython: its raw REPL, by mpremote's transport.
# Imports errors, ports, facts, mpremote.
#
# All that goes wrong becomes one ToolError: a port that is not there, a cable that was pulled, a board that is silent,
# boots for ever or has no MicroPython, code that raises.

import ast
import contextlib
import errno
import io
import re
import sys
import time

from siplet_tools.board import facts, ports
from siplet_tools.errors import FAILED, NO_BOARD, ToolError

_BAUD = 115200
_FREE_S = 0.5  # who had the port open, or a process that is being forked, may just be ending
_READ_S = 3  # a board that says nothing for that long while it should
_ENTER_S = 8  # a boot, boot.py included
_MOST = 1 << 18  # bytes that code prints
_BOOTS = re.compile(rb"rst:0x[0-9a-f]+ \(|ESP-ROM:|invalid header: 0x")
_BARE = re.compile(rb"invalid header: 0x|No bootable app|waiting for download")


class BoardError(ToolError):
    """Code raised on the board; trace: the whole traceback, of the board's words."""

    def __init__(self, port, trace):
        lines = [line for line in trace.strip().splitlines() if line.strip()]
        super().__init__(f"{port}: the board raised {lines[-1] if lines else 'an error'}", FAILED)
        self.trace = trace


def talks_on(port):
    """The ToolError for a board that resets again and again, or prints for ever."""
    return ToolError(f"{port}: the board does not stop talking; press RESET, then the same again")


class Link:
    """An open line to a board that waits in its raw REPL; its application has been interrupted.

    with Link.open(port) as link: the line is closed at the end, and the board left in its REPL, unless restart() was.
    """

    def __init__(self, port, transport):
        self.port = port
        self.transport = transport

    @classmethod
    def open(cls, port, baud=_BAUD):
        """ToolError with what to do when that board cannot be talked to."""
        from mpremote.transport import TransportError
        from mpremote.transport_serial import SerialTransport

        exclusive = sys.platform != "win32" or None  # there a port is so by itself
        deadline = time.monotonic() + _FREE_S
        while True:
            try:
                transport = SerialTransport(port, baudrate=baud, timeout=_READ_S, exclusive=exclusive)
                break
            except TransportError:
                trouble = ports.reopen_error(port)
                busy = trouble is None or trouble.errno in (errno.EAGAIN, errno.EBUSY)
                if not busy or time.monotonic() > deadline:
                    raise ports.explain(trouble or OSError(), port) from None
                time.sleep(0.02)
            except OSError as error:
                raise ports.explain(error, port) from None
        link = cls(port, transport)
        try:
            link.enter()
        except BaseException as error:
            if not isinstance(error, ToolError):  # Ctrl-C, when what runs on the board may have been interrupted
                with contextlib.suppress(OSError):
                    transport.serial.write(b"\r\x03\x03\x02\x04")
                    transport.serial.flush()
                transport.in_raw_repl = False
            link.close()
            raise
        return link

    def enter(self):
        """Interrupts what runs and enters the raw REPL; a board that is just starting gets time."""
        from mpremote.transport import TransportError

        serial = self.transport.serial
        deadline = time.monotonic() + _ENTER_S
        heard, late = b"", False  # late: answers to the first try may come with those to the second
        with self._told(), self._impatient():
            while time.monotonic() < deadline:
                try:
                    with contextlib.redirect_stdout(io.StringIO()) as said:  # it prints what it cannot understand
                        self.transport.enter_raw_repl(soft_reset=False, timeout_overall=2)
                        if late:
                            self._wait_for_quiet()
                            self.transport.enter_raw_repl(soft_reset=False, timeout_overall=2)
                    return
                except TransportError:
                    late = True
                    heard += said.getvalue().encode()
                    heard = (heard + serial.read(serial.in_waiting or 0))[-4096:]
                    if len(_BARE.findall(heard)) > 2:
                        break
        if _BARE.search(heard):
            raise ToolError(f"{self.port}: there is no MicroPython on this board: siplet flash", NO_BOARD)
        if len(_BOOTS.findall(heard)) > 1:
            raise ToolError(
                f"{self.port}: the board starts again and again; look: siplet monitor; mend it: siplet flash --erase",
                NO_BOARD,
            )
        if heard.strip(b"b'\"\n"):
            raise ToolError(
                f"{self.port}: something answers, but no MicroPython: is it the right port and speed?", NO_BOARD
            )
        raise ToolError(
            f"{self.port}: silence; press RESET on the board, or put MicroPython on it: siplet flash", NO_BOARD
        )

    def _wait_for_quiet(self):
        for _ in range(20):
            time.sleep(0.05)
            if not self.transport.serial.in_waiting:
                break
            self.transport.serial.read(self.transport.serial.in_waiting)

    def fresh(self):
        """A soft reset that ends in the raw REPL, without main.py: the whole heap is free then."""
        with self._told(), contextlib.redirect_stdout(io.StringIO()):
            self.transport.enter_raw_repl(soft_reset=True, timeout_overall=_ENTER_S)

    def run(self, code, timeout_s=10, consumer=None):
        """What code prints, bytes. BoardError when it raises; ToolError after timeout_s without a byte, or when the
        board does not stop: after ten times as long, or 256 KB.

        consumer: gets each byte as it comes, bytes; nothing is returned then.
        """
        said = bytearray()
        deadline = time.monotonic() + 10 * timeout_s

        def take(data):
            said.extend(data)
            if len(said) > _MOST or time.monotonic() > deadline:
                raise talks_on(self.port)

        with self._told(), contextlib.redirect_stdout(io.StringIO()):
            _, error = self.transport.exec_raw(code, timeout=timeout_s, data_consumer=consumer or take)
        if error:
            raise BoardError(self.port, error.decode("utf-8", "replace"))
        return bytes(said.removesuffix(b"\x04"))

    def value(self, expression, timeout_s=10):
        """The value of an expression on the board, of literals; ToolError when it is none."""
        out = self.run(f"print(repr({expression}))", timeout_s)
        try:
            return ast.literal_eval(out.decode("utf-8", "replace").strip())
        except (ValueError, SyntaxError):
            raise ToolError(f"{self.port}: the board answered something that nobody asked for; try again") from None

    def facts(self):
        """facts.Facts of this board."""
        try:
            return facts.parse(self.run(facts.QUESTION))
        except ValueError:
            raise ToolError(f"{self.port}: the board does not tell what it is; press RESET and try again") from None

    def get(self, path, progress=None):
        """The bytes of a file; None when there is none."""
        with self._told(path):
            try:
                return bytes(self.transport.fs_readfile(path, 256, progress))
            except FileNotFoundError:
                return None

    def put(self, path, data, progress=None):
        """Writes a file so that there is the old one or the new one, never a part: temporary file, sync, rename."""
        with self._told(path):
            self.transport.fs_writefile(path + ".new", data, 256, progress)
        self.run(f"import os\nif hasattr(os,'sync'):os.sync()\nos.rename({path + '.new'!r},{path!r})")

    def restart(self):
        """Soft reset: the board runs boot.py and main.py as at a start. The link is of no use afterwards."""
        with self._told():
            self.transport.exit_raw_repl()
            self.transport.serial.write(b"\x04")
            self.transport.serial.flush()

    def receive(self):
        """What the board has printed since restart(), b"" after 0.1 s without."""
        serial = self.transport.serial
        with self._told():
            deadline = time.monotonic() + 0.1
            while not serial.in_waiting and time.monotonic() < deadline:
                time.sleep(0.01)
            return serial.read(serial.in_waiting) if serial.in_waiting else b""

    def reset(self):
        """Hard reset, as the button does it."""
        with self._told():
            self.transport.exec_raw_no_follow("import machine\nmachine.reset()")

    def close(self):
        with contextlib.suppress(OSError):
            if self.transport.in_raw_repl:
                self.transport.exit_raw_repl()
        with contextlib.suppress(OSError):  # also when the cable is out: else the board comes back under another name
            self.transport.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()

    @contextlib.contextmanager
    def _impatient(self):
        # On a pseudo-terminal mpremote looks at its clock only when a read has found nothing: a board that starts again
        # and again never lets it
        serial = self.transport.serial
        patience, serial.timeout = serial.timeout, 0.05
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                serial.timeout = patience

    @contextlib.contextmanager
    def _told(self, path=None):
        # Errors of the line and of mpremote in one line for the user
        from mpremote.transport import TransportError, TransportExecError

        try:
            yield
        except TransportExecError as error:
            raise BoardError(self.port, error.error_output) from None
        except (TransportError, IndexError):
            raise ToolError(
                f"{self.port}: the board stopped answering; press RESET, then the same again", NO_BOARD
            ) from None
        except OSError as error:
            if path and type(error) is OSError and error.errno == 28:
                raise ToolError(f"{self.port}: {path}: the board's file system is full") from None
            if path and error.strerror is None and error.errno:
                raise ToolError(f"{self.port}: {path}: cannot be read or written ({error.errno})") from None
            raise ports.explain(error, self.port) from None
        except Exception as error:  # struct.error of a line that was cut in raw paste's first two bytes
            if type(error).__module__ in ("struct", "_struct"):
                raise ports.explain(OSError(), self.port) from None
            raise
