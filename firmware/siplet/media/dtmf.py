# Telephone events that come in, RFC 4733 section 2: one press, one digit. dtmf_sender.py sends them.
# Imports siplet.ticks.
#
# An event is one RTP timestamp (that of its beginning) however many packets tell of it. The receiver knows a press by
# its timestamp alone, and reports it at the first packet that arrives, whichever that is: first, middle, or the last of
# the three ends.

from micropython import const

from siplet.ticks import ticks_diff

KEYS = "0123456789*#ABCD"
FIRST = const(1)  # what Sender.step() says of the first packet of a press; 2 of another one

_STRAY = const(-16000)  # 2 s: an event that much older is not a late packet but of a clock set anew
_WHOLE = const(0xFFFF)  # the longest duration; a longer press goes on at a new timestamp (2.5.1.3)


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
