# RTCP of one call, RFC 3550 section 6: it tells the far end how it is heard here, takes in how we are heard there, and
# keeps the record of how good the call is. May import media, platform and what stands in sound.
#
#     stream: RTCP on the port of RTP -> take -> _arrived
#     stream.tick -> tick, each 80 ms: a port of its own -> _arrived; each 320 ms: quality.is_calm or .look;
#                    when a report is due: _report -> cipher -> the port
#
# Sockets are read by the clock of the stream: the arrival of a report is known to a tick of 20 ms, on a port of its own
# to four of them, and is taken to be in the middle. So one measure of the round trip is wrong by up to 10 or 40 ms for
# each end that does so. The times at which a port is read move by a tick after each report, or ends whose clocks go
# alike would be wrong by the same each time: all measures of a call are better than each. In steady state nothing
# allocates.
#
# Of the stream's Receiver it reads _ssrc, _seen, _last and _jitter.

from micropython import const

from siplet import platform
from siplet.media import rtcp
from siplet.media.rtcp_out import Writer, name
from siplet.media.rtcp_timing import Schedule
from siplet.media.rtp import HEADER
from siplet.sound.control import Control
from siplet.sound.quality import Quality, first_of, sentence

_LOOK = const(4)  # calls of tick() between looks at the counters
_LOOK_MS = const(320)
_OFTEN = const(2)  # looks between those for a far end that sends from a port of which we do not know
_PHASE = const(160)  # one tick of the stream, samples; of the four that may be the fourth
_PHASES = const(0x1FF)
_ROOM = const(8)  # compound packets that are read between two looks; one or two in a second are usual
_SHY = const(12000)  # ms after which a silent far end's reports may come from another port
_RECALL = const(60000)  # ms for which its last report is worth an answer
_JUMP = const(3030)  # a larger step of the sequence numbers between two looks is another sequence
_MASK = const(0x3FFFFFFF)
_TICK = const(20000)  # microseconds


class Reports:
    """A part, see siplet.sound.parts. options: "log": callable(text) gets one line at the end of each call.

    sent, received: compound packets; bad: what was none, or came too often. quality: a siplet.sound.quality.Quality.
    way: a siplet.sound.control.Control. now: callable, the ticks of microseconds. phase: for the stream, when to tick.
    """

    def __init__(self, options):
        self._log = options.get("log")
        self.now = platform.now_us
        self.quality = Quality()
        self.way = Control()
        self.schedule = Schedule()
        self._clock = rtcp.Clock()
        self._reader = rtcp.Reader()
        self._writer = Writer()
        self._call = self._stream = None
        self.phase = 0
        self._forget()

    def _forget(self):
        self.sent = self.received = self.bad = 0
        # Of the source that is heard: its first and last number, how often they wrapped, what was lost before it, and
        # what the far end was told of it
        self._source = False
        self._first = self._end = self._cycles = self._base = self._told = self._told_lost = 0
        self._heard_at = self._asked_at = -1  # ms: the far end's last report as a sender, and its last reference time
        self._heard_high = self._heard_low = self._asked_high = self._asked_low = 0
        self._quiet = 0  # ms: when the last report came
        self._room = _ROOM
        self._turn = _LOOK
        self._wait = 0  # looks until there is work to do

    def describe(self, line):
        """A Line was made."""
        self._forget()
        self.way.describe(line.udp)
        line.extras = tuple(line.extras) + (self.way,)

    # -- the stream's clock

    def begin(self, call):
        """A Call's stream is about to start."""
        stream = call.stream
        self._call = call
        self._stream = stream
        call.reports = self
        self._reader.own[:] = stream.sender.voice[8:12]
        self._writer.name[:] = name(platform.random(12))
        self._clock.reset(self.now())
        seed = platform.random(2)
        self.schedule.reset(0, seed[0] << 8 | seed[1])
        self.quality.begin(stream)
        stream.control = self

    def bound(self, data, at, n):
        """The end of the compound packet that begins at data[at], of packets glued together in data[:n]."""
        if not self._stream.cipher:
            return rtcp.bound(data, at, n)
        # Only its first words can be read. What follows in the same read is the stream again, most likely: it bears the
        # same SSRC, behind a header of RTP.
        ssrc = self._stream.source._ssrc
        p = data.find(ssrc, at + 16, n)
        while p >= 0:
            if data[p - 8] & 0xC0 == 0x80 and not 200 <= data[p - 7] <= 207:
                return p - 8
            p = data.find(ssrc, p + 1, n)
        return n

    def take(self, data, at, end):
        """RTCP came on the port of RTP: data[at:end], of a bytearray."""
        self._arrived(data, at, end, _TICK // 2)

    def tick(self):
        """80 ms have passed."""
        way = self.way
        if way.connected:
            n = way.poll()
            if n:
                self._arrived(way.data, 0, n, 2 * _TICK)
        turn = self._turn - 1
        if turn:
            self._turn = turn
        else:
            self._look()

    def _look(self):
        self._turn = _LOOK
        self._room = _ROOM
        source = self._stream.source
        if self.quality.is_calm(source):
            self._end = source._last
        else:
            self._count(False)
        self._wait -= 1
        if self._wait <= 0:
            self._work()

    def _work(self):
        stream = self._stream
        stats = stream.stats
        clock = self._clock
        way = self.way
        clock.advance(self.now())
        self._count(False)
        if self.schedule.due(clock.ms, stats.sent, stats.received) and self._report(False):
            self._tell(False)
        self._wait = self.schedule.rest(clock.ms) // _LOOK_MS + 1
        if way.connected:
            if self.schedule.members < 2 and ((clock.ms - self._quiet) & _MASK) > _SHY:
                way.let_go()
        elif way.udp:
            self._wait = min(self._wait, _OFTEN)
            n = way.poll_strangers()
            if n and self._arrived(way.data, 0, n, 0):
                way.found()

    def agree(self, stream):
        """A stream has taken an agreement."""
        self._clock.advance(self.now())
        self.quality.settle()
        self.way.direct()
        self._quiet = self._clock.ms
        self._wait = 0

    def _count(self, final):
        source = self._stream.source
        if not source._seen:
            return
        reader = self._reader
        last = source._last
        if not self._source or reader.source != source._ssrc or not (last - self._end) & 0xFFFF < _JUMP:
            # Another source, or it began another sequence
            self._source = True
            self._heard_at = -1
            reader.source[:] = source._ssrc
            self._cycles = 0
            self._end = last
            self._told = 0  # packets expected, of which the far end was told
            self._base = self._told_lost = self.quality.restart(source)
            self._first = first_of(source)
            if self._first > last:
                self._cycles = 1
        elif last < self._end:
            self._cycles = (self._cycles + 1) & 0xFFFF
        self._end = last
        self.quality.look(source, final)

    # -- out

    def _report(self, leaving):
        # Write a compound packet and send it; whether it was sent
        stream = self._stream
        stats = stream.stats
        clock = self._clock
        agreed = stream.agreed
        if not agreed or not agreed.port or not self.way.ready:
            return False
        w = self._writer
        i = 4
        while i:  # it may have changed: the far end had chosen the same
            i -= 1
            w.ssrc[i] = self._reader.own[i] = stream.sender.voice[8 + i]
        w.start()
        ours = self.schedule.ours
        if ours:
            self._totals(w, stats.sent)
        else:
            w.receiver()
        heard = self._source and (stats.received if leaving else self.schedule.heard_since(stats.received))
        if heard:
            self._block(w, stats)
        w.describe()
        heard = heard and self.way.metrics
        asks = self.way.reference and not ours
        answers = self._asked_at >= 0 and ((clock.ms - self._asked_at) & _MASK) < _RECALL
        if heard or answers or asks:
            w.extend()
            if heard:
                self.quality.update()
                w.metrics(self._reader.source, self.quality)
            if asks:
                w.reference(clock)
            if answers:
                self._answer(w)
        if leaving:
            w.goodbye()
        packet = w.finish()
        self.schedule.told(clock.ms, len(packet), stats.sent, stats.received)
        if stream.cipher:
            packet = stream.cipher.protect_control(packet)
        self.sent += self.way.send(stream, packet)
        return True

    def _totals(self, w, sent):
        # A product of 32 bits in halves; an event of a key has 4 bytes instead of 160
        sender = self._stream.sender
        size = len(sender.voice) - HEADER
        low = (sent & 0xFFFF) * size
        high = (sent >> 16) * size + (low >> 16)
        less = self._stream.events * (size - 4)
        low = (low & 0xFFFF) - (less & 0xFFFF)
        high += (low >> 16) - (less >> 16)
        w.sender(self._clock, sender.high, sender.low, sent >> 16, sent & 0xFFFF, high & 0xFFFF, low & 0xFFFF)

    def _block(self, w, stats):
        expected = (self._cycles << 16 | self._end) - self._first + 1 if self._cycles < 0x3FFF else 0
        lost = max(stats.lost - self._base, 0)
        new = expected - self._told
        gone = min(stats.lost - self._told_lost, new)
        fraction = min((gone << 8) // new, 255) if 0 < gone <= 0x3FFFFF else 0
        self._told = expected
        self._told_lost = stats.lost
        w.block(self._reader.source, fraction, lost, self._cycles, self._end, self._stream.source._jitter >> 4)
        if self._heard_at < 0 or ((self._clock.ms - self._heard_at) & _MASK) > _RECALL:
            w.echo(0, 0, 0, 0)
            return
        clock = self._clock
        low = clock.fraction - self._heard_low
        w.echo(
            self._reader.sent_high,
            self._reader.sent_low,
            (clock.seconds - self._heard_high + (low >> 16)) & 0xFFFF,
            low & 0xFFFF,
        )

    def _answer(self, w):
        clock = self._clock
        reader = self._reader
        low = clock.fraction - self._asked_low
        high = (clock.seconds - self._asked_high + (low >> 16)) & 0xFFFF
        w.answer(reader.asker, reader.asked_high, reader.asked_low, high, low & 0xFFFF)

    # -- in

    def _arrived(self, data, at, end, ago):
        # A compound packet, which came some microseconds ago (0: that is not known); whether it was one
        cipher = self._stream.cipher
        if self._room <= 0:
            self.bad += 1
            return False
        self._room -= 1
        if cipher:
            end = cipher.unprotect_control(data, at, end)
        if end == at or not rtcp.check(data, at, end):
            self.bad += 1
            return False
        clock = self._clock
        clock.advance(self.now())
        reader = self._reader
        found = reader.take(data, at, end)
        self.received += 1
        self._quiet = clock.ms
        self.schedule.came(end - at)
        low = clock.fraction - (ago * 1024 // 15625)
        high = (clock.seconds + (low >> 16)) & 0xFFFF
        low &= 0xFFFF
        if found & rtcp.SENT:
            self._heard_at = clock.ms if ago else -1
            self._heard_high = high
            self._heard_low = low
        if found & rtcp.ASKED:
            self._asked_at = clock.ms if ago else -1
            self._asked_high = high
            self._asked_low = low
        self.quality.heard(found, reader)
        if found & (rtcp.HEARD | rtcp.ECHOED) and ago:
            ms = reader.round_trip(high, low)
            if ms >= 0:
                self.quality.took(ms)
        if found & rtcp.LEFT:
            self.schedule.left(clock.ms)
            self._wait = 0
        self.phase = (self.phase + _PHASE) & _PHASES
        return True

    # -- what is kept

    def record(self, over=False):
        """All that is known of the call, a flat dict; see siplet.call_more.quality."""
        self._count(over)
        record = self.quality.record()
        record["over"] = over
        record["reports_sent"] = self.sent
        record["reports_received"] = self.received
        record["reports_bad"] = self.bad
        return record

    def _tell(self, over):
        phone = self._call.phone
        handler = phone.handlers.get("quality")
        if handler or over:
            record = self.record(over)
            if over:
                self._call.reports = phone.last_quality = record
                if self._log:
                    self._log(sentence(record))
            if handler:
                phone._guard(handler, record)

    def end(self):
        """The call is over, or never began."""
        stream = self._stream
        try:
            if stream:
                stream.control = None
                if stream.agreed:
                    self._clock.advance(self.now())
                    self._count(True)
                    if self.sent:  # who has never spoken does not take leave (RFC 3550 6.3.7)
                        self._report(True)
                    self._tell(True)
        except (MemoryError, OSError) as error:
            platform.print_exception(error)
        finally:
            self.way.describe(None)
            self._call = self._stream = None
