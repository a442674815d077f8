# Where RTCP goes and comes from: what a description says of it, and the socket of its own. May import platform and
# sound.attributes.
#
# Both ends speak on the port of RTP when both can (RFC 5761), else on the one above it or the one that a=rtcp names
# (RFC 3605). When the port above ours is taken by another program, a call does without RTCP, unless it can share.
# Packets are taken from the address that was told alone; when nothing comes from its port for a while, from any port
# of that address, as RTP's are.

from micropython import const

from siplet import platform
from siplet.sound.attributes import values

_DATA = const(600)  # bytes of one read: more than any report that is meant for us
_STRANGERS = const(4)  # datagrams that are looked at in one poll while the far end's port is not known
_EXTENDED = "a=rtcp-xr:voip-metrics rcvr-rtt=all\r\n"


class Control:
    """One call's way for RTCP, among the extras of its Line.

    shared: it is RTP's port, the far end agreed. metrics, reference: it wants VoIP metrics, and reference times (RFC
    3611 section 5). connected: the socket speaks with one port alone. data: what poll() has read. strangers: datagrams
    from elsewhere.
    """

    def __init__(self):
        self.data = bytearray(_DATA)
        self.udp = self._rtp = None
        self.describe(None)

    def describe(self, udp):
        """A call's description is about to be made; udp: the socket of its RTP, whose class makes another one."""
        self.close()
        self._rtp = udp
        self.shared = self.metrics = self.reference = self.connected = False
        self.strangers = 0
        self._told = None
        self._remote = None, 0

    # -- what is said of it

    def lines(self, media):
        """The attributes of an offer (media None) or of our answer to an sdp.Media."""
        if media is None:
            if not self.shared:
                self._open()
            return "a=rtcp-mux\r\n" + _EXTENDED
        return ("a=rtcp-mux\r\n" if self.shared else "") + (_EXTENDED if values(media, b"rtcp-xr") else "")

    def take(self, media):
        """The attributes of the far end's offer or answer, an sdp.Media."""
        address, port = media.address, media.port + 1
        for value in values(media, b"rtcp"):
            fields = value.split()
            if fields and fields[0].isdigit() and len(fields[0]) < 6 and 0 < int(fields[0]) < 65536:
                port = int(fields[0])
                if len(fields) == 4 and _is_literal(fields[3], address):
                    address = fields[3].decode()
        self._told = None if address in ("0.0.0.0", "::") or not media.port else (address, port)
        wanted = b" ".join(values(media, b"rtcp-xr"))
        self.metrics = b"voip-metrics" in wanted
        self.reference = b"rcvr-rtt" in wanted
        self.shared = bool(values(media, b"rtcp-mux"))
        if self.shared:
            self.close()
        else:
            self._open()

    # -- the socket

    def _open(self):
        if self.udp or not self._rtp:
            return
        self._remote = None, 0
        try:
            self.udp = type(self._rtp)(self._rtp.address, self._rtp.port + 1)
        except (OSError, MemoryError):  # another program has it
            pass

    def close(self):
        """Give the port back."""
        if self.udp:
            self.udp.close()
            self.udp = None
        self.connected = False

    def direct(self):
        """Another agreement is in force: send there."""
        told = self._told or (None, 0)
        if not self.udp or told == self._remote:
            return
        self._remote = None, 0
        try:
            self.let_go()
            if told[0]:
                self._remote = platform.source(platform.resolve(told[0], told[1]))[0], told[1]
                self._connect(self._remote)
        except (OSError, MemoryError):  # nothing is sent then
            pass

    def _connect(self, address):
        self.connected = self.udp.connect(address)
        # The stored bound method is used at once: a call in between costs a frame on the heap each time
        self._read = self.udp._read

    def let_go(self):
        """Take reports from another port of the far end than it told: none comes from that one."""
        if self.connected and self.udp.reopen():
            self.connected = False

    def poll(self):
        """The size of what the connected port has brought into .data, 0 for nothing."""
        try:
            n = self._read(self.data)
        except OSError:
            return 0
        if n is None:
            return 0
        return n or self.udp.receive(self.data)  # an empty datagram: that heals its socket

    def poll_strangers(self):
        """As poll(), of a socket that is not connected: who of that address sends from another port?"""
        udp = self.udp
        left = _STRANGERS if self._remote[0] else 0
        while left:
            left -= 1
            n = udp.receive_from(self.data)
            if n < 0:
                break
            if udp.source[0] == self._remote[0]:
                return n
            self.strangers += 1
        return 0

    def found(self):
        """What poll() brought was RTCP: its sender is the far end."""
        self._connect(self.udp.source)

    def send(self, stream, packet):
        """Send a compound packet; False when it failed, or there is no way."""
        if self.shared:
            return stream.send_control(packet)
        if self.connected:
            return self.udp.send(packet)
        return bool(self.udp and self._remote[0]) and self.udp.send_to(packet, self._remote)

    @property
    def ready(self):
        """Whether there is a way to the far end."""
        return self.shared or self.connected or bool(self.udp and self._remote[0])


def _is_literal(text, like):
    # An address as bytes, of the same family as another one; a name would have to be looked up
    six = b":" in text
    return six == (":" in like) and not text.strip(b"0123456789abcdefABCDEF:." if six else b"0123456789.")
