# What a board prints: lines of its log, and between them the records of its trace. Imports trace_file and capture.
#
# The trace has raw bytes of a told length (firmware: siplet/trace.py, trace_rtp.py). A board that resets in the middle
# of one is noticed by what its ROM or MicroPython says then.

import re
from dataclasses import dataclass

from siplet_tools.trace_file import Record
from siplet_tools.wire.capture import Packet

_SIP = re.compile(rb"(>>>|<<<) (\d{1,10}) (\S{1,300}) (\d{1,6})$")
_RTP = re.compile(rb"(>>r|<<r) (\d{1,10}) (\S{1,300}) (\d{1,6}) (\d{1,6}) (\d{1,5})$")
_RESTART = re.compile(rb"(?:\r?\n)?(?:MPY: soft reboot|ets [A-Z][a-z]{2} |rst:0x[0-9a-f]+ \(|ESP-ROM:)")
_LIKELY = re.compile(rb"\n(?=(?:>>>|<<<|>>r|<<r) \d{1,10} |\d{1,7}\.\d{3} )")  # the log goes on
_MOST = 65536  # bytes of a record, or of a line
_LONGEST = 4096  # bytes of a line that are shown
_WRAP = 1 << 30
_EARLY = 20  # packets that wait for the board's address
_AHEAD_S = 60  # by which the board's clock may be faster than ours
_LOGGED = re.compile(r"(\d{1,7})\.(\d{3}) (.*)$", re.DOTALL)


@dataclass
class Line:
    """text: one line, without its end; ticks: ms of the board's clock, None when it does not begin with a time."""

    text: str
    ticks: int = None


@dataclass
class Rtp:
    """sent: bool; ticks: ms; peer: "host:port"; port: our own; data: what was kept; length: of the packet."""

    sent: bool
    ticks: int
    peer: str
    port: int
    data: bytes
    length: int


class Output:
    """feed(bytes) -> [Line | ladder.Record | Rtp, ...], in their order."""

    def __init__(self):
        self._data = b""
        self._record = None  # the match of a record whose bytes are still coming

    def feed(self, data):
        """data: what has come since the last time; b"": nothing, for a tenth of a second or more."""
        self._data += data
        found = []
        while True:
            if self._record and not self._take_record(found, quiet=not data):
                return found
            line, end, rest = self._data.partition(b"\n")
            if not end:
                if len(line) > _MOST:  # garbage, at a wrong speed for one
                    self._data = b""
                return found
            self._data = rest
            line = line.rstrip(b"\r")
            match = _SIP.match(line) or _RTP.match(line)
            if match and int(match[4]) <= _MOST and (match.re is _SIP or int(match[5]) <= int(match[4])):
                self._record = match
            else:
                found.append(_line(line[:_LONGEST]))

    def _take_record(self, found, quiet):
        # True when what was waited for is there, or will never come: a message may quote what a reset prints, but
        # nobody falls silent within it
        match = self._record
        size = int(match[4] if match.re is _SIP else match[5])
        if len(self._data) <= size:
            restart = _RESTART.search(self._data) if quiet else None
            if not restart:
                return False
            self._data = self._data[restart.start() :].lstrip(b"\r\n")
        elif self._data[size : size + 1] == b"\n":
            data, self._data = self._data[:size], self._data[size + 1 :]
            sent, ticks, peer = match[1][:2] == b">>", int(match[2]), match[3].decode("ascii", "replace")
            if match.re is _SIP:
                found.append(Record(sent, ticks, peer, data))
            else:
                found.append(Rtp(sent, ticks, peer, int(match[6]), data, int(match[4])))
        else:  # bytes were lost; what is left of a message may hold secrets, and is nobody's log
            restart = _RESTART.search(self._data) or _LIKELY.search(self._data)
            self._data = self._data[restart.start() :].lstrip(b"\r\n") if restart else b""
        self._record = None
        return True

    def rest(self):
        """What has come of a line without an end, str; a prompt that waits, for one."""
        return "" if self._record else self._data.decode("utf-8", "replace").rstrip("\r")

    def lost(self):
        """The line broke: what has come of a record is of no use."""
        self._record = None
        self._data = b""


def _line(data):
    text = data.decode("utf-8", "replace")
    match = _LOGGED.match(text)
    if match:
        return Line(match[3], int(match[1]) * 1000 + int(match[2]))
    return Line(text)


def split_peer(peer):
    """("host", port) of "host:port" or "[host]:port"."""
    host, _, port = peer.rpartition(":")
    return host.strip("[]"), int(port) if port.isdigit() and int(port) < 65536 else 0


class Clock:
    """The time of day, s, of the board's ticks: the first that is seen is now(), the others follow it."""

    def __init__(self, now):
        self._now = now
        self._base = None  # (ticks, their time)

    def time(self, ticks):
        """Never less than the last time. What would lie ahead is of a board that has started anew: that is now, too."""
        now = self._now()
        last = self._base[1] if self._base else now
        time = last + (ticks - self._base[0]) % _WRAP / 1000 if self._base else now
        if time > max(now, last) + _AHEAD_S:
            time = max(now, last)
        self._base = (ticks, time)
        return time


class Tap:
    """Turns records into capture.Packets. The board's own address is what its messages say of it: what comes before the
    first of them waits for it, a while.
    """

    def __init__(self, now):
        self._clock = Clock(now)
        self._own = None
        self._early = []  # (time, record)

    def packet(self, record):
        """The Packet of a ladder.Record or an Rtp, at once."""
        if not isinstance(record, Rtp):
            self._learn(record)
        return self._packet(self._clock.time(record.ticks), record)

    def packets(self, record):
        """[Packet, ...]: the same, and those that have waited; none while it waits itself."""
        self._early.append((self._clock.time(record.ticks), record))
        if not isinstance(record, Rtp):
            self._learn(record)
        return self.rest() if self._own or len(self._early) > _EARLY else []

    def rest(self):
        """[Packet, ...] of those that still wait."""
        early, self._early = self._early, []
        return [self._packet(time, record) for time, record in early]

    def _packet(self, time, record):
        far, near = split_peer(record.peer), self._own or ("", 5060)
        length = len(record.data)
        if isinstance(record, Rtp):
            near, length = (near[0], record.port), record.length
        source, target = (near, far) if record.sent else (far, near)
        return Packet(time, source, target, record.data, length)

    def _learn(self, record):
        # Of our requests the topmost Via, of our responses the Contact, names us
        name = (
            rb"(?:Via|v)\s*:\s*SIP/2.0/\w+\s+"
            if not record.data.startswith(b"SIP/2.0")
            else rb"(?:Contact|m)\s*:[^\r\n]*?@"
        )
        found = record.sent and re.search(rb"(?im)^" + name + rb"(\[[^\]\s]+\]|[^;:>\s,]+)(?::(\d{1,5}))?", record.data)
        if found:
            self._own = (found[1].decode("ascii", "replace").strip("[]"), int(found[2] or 5060))
