# Offer and answer: what two ends agree to send each other. RFC 3264; telephone-event as in RFC 4733.
# May import: errors, sdp. Knows nothing of dialogs: whoever carries the descriptions says what became
# of them.
#
# One audio stream is taken, with one codec: an answer that names two would let the far end change between them in the
# middle. The other m-lines of an offer are refused with port 0 and keep their place in everything that is said later.

from collections import namedtuple

from siplet.errors import RemoteError
from siplet.sdp import DIRECTIONS, Sdp

# What is agreed, from our point of view. address, port: where to send; codec: b"PCMU" or b"PCMA"; dtmf: the payload
# type of telephone-event or -1; direction: one of DIRECTIONS; ptime: ms of audio in a packet that the far end likes
Agreement = namedtuple("Agreement", ("address", "port", "codec", "payload_type", "dtmf", "direction", "ptime"))

_EVENT = b"TELEPHONE-EVENT"
_STATIC = {b"PCMU": b"0", b"PCMA": b"8"}
_AVP = b"RTP/AVP"


def _common(media, codecs):
    # (payload type, codec, payload type of telephone-event or b"") by the far end's preference, or None
    if media.kind != b"audio" or not media.port or not media.address or media.proto.upper() != _AVP:
        return None
    codec = event = b""
    for fmt in media.formats:
        if not fmt.isdigit() or len(fmt) > 3 or int(fmt) > 127:
            continue
        name, rate = media.rtpmap(fmt) or (b"", 0)
        if rate != 8000:
            continue
        if name == _EVENT:
            event = event or fmt
        elif name in codecs and not codec:
            codec = name
            payload_type = fmt
    if not codec:
        return None
    return payload_type, codec, event if event != payload_type else b""


class Negotiation:
    """Our side of one session. address, port: where we receive; codecs: in our order of preference.

    direction: what we want, one of DIRECTIONS; set "sendonly" or "inactive" before offer() to put the far end on hold.
    agreed: None or the Agreement in force; an offer or an answer that fails leaves it as it was.
    """

    def __init__(self, address, port, codecs=(b"PCMA", b"PCMU"), dtmf=True, ptime=20, session_id=1):
        self._address = address
        self._port = port
        self._codecs = codecs
        self._dtmf = dtmf
        self._ptime = ptime
        self._session = session_id
        self._version = 0
        self._said = b""
        self._lines = [b""]
        self._index = 0
        self._event = b"101"
        self._offered = -1
        self.direction = "sendrecv"
        self.agreed = None

    def _write(self, formats, direction):
        # the whole description; formats: [(payload type, name)]. Its version counts what really changed (RFC 3264 8)
        family = 6 if ":" in self._address else 4
        where = f" IN IP{family} {self._address}\r\n".encode()
        said = b"s=-\r\nc=" + where[1:] + b"t=0 0\r\n"
        for i, line in enumerate(self._lines):
            if i != self._index:
                said += line
                continue
            said += f"m=audio {self._port} RTP/AVP".encode()
            for fmt, _ in formats:
                said += b" " + fmt
            for fmt, name in formats:
                said += b"\r\na=rtpmap:" + fmt + b" " + name + b"/8000"
                if name == b"telephone-event":
                    said += b"\r\na=fmtp:" + fmt + b" 0-15"
            said += f"\r\na=ptime:{self._ptime}\r\na={direction}\r\n".encode()
        if said != self._said:
            self._said = said
            self._version += 1
        return f"v=0\r\no=- {self._session} {self._version}".encode() + where + said

    def _agree(self, media, common, wanted):
        # RFC 3264 6.1: we send what the far end receives, and the other way round; 0.0.0.0 receives nothing (8.4)
        theirs = DIRECTIONS.index(media.direction)
        ours = wanted & (theirs >> 1 | (theirs & 1) << 1)
        if media.address in ("0.0.0.0", "::"):
            ours &= 2
        payload_type, codec, event = common
        return Agreement(
            media.address,
            media.port,
            codec,
            int(payload_type),
            int(event) if event and self._dtmf else -1,
            DIRECTIONS[ours],
            media.ptime if 10 <= media.ptime <= 100 else self._ptime,
        )

    def offer(self):
        """Our offer, bytes; accept() or rejected() says what became of it."""
        formats = [(_STATIC[codec], codec) for codec in self._codecs]
        if self._dtmf:
            formats.append((self._event, b"telephone-event"))
        self._offered = DIRECTIONS.index(self.direction)
        return self._write(formats, self.direction)

    def answer(self, data):
        """Our answer to the offer in data, bytes. RemoteError(488) when nothing in it can be shared, 400 unreadable."""
        lines = []
        media = None
        for each in Sdp(data).media:
            common = None if media else _common(each, self._codecs)
            if common:
                media = each
                agreed = common
                index = len(lines)
            lines.append(b"m=" + each.kind + b" 0 " + each.proto + b" " + each.formats[0] + b"\r\n")
        if not media:
            raise RemoteError(488, "no common codec")
        self._lines = lines
        self._index = index
        self._offered = -1
        self.agreed = self._agree(media, agreed, DIRECTIONS.index(self.direction))
        formats = [agreed[:2]]
        if self.agreed.dtmf >= 0:
            self._event = agreed[2]
            formats.append((self._event, b"telephone-event"))
        else:  # a number keeps its meaning for the whole session (8.3.2): ours, later, must be one that is not in use
            number = 101
            while str(number).encode() in media.formats:
                number -= 1
            self._event = str(number).encode()
        return self._write(formats, self.agreed.direction)

    def accept(self, data):
        """Takes the answer to our offer. RemoteError(488) when it refuses the stream or takes what was not offered.

        It may come more than once: a 183 brings early media, the 2xx what counts (RFC 3261 13.2.1). The last one that
        can be used is in force.
        """
        offered = self._offered
        media = Sdp(data).media
        common = _common(media[self._index], self._codecs) if offered >= 0 and len(media) > self._index else None
        if not common:
            raise RemoteError(488, "no usable answer")
        self.agreed = self._agree(media[self._index], common, offered)

    def rejected(self):
        """Our offer was refused: the former agreement stays in force."""
        self._offered = -1
