# The jitter buffer: puts packets of any length in the order of their timestamps and gives out frames of 20 ms, or says
# why there is none. Imports siplet.media.g711 (to copy).
#
# It holds what came over the network, one byte a sample of the 8 kHz RTP clock (G.711; G.722 alike), in a ring of fixed
# slots of 10 ms, and is decoded when a frame is taken out, in the right order. Time is the RTP timestamp alone:
#
#      read place                      newest sample
#      v                               v
#     [ 20 ms ][ 20 ms ][ 20 ms ][ 20  ]. . . . . . [room]
#       |<------------- ahead -------->|
#
# PREFETCHING for depth after the first packet, then one frame at each get(). It runs EMPTY when all that came has been
# taken; the next packet starts it anew, wherever its timestamp lies. So late packets, a clock set anew, silence
# suppression and a drifting clock all heal without a rule of their own. What comes too early to fit, or stays above
# depth for a second, is skipped. The place for adaptive behaviour: who changes depth, and what get() trims.

from micropython import const

from siplet.media.g711 import move

# What get() says
_PLAYING = const(0)  # nothing against it: 160 codes at data[at:]
_MISSING = const(1)  # a gap: later frames are there; conceal it
_PREFETCHING = const(2)  # the first packets are being collected
_EMPTY = const(3)  # nothing is coming

_ROOM = const(12)  # frames, 240 ms; 6 at least
_FRAME = const(160)
RING = const(1920)  # bytes of the ring: _ROOM frames
_SLOT = const(80)
_LONGEST = const(640)  # 80 ms; the usual ones have 10 to 40
_MASK = const(0x3FFFFFFF)
_WRAP_FRAME = const(0x3FFFFF60)  # 2**30 - 160: taken away, it adds a frame without passing a small int's bounds
_TRIM = const(64)  # frames over which the lowest filling is watched


class Jitter:
    """stats: an object with the attributes late, duplicate, bad (longer than any packet may be), concealed (missing),
    skipped (frames thrown away because more was buffered than the depth asks for) and delay (ms buffered).
    depth: the samples to collect at first, 480 = 60 ms.
    data: the ring, of RING bytes, which may be given. get() == 0 leaves its 160 codes at data[at:at + 160], never
    around the end.
    silence: the code that fills the rest of a frame of which only a part came.
    ahead: samples buffered.
    """

    def __init__(self, stats, ring=None):
        self.stats = stats
        self.data = ring or bytearray(RING)
        self.depth = 480
        self.silence = 0xFF
        self._filled = bytearray(2 * _ROOM)  # samples present in each slot
        self.at = 0
        self.reset()

    def reset(self):
        """Throw away all that is buffered and start anew with the next packet."""
        self._state = _EMPTY
        self.ahead = 0
        self._read = 0  # the next frame's place in the ring
        self._time = 0  # and its timestamp
        self._waited = 0
        self._lowest = self._watched = 0
        i = 0
        while i < len(self._filled):
            self._filled[i] = 0
            i += 1

    def put(self, timestamp, data, at, n):
        """Keep the n samples data[at:] of a packet with timestamp (30 bits), or count why not."""
        if n > _LONGEST or not n:
            self.stats.bad += 1
            return
        ring = self.data
        size = len(ring)
        ahead = self.ahead
        offset = (timestamp - self._time) & _MASK
        if offset > _MASK >> 1:
            offset = offset - _MASK - 1
        anew = self._state == _EMPTY or (ahead <= 0 and offset + n <= 0)
        if anew:
            pass
        elif offset < 0:
            back = (_FRAME - 1 - offset) // _FRAME * _FRAME
            if self._state == _PREFETCHING and ahead + back <= size:
                # Before the first one: begin earlier.
                self._time = (self._time - back) & _MASK
                self._read = (self._read - back) % size
                self.ahead = ahead + back
                offset += back
            elif n + offset <= 0:
                self.stats.late += 1
                return
            else:  # its end is still in time
                at -= offset
                n += offset
                offset = 0
        elif offset + n > size:
            # No room. Leave depth of what is buffered and this packet; or this alone, when it lies far ahead.
            frames = (offset + n - (n if n > self.depth else self.depth)) // _FRAME
            anew = frames * _FRAME >= ahead
            if anew:
                self.stats.skipped += (ahead + _FRAME - 1) // _FRAME
            else:
                self.stats.skipped += frames
                offset -= frames * _FRAME
                while frames:
                    self._skip()
                    frames -= 1
        if anew:
            self.reset()
            self._state = _PREFETCHING
            self._time = timestamp
            offset = 0
        # Count it into its slots.
        place = (self._read + offset) % size
        filled = self._filled
        slot = place // _SLOT
        part = _SLOT - place % _SLOT
        if part > n:
            part = n
        if filled[slot] + part > _SLOT:
            self.stats.duplicate += 1
            return
        offset += n
        if offset > self.ahead:
            self.ahead = offset
        left = n
        while left:
            had = filled[slot]
            if not had and part < _SLOT:
                self._blank(slot)
            had += part
            filled[slot] = had if had < _SLOT else _SLOT
            left -= part
            part = left if left < _SLOT else _SLOT
            slot += 1
            if slot == len(filled):
                slot = 0
        part = size - place
        if n > part:
            move(n - part, data, ring, at + part, 0)
            n = part
        move(n, data, ring, at, place)

    def _blank(self, slot):
        i = slot * _SLOT
        end = i + _SLOT
        while i < end:
            self.data[i] = self.silence
            i += 1

    def _skip(self):
        # Go on by one frame
        place = self._read
        slot = place // _SLOT
        self._filled[slot] = self._filled[slot + 1] = 0
        place += _FRAME
        self._read = 0 if place == len(self.data) else place
        self._time = (self._time - _WRAP_FRAME) & _MASK
        self.ahead -= _FRAME

    def get(self):
        """Take the next 20 ms out: 0, or why there are none: 1 missing, 2 prefetching, 3 empty."""
        ahead = self.ahead
        self.stats.delay = ahead >> 3
        if self._state:
            if self._state == _EMPTY:
                return _EMPTY
            if self._waited < self.depth - _FRAME and ahead <= self.depth + _FRAME:
                self._waited += _FRAME
                return _PREFETCHING
            self._state = _PLAYING
            self._lowest = ahead
        if ahead <= 0:
            self._state = _EMPTY
            return _EMPTY
        self.at = self._read
        slot = self.at // _SLOT
        first = self._filled[slot]
        second = self._filled[slot + 1]
        self._skip()
        if ahead - _FRAME < self._lowest:
            self._lowest = ahead - _FRAME
        self._watched += 1
        if self._watched == _TRIM:
            # More than depth was there all the time: the peer's clock is faster, or its first packet was a late one.
            if self._lowest > self.depth:
                self._skip()
                self.stats.skipped += 1
            self._watched = 0
            self._lowest = self.ahead
        if first and second:
            return _PLAYING
        if not first and not second:
            self.stats.concealed += 1
            return _MISSING
        self._blank(slot if second else slot + 1)
        return _PLAYING
