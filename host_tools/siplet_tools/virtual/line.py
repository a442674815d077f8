# The cable and the serial port that a host program opens: a pseudo-terminal that can be pulled out and put back.
# Imports pace. Linux and macOS.

import contextlib
import errno
import fcntl
import os
import pty
import select
import struct
import termios
import time
import tty

from siplet_tools.virtual.pace import Pace

_ROOM = 4096  # bytes under way in a direction before the sender has to wait
_DRIVER = 65536  # bytes that a host's driver keeps for a program that does not read; more is lost
_LOOK_S = 0.02  # how often to look whether somebody has opened the port


class Line:
    """port: the path that a host program opens; None while the cable is out. baud: of both directions, None: no limit.

    Nothing is lost to a program that reads; what the board sends while no program has the port open is lost.
    """

    def __init__(self, baud=None):
        self.port = None
        self.opened = False  # by a program
        self.to_board, self.to_host = Pace(baud), Pace(baud)
        self._master = self._last = None
        self._left = None  # ["in" or "out" or "both", bytes until the cable is pulled]
        self._stuck = bytearray()  # has arrived, but the host's program has not read what came before
        self._look = 0.0
        self.held = False  # the board takes no more for now, and who writes has to wait

    def plug(self, same=True):
        """The cable in; same: at the path of last time if it is free, else at another one. Returns the port."""
        self.unplug()
        former, kept = self._last, []
        try:
            while True:
                master, slave = pty.openpty()
                path = os.ttyname(slave)
                if not former or (path == former) == same or len(kept) >= 16:
                    break
                kept.append((master, slave))
        finally:
            for pair in kept:
                for fd in pair:
                    os.close(fd)
        tty.setraw(slave)
        os.set_blocking(master, False)
        os.close(slave)  # from here on a hang-up means that no program has it open
        self._master = master
        self.port = self._last = path
        self.opened = False
        self._look = 0.0
        return path

    def unplug(self):
        """The cable out: who has the port open gets a hang-up."""
        if self._master is None:
            return
        os.close(self._master)
        self._master = self.port = self._left = None
        self.opened = False
        self.to_board.clear()
        self.to_host.clear()
        self._stuck.clear()

    def cut_after(self, count, direction="both"):
        """Pulls the cable once count more bytes have passed: "in" to the board, "out" from it, or "both" together."""
        self._left = [direction, count]

    def fileno(self):
        """What to wait for until it is readable; None when nothing can come."""
        return self._master if self._takes() else None

    def _takes(self):
        return self._master is not None and self.opened and not self.held and len(self.to_board) < _ROOM

    def due(self, now):
        """When to call turn() without that anything became readable; None: never."""
        times = [time for time in (self.to_board.due(), self.to_host.due()) if time is not None]
        if self._master is not None:
            times.append(self._look if not self.opened or self._stuck else now + 0.2)
        return min(times) if times else None

    @property
    def full(self):
        """Whether the board has to wait before it can send more."""
        return len(self.to_host) >= _ROOM

    def send(self, data, now):
        """The board sends data."""
        self.to_host.put(data, now)

    def turn(self, now):
        """Moves what is to be moved; returns the bytes that have arrived at the board."""
        if self._master is not None:
            self._observe(now)
        if self._takes():
            self._read(now)
        out = self.to_host.take(now)
        arrived = self.to_board.take(now)
        if self._master is None:
            return b""
        if out and not self.opened:
            self._look = now
            self._observe(now)
        if self._left:
            return self._count(arrived, out)
        self._deliver(out)
        return arrived

    def _count(self, arrived, out):
        direction, left = self._left
        passed_in = passed_out = 0
        if direction != "out":
            passed_in = min(left, len(arrived))
            left -= passed_in
        if direction != "in":
            passed_out = min(left, len(out))
            left -= passed_out
        if direction == "in" and left:
            passed_out = len(out)
        if direction == "out" and left:
            passed_in = len(arrived)
        self._left[1] = left
        self._deliver(out[:passed_out])
        if left <= 0:
            self._settle()
            self.unplug()
        return arrived[:passed_in]

    def _observe(self, now):
        # Nobody has it open: a hang-up on our side
        if self.opened or now >= self._look:
            self._look = now + _LOOK_S
            poll = select.poll()
            poll.register(self._master, select.POLLIN)
            events = dict(poll.poll(0)).get(self._master, 0)
            opened = not events & select.POLLHUP or bool(events & select.POLLIN)
            if self.opened and not opened:
                self._stuck.clear()
                self._forget()
            self.opened = opened

    def _forget(self):
        # What the program left unread is not for the next one
        with contextlib.suppress(OSError, termios.error):
            fd = os.open(self.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                termios.tcflush(fd, termios.TCIFLUSH)
                tty.setraw(fd)
            finally:
                os.close(fd)

    def _read(self, now):
        try:
            data = os.read(self._master, _ROOM)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return
        if data:
            self.to_board.put(data, now)

    def _deliver(self, data):
        if not self.opened:
            return
        self._stuck += data
        del self._stuck[_DRIVER:]
        while self._stuck:
            try:
                count = os.write(self._master, self._stuck)
            except BlockingIOError:
                return
            except OSError:
                self._stuck.clear()
                return
            del self._stuck[:count]

    def _settle(self):
        # The host's program reads what came before the cable was pulled, if it does so at once
        with contextlib.suppress(OSError):
            fd = os.open(self.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                empty = 0  # how often in a row: the system moves bytes a little later than it took them
                deadline = time.monotonic() + 0.1
                while empty < 3 and time.monotonic() < deadline:
                    time.sleep(0.001)
                    waiting = struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, b"\0" * 4))[0]
                    empty = 0 if waiting else empty + 1
            finally:
                os.close(fd)
