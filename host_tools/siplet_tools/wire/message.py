# One SIP message as the doctor reads it. Imports ladder, which masks what is secret.

import re
from dataclasses import dataclass
from functools import cached_property

from siplet_tools import ladder

_MOST = 16384  # bytes of a message that are read
_LONG = 120  # characters of a name that are shown at most


@dataclass
class Message:
    """time: s; source, target: (address, port); first: its first line; headers: {lower-case name: [value, ...]},
    secrets masked; body: text; size: bytes; protocol: "udp" or "tcp"."""

    time: float
    source: tuple
    target: tuple
    first: str
    headers: dict
    body: str
    size: int = 0
    protocol: str = "udp"

    def get(self, name):
        """The first value of a header, "" when there is none."""
        return self.headers.get(name, [""])[0]

    def __post_init__(self):
        match = re.match(r"SIP/2\.0 ([1-6]\d\d)\b", self.first)
        number, _, method = self.get("cseq").partition(" ")
        self.status = int(match[1]) if match else 0  # 0: a request
        self.method = method.strip().upper() if self.status else self.first.split(" ")[0]
        self.call_id, self.cseq = self.get("call-id"), number
        branch = re.search(r"(?i);\s*branch\s*=\s*([^;,\s]+)", self.get("via").partition(",")[0])
        self.branch = branch[1] if branch else ""
        self.reason = self.first[12:52].strip() if self.status else ""

    def user(self, name):
        """user@host, or the host alone, of an address header such as "from"; "?" when there is none."""
        match = re.search(r"sips?:((?:[^@;>\s]{0,256}@)?(?:\[[^\]\s]{0,64}\]|[^;:>\s]+))", self.get(name))
        return match[1].replace(":***", "")[:_LONG] if match else "?"

    @cached_property
    def account(self):
        """Whom it is about: of a registration who registers, else who sends the request."""
        return self.user("to" if self.method == "REGISTER" else "from")

    def tag(self, name):
        """The tag of From or To, "" without one."""
        match = re.search(r"(?i);\s*tag\s*=\s*([^;,\s]+)", self.get(name).rpartition(">")[2] or self.get(name))
        return match[1] if match else ""

    def contact(self):
        """(user and host:port as they stand there, host) of the first Contact; ("", "") without one."""
        text = self.get("contact")
        match = re.search(r"sips?:((?:[^@;>\s,]{0,256}@)?(\[[^\]\s]{0,64}\]|[^;:>\s,]+)(?::\d{1,5})?)", text)
        return (match[1], match[2].strip("[]")) if match else ("", "")

    def sdp(self):
        """The Audio of its description; None without one."""
        audio = re.search(r"(?m)^m=audio (\d{1,5})(?:/\d+)? \S+ ?(.*)$", self.body)
        if not audio:
            return None
        part = self.body[audio.start() :].split("\nm=", 1)[0]
        line = r"(?m)^c=IN IP[46] ([^\s/]+)"
        address = re.search(line, part) or re.search(line, self.body[: audio.start()])
        way = r"(?m)^a=(sendrecv|sendonly|recvonly|inactive)\b"
        way = re.search(way, part) or re.search(way, self.body[: audio.start()])
        names = dict(re.findall(r"(?m)^a=rtpmap:(\d{1,3})[ \t]+([^/\s]{1,40})", part))
        return Audio(
            address=address[1] if address else "",
            port=int(audio[1]),
            names={int(k): names.get(k, k).lower() for k in audio[2].split() if re.fullmatch("[0-9]{1,3}", k)},
            way=way[1] if way else "sendrecv",
            ice="\na=candidate:" in part,
        )


@dataclass
class Audio:
    """What one side asks for: where to, {payload type: name}, the direction; ice: it may come to go elsewhere."""

    address: str
    port: int
    names: dict
    way: str
    ice: bool

    @property
    def events(self):
        """Payload types of telephone-event (RFC 4733)."""
        return {kind for kind, name in self.names.items() if name == "telephone-event"}

    @property
    def is_open(self):
        """Whether sound is wanted in both directions."""
        return self.port and self.way == "sendrecv" and self.address not in ("0.0.0.0", "::", "")


def parse(packet):
    """The Message in a capture.Packet."""
    headers, first, body = ladder.headers(packet.data[:_MOST])
    return Message(packet.time, packet.source, packet.target, first, headers, body, packet.length, packet.protocol)
