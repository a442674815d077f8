# The simulated loader behind a pseudo-terminal, for tests: real esptool opens it as any port. Its cable can be pulled.
# Imports its neighbours and, on Linux and macOS alone, os, pty, tty.

import contextlib
import os
import pty
import select
import threading
import tty

from siplet_tools.virtual.loader import MAC, Loader


class LoaderOnPty:
    """with LoaderOnPty("esp32c3", flash, folder) as board: board.port is a path that stays the same over pull and plug.

    folder: where the path is made. left: how often the chip was told to boot. received, sent: bytes since plug().
    pull_after, hush_after: the cable breaks, or the chip falls silent, once that many bytes have gone either way.
    """

    def __init__(self, chip, flash, folder, mac=MAC):
        self.chip, self.flash, self.mac = chip, flash, mac
        self.port = os.path.join(str(folder), "port")
        self.left = 0
        self.loader = None
        self._thread = None

    def plug(self, pull_after=None, hush_after=None):
        """The cable goes in, the chip enters its loader."""
        self.pull()
        self.loader = Loader(self.chip, self.flash, self.mac)
        self.received = self.sent = 0
        self._budget, self._hush = pull_after, hush_after
        self._master, slave = pty.openpty()
        tty.setraw(slave)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.port)
        os.symlink(os.ttyname(slave), self.port)
        self._wake, self._stop = os.pipe()
        self._thread = threading.Thread(target=self._serve, args=(slave,), daemon=True)
        self._thread.start()
        return self

    def pull(self):
        """The cable goes out, unless it is out; what is open on the other side gets errors."""
        if self._thread:
            os.close(self._stop)
            self._thread.join()
            os.close(self._wake)
            self._thread = None

    def _serve(self, slave):
        # The slave stays open here as long as the cable is in: a port does not vanish when its user closes it
        try:
            while True:
                ready = select.select([self._master, self._wake], [], [])[0]
                if self._wake in ready:
                    return
                data = self._cut(os.read(self._master, 65536))
                self.received += len(data)
                answer = self.loader.feed(data)
                if self._hush is not None and self.received + self.sent + len(answer) > self._hush:
                    self._hush = 0
                    answer = b""
                answer = self._cut(answer)
                self.sent += len(answer)
                if self.loader.left:  # counted before the host hears of it
                    self.left += 1
                    self.loader = Loader(self.chip, self.flash, self.mac)
                if not self._send(answer) or self._budget == 0:
                    return
        except OSError:
            return
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.port)
            os.close(slave)
            os.close(self._master)

    def _cut(self, data):
        if self._budget is None:
            return data
        data = data[: self._budget]
        self._budget -= len(data)
        return data

    def _send(self, data):
        while data:
            if self._wake in select.select([self._wake], [self._master], [])[0]:
                return False
            data = data[os.write(self._master, data) :]
        return True

    def __enter__(self):
        return self.plug()

    def __exit__(self, kind, error, trace):
        self.pull()
