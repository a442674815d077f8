# A session description as it came: what the far end can hear, where, and how. RFC 4566, 3264, 3551.
# May import: limits, errors. Whoever writes one is in offer.py.

from siplet.errors import RemoteError
from siplet.limits import SDP_FORMATS, SDP_LINES, SDP_MEDIA

# Bit 0: sends, bit 1: receives (RFC 3264 5.1)
DIRECTIONS = ("inactive", "sendonly", "recvonly", "sendrecv")


def _bad(text):
    return RemoteError(400, "SDP " + text)


def _integer(text, top):
    if not text.isdigit() or len(text) > 9 or int(text) > top:
        raise _bad("number")
    return int(text)


class Media:
    """One m= line with what belongs to it.

    kind, proto: bytes; formats: list of bytes; port: 0 for a refused stream; address: str or None; direction: one of
    DIRECTIONS from the sender's point of view; ptime: ms, 0 when not said.
    """

    def __init__(self, text, address, direction):
        fields = text.split(None, SDP_FORMATS + 3)
        if len(fields) < 4:
            raise _bad("m=")
        self.kind = fields[0].lower()
        self.port = _integer(fields[1].split(b"/", 1)[0], 65535)
        self.proto = fields[2]
        self.formats = fields[3 : SDP_FORMATS + 3]
        self.address = address
        self.direction = direction
        self.ptime = 0
        self._maps = []

    def _attribute(self, name, fmt):
        name += fmt + b" "
        for line in self._maps:
            if line.startswith(name):
                return line[len(name) :].strip()
        return b""

    def rtpmap(self, fmt):
        """(name in upper case, clock rate) of a format; the two static ones need no line (RFC 3551 6). None: unknown.

        A stream of several channels has them in the name, b"L16/2", and so is no codec of ours.
        """
        text = self._attribute(b"rtpmap:", fmt) or {b"0": b"PCMU/8000", b"8": b"PCMA/8000"}.get(fmt, b"")
        name, _, rate = text.upper().partition(b"/")
        rate, _, channels = rate.partition(b"/")
        if not rate.isdigit() or len(rate) > 6:
            return None
        return name if channels in (b"", b"1") else name + b"/" + channels, int(rate)

    def fmtp(self, fmt):
        """The format's parameters, raw; b"" without any."""
        return self._attribute(b"fmtp:", fmt)


def _address(text):
    fields = text.split(None, 3)
    if len(fields) != 3 or fields[0] != b"IN":
        raise _bad("c=")
    address = fields[2].split(b"/", 1)[0]
    for c in address:
        if not 32 < c < 127:
            raise _bad("c=")
    return address.decode()


class Sdp:
    """A session description. data: bytes; RemoteError(400) when unreadable, RemoteError(488) for too many m-lines.

    address: of the session's own c= line, str or None; version: of its o= line, bytes; media: list of Media.
    Lines end with CRLF or LF (RFC 4566 5); types and attributes that nobody here knows are passed over.
    """

    def __init__(self, data):
        if data.count(b"\n") > SDP_LINES:
            raise _bad("too long")
        self.address = None
        self.version = b""
        self.media = []
        direction = "sendrecv"
        media = None
        first = True
        for line in data.split(b"\n"):
            line = line.strip()
            if not line:
                continue
            text = line[2:]
            if line[1:2] != b"=" or (first and line != b"v=0"):
                raise _bad("line")
            first = False
            kind = line[:1]
            if kind == b"o":
                fields = text.split(None, 6)
                if len(fields) != 6:
                    raise _bad("o=")
                self.version = fields[2]
            elif kind == b"c":
                address = _address(text)
                if media:
                    media.address = address
                else:
                    self.address = address
            elif kind == b"m":
                if len(self.media) == SDP_MEDIA:
                    raise RemoteError(488, "too many m-lines")
                media = Media(text, self.address, direction)
                self.media.append(media)
            elif kind == b"a":
                if text in (b"sendrecv", b"sendonly", b"recvonly", b"inactive"):
                    if media:
                        media.direction = text.decode()
                    else:
                        direction = text.decode()
                elif media and text.startswith(b"ptime:") and text[6:].isdigit():
                    media.ptime = _integer(text[6:], 999999999)
                elif media and (text.startswith(b"rtpmap:") or text.startswith(b"fmtp:")):
                    media._maps.append(text)
        if first:
            raise _bad("empty")
