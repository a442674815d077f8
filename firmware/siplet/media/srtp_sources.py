# Who sends SRTP, and what came already: the packet's index and the replay list, RFC 3711 3.3.1, 3.3.2 and appendix A.
# Imports g711 (move) and srtp_bytes. Functions have few locals: see sound.stream.
#
# An index is a roll-over counter of two halves, high and low, and the sequence number; of SRTCP, high is 0 and low the
# upper 15 of its 31 bits. A source is known once a tag was right: what strangers send changes nothing.

from micropython import const

from siplet.media.g711 import move
from siplet.media.srtp_bytes import differ

_REPLAY = const(128)  # the packets back to which a repetition is told from a late one
_SOURCES = const(4)  # remembered, so that what one of them said cannot be played again after the next


class Source:
    """What was received of one SSRC: the highest index (high, low, last), and a bit for each of 128 numbers before it.

    place(), place_control(): a packet's index is found, and put down in room (a srtp.Room); False: it came before, or
    is too old to tell. take(): its tag was right. fresh: nothing was taken yet.
    """

    def __init__(self, room):
        self._room = room
        self.ssrc = bytearray(4)
        self.window = bytearray(_REPLAY >> 3)

    def begin(self, data, at):
        """Another SSRC, data[at:]."""
        move(4, data, self.ssrc, at, 0)
        self.fresh = True
        self.high = self.low = self.last = 0
        i = _REPLAY >> 3
        while i:
            i -= 1
            self.window[i] = 0

    def place(self, data, at):
        """Of the RTP packet data[at:]."""
        sequence = data[at + 2] << 8 | data[at + 3]
        if self.fresh:
            self.last = sequence - 1
        wraps = 0
        # RFC 3711 appendix A: the counter for which this number is the nearest to the highest one
        if self.last < 32768:
            if sequence - self.last > 32768:
                wraps = -1
        elif self.last - 32768 > sequence:
            wraps = 1
        return self._put(wraps, sequence)

    def place_control(self, data, at):
        """Of the SRTCP packet whose index is data[at:]."""
        wraps = (data[at] & 0x7F) << 8 | data[at + 1]
        sequence = data[at + 2] << 8 | data[at + 3]
        if self.fresh:
            self.low = wraps
            self.last = sequence - 1
        return self._put(wraps - self.low, sequence)

    def _put(self, wraps, sequence):
        low = self.low + wraps
        high = self.high + (low >> 16)
        low &= 0xFFFF
        self.new_high = high
        self.new_low = low
        self.new = sequence
        wraps = 2 if wraps > 2 else -2 if wraps < -2 else wraps  # further than any number reaches
        step = self.step = (wraps << 16) + sequence - self.last
        if high >> 16 or (step <= 0 and (step <= -_REPLAY or self.window[sequence >> 3 & 15] >> (sequence & 7) & 1)):
            return False
        self._room.index(high, low, sequence)
        return True

    def take(self):
        """What was placed last was heard."""
        window = self.window
        i = self.step
        if i > 0:
            if i > _REPLAY:
                i = _REPLAY
            while i:
                i -= 1
                j = (self.new - i) & 0x7F
                window[j >> 3] &= ~(1 << (j & 7))
            self.high = self.new_high
            self.low = self.new_low
            self.last = self.new
        window[self.new >> 3 & 15] |= 1 << (self.new & 7)


class Sources:
    """The sources of one kind of packets, the latest new one first, and one for the next."""

    def __init__(self, room):
        self._room = room
        self._spare = Source(room)
        self._known = []

    def clear(self):
        """Forget all."""
        if self._known:
            self._spare = self._spare or self._known[0]
            self._known.clear()

    def find(self, data, at):
        """The Source with the SSRC data[at:]: a known one, or the next one, begun. None: there is no room for it."""
        known = self._known
        if known and not differ(4, data, known[0].ssrc, at, 0):
            return known[0]
        return self._search(data, at)

    def _search(self, data, at):
        for source in self._known:
            if not differ(4, data, source.ssrc, at, 0):
                return source
        if self._spare:
            self._spare.begin(data, at)
        return self._spare

    def adopt(self, source):
        """A fresh Source is no stranger: its key is the right one. False: there is no memory for it."""
        try:
            self._known.insert(0, source)
        except MemoryError:
            return False
        source.fresh = False
        self._spare = None
        try:
            self._spare = self._known.pop() if len(self._known) > _SOURCES else Source(self._room)
        except MemoryError:  # whoever comes next is not heard, rather than somebody for the second time
            pass
        return True
