# When RTCP is due: RFC 3550 sections 6.2, 6.3 and appendix A.7. Imports nothing.
#
# Everybody in a session sends so seldom that all reports together take a twentieth of what the sound takes, and at
# least 5 s apart on average; each interval is made longer or shorter at random, or ends that began together would all
# report together for ever. A phone's session has two members. Times are ms that wrap at 2**30.

from micropython import const

_MASK = const(0x3FFFFFFF)
_FIRST = const(2500)  # ms, the least interval before anything was sent; half of what it is later
_LEAST = const(5000)
_MOST = const(600000)
_BANDWIDTH = const(500)  # bytes a second for the reports of all: 5 % of what G.711 and its headers take
_HEADERS = const(28)  # bytes of IP and UDP
_USUAL = const(180)  # bytes of a report, before the first one


def interval(members, senders, bandwidth, we_sent, size, initial, chance):
    """The ms until the next report, RFC 3550 A.7.

    members, senders: how many there are, we among them. bandwidth: bytes a second for all RTCP of the session.
    size: bytes of an average compound packet, UDP and IP included. initial: nothing was sent yet. chance: at random, 0
    to 65535, so that ends which began together do not go on so.
    """
    least = _FIRST if initial else _LEAST
    if senders * 4 <= members:  # few speak to many: a quarter is theirs
        if we_sent:
            bandwidth //= 4
            members = senders
        else:
            bandwidth -= bandwidth // 4
            members -= senders
    ms = size * members * 1000 // bandwidth
    ms = least if ms < least else min(ms, _MOST)
    ms = ms * (512 + (chance >> 6)) >> 10
    return ms * 1000 // 1218  # e - 3/2, which makes up for the times that are put off


class Schedule:
    """members: how many there are, we among them. ours: whether we have sent RTP in the last two intervals.

    sent, received below: RTP packets until now.
    """

    def __init__(self):
        self.reset(0, 0)

    def reset(self, now, chance):
        """Begin anew; chance: 0 to 65535, at random."""
        self._chance = chance
        self._last = now  # the last report
        self._size = _USUAL
        self._sent = self._sent_before = self._received = self._received_before = 0
        self._initial = True
        self.members = 1
        self.ours = False
        self._interval = self._next(0)

    def _next(self, received):
        self._chance = (self._chance * 75 + 74) % 65537 & 0xFFFF
        senders = self.ours + (received != self._received_before)
        members = self.members
        return interval(members, min(senders, members), _BANDWIDTH, self.ours, self._size, self._initial, self._chance)

    def due(self, now, sent, received):
        """Whether a report is to be sent. With what is known by now it may turn out to be too early (6.3.6)."""
        passed = (now - self._last) & _MASK
        if passed < self._interval:
            return False
        self.ours = sent != self._sent_before
        self._interval = self._next(received)
        return passed >= self._interval

    def rest(self, now):
        """The ms until a report may be due."""
        return max(self._interval - ((now - self._last) & _MASK), 0)

    def heard_since(self, received):
        """Whether RTP came since the last report."""
        return received != self._received

    def told(self, now, size, sent, received):
        """A report of size bytes went out."""
        self._last = now
        self._initial = False
        self._size += (size + _HEADERS - self._size) >> 4
        self._sent_before, self._sent = self._sent, sent
        self._received_before, self._received = self._received, received
        self._interval = self._next(received)

    def came(self, size):
        """A report of size bytes came in: the far end is a member."""
        self._size += (size + _HEADERS - self._size) >> 4
        self.members = 2

    def left(self, now):
        """The far end said goodbye: fewer are left, so the next report is due earlier (6.3.4)."""
        self.members = 1
        passed = (now - self._last) & _MASK
        self._last = (now - (passed >> 1)) & _MASK
        self._interval = (passed >> 1) + (max(self._interval - passed, 0) >> 1)
