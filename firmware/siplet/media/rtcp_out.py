# Our RTCP: RFC 3550 sections 6.4 to 6.6 and RFC 3611 section 4, into one buffer. Imports media.rtcp_xr.
#
# A compound packet is written from left to right: start(), sender() or receiver(), block(), describe(), the extended
# ones, goodbye(), finish(). Whatever has 32 bits comes as two halves; nothing allocates once the object is made.

from micropython import const

from siplet.media import rtcp_xr as xr

NAME = const(16)  # characters of a CNAME; RFC 7022 section 5: 96 bits at random, six in each
_ROOM = const(192)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def name(random):
    """A CNAME for one session, bytes; it tells nothing of who we are. random: 12 bytes."""
    text = bytearray(NAME)
    for i in range(NAME):
        bits = 6 * i
        pair = random[bits >> 3] << 8 | (random[(bits >> 3) + 1] if bits < 90 else 0)
        text[i] = ord(_ALPHABET[pair >> 10 - (bits & 7) & 63])
    return bytes(text)


class Writer:
    """ssrc: ours, 4 bytes; name: our CNAME, NAME bytes. Both stay the caller's to change."""

    def __init__(self):
        self.ssrc = bytearray(4)
        self.name = bytearray(NAME)
        self.data = bytearray(_ROOM)
        self._at = self._head = 0
        # A view of each length that a report may have: a slice made when it is sent would cost memory each time
        whole = self._whole = memoryview(self.data)
        self._views = {44: whole[:44]}  # and of a goodbye in a call
        for report in (8, 28, 32, 52):
            for first in (0, 12, 36, 48):
                for second in (0, 16):
                    n = report + 28 + (8 + first + second if first or second else 0)
                    self._views[n] = whole[:n]

    # -- pieces

    def _put(self, high, low):
        data = self.data
        at = self._at
        data[at] = high >> 8
        data[at + 1] = high & 0xFF
        data[at + 2] = low >> 8
        data[at + 3] = low & 0xFF
        self._at = at + 4

    def _copy(self, text):
        data = self.data
        at = self._at
        i = 0
        while i < len(text):
            data[at] = text[i]
            at += 1
            i += 1
        self._at = at

    def _begin(self, count, kind):
        # The first word of a packet, its length later
        self._head = self._at
        self._put(0x8000 | count << 8 | kind, 0)
        self._copy(self.ssrc)

    def _end(self):
        words = (self._at - self._head >> 2) - 1
        self.data[self._head + 3] = words

    # -- packets

    def start(self):
        """Begin another compound packet."""
        self._at = 0

    def sender(self, clock, high, low, packets_high, packets_low, octets_high, octets_low):
        """SR: what we have sent. clock: a rtcp.Clock; high, low: the RTP timestamp of its time."""
        self._begin(0, 200)
        self._put(clock.era, clock.seconds)
        self._put(clock.fraction, clock.fine)
        self._put(high, low)
        self._put(packets_high, packets_low)
        self._put(octets_high, octets_low)
        self._end()

    def receiver(self):
        """RR: we have sent nothing."""
        self._begin(0, 201)
        self._end()

    def block(self, source, fraction, lost, cycles, last, jitter):
        """What we heard of a source, in the report just written; then echo() has to follow.

        source: its SSRC, 4 bytes; fraction, of 256, and lost, in all: packets; cycles, last: of its sequence numbers;
        jitter: in units of the RTP clock, 65535 at most.
        """
        self.data[self._head] += 1
        self._copy(source)
        lost = min(lost, 0x7FFFFF)
        self._put(fraction << 8 | lost >> 16 & 0xFF, lost & 0xFFFF)
        self._put(cycles, last)
        self._put(0, min(jitter, 0xFFFF))

    def echo(self, high, low, kept_high, kept_low):
        """LSR and DLSR: the middle of its last report's timestamp, and how long ago that came, in 65536ths of 1 s."""
        self._put(high, low)
        self._put(kept_high, kept_low)
        self._end()

    def describe(self):
        """SDES: our CNAME."""
        self._begin(1, 202)
        data = self.data
        at = self._at
        data[at] = 1
        data[at + 1] = NAME
        self._at = at + 2
        self._copy(self.name)
        at += 2 + NAME
        data[at] = data[at + 1] = 0  # ends the items, and fills the word
        self._at = at + 2
        self._end()

    def goodbye(self):
        """BYE: we leave."""
        self._begin(1, 203)
        self._end()

    # -- extended reports, RFC 3611

    def extend(self):
        """XR: blocks may follow, and then finish()."""
        self._begin(0, 207)
        self._end()

    def reference(self, clock):
        """The time by our clock, which wants to come back (4.4)."""
        self._put(4 << 8, 2)
        self._put(clock.era, clock.seconds)
        self._put(clock.fraction, clock.fine)
        self._end()

    def answer(self, asker, high, low, kept_high, kept_low):
        """DLRR (4.5): the asker's reference time, and how long ago that came."""
        self._put(5 << 8, 3)
        self._copy(asker)
        self._put(high, low)
        self._put(kept_high, kept_low)
        self._end()

    def metrics(self, source, q):
        """How a source sounds here (4.7). q has, all of them in the block's units: loss, discard, burst_density,
        gap_density, burst, gap, round_trip, end_system, gmin, r, mos_lq, mos_cq, config, nominal, maximum, limit.
        """
        at = self._at
        data = self.data
        self._put(7 << 8, 8)
        self._copy(source)
        data[at + xr.LOSS] = q.loss
        data[at + xr.DISCARD] = q.discard
        data[at + xr.BURST_DENSITY] = q.burst_density
        data[at + xr.GAP_DENSITY] = q.gap_density
        self._at = at + xr.BURST
        self._put(q.burst, q.gap)
        self._put(q.round_trip, q.end_system)
        data[at + xr.SIGNAL] = data[at + xr.NOISE] = data[at + xr.ECHO_LOSS] = data[at + xr.EXTERNAL_R] = xr.UNKNOWN
        data[at + xr.GMIN] = q.gmin
        data[at + xr.R_FACTOR] = q.r
        data[at + xr.MOS_LQ] = q.mos_lq
        data[at + xr.MOS_CQ] = q.mos_cq
        self._at = at + xr.CONFIG
        self._put(q.config << 8, q.nominal)
        self._put(q.maximum, q.limit)
        self._end()

    def finish(self):
        """The whole compound packet, a view of .data."""
        return self._views.get(self._at) or self._whole[: self._at]
