# What the reports of one call say of us, of the source that is heard and of how it sounds: RFC 3550 sections 6.4 and
# 8.2 and appendix A.3, RFC 3611. May import media, platform and sound.quality.
#
# Of the stream's Receiver it reads _ssrc, _seen, _last and _jitter. In steady state nothing allocates.

from micropython import const

from siplet import platform
from siplet.media.rtcp import Moment
from siplet.media.rtcp_out import Writer, name
from siplet.media.rtp import HEADER
from siplet.sound.quality import first_of

_JUMP = const(3030)  # a larger step of the sequence numbers between two counts is another sequence


class Compound:
    """Compound packets, written one at a time. clock, reader: of media.rtcp; quality: a siplet.sound.quality.Quality.

    known: whether a source is heard; its SSRC is the reader's source. end: its newest sequence number, kept by who
    calls count() only when something was lost. reported, asked: the Moments of its last report as a sender, and of the
    last reference time that came.
    """

    def __init__(self, clock, reader, quality):
        self._clock = clock
        self._reader = reader
        self._quality = quality
        self._writer = Writer()
        self.reported = Moment()
        self.asked = Moment()
        self.begin(None)

    def begin(self, stream):
        """Another call's siplet.sound.stream.Stream; None: none."""
        self._stream = stream
        self.known = self.reported.known = self.asked.known = False
        # Of the source: its first number, how often they wrapped, what was lost before it, what the far end was told
        self._first = self.end = self._cycles = self._base = self._told = self._told_lost = 0
        self._sent = self._events = 0  # packets, and those of keys, that we sent under a former SSRC
        if stream:
            self._adopt()
            self._writer.name[:] = name(platform.random(12))

    def _adopt(self):
        # Our SSRC
        i = 4
        while i:
            i -= 1
            self._writer.ssrc[i] = self._reader.own[i] = self._stream.sender.ssrc[i]

    def count(self, source, final):
        """Look at the numbers of a media.rtp.Receiver; final: at the youngest, too, which may only be late."""
        if not source._seen:
            return
        last = source._last
        if not self.known or self._reader.source != source._ssrc or not (last - self.end) & 0xFFFF < _JUMP:
            self._follow(source)
        elif last < self.end:
            self._cycles = (self._cycles + 1) & 0xFFFF
        self.end = last
        self._quality.look(source, final)

    def _follow(self, source):
        # Another source, or it began another sequence
        self.known = True
        self.reported.known = False
        self._reader.source[:] = source._ssrc
        self._told = 0  # packets expected, of which the far end was told
        self._base = self._told_lost = self._quality.restart(source)
        self._first = first_of(source)
        self._cycles = 1 if self._first > source._last else 0

    def leave(self):
        """The goodbye of our SSRC, which another one has, too; from now on we go by the sender's new one."""
        w = self._writer
        w.start()
        w.receiver()
        w.describe()
        w.goodbye()
        self._adopt()
        stream = self._stream
        # The counts begin anew (RFC 3550 6.4.1); some packets bear the new one already
        self._sent = max(stream.stats.sent - (stream.sender._sequence - stream.sender.first & 0xFFFF), 0)
        self._events = stream.events
        return w.finish()

    def write(self, schedule, way, leaving):
        """A report, the last one when we are leaving. schedule: a media.rtcp_timing.Schedule; way: a
        siplet.sound.control.Control.
        """
        w = self._writer
        stats = self._stream.stats
        w.start()
        ours = schedule.ours
        if ours:
            self._totals(w, stats.sent - self._sent)
        else:
            w.receiver()
        heard = self.known and (stats.received if leaving else schedule.heard_since(stats.received))
        if heard:
            self._block(w, stats)
        w.describe()
        self._extend(w, heard and way.metrics, way.reference and not ours)
        if leaving:
            w.goodbye()
        return w.finish()

    def _extend(self, w, heard, asks):
        # RFC 3611; heard: how it sounds; asks: for the time that our clock has now to come back
        clock = self._clock
        asked = self.asked
        answers = asked.is_fresh(clock)
        if heard or answers or asks:
            w.extend()
            if heard:
                self._quality.update()
                w.metrics(self._reader.source, self._quality)
            if asks:
                w.reference(clock)
            if answers:
                reader = self._reader
                high = asked.kept_high(clock)
                w.answer(reader.asker, reader.asked_high, reader.asked_low, high, asked.kept_low(clock))

    def _totals(self, w, sent):
        # A product of 32 bits in halves; an event of a key has 4 bytes instead of 160
        sender = self._stream.sender
        size = len(sender.voice) - HEADER
        low = (sent & 0xFFFF) * size
        high = (sent >> 16) * size + (low >> 16)
        less = (self._stream.events - self._events) * (size - 4)
        low = (low & 0xFFFF) - (less & 0xFFFF)
        high += (low >> 16) - (less >> 16)
        w.sender(self._clock, sender.high, sender.low, sent >> 16, sent & 0xFFFF, high & 0xFFFF, low & 0xFFFF)

    def _block(self, w, stats):
        expected = (self._cycles << 16 | self.end) - self._first + 1 if self._cycles < 0x3FFF else 0
        lost = max(stats.lost - self._base, 0)
        new = expected - self._told
        gone = min(stats.lost - self._told_lost, new)
        fraction = min((gone << 8) // new, 255) if 0 < gone <= 0x3FFFFF else 0
        self._told = expected
        self._told_lost = stats.lost
        reader = self._reader
        w.block(reader.source, fraction, lost, self._cycles, self.end, self._stream.source._jitter >> 4)
        moment = self.reported
        clock = self._clock
        if moment.is_fresh(clock):
            w.echo(reader.sent_high, reader.sent_low, moment.kept_high(clock), moment.kept_low(clock))
        else:
            w.echo(0, 0, 0, 0)
