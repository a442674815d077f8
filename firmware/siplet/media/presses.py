# Of all that tells of a key, what is a new press: the same one may come as RTP event, by INFO and as a tone. Pure;
# imports siplet.ticks.
#
# Each form tells of each press once, and of all presses in their order; one form may be a second behind another. So the
# n-th "5" of one form is the n-th "5" of the others: what comes is compared with the oldest press of that key of which
# this form has not told yet. A press that goes on (events keep coming, the tone sounds) stays comparable until a second
# after its end, because an INFO may be sent when the key is let go. A tone that breaks off and comes again while events
# still tell of one press is that press.

from micropython import const

from siplet.ticks import ticks_diff

RTP = const(1)
INFO = const(2)
TONE = const(4)

_APART = const(1000)  # ms; as siplet.call has it
_NOW = const(100)  # ms for which a sign of a press that goes on is believed: events come each 20 to 50 ms
_KEPT = const(16)  # presses: more than anybody presses in a second


class Presses:
    """Allocates nothing after it was made. Times are ms, as siplet.ticks has them."""

    def __init__(self):
        self._keys = bytearray(_KEPT)
        self._forms = bytearray(_KEPT)  # that told of it; 0: a free place
        self._holders = bytearray(_KEPT)  # that told last that it goes on
        self._times = [0] * _KEPT  # when it was last known to go on
        self._next = 0

    def reset(self):
        """Another call."""
        i = _KEPT
        while i:
            i -= 1
            self._forms[i] = 0

    def press(self, key, form, now):
        """Whether a key, one character, that form tells of is a press that no other form told of."""
        key = ord(key)
        i = self._next
        n = _KEPT
        going = False
        while n:
            n -= 1
            i = (i + 1) % _KEPT  # from the oldest on
            told = self._forms[i]
            if told and self._keys[i] == key:
                age = ticks_diff(now, self._times[i])
                if age < 0 or age >= _APART:
                    self._forms[i] = 0
                elif not told & form:
                    self._forms[i] = told | form
                    return False
                else:
                    holder = self._holders[i]
                    going = form == TONE and holder and holder != form and age < _NOW
        if going:
            return False
        i = self._next = (self._next + 1) % _KEPT
        self._keys[i] = key
        self._forms[i] = form
        self._holders[i] = 0
        self._times[i] = now
        return True

    def hold(self, key, form, now):
        """The press of key of which form told last goes on."""
        key = ord(key)
        i = self._next
        n = _KEPT
        while n:
            n -= 1
            if self._forms[i] & form and self._keys[i] == key:
                self._holders[i] = form
                self._times[i] = now
                return
            i = (i - 1) % _KEPT
