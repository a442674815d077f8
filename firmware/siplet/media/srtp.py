# SRTP and SRTCP: RFC 3711 with AES_CM_128_HMAC_SHA1_80 and _32, the cipher suites of RFC 4568 6.2. Imports aes, sha1,
# g711 (move), srtp_sources and srtp_bytes.
#
#     SRTP     header | payload, ciphered | tag, 10 or 4 bytes             the tag also covers the roll-over counter
#     SRTCP    8 bytes | the rest, ciphered | E and the index | tag, 10 bytes
#
# A packet's index has 48 bits and would be a heap object: it is a roll-over counter of two halves (high, low) and the
# sequence number. Nothing is allocated for a packet, but for the first one of a length sent, and of a source heard.
# Session keys are derived once (key_derivation_rate 0). There is no MKI. Functions have few locals: see sound.stream.

from micropython import const

from siplet.errors import LocalError
from siplet.media.aes import aes
from siplet.media.g711 import move
from siplet.media.sha1 import TAIL, TRAILER, Hmac, authenticate, work
from siplet.media.srtp_bytes import counters, differ, mix, start
from siplet.media.srtp_sources import Sources

MASTER = const(30)  # bytes of a master key and its salt
LONG_TAG = const(10)
SHORT_TAG = const(4)  # of SRTP; SRTCP has the long one always (RFC 3711 5.2, RFC 4568 6.2)

_HEADER = const(12)
_BLOCKS = const(10)  # of key stream made at once: a packet of 20 ms
_CHUNK = const(160)
_OUT = const(576)  # of a packet of ours; one of 20 ms has 172 bytes, RTCP a few hundred at most


class Room:
    """What all keys of one call work in: 1.6 KB, one of each."""

    def __init__(self):
        self.work = work()
        self.stream = bytearray(_CHUNK)
        view = memoryview(self.stream)
        self.views = [view[: 16 * n] for n in range(_BLOCKS + 1)]
        self.out = bytearray(_OUT)
        self.sent = {}  # length: a view of out

    def view(self, n):
        """out[:n], a memoryview: made with the first packet of that length."""
        view = self.sent.get(n)
        if view is None:
            view = self.sent[n] = memoryview(self.out)[:n]
        return view

    def index(self, high, low, sequence):
        """Put down the index of the packet that comes next: of 16 bits each, high first."""
        work = self.work
        work[TRAILER] = high >> 8
        work[TRAILER + 1] = high & 0xFF
        work[TRAILER + 2] = low >> 8
        work[TRAILER + 3] = low & 0xFF
        work[TRAILER + 4] = sequence >> 8
        work[TRAILER + 5] = sequence & 0xFF


class _Session:
    # The session keys of SRTP (label 0) or of SRTCP (label 3), derived from a master key (RFC 3711 4.3)

    def __init__(self, room, label):
        self._work = room.work
        self._stream = room.stream
        self._views = room.views
        self._label = label
        self._more = 0 if label else 4  # bytes of the index that the tag covers beside the packet
        self._salt = bytearray(14)
        self._hmac = Hmac()
        self._pads = self._hmac.pads
        self._aes = None
        self.length = LONG_TAG

    def key(self, master, salt):
        # master: the cipher of the master key; salt: the master salt
        made = self._stream
        zeros = bytes(4)
        for i in range(6):
            self._work[TRAILER + i] = 0
        for i in range(3):
            self._salt[:] = salt
            self._salt[7] ^= self._label + i
            start(self._work, self._salt, zeros, 0)
            counters(2, made, self._work, 0)
            master.encrypt(self._views[2], self._views[2])
            if i == 0:
                self._aes = aes(bytes(self._views[1]))
            elif i == 1:
                self._hmac.key(self._work, self._views[2][:20])
        self._salt[:] = self._views[1][:14]
        for i in range(32):
            made[i] = 0

    def wipe(self):
        # (What cryptolib made of the key is out of reach; it is let go.)
        self._aes = None
        self._hmac.wipe()
        for i in range(14):
            self._salt[i] = 0

    def start(self, data, ssrc):
        """A packet begins whose SSRC is data[ssrc:]; its index is put down."""
        start(self._work, self._salt, data, ssrc)

    def crypt(self, n, data, at, out):
        """Cipher or decipher data[at : at + n], to the same place of out, which may be data; after start()."""
        if n > _CHUNK:
            self._crypt_long(n, data, at, out)
            return
        counters((n + 15) >> 4, self._stream, self._work, 0)
        self._aes.encrypt(self._views[(n + 15) >> 4], self._stream)
        mix(n, data, out, at, self._stream)

    def _crypt_long(self, n, data, at, out):
        first = 0
        while n > 0:
            some = n if n < _CHUNK else _CHUNK
            counters((some + 15) >> 4, self._stream, self._work, first)
            self._aes.encrypt(self._views[(some + 15) >> 4], self._stream)
            mix(some, data, out, at, self._stream)
            at += some
            n -= some
            first += _BLOCKS

    def tag(self, n, data, at):
        """Leave the tag of data[at : at + n] at TAIL of the work."""
        authenticate(self._work, n, at, data, self._pads, self._more)

    def opens(self, data, at, stop):
        """Whether what follows data[at:stop] is its tag."""
        self.tag(stop - at, data, at)
        return not differ(self.length, self._work, data, TAIL, stop)


class Sender:
    """Our direction: one master key, one SSRC. key() first."""

    def __init__(self, room):
        self._room = room
        self._rtp = _Session(room, 0)
        self._control = _Session(room, 3)
        self.length = LONG_TAG

    def key(self, master, tag=LONG_TAG):
        """Begin with a master key, MASTER bytes that end with the salt, and that length of tag."""
        cipher = aes(bytes(master[:16]))
        self._rtp.key(cipher, master[16:MASTER])
        self._control.key(cipher, master[16:MASTER])
        self.length = tag
        self._last = -1
        self._high = self._low = 0  # of the roll-over counter
        self._control_high = self._control_low = 0

    def wipe(self):
        """Overwrite the keys."""
        self._rtp.wipe()
        self._control.wipe()

    def protect(self, packet):
        """The SRTP packet of an RTP packet, in memory that the next one takes over.

        packet: of siplet.media.rtp.Sender: a header of 12 bytes, and numbers that go up by one. LocalError: too long.
        """
        n = len(packet)
        if n > _OUT - LONG_TAG:
            raise LocalError("a packet too long")
        rtp = self._rtp
        self._count(packet[2] << 8 | packet[3])
        rtp.start(packet, 8)
        rtp.crypt(n - _HEADER, packet, _HEADER, self._room.out)
        move(_HEADER, packet, self._room.out, 0, 0)
        rtp.tag(n, self._room.out, 0)
        move(self.length, self._room.work, self._room.out, TAIL, n)
        return self._room.view(n + self.length)

    def _count(self, sequence):
        # The roll-over counter of the next packet, and its index
        if sequence < self._last:
            low = self._low + 1
            self._low = low & 0xFFFF
            self._high = (self._high + (low >> 16)) & 0xFFFF
        self._last = sequence
        self._room.index(self._high, self._low, sequence)

    def protect_control(self, packet):
        """The SRTCP packet of a compound RTCP packet; as protect(). The indices begin at 0 (RFC 3711 3.4)."""
        n = len(packet)
        if n > _OUT - 4 - LONG_TAG:
            raise LocalError("a packet too long")
        room = self._room
        control = self._control
        room.index(0, self._control_high, self._control_low)
        control.start(packet, 4)
        control.crypt(n - 8, packet, 8, room.out)
        move(8, packet, room.out, 0, 0)
        move(4, room.work, room.out, TRAILER + 2, n)
        room.out[n] |= 0x80  # E: it is ciphered
        control.tag(n + 4, room.out, 0)
        move(LONG_TAG, room.work, room.out, TAIL, n + 4)
        low = self._control_low + 1
        self._control_low = low & 0xFFFF
        self._control_high = (self._control_high + (low >> 16)) & 0x7FFF
        return room.view(n + 4 + LONG_TAG)


class Receiver:
    """The far end's direction: one master key, and the sources that use it. key() first.

    failed: packets whose tag was wrong or that were none; replayed: that had come before, or too late to tell.
    """

    def __init__(self, room):
        self._rtp = _Session(room, 0)
        self._control = _Session(room, 3)
        self._sources = Sources(room)
        self._control_sources = Sources(room)
        self.failed = self.replayed = 0

    def key(self, master, tag=LONG_TAG):
        """As Sender.key()."""
        cipher = aes(bytes(master[:16]))
        self._rtp.key(cipher, master[16:MASTER])
        self._control.key(cipher, master[16:MASTER])
        self._rtp.length = tag
        self._sources.clear()
        self._control_sources.clear()

    def wipe(self):
        """Overwrite the keys."""
        self._rtp.wipe()
        self._control.wipe()

    def unprotect(self, data, at, end):
        """Make an RTP packet of the SRTP packet data[at:end], in its place: its new end, or at: it is no use."""
        end -= self._rtp.length
        body = _body(data, at, end)
        source = self._sources.find(data, at + 8) if body else None
        if not source:
            self.failed += 1
            return at
        if not source.place(data, at):
            self.replayed += 1
            return at
        if not self._rtp.opens(data, at, end):
            self.failed += 1
            return at
        if source.fresh and not self._sources.adopt(source):
            return at
        self._rtp.start(data, at + 8)
        self._rtp.crypt(end - body, data, body, data)
        source.take()
        return end

    def unprotect_control(self, data, at, end):
        """Make a compound RTCP packet of the SRTCP packet data[at:end]; as unprotect()."""
        end -= LONG_TAG + 4
        source = None
        if end - at >= 8 and data[at] & 0xC0 == 0x80:
            source = self._control_sources.find(data, at + 4)
        if not source:
            self.failed += 1
            return at
        if not source.place_control(data, end):
            self.replayed += 1
            return at
        if not self._control.opens(data, at, end + 4):
            self.failed += 1
            return at
        if source.fresh and not self._control_sources.adopt(source):
            return at
        if data[end] & 0x80:  # else it was only signed
            self._control.start(data, at + 4)
            self._control.crypt(end - at - 8, data, at + 8, data)
        source.take()
        return end


def _body(data, at, stop):
    # Where the payload of the packet data[at:stop] begins; 0: it is none
    if stop - at < _HEADER or data[at] & 0xC0 != 0x80:
        return 0
    body = at + _HEADER + ((data[at] & 15) << 2)
    if data[at] & 0x10:
        body += 4
        if body <= stop:
            body += (data[body - 2] << 8 | data[body - 1]) << 2
    return body if body <= stop else 0
