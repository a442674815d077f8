# SRTP and SRTCP: RFC 3711 with AES_CM_128_HMAC_SHA1_80 and _32, the cipher suites of RFC 4568 6.2. Imports aes, sha1,
# g711 (move) and its kernels: srtp_viper where the build can run it, else srtp_plain.
#
#     SRTP     header | payload, ciphered | tag, 10 or 4 bytes             the tag also covers the roll-over counter
#     SRTCP    8 bytes | the rest, ciphered | E and the index | tag, 10 bytes
#
# A packet's index has 48 bits and would be a heap object: it is a roll-over counter of two halves (high, low) and the
# sequence number. Nothing is allocated for a packet, but for the first one of a length sent, and of a source heard.
# Session keys are derived once (key_derivation_rate 0). There is no MKI.

from micropython import const

from siplet.errors import LocalError
from siplet.media.aes import aes
from siplet.media.g711 import move
from siplet.media.sha1 import TAIL, TRAILER, Hmac, authenticate, work

MASTER = const(30)  # bytes of a master key and its salt
LONG_TAG = const(10)
SHORT_TAG = const(4)  # of SRTP; SRTCP has the long one always (RFC 3711 5.2, RFC 4568 6.2)

_HEADER = const(12)
_BLOCKS = const(10)  # of key stream made at once: a packet of 20 ms
_CHUNK = const(160)
_OUT = const(576)  # of a packet of ours; one of 20 ms has 172 bytes, RTCP a few hundred at most
_REPLAY = const(128)  # the packets back to which a repetition is told from a late one
_SOURCES = const(4)  # remembered, so that what one of them said cannot be played again after the next
_FAR = const(0x20000)  # further than any sequence number reaches


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
        self._room = room
        self._label = label
        self._salt = bytearray(14)
        self._hmac = Hmac()
        self._aes = None

    def key(self, master, salt):
        # master: the cipher of the master key; salt: the master salt
        room = self._room
        made = room.stream
        zeros = bytes(4)
        label = self._label
        room.index(0, 0, 0)
        for i in range(3):
            self._salt[:] = salt
            self._salt[7] ^= label + i
            counters(2, made, self._salt, zeros, 0, room.work, 0)
            master.encrypt(room.views[2], room.views[2])
            if i == 0:
                self._aes = aes(bytes(room.views[1]))
            elif i == 1:
                self._hmac.key(room.work, room.views[2][:20])
        self._salt[:] = room.views[1][:14]
        for i in range(32):
            made[i] = 0

    def wipe(self):
        # (What cryptolib made of the key is out of reach; it is let go.)
        self._aes = None
        self._hmac.wipe()
        for i in range(14):
            self._salt[i] = 0

    def crypt(self, n, data, at, out, to, ssrc):
        """Cipher or decipher data[at : at + n] to out[to:], which may be the same; data[ssrc:]: the SSRC."""
        room = self._room
        stream = room.stream
        first = 0
        while n > 0:
            some = n if n < _CHUNK else _CHUNK
            blocks = (some + 15) >> 4
            counters(blocks, stream, self._salt, data, ssrc, room.work, first)
            view = room.views[blocks]
            self._aes.encrypt(view, view)
            mix(some, data, out, at, to, stream)
            at += some
            to += some
            n -= some
            first += _BLOCKS

    def tag(self, n, data, at, more):
        """Leave the tag of data[at : at + n] at TAIL of the work; more: bytes of the index that belong to it."""
        authenticate(self._room.work, n, at, data, self._hmac.pads, more)


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

        packet: of siplet.media.rtp.Sender: a header of 12 bytes, and numbers that go up by one.
        """
        room = self._room
        out = room.out
        n = len(packet)
        if n + LONG_TAG > _OUT:
            raise LocalError("a packet too long")
        sequence = packet[2] << 8 | packet[3]
        if sequence < self._last:
            low = self._low + 1
            self._low = low & 0xFFFF
            self._high = (self._high + (low >> 16)) & 0xFFFF
        self._last = sequence
        room.index(self._high, self._low, sequence)
        self._rtp.crypt(n - _HEADER, packet, _HEADER, out, _HEADER, 8)
        move(_HEADER, packet, out, 0, 0)
        self._rtp.tag(n, out, 0, 4)
        move(self.length, room.work, out, TAIL, n)
        return room.view(n + self.length)

    def protect_control(self, packet):
        """The SRTCP packet of a compound RTCP packet; as protect(). The indices begin at 0 (RFC 3711 3.4)."""
        room = self._room
        out = room.out
        n = len(packet)
        if n + 4 + LONG_TAG > _OUT:
            raise LocalError("a packet too long")
        high = self._control_high
        low = self._control_low
        room.index(0, high, low)
        self._control.crypt(n - 8, packet, 8, out, 8, 4)
        move(8, packet, out, 0, 0)
        move(4, room.work, out, TRAILER + 2, n)
        out[n] |= 0x80  # E: it is ciphered
        self._control.tag(n + 4, out, 0, 0)
        move(LONG_TAG, room.work, out, TAIL, n + 4)
        low += 1
        self._control_low = low & 0xFFFF
        self._control_high = (high + (low >> 16)) & 0x7FFF
        return room.view(n + 4 + LONG_TAG)


class _Source:
    # What was received of one SSRC: the highest index, and a bit for each of the _REPLAY numbers before it

    def __init__(self):
        self.ssrc = bytearray(4)
        self.window = bytearray(_REPLAY >> 3)

    def begin(self, data, at):
        move(4, data, self.ssrc, at, 0)
        self.high = self.low = 0
        self.last = -1
        i = _REPLAY >> 3
        while i:
            i -= 1
            self.window[i] = 0

    def step(self, high, low, sequence):
        # from the highest index to this one, within _FAR
        wraps = low - self.low
        if high != self.high:
            wraps += 65536 if high - self.high == 1 else -65536 if high - self.high == -1 else 2 * (high - self.high)
        if wraps > 1:
            return _FAR
        if wraps < -1:
            return -_FAR
        return (wraps << 16) + sequence - self.last

    def is_new(self, step, sequence):
        return step > 0 or (step > -_REPLAY and not self.window[sequence >> 3 & 15] >> (sequence & 7) & 1)

    def take(self, step, high, low, sequence):
        window = self.window
        if step > 0:
            i = _REPLAY if step > _REPLAY else step
            while i:
                i -= 1
                j = (sequence - i) & 0x7F
                window[j >> 3] &= ~(1 << (j & 7))
            self.high = high
            self.low = low
            self.last = sequence
        window[sequence >> 3 & 15] |= 1 << (sequence & 7)


class _Sources:
    # The sources of one kind of packets, the latest first

    def __init__(self):
        self._spare = _Source()
        self._known = []

    def clear(self):
        if self._known:
            self._spare = self._known[0]
            self._known.clear()

    def find(self, data, at):
        # None: a source that is not known
        for source in self._known:
            if not differ(4, data, source.ssrc, at, 0):
                return source
        return None

    def add(self, data, at):
        # None without memory
        source = self._spare
        self._spare = None
        if source is None:
            try:
                source = self._known.pop() if len(self._known) == _SOURCES else _Source()
            except MemoryError:
                return None
        source.begin(data, at)
        self._known.insert(0, source)
        return source


class Receiver:
    """The far end's direction: one master key, and the sources that use it. key() first.

    failed: packets whose tag was wrong or that were none; replayed: that had come before, or too late to tell.
    """

    def __init__(self, room):
        self._room = room
        self._rtp = _Session(room, 0)
        self._control = _Session(room, 3)
        self._sources = _Sources()
        self._control_sources = _Sources()
        self.length = LONG_TAG
        self.failed = self.replayed = 0

    def key(self, master, tag=LONG_TAG):
        """As Sender.key()."""
        cipher = aes(bytes(master[:16]))
        self._rtp.key(cipher, master[16:MASTER])
        self._control.key(cipher, master[16:MASTER])
        self.length = tag
        self._sources.clear()
        self._control_sources.clear()

    def wipe(self):
        """Overwrite the keys."""
        self._rtp.wipe()
        self._control.wipe()

    def unprotect(self, data, at, end):
        """Make an RTP packet of the SRTP packet data[at:end], in its place: its new end, or at: it is no use."""
        stop = end - self.length
        body = at + _HEADER + ((data[at] & 15) << 2) if stop - at >= _HEADER else end
        if body < stop and data[at] & 0x10:
            body += 4
            if body <= stop:
                body += (data[body - 2] << 8 | data[body - 1]) << 2
        if body > stop or data[at] & 0xC0 != 0x80:
            self.failed += 1
            return at
        sequence = data[at + 2] << 8 | data[at + 3]
        source = self._sources.find(data, at + 8)
        high = low = step = 0
        if source:
            # RFC 3711 appendix A: the counter for which this number is the nearest to the highest one
            high = source.high
            low = source.low
            last = source.last
            if last < 32768:
                if sequence - last > 32768:
                    low -= 1
                    if low < 0:
                        low = 0xFFFF
                        high -= 1
            elif last - 32768 > sequence:
                low += 1
                if low > 0xFFFF:
                    low = 0
                    high = (high + 1) & 0xFFFF
            step = source.step(high, low, sequence)
            if high < 0 or not source.is_new(step, sequence):
                self.replayed += 1
                return at
        room = self._room
        room.index(high, low, sequence)
        rtp = self._rtp
        rtp.tag(stop - at, data, at, 4)
        if differ(self.length, room.work, data, TAIL, stop):
            self.failed += 1
            return at
        if source is None:
            source = self._sources.add(data, at + 8)
            if source is None:
                return at
            step = _REPLAY
        rtp.crypt(stop - body, data, body, data, body, at + 8)
        source.take(step, high, low, sequence)
        return stop

    def unprotect_control(self, data, at, end):
        """Make a compound RTCP packet of the SRTCP packet data[at:end]; as unprotect()."""
        stop = end - LONG_TAG
        if stop - at < 12 or data[at] & 0xC0 != 0x80:
            self.failed += 1
            return at
        end = stop - 4
        ciphered = data[end] & 0x80
        high = (data[end] & 0x7F) << 8 | data[end + 1]
        low = data[end + 2] << 8 | data[end + 3]
        source = self._control_sources.find(data, at + 4)
        step = _REPLAY
        if source:
            step = source.step(0, high, low)
            if not source.is_new(step, low):
                self.replayed += 1
                return at
        room = self._room
        control = self._control
        control.tag(stop - at, data, at, 0)
        if differ(LONG_TAG, room.work, data, TAIL, stop):
            self.failed += 1
            return at
        if source is None:
            source = self._control_sources.add(data, at + 4)
            if source is None:
                return at
        if ciphered:
            room.index(0, high, low)
            control.crypt(end - at - 8, data, at + 8, data, at + 8, at + 4)
        source.take(step, 0, high, low)
        return end


try:  # not every build compiles viper: see g711
    from siplet.media.srtp_viper import counters, differ, mix
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.srtp_plain import counters, differ, mix
