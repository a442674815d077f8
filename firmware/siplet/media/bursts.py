# Which losses stand alone and which come in bursts: RFC 3611 section 4.7.2. Imports nothing.
#
#     R R R x R R R R R R R R R R R R R R R R R R x x R x R R R R R R R R R R R R R R R R R R R ...
#     |<-------------- gap ------------------->|<- burst->|<------------ gap ---------------------->
#
# A burst begins and ends with a lost packet, and fewer than GMIN arrive in a row within it. A single loss with more
# than that on either side belongs to a gap: concealment makes it good, which it cannot do for a burst.

from micropython import const

GMIN = const(16)


class Bursts:
    """lost, packets: in all. bursts: how many; burst_lost, burst_packets: in them; runs: of losses without a packet
    between. What stands outside of bursts belongs to the gaps.

    A burst that is not over counts as far as it has come.
    """

    def __init__(self):
        self.reset()

    def reset(self):
        """Begin anew."""
        self.lost = self.packets = self.runs = 0
        self._bursts = self._burst_lost = self._burst_packets = 0  # of those that are over
        self._group_lost = self._group = 0  # the losses that may be a burst, and the packets from the first to the last
        self._run = 0  # packets received since the last loss

    def receive(self, n):
        """The next n packets came."""
        self.packets += n
        self._run += n

    def lose(self, n):
        """The next n packets did not, or too late."""
        if n <= 0:
            return
        self.packets += n
        self.lost += n
        if self._run or not self._group:
            self.runs += 1
        if self._group and self._run < GMIN:
            self._group += self._run + n
            self._group_lost += n
        else:
            if self._group_lost > 1:
                self._bursts += 1
                self._burst_lost += self._group_lost
                self._burst_packets += self._group
            self._group = self._group_lost = n
        self._run = 0

    @property
    def bursts(self):
        return self._bursts + (self._group_lost > 1)

    @property
    def burst_lost(self):
        return self._burst_lost + (self._group_lost if self._group_lost > 1 else 0)

    @property
    def burst_packets(self):
        return self._burst_packets + (self._group if self._group_lost > 1 else 0)

    @property
    def gaps(self):
        """How many gaps there were: one before each burst, one behind the last."""
        return self.bursts + 1
