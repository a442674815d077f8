# Telephone events, RFC 4733 section 2: keys out, with redundancy, and in, one press one digit.
# Imports siplet.errors and siplet.ticks.
#
# An event is one RTP timestamp (that of its beginning) however many packets tell of it; a packet's payload is
#     event | E R volume | duration, 16 bits, in samples since the timestamp
# The last packet is sent three times with the E bit (2.5.1.4). The receiver knows a press by its timestamp alone, and
# reports it at the first packet that arrives, whichever that is: first, middle, or the last of the three ends.

from micropython import const

from siplet.errors import LocalError
from siplet.ticks import ticks_diff

KEYS = "0123456789*#ABCD"

# What Sender.step() says: 0 nothing, 1 the first packet of a press, 2 another one
FIRST = const(1)
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
_STRAY = const(-16000)  # 2 s: an event that much older is not a late packet but of a clock set anew
_WHOLE = const(0xFFFF)  # the longest duration; a longer press goes on at a new timestamp (2.5.1.3)


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


class Receiver:
    """Tells presses from packets."""

    def reset(self):
        """Another source, another clock."""
        self._time = -1
        self._event = 0

    __init__ = reset

    def take(self, data, at, size, timestamp):
        """The digit when data[at:at + size] is the first packet of a press that was received, else None."""
        event = data[at] if size >= 4 else 16
        if event > 15:  # flash and the other events of RFC 4733 3.2 are no keys
            return None
        age = 1
        if self._time >= 0:
            age = ticks_diff(timestamp, self._time)
            if _STRAY < age <= 0:
                return None
            if age == _WHOLE and event == self._event:
                age = 0
        self._time = timestamp
        self._event = event
        return KEYS[event] if age else None
