# How good one call is: what was lost, and how; how long it takes; and what people would say of it. May import media.
#
# It looks at the counters of the stream's Receiver and jitter buffer three times a second, not at each packet: the
# Receiver keeps a bit for each of the last 30 sequence numbers, in which the losses still stand where they were. A
# number is judged when eight later ones are known, so that what was only overtaken does not count. Packets that came
# but were thrown away, because they came too late or the buffer was too full, count as lost at about the place where
# that happened. Nothing allocates.

from micropython import const

from siplet.media import rtcp_xr as xr
from siplet.media.bursts import GMIN, Bursts
from siplet.media.emodel import CONCEALED, SILENCED, mos, rating
from siplet.media.rtcp import HEARD, METRICS

_WINDOW = const(30)  # bits of Receiver
_LAG = const(8)
_YOUNG = const(0xFF)  # as many bits
_STEP = const(100)  # packets; more do not come between two looks
_MASK = const(0x3FFFFFFF)
_FRAMES = const(40)  # ms: a frame is collected at one end, and played at the other
_RING = const(240)  # ms that the jitter buffer can hold
_MOST = const(65535)  # ms that a report can tell


class Far:
    """What the far end told of what we send. lost: of packets, ours until then; jitter, end_system: ms; metrics: the
    Reader's copy of its VoIP metrics, or None.
    """

    def __init__(self):
        self.reset()

    def reset(self):
        """Nothing yet."""
        self.lost = self.packets = self.jitter = self.end_system = 0
        self.metrics = None


class Quality:
    """The figures of one call. After update(), in the units of RFC 3611 section 4.7: loss, discard, burst_density,
    gap_density, burst, gap, round_trip, end_system, gmin, r, mos_lq, mos_cq, config, nominal, maximum, limit.

    trip: the round trip in ms, smoothed, -1: unknown. packets, lost, discarded: expected, and those of them. jitter:
    its maximum, ms. far: a Far.
    """

    gmin = GMIN

    def __init__(self):
        self.bursts = Bursts()
        self.far = Far()
        self.begin(None)

    def begin(self, stream):
        """Another call's siplet.sound.stream.Stream; None: none."""
        self._stream = stream
        self._stats = stream and stream.stats
        self._player = None
        self._latency = 0
        self.bursts.reset()
        self.packets = self.lost = self.discarded = self.jitter = 0
        self.trip = self.trip_least = self.trip_most = -1
        self.far.reset()
        self._delay = 0  # of the jitter buffer, 16ths of a ms, smoothed
        self._at = -1  # the sequence number up to which all are judged
        self._calm = 0  # packets that came since, and are not counted yet
        self._lost = self._concealed = -1  # of stats, when there was nothing to judge any more
        self._thrown = self._judged = self._base = 0
        self.loss = self.discard = self.burst_density = self.gap_density = self.burst = self.gap = 0
        self.round_trip = self.end_system = self.delay = self.nominal = self.maximum = self.limit = self.config = 0
        self.r = self.mos_lq = self.mos_cq = xr.UNKNOWN
        self.rating = self.mos = 0

    def end(self):
        """The call is over: the figures stay, what they were taken from does not."""
        self._stream = self._stats = self._player = None

    def settle(self):
        """The stream has its parts: find those that tell more than its counters."""
        # (to ask for an attribute that is not there costs memory each time)
        player = self._stream.player
        if hasattr(player, "delay") and hasattr(player, "discarded") and hasattr(player, "maximum"):
            self._player = player
        self._latency = getattr(self._stream.audio, "latency", 0)

    # -- three times a second

    def is_calm(self, source):
        """Whether nothing was lost or concealed since the last time; then all is counted. Else look()."""
        last = source._last
        n = last - self._at
        stats = self._stats
        if stats.lost != self._lost or stats.concealed != self._concealed or not 0 <= n < _STEP:
            return False
        self._at = last
        self._calm += n
        self._delay += stats.delay - (self._delay + 8 >> 4)
        n = stats.jitter
        if n > self.jitter:
            self.jitter = n
        return True

    def restart(self, source):
        """Another source, or another sequence, begins at a Receiver; what stats.lost was at its first packet."""
        self._flush()
        first = first_of(source)
        self._at = (first - 1) & 0xFFFF
        self._judged = 0
        n = ((source._last - first) & 0xFFFF) + 1
        self._base = self._stats.lost - (n - _ones(source._seen))
        self._lost = -1
        return self._base

    def _flush(self):
        self.bursts.receive(self._calm)
        self.packets += self._calm
        self._calm = 0

    def look(self, source, final=False):
        """Judge the packets that a media.rtp.Receiver has got since the last time; final: the youngest, too."""
        self._flush()
        stats = self._stats
        fresh = (source._last - self._at) & 0xFFFF
        if fresh > 0x7FFF:
            return
        window = fresh if fresh < _WINDOW else _WINDOW
        missing = ~source._seen & (_MASK >> _WINDOW - window)
        # None of the youngest is missing: nothing has to be waited for
        calm = final or not missing & _YOUNG
        n = fresh if calm else fresh - _LAG
        if n > 0:
            self._judge(stats, n, fresh, window, missing)
        self._lost = stats.lost if calm else -1
        self._concealed = stats.concealed
        self._delay += stats.delay - (self._delay + 8 >> 4)
        if stats.jitter > self.jitter:
            self.jitter = stats.jitter

    def _judge(self, stats, n, fresh, window, missing):
        # The n oldest ones of those that are fresh; missing: a bit for each, of the youngest ones
        bursts = self.bursts
        thrown = self._discards()
        late = min(max(thrown - self._thrown, 0), n)
        self._thrown = thrown
        if fresh > window:
            # Older than the window: only how many are lost is known, not where
            gone = stats.lost - self._base - self._judged - _ones(missing)
            gone = min(max(gone, 0), fresh - window)
            bursts.receive(fresh - window - gone)  # most likely those that were waiting for later ones
            bursts.lose(gone)
            self._judged += gone
            self.lost += gone
        bit = window - 1
        while bit >= fresh - n:
            if missing >> bit & 1:
                bursts.lose(1)
                self._judged += 1
                self.lost += 1
            elif late:
                late -= 1
                bursts.lose(1)
                self.discarded += 1
            else:
                bursts.receive(1)
            bit -= 1
        self.packets += n
        self._at = (self._at + n) & 0xFFFF

    def _discards(self):
        if self._player:
            return self._player.discarded
        stats = self._stats
        return stats.late + stats.skipped

    def took(self, ms):
        """A round trip was measured."""
        if self.trip < 0:
            self.trip = self.trip_least = self.trip_most = ms
            return
        self.trip += (ms - self.trip + 2) >> 2
        if ms < self.trip_least:
            self.trip_least = ms
        if ms > self.trip_most:
            self.trip_most = ms

    def heard(self, found, reader):
        """A media.rtcp.Reader has found something."""
        if found & HEARD:
            self.far.lost = reader.lost
            self.far.jitter = reader.jitter >> 3
            self.far.packets = self._stream.stats.sent
        if found & METRICS:
            self.far.metrics = reader.metrics
            self.far.end_system = xr.pair(reader.metrics, xr.END_SYSTEM)

    # -- once a report

    def update(self):
        """Work out what a report tells; look() comes before it."""
        stream = self._stream
        bursts = self.bursts
        packets = self.packets
        self.loss = _part(self.lost, packets)
        self.discard = _part(self.discarded, packets)
        number = bursts.bursts
        inside = bursts.burst_packets
        self.burst_density = _part(bursts.burst_lost, inside)
        self.gap_density = _part(bursts.lost - bursts.burst_lost, bursts.packets - inside)
        ms = stream.agreed.ptime if stream.agreed else 20
        length = stream.source.length
        if length > 12:  # what the far end sends, whatever it was asked for; 8 samples a ms, a byte each
            ms = length - 12 >> 3
        self.burst = min(inside * ms // number, _MOST) if number else 0
        self.gap = min((bursts.packets - inside) // bursts.gaps * ms, _MOST)
        player = self._player
        self.nominal = player.nominal if player else stream.jitter.depth >> 3
        self.maximum = player.maximum if player else self.nominal
        self.limit = max(self.maximum, _RING)
        self.config = (xr.CONCEALED if stream.player else xr.SILENCED) | (xr.ADAPTIVE if player else xr.FIXED)
        self.round_trip = min(max(self.trip, 0), _MOST)
        self.end_system = min((self._delay >> 4) + _FRAMES + self._latency, _MOST)
        # Half of the way there and back, and half of what both ends keep it for; the far end as we, until it tells
        self.delay = (self.round_trip + self.end_system + (self.far.end_system or self.end_system)) >> 1
        if packets:
            bpl = CONCEALED if stream.player else SILENCED
            r = rating(packets, bursts.lost, bursts.runs, bpl, self.delay)
            heard = rating(packets, bursts.lost, bursts.runs, bpl, 0)
            self.rating = r
            self.mos = mos(r)
            self.r = (r + 5) // 10
            self.mos_lq = (mos(heard) + 5) // 10
            self.mos_cq = (self.mos + 5) // 10


def first_of(source):
    """The oldest sequence number that a Receiver remembers."""
    seen = source._seen
    n = 0
    while seen:
        seen >>= 1
        n += 1
    return (source._last - n + 1) & 0xFFFF


def _ones(bits):
    n = 0
    while bits:
        bits &= bits - 1
        n += 1
    return n


def _part(n, whole):
    # in 256ths, rounded down
    while whole > 0x3FFFFF:
        n >>= 1
        whole >>= 1
    return min((n << 8) // whole, 255) if whole else 0
