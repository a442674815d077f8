# Offer and answer: what two ends agree to send each other. RFC 3264; telephone-event as in RFC 4733.
# May import: errors, sdp. Knows nothing of dialogs: whoever carries the descriptions says what became of them.
#
# One audio stream is taken, with one codec: an answer that names two would let the far end change between them in the
# middle. The other m-lines of an offer are refused with port 0 and keep their place in everything that is said later.

from collections import namedtuple

from siplet.errors import RemoteError
from siplet.sdp import DIRECTIONS, parse

# What is agreed, from our point of view. address, port: where to send; codec: b"PCMU", b"PCMA" or b"G722"; dtmf: the
# payload type of telephone-event or -1; direction: "sendrecv", "sendonly", "recvonly" or "inactive"; ptime: ms of audio
# in a packet that the far end likes
Agreement = namedtuple("Agreement", ("address", "port", "codec", "payload_type", "dtmf", "direction", "ptime"))


def _literal(address):
    # A name is no address: to look it up would stop the 20 ms clock, for as long as a caller's name server likes
    return address and not address.strip("0123456789abcdefABCDEF.:" if ":" in address else "0123456789.")


class Negotiation:
    """Our side of one session. address, port: where we receive; codecs: in our order of preference.

    direction: what we want; set "sendonly" or "inactive" before offer() to put the far end on hold.
    agreed: None or the Agreement in force; an offer or an answer that fails leaves it as it was.
    held: the far end has put us on hold: it said that it does not want to hear us.
    """

    held = False

    def __init__(self, address, port, codecs=(b"PCMA", b"PCMU"), dtmf=True, ptime=20, session_id=1):
        self._where = "IN IP%d %s\r\n" % (6 if ":" in address else 4, address)
        self._port = port
        self._codecs = codecs
        self._dtmf = dtmf
        self._ptime = ptime
        self._session = session_id
        self._version = 0
        self._said = None
        self._others = ["", ""]  # the m-lines refused in front of ours, and those behind it
        self._event = 101
        self._wanted = -1  # the direction of an offer of ours that waits for its answer
        self.direction = "sendrecv"
        self.agreed = None

    def _common(self, media):
        # (payload type, codec, payload type of telephone-event or -1) by the far end's preference, or None
        codec = None
        event = -1
        if (
            media.kind.lower() == "audio"
            and media.port
            and _literal(media.address)
            and (":" in media.address) == (self._where[5] == "6")  # our socket speaks IPv4 or IPv6, not both
            and media.proto.upper() == "RTP/AVP"
        ):
            for fmt in media.formats:
                if fmt.isdigit() and len(fmt) < 4 and int(fmt) < 128:
                    if event < 0 and media.maps(fmt, b"telephone-event"):
                        event = int(fmt)
                    for name in self._codecs:
                        if not codec and media.maps(fmt, name):
                            codec = name
                            number = int(fmt)
        return (number, codec, event) if codec else None

    def _write(self, formats, event, direction, port):
        # the whole description; formats: [(payload type, codec)]; event: the payload type of telephone-event or -1
        said = (formats, event, direction, port, self._others)
        if said != self._said:  # the version counts what really changed (RFC 3264 8)
            self._said = said
            self._version += 1
        types = maps = ""  # by % instead of f"", which makes a copy of every part first
        for number, codec in formats:
            types = "%s %d" % (types, number)
            maps = "%sa=rtpmap:%d %s/8000\r\n" % (maps, number, codec.decode())
        if event >= 0:
            types = "%s %d" % (types, event)
            maps = "%sa=rtpmap:%d telephone-event/8000\r\na=fmtp:%d 0-15\r\n" % (maps, event, event)
        where = self._where
        front, rear = self._others
        return (
            "v=0\r\no=- %d %d %ss=-\r\nc=%st=0 0\r\n%sm=audio %d RTP/AVP%s\r\n%sa=ptime:%d\r\na=%s\r\n%s"
            % (self._session, self._version, where, where, front, port, types, maps, self._ptime, direction, rear)
        ).encode()

    def _agree(self, media, common, wanted):
        # RFC 3264 6.1: we send what the far end receives, and the other way round; 0.0.0.0 receives nothing (8.4)
        theirs = media.direction
        if media.address == "0.0.0.0" or media.address == "::":
            theirs &= 1
        ours = wanted & (theirs >> 1 | theirs << 1)
        if theirs & 2:
            self.held = False
        elif self._wanted < 0 or wanted == 3:  # not when our own offer was to listen no more
            self.held = True
        number, codec, event = common
        self.agreed = Agreement(
            media.address,
            media.port,
            codec,
            number,
            event if self._dtmf else -1,
            DIRECTIONS[ours * 8 : ours * 8 + 8].decode(),
            media.ptime if 10 <= media.ptime <= 100 else self._ptime,
        )

    def offer(self):
        """Our offer, bytes; accept() or rejected() says what became of it."""
        self._wanted = DIRECTIONS.index(self.direction.encode()) >> 3
        formats = [(0 if codec == b"PCMU" else 8 if codec == b"PCMA" else 9, codec) for codec in self._codecs]
        return self._write(formats, self._event if self._dtmf else -1, self.direction, self._port)

    def answer(self, data):
        """Our answer to the offer in data, bytes. RemoteError(488) when nothing in it can be shared, 400 unreadable."""
        found = parse(data)
        common = None
        for i, media in enumerate(found):
            common = self._common(media)
            if common:
                ours = i
                break
        else:
            ours = self._close(found)
        others = ["", ""]
        for i in range(len(found)):
            if i != ours:
                each = found[i]
                others[1 if i > ours else 0] += "m=%s 0 %s %s\r\n" % (each.kind, each.proto, each.formats[0])
        self._others = others
        self._wanted = -1
        if common:
            self._agree(media, common, DIRECTIONS.index(self.direction.encode()) >> 3)
        agreed = self.agreed
        event = self._event = agreed.dtmf
        if event < 0:  # a number keeps its meaning for the whole session (8.3.2): ours, later, must not be in use
            self._event = 101
            while str(self._event) in media.formats:
                self._event -= 1
        return self._write([(agreed.payload_type, agreed.codec)], event, agreed.direction, self._port if common else 0)

    def _close(self, found):
        # The far end takes the stream of a call away, by port 0, and may bring it back (8.2): nobody hears anybody
        ours = self._others[0].count("\n")
        if not self.agreed or len(found) <= ours or found[ours].port or found[ours].kind.lower() != "audio":
            raise RemoteError(488, "SDP: nothing in common")
        address, _, codec, number, event, _, ptime = self.agreed
        self.agreed = Agreement(address, 0, codec, number, event, "inactive", ptime)
        self.held = True
        return ours

    def accept(self, data):
        """Takes the answer to our offer. RemoteError(488) when it refuses the stream or takes what was not offered.

        It may come more than once: a 183 brings early media, the 2xx what counts (RFC 3261 13.2.1). The last one that
        can be used is in force.
        """
        found = parse(data)
        index = self._others[0].count("\n")
        common = self._common(found[index]) if self._wanted >= 0 and len(found) > index else None
        if common:
            self._agree(found[index], common, self._wanted)
        elif self._wanted < 0:
            raise RemoteError(488, "SDP: no usable answer")
        else:
            self._close(found)

    def rejected(self):
        """Our offer was refused: the former agreement stays in force."""
        self._wanted = -1
