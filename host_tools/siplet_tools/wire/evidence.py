# What can be known of a phone's calls from a capture, a board's log or a trace: SIP messages, RTP, lines of the log.
# Imports ladder, capture, board.output, errors.

import os
import re
from dataclasses import dataclass, field

from siplet_tools import ladder
from siplet_tools.board.output import Line, Output, Rtp, Tap
from siplet_tools.errors import USAGE, ToolError
from siplet_tools.wire import capture

_START = re.compile(rb"(?:SIP/2\.0 \d{3}|[A-Z]{3,12} \S{1,500} SIP/2\.0)")
_MOST = 64 << 20  # bytes of a log


@dataclass
class Message:
    """One SIP message. time: s; source, target: (address, port); first: its first line; headers: {lower-case name:
    [value, ...]}, secrets masked; body: text."""

    time: float
    source: tuple
    target: tuple
    first: str
    headers: dict
    body: str

    def get(self, name):
        """The first value of a header, "" when there is none."""
        return self.headers.get(name, [""])[0]

    @property
    def status(self):
        """The status of a response, 0 of a request."""
        match = re.match(r"SIP/2\.0 (\d{3})", self.first)
        return int(match[1]) if match else 0

    @property
    def method(self):
        """The method of a request, or of what a response answers."""
        return self.get("cseq").split(" ")[-1].upper() if self.status else self.first.split(" ")[0]

    @property
    def call_id(self):
        return self.get("call-id")

    @property
    def cseq(self):
        return self.get("cseq").split(" ")[0]

    def sdp(self):
        """{"address", "port", "formats", "way"} of its audio; None without one."""
        audio = re.search(r"(?m)^m=audio (\d+) \S+ (.*)$", self.body)
        if not audio:
            return None
        part = self.body[audio.start() :].split("\nm=", 1)[0]
        address = re.search(r"(?m)^c=IN IP[46] (\S+)", part) or re.search(r"(?m)^c=IN IP[46] (\S+)", self.body)
        way = re.search(r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)", part)
        names = dict(re.findall(r"(?m)^a=rtpmap:(\d+) ([^/\s]+)", part))
        return {
            "address": address[1] if address else "",
            "port": int(audio[1]),
            "formats": [names.get(number, number).lower() for number in audio[2].split()],
            "numbers": audio[2].split(),
            "way": way[1] if way else "sendrecv",
        }


@dataclass
class Flow:
    """RTP of one direction: packets, first and last time, payload types, its SSRCs."""

    packets: int = 0
    first: float = 0
    last: float = 0
    kinds: set = field(default_factory=set)
    sources: set = field(default_factory=set)


@dataclass
class Evidence:
    """messages: [Message, ...] in time; flows: {(source, target): Flow}; lines: texts of a log; end: time of the last
    thing seen; name: where it is from."""

    name: str
    messages: list = field(default_factory=list)
    flows: dict = field(default_factory=dict)
    lines: list = field(default_factory=list)
    start: float = 0
    end: float = 0

    def add(self, packet):
        """Takes in a capture.Packet of UDP, or one whole message of TCP."""
        self.start = self.start or packet.time
        self.end = max(self.end, packet.time)
        data = packet.data
        if _START.match(data):
            headers, first, body = ladder.headers(data)
            self.messages.append(Message(packet.time, packet.source, packet.target, first, headers, body))
        elif len(data) >= 12 and data[0] >> 6 == 2 and not 192 <= data[1] <= 223:
            flow = self.flows.setdefault((packet.source, packet.target), Flow(first=packet.time))
            flow.packets += 1
            flow.last = packet.time
            flow.kinds.add(data[1] & 0x7F)
            flow.sources.add(data[8:12])


def of_capture(path):
    """The Evidence in a capture file."""
    found = Evidence(path)
    streams = {}
    for packet in capture.read(path):
        if packet.protocol == "udp":
            found.add(packet)
        else:
            streams.setdefault((packet.source, packet.target), []).append(packet)
    for packets in streams.values():
        for message in _messages_of_tcp(packets):
            found.add(message)
    found.messages.sort(key=lambda message: message.time)
    return found


def _messages_of_tcp(packets):
    # RFC 3261 section 18.3: Content-Length says where a message ends
    data, seen = b"", set()
    for packet in sorted(packets, key=lambda packet: (packet.time, packet.sequence)):
        if (packet.sequence, len(packet.data)) in seen:  # sent again
            continue
        seen.add((packet.sequence, len(packet.data)))
        data = (data + packet.data).lstrip(b"\r\n")
        while True:
            if data and not _START.match(data) and len(data) > 600:
                data = b""  # no SIP: TLS, or a stream that began before the capture
            head, gap, rest = data.partition(b"\r\n\r\n")
            length = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d{1,7})", head)
            size = int(length[1]) if length else 0
            if not gap or len(rest) < size:
                break
            whole = head + gap + rest[:size]
            yield capture.Packet(packet.time, packet.source, packet.target, whole, len(whole), "tcp")
            data = rest[size:].lstrip(b"\r\n")
        data = data[-capture_most() :]


def capture_most():
    """Bytes of one message that are waited for."""
    return 65536


def of_output(data, name, now=lambda: 0.0):
    """The Evidence in what a board printed, or in a trace file (log.sip)."""
    found = Evidence(name)
    tap = Tap(now)
    gather(found, Output().feed(data if data.endswith(b"\n") else data + b"\n"), tap)
    return found


def gather(found, entries, tap):
    """Adds what board.output.Output found to the Evidence."""
    for entry in entries:
        if isinstance(entry, Line):
            found.lines.append(entry.text)
        elif isinstance(entry, (Rtp, ladder.Record)):
            found.add(tap.packet(entry))


def read(path):
    """The Evidence in a file: a capture, a board's saved log, or a trace. ToolError when there is nothing in it."""
    try:
        with open(path, "rb") as file:
            data = file.read(_MOST + 1)
    except OSError as error:
        raise ToolError(f"{path}: cannot be read ({error.strerror})", USAGE) from None
    if capture.is_capture(data):
        found = of_capture(path)
        if not found.messages and not found.flows:
            raise ToolError(f"{path}: has no SIP and no RTP over UDP or TCP; TLS cannot be looked into", USAGE)
        return found
    if len(data) > _MOST:
        raise ToolError(f"{path}: is larger than {_MOST >> 20} MB", USAGE)
    found = of_output(data, os.path.basename(path))
    if not found.messages and not any(re.search(r"[a-z]{3}", line) for line in found.lines):
        raise ToolError(f"{path}: is neither a capture nor a board's log", USAGE)
    return found
