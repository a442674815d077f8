# RTCP as it comes in, and its clock: RFC 3550 section 6.4 and appendix A.2. Imports media.rtcp_xr.
#
# Nothing here allocates once made, on 31-bit small ints either: what has 32 bits is two halves of 16, or four bytes
# that are found rather than read. A compound packet is a chain; the first one is a report, and each tells its length:
#
#     [ SR or RR | ... blocks ] [ SDES | CNAME ] [ XR | ... blocks ] [ BYE ]
#
# The NTP timestamps of a report need no wall clock. Whoever gets one sends its middle half back untouched (LSR) and
# adds how long he kept it (DLSR): the round trip is a difference of two readings of one clock, ours. RFC 3550 section
# 6.4.1 names the uptime as such a clock. What we lose is that a receiver cannot line our sound up with another
# machine's picture; and we send one stream only.

from micropython import const

from siplet.media.rtcp_xr import read

# What take() found
SENT = const(1)  # a sender report of our source: when, by its clock, is in sent_high and sent_low
HEARD = const(2)  # a report block about us
LEFT = const(4)  # our source has said goodbye
METRICS = const(8)  # XR: VoIP metrics about us
ASKED = const(16)  # XR: a receiver's reference time, which wants to come back
ECHOED = const(32)  # XR: ours came back

_MASK = const(0x3FFFFFFF)
_CHAIN = const(16)  # packets in a compound; usual are two to four
_LONGEST = const(30)  # s; what is on its way for longer has another reason
_RECALL = const(60000)  # ms for which what came is worth an answer
_SMALLEST = const(22)  # bytes of a ciphered one: a header, an index, a tag


class Clock:
    """NTP's time from a clock of microseconds that wraps at 2**30; advance it at least every 8 minutes.

    era, seconds: the halves of the seconds since this was made, but never 0, which would say that there is no clock;
    fraction, fine: those of the fraction. ms: the milliseconds, wrapping at 2**30.
    """

    def __init__(self):
        self.reset(0)

    def reset(self, now):
        """Begin anew at the ticks now."""
        self._last = now
        self._us = self._rest = self.era = self.fraction = self.fine = self.ms = 0
        self.seconds = 1

    def advance(self, now):
        """It is `now`, in ticks of microseconds."""
        step = (now - self._last) & _MASK
        self._last = now
        if step > _MASK >> 1:  # some clocks step back a little
            return
        rest = self._rest + step
        self.ms = (self.ms + rest // 1000) & _MASK
        self._rest = rest % 1000
        us = self._us + step
        seconds = self.seconds + us // 1000000
        self._us = us = us % 1000000
        self.seconds = seconds & 0xFFFF
        self.era = (self.era + (seconds >> 16)) & 0xFFFF
        # 65536 / 1000000 is 1024 / 15625: no product leaves the small ints
        us <<= 10
        self.fraction = us // 15625
        self.fine = (us % 15625 << 16) // 15625


def since(seconds, fraction, high, low):
    """The ms from the time high.low until seconds.fraction, halves of 16 bits; below 0: -1, above 30 s: -2."""
    low = fraction - low
    high = (seconds - high + (low >> 16)) & 0xFFFF
    if high >= 0x8000:
        return -1 if high == 0xFFFF else -2
    return high * 1000 + ((low & 0xFFFF) * 1000 >> 16) if high <= _LONGEST else -2


class Moment:
    """When something came, by a Clock, to say later how long ago that was: RFC 3550's DLSR, RFC 3611's DLRR.

    known: whether there was one. high, low: the seconds and the 65536ths of it, 16 bits each.
    """

    def __init__(self):
        self.known = False
        self._ms = self.high = self.low = 0

    def take(self, clock, ago):
        """It came some microseconds ago; 0: how many is not known, and then nor is the moment."""
        self.known = ago > 0
        low = clock.fraction - (ago * 1024 // 15625)
        self._ms = clock.ms
        self.high = (clock.seconds + (low >> 16)) & 0xFFFF
        self.low = low & 0xFFFF

    def is_fresh(self, clock):
        """Whether it is worth an answer still."""
        return self.known and ((clock.ms - self._ms) & _MASK) <= _RECALL

    def kept_high(self, clock):
        """The seconds since then, 16 bits, and what kept_low() is of another one: in 65536ths."""
        return (clock.seconds - self.high + (clock.fraction - self.low >> 16)) & 0xFFFF

    def kept_low(self, clock):
        return (clock.fraction - self.low) & 0xFFFF


def chain(data, at, end):
    """Whether data[at:end] are packets of RTCP that tell their lengths right: RFC 3550 A.2, but for the first one's
    kind. Who agreed on it, and some who did not, send what is no report alone (RFC 5506).
    """
    if end - at < 4 or not 200 <= data[at + 1] <= 207:
        return False
    left = _CHAIN
    while left and end - at >= 4 and data[at] & 0xC0 == 0x80:
        left -= 1
        padded = data[at] & 0x20
        size = (data[at + 2] << 8 | data[at + 3]) + 1 << 2
        at += size
        if at >= end:
            return at == end and not (padded and not 0 < data[end - 1] <= size - 4)
        if padded:  # only the last one may be
            return False
    return False


def check(data, at, end):
    """Whether data[at:end] is a compound packet by RFC 3550 A.2."""
    return end - at >= 8 and data[at] & 0xE0 == 0x80 and data[at + 1] & 0xFE == 200 and chain(data, at, end)


def bound(data, at, n):
    """Where a compound packet that begins at data[at] ends, when other packets may follow it in data[:n]."""
    i = at
    while n - i >= 4 and data[i] & 0xC0 == 0x80 and 200 <= data[i + 1] <= 207:
        if i > at and data[i + 1] <= 201:  # the next one's report
            return i
        i += (data[i + 2] << 8 | data[i + 3]) + 1 << 2
    return i if at < i < n else n


def bound_ciphered(data, at, n, ssrc):
    """bound() of what is ciphered from its third word on: what follows of the same source bears its SSRC, too.

    ssrc: 4 bytes that are overwritten.
    """
    if n - at < 2 * _SMALLEST:
        return n
    i = 4
    while i:
        i -= 1
        ssrc[i] = data[at + 4 + i]
    i = data.find(ssrc, at + _SMALLEST + 4, n)
    if i >= 0:
        if data[i - 4] & 0xC0 == 0x80 and 200 <= data[i - 3] <= 207:
            return i - 4
        if i >= at + _SMALLEST + 8 and data[i - 8] & 0xC0 == 0x80:  # RTP
            return i - 8
    return n


class Reader:
    """What the far end reports. own: our SSRC; source: that of the stream that we hear, 4 bytes each.

    After take(), as far as it was in it: sent_high, sent_low: the middle half of the NTP timestamp. Of the block about
    us: fraction: lost of 256 since its last report; lost: since the beginning, or less than 0 when packets came twice;
    jitter: in units of the RTP clock, 65535 at most; echo_high, echo_low: LSR, both 0 when it has none; kept_high,
    kept_low: DLSR, in 65536ths of a second. Of XR: asked_high, asked_low: the reference time that wants to come back;
    asker: whose; echo and kept as above; metrics: the VoIP metrics block, 36 bytes as RFC 3611 section 4.7 has them.
    """

    def __init__(self):
        self.own = bytearray(4)
        self.source = bytearray(4)
        self.asker = bytearray(4)
        self.metrics = bytearray(36)
        self.sent_high = self.sent_low = self.fraction = self.lost = self.jitter = 0
        self.echo_high = self.echo_low = self.kept_high = self.kept_low = self.asked_high = self.asked_low = 0

    def take(self, data, at, end):
        """Read the compound packet data[at:end], a bytearray that check() found right. Flags: SENT, HEARD ..."""
        found = 0
        while at < end:
            kind = data[at + 1]
            count = data[at] & 31
            i = at + 4
            stop = i + ((data[at + 2] << 8 | data[at + 3]) << 2)
            limit = stop - data[stop - 1] if data[at] & 0x20 else stop
            if kind <= 201:
                i += 4
                if kind == 200:
                    i += 20
                    if i <= limit and data.find(self.source, at + 4, at + 8) >= 0:
                        self.sent_high = data[at + 10] << 8 | data[at + 11]
                        self.sent_low = data[at + 12] << 8 | data[at + 13]
                        found |= SENT
                while count and limit - i >= 24:
                    if data.find(self.own, i, i + 4) >= 0:
                        self._block(data, i)
                        found |= HEARD
                    count -= 1
                    i += 24
            elif kind == 203:
                while count and limit - i >= 4:
                    if data.find(self.source, i, i + 4) >= 0:
                        found |= LEFT
                    count -= 1
                    i += 4
            elif kind == 207 and limit - i >= 4:
                found |= read(self, data, i, limit)
            at = stop
        return found

    def _block(self, data, i):
        self.fraction = data[i + 4]
        lost = data[i + 5] << 16 | data[i + 6] << 8 | data[i + 7]
        self.lost = lost if lost < 0x800000 else lost - 0x1000000
        self.jitter = data[i + 14] << 8 | data[i + 15]
        if data[i + 12] or data[i + 13]:
            self.jitter = 0xFFFF
        self.echo(data, i + 16)

    def echo(self, data, i):
        """LSR and DLSR, or LRR and DLRR, at data[i:]."""
        self.echo_high = data[i] << 8 | data[i + 1]
        self.echo_low = data[i + 2] << 8 | data[i + 3]
        self.kept_high = data[i + 4] << 8 | data[i + 5]
        self.kept_low = data[i + 6] << 8 | data[i + 7]

    def round_trip(self, seconds, fraction):
        """The ms that what came back at the time seconds.fraction was on its way, both ways; -1 when that is unknown.

        A little less than none is none: both ends read their sockets by a clock of their own.
        """
        if not (self.echo_high or self.echo_low):
            return -1
        low = self.echo_low + self.kept_low
        ms = since(seconds, fraction, (self.echo_high + self.kept_high + (low >> 16)) & 0xFFFF, low & 0xFFFF)
        return 0 if ms == -1 else max(ms, -1)
