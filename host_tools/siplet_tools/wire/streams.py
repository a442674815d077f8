# SIP over TCP in a capture: segments put in order, and messages found in the stream. Imports capture.
#
# RFC 3261 section 18.3: Content-Length says where a message ends. A capture may begin in the middle of a connection,
# miss segments, or have them twice; what is TLS or WebSocket is named, and not read.

import re

from siplet_tools.wire.capture import Packet

START = re.compile(rb"(?:SIP/2\.0 \d{3}[ \r]|[A-Z]{3,12} [^\s\x00-\x1f]{1,500} SIP/2\.0\r?\n)")
_BEGIN = re.compile(rb"(?<=\n)" + START.pattern)
_LENGTH = re.compile(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d{1,7})")
_MOST = 65536  # bytes of one message
_AHEAD = 64  # segments that may come before one that is missing
_FAR = 1 << 21  # bytes: no window reaches as far, it is another connection on these ports


class Stream:
    """One direction between two ends. feed(Packet) -> [Packet of one whole message, ...]; kind: "", "sip", "tls" or
    "websocket"."""

    def __init__(self):
        self.kind = ""
        self._data = b""
        self._first = self._next = None
        self._later = {}

    def feed(self, packet):
        """Takes a segment in the order of the capture."""
        place = packet.sequence
        if self._next is None or abs(self._ahead(place)) > _FAR:
            self._next, self._later, self._data, self.kind = place, {}, b"", ""
            self._first = place
        found = []
        if self._ahead(place) > 0:
            self._later[place] = packet
            if len(self._later) > _AHEAD:
                found += self._skip()
            return found
        if not self.kind and (place + packet.length) & 0xFFFFFFFF == self._first:  # the first ones changed places
            self._first, self._data = place, packet.data + self._data
            return self._messages(packet)
        found += self._take(packet)
        return found + self._follow()

    def end(self):
        """What lies behind gaps that were never filled."""
        found = []
        while self._later:
            found += self._skip()
        return found

    def _ahead(self, place):
        ahead = (place - self._next) & 0xFFFFFFFF
        return ahead - (1 << 32) if ahead >> 31 else ahead

    def _skip(self):
        self._next = min(self._later, key=self._ahead)
        self._data = b""
        return self._follow()

    def _follow(self):
        found = []
        ready = [place for place in self._later if self._ahead(place) <= 0]
        while ready:
            for place in sorted(ready, key=self._ahead):
                found += self._take(self._later.pop(place))
            ready = [place for place in self._later if self._ahead(place) <= 0]
        return found

    def _take(self, packet):
        known = -self._ahead(packet.sequence)  # bytes that came before
        if known >= packet.length:
            return []
        self._next = (packet.sequence + packet.length) & 0xFFFFFFFF
        self._data += packet.data[known:]
        found = self._messages(packet)
        if len(packet.data) < packet.length:  # the capture kept a part of it
            self._data = b""
        return found

    def _messages(self, packet):
        found = []
        while self.kind not in ("tls", "websocket"):
            self._data = self._data.lstrip(b"\r\n")
            if not START.match(self._data) and not self._resume():
                return found
            head, gap, rest = self._data.partition(b"\r\n\r\n")
            if not gap:
                if len(self._data) > _MOST:
                    self._data = b""
                return found
            self.kind = "sip"
            length = _LENGTH.search(head)
            size = min(int(length[1]), _MOST) if length else 0
            if len(rest) < size:
                return found
            whole = head + gap + rest[:size]
            found.append(Packet(packet.time, packet.source, packet.target, whole, len(whole), "tcp"))
            self._data = rest[size:]
        self._data = b""
        return found

    def _resume(self):
        # Goes on at the next beginning of a message; whether there is one
        data = self._data
        if not self.kind and len(data) > 2 and 20 <= data[0] <= 23 and data[1] == 3:
            self.kind = "tls"
        elif not self.kind and re.match(rb"(?is)(GET \S+ HTTP/1\.1|HTTP/1\.1 101).{0,2000}upgrade:\s*websocket", data):
            self.kind = "websocket"
        else:
            begin = _BEGIN.search(data)
            if begin:
                self._data = data[begin.start() :]
                return True
            self._data = data[-1000:]
        return False


def messages(packets):
    """([Packet of one message, ...], {(source, target): kind}) of the TCP packets of a capture."""
    streams, found = {}, []
    for packet in packets:
        found += streams.setdefault((packet.source, packet.target), Stream()).feed(packet)
    for stream in streams.values():
        found += stream.end()
    return found, {ends: stream.kind for ends, stream in streams.items()}
