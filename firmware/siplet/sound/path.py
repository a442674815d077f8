# Media that gets through, and says so when it does not: symmetric RTP (RFC 4961) that follows the agreed host's port,
# silence in the line noticed, ways through NATs kept open (RFC 6263). May import log, media and sip.
#
# A stream whose far end was heard is connected to it: what others send never arrives. So all this happens only while a
# stream is not connected: before the first packet, and after three seconds without one. Of each call the application
# is told by phone.handlers, callables that take an Event whose source is the call's session, and by the log:
#
#     "media-source"   data: (host, port, agreed host, agreed port, followed): sound comes from elsewhere
#     "no-media"       data: the seconds for which nothing came though something should; 3 at least, once it did
#     "media-again"    data: the seconds that it lasted
#
# Handlers of "media" are not these: that is the session's own word for an agreement.

from micropython import const

from siplet.log import log
from siplet.media.g711 import move
from siplet.sip.endpoint import Event

_READS = const(32)  # packets looked at in one tick
_SHY = const(25)  # as in siplet.stream
_BEFORE = const(150)  # ticks without a packet after which a stream is no longer connected
_SECOND = const(50)  # ticks
_KEEP = const(750)  # ticks between two packets that keep a way open: 15 s, RFC 6263 section 8
_TALES = const(8)  # of other sources, for a call: whoever sends from many addresses does not fill a log
_UNKNOWN = const(127)  # a payload type that nobody agrees on, RFC 6263 4.6
_RTP = const(12)


class Path:
    """A part of siplet.sound. options: sound.no_media_s, sound.hang_up_without_media_s, sound.follow_source,
    sound.drop_own_packets.

    missing: ticks for which nothing came.
    """

    def __init__(self, options):
        self._limit = options.get("sound.no_media_s", 10) * _SECOND
        self._last = options.get("sound.hang_up_without_media_s", 0) * _SECOND
        self._servers = options.get("sound.follow_source") == "servers"
        self._deaf = bool(options.get("sound.drop_own_packets"))
        self._packet = bytearray(_RTP)
        self._packet[0] = 0x80
        self.end()

    # -- the part

    def begin(self, call):
        """Hang into a Call's stream."""
        self._call = call
        self._hosts = call.phone.server_addresses() if self._servers else ()
        call.stream.source.deaf = self._deaf
        call.stream.path = self

    def end(self):
        """The call is over."""
        self._call = self._agreed = self._host = self._address = self._told = None
        self._hosts = ()
        self.missing = self._rest = self._tales = 0
        self._silent = self._echo = self._over = False

    # -- what a siplet.sound.stream calls, each tick

    def search(self, stream):
        """Take packets from where they may come from, and connect to who sends them."""
        agreed = stream.agreed
        if agreed is not self._agreed:
            self._renew(stream, agreed)
        stream._silent += 1
        if not self._host:
            return
        self._count(stream)
        udp = stream.udp
        stats = stream.stats
        data = stream._data
        source = None
        reads = _READS
        while reads:
            reads -= 1
            n = udp.receive_from(data)
            if n < 0:
                break
            if not n:
                continue
            host, port = udp.source
            if host != self._host and host not in self._hosts:
                stats.foreign += 1
                if n >= _RTP and data[0] & 0xC0 == 0x80:
                    self._tell_source(udp.source, False)
            elif port != agreed.port and stream._silent < _SHY:
                stats.foreign += 1  # a former far end may still send
            else:
                stream.source.careful = host != self._host or port != agreed.port
                received = stats.received
                stream._packets(n)
                if stats.received != received:
                    source = udp.source
        if source:
            if source[0] != self._host or source[1] != agreed.port:
                self._tell_source(source, True)
            self._heard(stream)
            stream.follow(source)

    def rest(self, stream):
        """Nothing is to be sent: but a packet now and then, so that what comes still finds its way through a NAT."""
        if self._rest:
            self._rest -= 1
            return
        self._rest = _KEEP
        agreed = stream.agreed
        if agreed and agreed.port and agreed.address not in ("0.0.0.0", "::"):
            kind = _UNKNOWN - 1 if agreed.dtmf == _UNKNOWN or agreed.payload_type == _UNKNOWN else _UNKNOWN
            move(4, stream.sender.ssrc, self._packet, 0, 8)
            stream.sender.number(self._packet, kind, False, True)
            stream.send_packet(self._packet)

    # -- inside

    def _renew(self, stream, agreed):
        if agreed.address != self._address or not self._host:
            self._address = agreed.address
            self._host = stream._remote[0]
        self._agreed = agreed
        self._told = None
        self.missing = 0

    def _count(self, stream):
        if not stream._hearing or self._call.state != "up":
            self.missing = 0
            return
        self.missing += 1
        if self.missing >= self._limit and not self._silent and self._limit:
            self._silent = True
            self._tell("no-media", self.missing // _SECOND)
        if self.missing >= self._last and not self._over and self._last:
            self._over = True
            log("no media: the call is over")
            self._call.phone._guard(self._call._stop)

    def _heard(self, stream):
        if self._silent:
            self._silent = False
            self._tell("media-again", self.missing // _SECOND)
        self.missing = _BEFORE  # so long has it been when the stream is here again
        if stream.source.echoes and not self._echo:
            self._echo = True
            log("media: our own packets come back")

    def _tell_source(self, source, followed):
        if source != self._told and self._tales < _TALES:
            self._told = source
            self._tales += 1
            self._tell("media-source", source, followed)

    def _tell(self, kind, data, followed=None):
        agreed = self._agreed
        phone = self._call.phone
        try:
            text = f"from {agreed.address}:{agreed.port} for {data} s"
            if followed is not None:
                text = f"from {data[0]}:{data[1]}, not from the agreed {agreed.address}:{agreed.port}"
                data += (agreed.address, agreed.port, followed)
            log(f"{kind}: {text}")
            if kind in phone.handlers:
                phone._guard(phone.handlers[kind], Event(kind, self._call.session, 0, b"", data))
        except MemoryError:  # the sound comes first
            pass
