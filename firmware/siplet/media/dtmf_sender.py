# Telephone events that go out, RFC 4733 section 2, with redundancy. Loaded when the first key is pressed.
# Imports siplet.errors and siplet.media.dtmf.
#
# An event is one RTP timestamp (that of its beginning) however many packets tell of it; a packet's payload is
#     event | E R volume | duration, 16 bits, in samples since the timestamp
# The last packet is sent three times with the E bit (2.5.1.4).

from micropython import const

from siplet.errors import LocalError
from siplet.media.dtmf import FIRST, KEYS

_MORE = const(2)

_PAYLOAD = const(12)  # where it lies in a packet: rtp.HEADER
_END = const(0x80)
_VOLUME = const(10)  # -10 dBm0
_FRAME = const(160)
_ENDS = const(3)
_PAUSE = const(3)  # frames between two presses: 60 ms, of which detectors want 40 (ITU-T Q.24)
_SHORTEST = const(2)  # frames of a press: 40 ms
_LONGEST = const(250)  # 5 s: a byte
_QUEUE = const(32)  # bytes: 16 digits that wait; a long PIN


class Sender:
    """Keys to press, and the packets that tell them, one each 20 ms. busy: False while step() has nothing to do."""

    def __init__(self):
        self._queue = bytearray(_QUEUE)  # (event, frames) pairs, a ring
        self._first = self._count = 0
        self.busy = False
        self._frames = self._duration = self._ends = self._pause = 0

    def press(self, digit, ms=160):
        """Queue one of KEYS, held for ms (40 to 5000); False when 16 are waiting. LocalError: not a key."""
        event = KEYS.find(digit)
        if event < 0:  # upper() takes memory
            event = KEYS.find(digit.upper())
        if event < 0 or len(digit) != 1:
            raise LocalError("not a key")
        if self._count == _QUEUE:
            return False
        i = (self._first + self._count) % _QUEUE
        self._queue[i] = event
        self._queue[i + 1] = min(max((ms + 19) // 20, _SHORTEST), _LONGEST)
        self._count += 2
        self.busy = True
        return True

    def step(self, packet):
        """20 ms have passed: 0, or the payload of packet was written: FIRST when it begins a press, else 2."""
        said = _MORE
        if not self._ends:
            if self._pause:
                self._pause -= 1
                return 0
            if not self._count:
                self.busy = False
                return 0
            i = self._first
            packet[_PAYLOAD] = self._queue[i]
            self._frames = self._queue[i + 1]
            self._first = (i + 2) % _QUEUE
            self._count -= 2
            self._duration = 0
            self._ends = _ENDS
            said = FIRST
        if self._frames:
            self._frames -= 1
            self._duration += _FRAME
        packet[_PAYLOAD + 1] = _VOLUME
        if not self._frames:
            packet[_PAYLOAD + 1] |= _END
            self._ends -= 1
            if not self._ends:
                self._pause = _PAUSE
        packet[_PAYLOAD + 2] = self._duration >> 8
        packet[_PAYLOAD + 3] = self._duration & 0xFF
        return said
