# What can be known of a phone's calls from a capture, a board's log or a trace: SIP messages, RTP, lines of the log.
# Imports capture, streams, message, finding, board.output, errors.

import os
import re
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field

from siplet_tools.board.output import Line, Output, Tap
from siplet_tools.errors import USAGE, ToolError
from siplet_tools.wire import capture, message, streams
from siplet_tools.wire.finding import place

_MOST = 64 << 20  # bytes of a log
_PIECE = 8192  # that are looked through at once
_AGAIN_S = 0.05  # nobody repeats a message as soon (RFC 3261 section 17.1: 500 ms): the capture has it twice
_LOG = re.compile(
    r"\d+\.\d{3} |rst:0x|ets [A-Z]|ESP-ROM:|MPY: |MicroPython v|Traceback \(|Guru Meditation|.* ready as sips?:"
)
_RESTART = re.compile(r"rst:0x|ets [A-Z]|ESP-ROM:|MPY: soft reboot")
_WRAP = 1 << 30  # ms of the board's clock
_DISORDER_MS = 500  # by which a line may come too late
_FEW = 3  # packets: fewer are no RTP, something else began like it


class Flow:
    """RTP of one direction: when its packets came; {payload type: times}; those that look like keys, the same way."""

    def __init__(self):
        self.times = array("d")
        self.kinds = {}
        self.keys = {}
        self._stamps = {}

    def add(self, packet):
        data, kind = packet.data, packet.data[1] & 0x7F
        self.times.append(packet.time)
        self.kinds.setdefault(kind, array("d")).append(packet.time)
        # Four bytes behind a bare header: event, end and volume, duration (RFC 4733 section 2.3), and the timestamp of
        # the packet before; a phone that keeps a NAT open with small packets has other ones
        if packet.length == 16 and kind >= 96 and not data[0] & 0x3F:
            stamp, before = data[4:8], self._stamps.get(kind)
            self._stamps[kind] = stamp
            if stamp == before and (len(data) < 16 or (data[12] <= 16 and not data[13] & 0x40 and any(data[14:]))):
                self.keys.setdefault(kind, array("d")).append(packet.time)

    def sort(self):
        """By time; packets of a capture of several interfaces may be out of order."""
        self.times = array("d", sorted(self.times))
        for times in (self.kinds, self.keys):
            times.update({kind: array("d", sorted(found)) for kind, found in times.items()})


def within(times, start, end):
    """How many of these times, sorted, lie in between."""
    return bisect_right(times, end) - bisect_left(times, start)


@dataclass
class Evidence:
    """messages: [Message, ...] in time; flows: {(source, target): Flow}; lines: [(s, text), ...] of a log; start, end:
    times of the first and the last thing seen; name: where it is from; unread: what could not be judged, sentences."""

    name: str
    messages: list = field(default_factory=list)
    flows: dict = field(default_factory=dict)
    lines: list = field(default_factory=list)
    start: float = None
    end: float = 0.0
    unread: list = field(default_factory=list)
    cut: int = 0

    def seen(self, time):
        """Something was there at that time."""
        self.start = time if self.start is None else min(self.start, time)
        self.end = max(self.end, time)

    def add(self, packet):
        """Takes in a capture.Packet of UDP, or one whole message of TCP."""
        self.seen(packet.time)
        data = packet.data
        if data[:2] == b"\r\n":  # RFC 3261 section 7.5
            data = packet.data = data.lstrip(b"\r\n")
        if streams.START.match(data):
            self.cut += len(data) < packet.length
            self.messages.append(message.parse(packet))
        elif len(data) >= 12 and data[0] >> 6 == 2 and not 192 <= data[1] <= 223:  # those are RTCP, RFC 5761
            self.flows.setdefault((packet.source, packet.target), Flow()).add(packet)

    def finish(self):
        """All is there: messages in order, each once. Returns itself."""
        self.messages.sort(key=lambda one: one.time)
        self.messages = list(_once(self.messages))
        for flow in self.flows.values():
            flow.sort()
        self.flows = {ends: flow for ends, flow in self.flows.items() if len(flow.times) >= _FEW}
        self.start = self.start or 0.0
        if self.cut:
            self.unread.append(
                f"{self.cut} SIP messages were cut by the capture: take it without a limit (tcpdump -s 0)"
            )
        if not self.flows and any(one.method == "INVITE" for one in self.messages):
            self.unread.append("there is no RTP in it: whether sound and keys came through cannot be said")
        return self


def _once(messages):
    # A capture of all interfaces has a packet twice or more
    last = {}
    for one in messages:
        key = (one.source, one.target, one.first, one.branch, one.call_id, one.cseq, one.tag("to"), one.size)
        again = one.time - last.get(key, -1.0) < _AGAIN_S
        if not again:
            last[key] = one.time
            yield one


def of_capture(read, name):
    """The Evidence in a capture.Capture."""
    found = Evidence(name)
    segments = []
    for packet in read:
        if packet.protocol == "udp":
            found.add(packet)
        else:
            found.seen(packet.time)
            segments.append(packet)
    whole, kinds = streams.messages(segments)
    for packet in whole:
        found.add(packet)
    _hidden(found, kinds)
    if not read.whole:
        found.unread.append("the file is damaged or cut short: only what is before that place was read")
    for link in sorted(read.links):
        found.unread.append(
            f"frames of link type {link} are not read: take the capture on an Ethernet interface, or any"
        )
    if read.fragments:
        found.unread.append(f"of {read.fragments} packets that were sent in pieces, pieces are missing")
    return found.finish()


def _hidden(found, kinds):
    # Connections that are likely SIP's and cannot be read
    ends = {end for pair, kind in kinds.items() if kind == "tls" for end in pair}
    sip = sorted(end for end in ends if end[1] in (5061, 5062)) or (not found.messages and sorted(ends))
    if sip:
        found.unread.append(
            f"TLS with {place(min(sip, key=lambda end: end[1]))} cannot be looked into: log.sip=console on the board "
            "tells its SIP in plain"
        )
    if "websocket" in kinds.values():
        found.unread.append("SIP over WebSocket is not read: log.sip=console on the board tells it in plain")


class Gatherer:
    """Turns what board.output.Output finds into Evidence. now(): the time of day, s; without it all begins at 0, and a
    board that has started anew goes on where it was."""

    def __init__(self, name, now=None):
        self.found = Evidence(name)
        self._time = None
        self._now = now or (lambda: self._time or 0.0)
        self._output = Output()
        self._tap = Tap(self._now)
        self._last = None  # ticks

    def feed(self, data):
        """Bytes as the board printed them; None: the line broke."""
        if data is None:
            self._output.lost()
            return
        for entry in self._output.feed(data):
            self._take(entry)

    def _take(self, entry):
        if isinstance(entry, Line) and _RESTART.match(entry.text):
            self._last = None
        if entry.ticks is not None:
            self._time = self._at(entry.ticks)
            self.found.seen(self._time)
        if isinstance(entry, Line):
            self.found.lines.append((self._time, entry.text))
            return
        packet = self._tap.packet(entry)
        packet.time = self._time  # lines and messages by one clock
        self.found.add(packet)

    def _at(self, ticks):
        # A saved log has no other clock than the board's, which begins anew with each start
        since = None if self._last is None else (ticks - self._last) % _WRAP
        if since is not None and since > _WRAP // 2 and _WRAP - since < _DISORDER_MS:
            return self._time
        self._last = ticks
        if since is None or since > _WRAP // 2:
            return max(self._now(), self._time or 0.0)
        return self._time + since / 1000

    def finish(self):
        """The Evidence."""
        self.feed(b"")  # nothing more comes of a record
        rest = self._output.rest()
        if rest:
            self.found.lines.append((self._time, rest))
        return self.found.finish()


def of_output(data, name):
    """The Evidence in what a board printed, or in a trace file (log.sip)."""
    gatherer = Gatherer(name)
    for start in range(0, len(data), _PIECE):
        gatherer.feed(data[start : start + _PIECE])
    gatherer.feed(b"\n")  # a record may lack its last end of line
    return gatherer.finish()


def read(path):
    """The Evidence in a file: a capture, a board's saved log, or a trace. ToolError when there is nothing in it."""
    data, name = capture.load(path), os.path.basename(path)
    if capture.is_capture(data):
        found = of_capture(capture.of(data, path), name)
        if not found.messages and not found.flows:
            why = found.unread[0] if found.unread else "it has no SIP and no RTP over UDP or TCP"
            raise ToolError(f"{path}: there is nothing to judge: {why}", USAGE)
        return found
    if data[:2] == b"\x1f\x8b":
        raise ToolError(f"{path}: is packed: gunzip it first", USAGE)
    if len(data) > _MOST:
        raise ToolError(f"{path}: is larger than {_MOST >> 20} MB", USAGE)
    found = of_output(data, name)
    if not found.messages and not any(time is not None or _LOG.match(text) for time, text in found.lines):
        raise ToolError(f"{path}: is neither a capture (pcap, pcapng) nor a board's log or trace", USAGE)
    return found
