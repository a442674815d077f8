# The log of an attached board while something else goes on: lines with the time at which they came, read in a thread.
# Where its phone is, from that log. Imports board, errors.
#
# The application is not interrupted, but when its address is asked for: then it starts anew, and says where it is.

import re
import threading
import time
from typing import NamedTuple

from siplet_tools.errors import FAILED, NO_BOARD, ToolError

_READY = re.compile(r"^(\S{1,40}) ready as (sips?:\S{1,128}) at (\[?[0-9A-Za-z.:-]{1,60}?\]?):(\d{1,5})$")
_STARTS = re.compile(r"rst:0x[0-9a-f]+ \(|ESP-ROM:|MPY: soft reboot|^ets [A-Z][a-z]{2} ")
_MOST = 2000  # lines that are kept, the newest
READY_S = 40  # Wi-Fi may take its time


class BoardLog:
    """lines: [(seconds of time.monotonic(), text), ...]. feed(bytes) adds to them; follow(read) does it in a thread.

    ready: (app, target, host) of the last line "... ready as ..."; reads: whether some board's log comes here; error:
    the ToolError that ended the reading, or None.
    """

    def __init__(self, clock=time.monotonic):
        from siplet_tools.board.output import Output

        self._output = Output()
        self._clock = clock
        self._stop = threading.Event()
        self._thread = None
        self.reads = False
        self.lines = []
        self.ready = None
        self.error = None

    def feed(self, data):
        """What the board has printed; None: the line broke, and is there again."""
        if data is None:
            self._output.lost()
            return
        for entry in self._output.feed(data):
            text = getattr(entry, "text", None)
            if text is None:  # a record of the trace
                continue
            if len(self.lines) >= _MOST:
                self.lines = self.lines[_MOST // 2 :]  # another list, for somebody may be reading this one
            self.lines.append((self._clock(), text))
            found = ready(text)
            if found:
                self.ready = found.app, found.target, found.host

    def since(self, start):
        """The texts that came after `start`, seconds of the clock."""
        return [text for when, text in self.lines if when >= start]

    def now(self):
        """The clock by which lines are marked."""
        return self._clock()

    def follow(self, read):
        """Feeds what read() gives, bytes or None, until close(). read: must not block for long."""
        self.reads = True

        def run():
            try:
                while not self._stop.is_set():
                    self.feed(read())
            except _Stopped:
                pass
            except ToolError as error:
                self.error = error
            except Exception as error:  # what a port's driver raises while its cable is pulled is not OSError alone
                self.error = ToolError(f"the board's line broke ({error}): check the cable", NO_BOARD)

        self._thread = threading.Thread(target=run, name="board log", daemon=True)
        self._thread.start()

    def wait_ready(self, timeout_s=READY_S, progress=None):
        """(app, target, host) once its phone is ready; ToolError with what it says instead."""
        deadline = time.monotonic() + timeout_s
        while not self.ready:
            if self.error:
                raise self.error
            left = deadline - time.monotonic()
            said = self.lines[-1][1][:200] if self.lines else "nothing"
            if "siplet provision" in said:  # it waits for that, and for nothing else
                raise ToolError(f"the board has no phone yet: {said}", FAILED)
            if left <= 0:
                raise ToolError(
                    f"the board's phone did not get ready in {timeout_s} s; the board says: {said}; "
                    "siplet check and siplet monitor tell more",
                    FAILED,
                )
            if progress:
                progress(timeout_s - left, timeout_s)
            time.sleep(0.05)
        return self.ready

    def settle(self, seconds=0.5):
        """Some boards start anew when their port is opened: then this waits until the phone is ready again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.error:
            if any(_STARTS.search(text) for _, text in self.lines):
                self.wait_ready()
                return
            time.sleep(0.02)

    def close(self):
        """Ends the thread."""
        self._stop.set()
        if self._thread:
            self._thread.join(2)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()

    def pause(self, seconds):
        """A sleep that close() ends: for who waits for a cable in the thread."""
        if self._stop.wait(seconds):
            raise _Stopped


class _Stopped(Exception):
    pass


class Ready(NamedTuple):
    """A phone that is ready. app; address: its name, a SIP URI; place: "host:port"; host: without brackets; target: the
    SIP URI that leads straight to it, whatever server its address names.
    """

    app: str
    address: str
    place: str
    host: str
    target: str


def ready(line):
    """The Ready that a phone logs as "APP ready as URI at HOST:PORT"; None of other lines."""
    match = _READY.match(line)
    if not match or int(match[4]) > 65535:
        return None
    app, address, host, port = match.groups()
    user = address.partition(":")[2].rpartition("@")[0].partition(":")[0]
    place = f"{host}:{port}"
    return Ready(app, address, place, host.strip("[]"), f"sip:{user + '@' if user else ''}{place}")


class Attached:
    """with Attached(port) as log: a BoardLog of the board at a serial port, its application not interrupted.

    restart: start its application anew first, so that it says where its phone is. told(text): as SerialLine's.
    """

    def __init__(self, port, restart=False, told=None):
        self._port, self._restart, self._told = port, restart, told
        self._ends = []
        self.app = ""

    def __enter__(self):
        log = BoardLog()
        if self._restart:
            read = self._restarted()
        else:
            from siplet_tools.board.serial_line import SerialLine

            line = SerialLine(self._port, told=self._told, sleep=log.pause)
            self._ends.append(line)
            read = line.read
        log.follow(read)
        self._ends.append(log)
        if not self._restart:
            try:
                log.settle()
            except BaseException:
                self.__exit__(None, None, None)
                raise
        return log

    def _restarted(self):
        from siplet_tools.board.link import Link

        link = Link.open(self._port)
        self._ends.append(link)
        try:
            facts = link.facts()
            if not facts.siplet:
                raise ToolError(f"{self._port}: there is no siplet on this board yet: siplet deploy", NO_BOARD)
            self.app = facts.app
            link.restart()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        # The port stays open: to close it and open it again may reset some boards, and loses what comes meanwhile
        serial = link.transport.serial
        serial.timeout = 0.1
        return lambda: serial.read(serial.in_waiting or 1)

    def __exit__(self, kind, error, trace):
        while self._ends:
            self._ends.pop().close()


def find(target=None, port=None, wanted=False, told=None):
    """A context manager of the BoardLog to read beside a call. Without a target: the board's, started anew. With one:
    that of the board at `port`; or, when it is wanted, of the only one attached; else of none.
    """
    from siplet_tools.board import ports

    if not target:
        return Attached(ports.choose(port), restart=True, told=told)
    if not port and wanted:
        found = ports.attached()
        port = found[0].port if len(found) == 1 else None
    return Attached(port, told=told) if port else BoardLog()
