# A board's serial line as it is, without its REPL: read, and opened again when the board or its cable comes back.
# Imports ports, errors, pyserial.

import sys
import time

from siplet_tools.board import ports
from siplet_tools.errors import ToolError


class SerialLine:
    """with SerialLine(port) as line: line.read() -> bytes. The application on the board goes on.

    told(text): gets a line when the cable is out and when it is in again. The board may come back at another port.
    """

    def __init__(self, port, baud=115200, told=None, sleep=time.sleep):
        self.port = port
        self._baud = baud
        self._told = told or (lambda text: None)
        self._sleep = sleep
        self._mark = _mark(port)
        # Many a bridge has the serial number 0001: what is there at the same time is another board
        self._others = set(_same_board(self._mark, port)) - {port}
        self._serial = self._open(port)

    def _open(self, port):
        import serial

        try:
            # Two that read the same port would share its bytes; on Windows a port is exclusive by itself
            return serial.Serial(port, self._baud, timeout=0.1, exclusive=None if sys.platform == "win32" else True)
        except OSError as error:
            raise ports.explain(error, port) from None

    def read(self):
        """What has come, b"" after 0.1 s without; None when the line broke and is there again."""
        try:
            return self._serial.read(self._serial.in_waiting or 1)
        except OSError:
            self._come_back()
            return None

    def write(self, data):
        try:
            self._serial.write(data)
        except OSError:
            self._come_back()

    def restart(self, timeout_s=10):
        """Ends what runs and has the board start anew, softly; False when it does not react."""
        self.write(b"\r\x03\x03\x02")
        deadline = time.monotonic() + timeout_s  # an application says goodbye first
        heard = b""
        while not heard.endswith(b">>> "):
            if time.monotonic() > deadline:
                return False
            heard = (heard + (self.read() or b""))[-64:]
        self.write(b"\x04")
        return True

    def _come_back(self):
        self.close()
        self._told(f"{self.port}: the line is gone; waiting for the board")
        while True:
            self._sleep(0.2)
            for port in _same_board(self._mark, self.port):
                if port in self._others:
                    continue
                try:
                    self._serial = self._open(port)
                except ToolError:
                    continue
                if port != self.port:
                    self._told(f"{self.port}: the board is at {port} now")
                    self.port = port
                else:
                    self._told(f"{port}: the line is there again")
                return

    def close(self):
        try:
            self._serial.close()
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()


def _mark(port):
    # What tells a board from others when its port changes: its USB serial number, or a virtual one's folder
    for one in ports.attached():
        if one.port == port:
            return one.virtual or ((one.usb, one.serial_number) if one.serial_number else None)
    return None


def _same_board(mark, port):
    if mark is None:
        return [port]
    found = [one.port for one in ports.attached() if mark in (one.virtual, (one.usb, one.serial_number))]
    return found or [port]
