# RTCP of one call, RFC 3550 section 6: it tells the far end how it is heard here, takes in how we are heard there, and
# keeps the record of how good the call is. May import media, platform and what stands in sound.
#
#     stream: RTCP on the port of RTP -> take -> _arrived
#     stream.tick -> tick, each 80 ms: a port of its own -> _arrived; each 320 ms: quality.is_calm or .look;
#                    when a report is due: compound.write -> cipher -> the port
#
# Sockets are read by the clock of the stream: the arrival of a report is known to a tick of 20 ms, on a port of its own
# to four of them, and is taken to be in the middle: a round trip is wrong by up to 10 or 40 ms for each such end. The
# times of reading move by a tick after each report, or ends whose clocks go alike would be wrong by the same each time.
# In steady state nothing allocates.

from micropython import const

from siplet import platform
from siplet.media import rtcp
from siplet.media.rtcp import bound_ciphered
from siplet.media.rtcp_timing import Schedule
from siplet.sound.compound import Compound
from siplet.sound.control import Control
from siplet.sound.quality import Quality
from siplet.sound.record import describe, sentence

_LOOK = const(4)  # calls of tick() between looks at the counters
_LOOK_MS = const(320)
_OFTEN = const(2)  # looks between those for a far end that sends from another port
_PHASE = const(160)  # one tick of the stream, samples
_PHASES = const(0x1FF)
_ROOM = const(8)  # compound packets that are read between two looks; one or two in a second are usual
_SHY = const(12000)  # ms after which a silent far end's reports may come from another port
_MASK = const(0x3FFFFFFF)
_TICK = const(20000)  # microseconds
_TRIES = const(16)  # places that look like the SSRC of voice and are not, after which a read is not searched on
_BEFORE = const(64)  # voice behind a report has a number near that of the last one, by so much before it
_NEAR = const(320)


class Reports:
    """A part, see siplet.sound.parts. options: "log": callable(text) gets one line at the end of each call.

    sent, received: compound packets; bad: what was none, or came too often; ignored: RTCP without a report. quality,
    way: of siplet.sound. now: callable, the ticks of microseconds. phase: for the stream, when to tick.
    """

    def __init__(self, options):
        self._log = options.get("log")
        self.now = platform.now_us
        self.quality = Quality()
        self.way = Control()
        self.schedule = Schedule()
        self._clock = rtcp.Clock()
        self._reader = rtcp.Reader()
        self._came = rtcp.Moment()
        self.compound = Compound(self._clock, self._reader, self.quality)
        self._is_calm = self.quality.is_calm  # bound once: a method that is looked up costs its name in each place
        self._count = self.compound.count
        self._ssrc = bytearray(4)
        self._call = self._stream = None
        self.phase = 0
        self._forget()

    def _forget(self):
        self.sent = self.received = self.bad = self.ignored = 0
        self._changed = 0  # as the sender's, when it was looked at
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
        self._changed = stream.sender.changed
        self.compound.begin(stream)
        self._clock.reset(self.now())
        seed = platform.random(2)
        self.schedule.reset(0, seed[0] << 8 | seed[1])
        self.quality.begin(stream)
        stream.control = self

    def tick(self):
        """80 ms have passed."""
        way = self.way
        if way.connected:
            n = way.poll()
            if n:
                self._read(way.data, n)
        turn = self._turn - 1
        if turn:
            self._turn = turn
        else:
            self._look()

    def _look(self):
        self._turn = _LOOK
        self._room = _ROOM
        stream = self._stream
        source = stream.source
        if self._is_calm(source):
            self.compound.end = source._last
        else:
            self._count(source, False)
        if self._changed != stream.sender.changed:
            self._rename()
        self._wait -= 1
        if self._wait <= 0:
            self._try()

    def _try(self):
        try:
            self._work()
        except MemoryError:  # the sound comes first; there is another look soon
            pass

    def _work(self):
        stream = self._stream
        clock = self._clock
        way = self.way
        clock.advance(self.now())
        self._count(stream.source, False)
        if self.schedule.due(clock.ms, stream.stats.sent, stream.stats.received) and self._report(False):
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

    # -- out

    def _can_send(self):
        agreed = self._stream.agreed
        return agreed and agreed.port and self.way.ready

    def _report(self, leaving):
        # Write a compound packet and send it; whether it was sent
        if not self._can_send():
            return False
        packet = self.compound.write(self.schedule, self.way, leaving)
        stats = self._stream.stats
        self.schedule.told(self._clock.ms, len(packet), stats.sent, stats.received)
        self._send(packet)
        return True

    def _send(self, packet):
        cipher = self._stream.cipher
        if cipher:
            packet = cipher.protect_control(packet)
        self.sent += self.way.send(self._stream, packet)

    def _rename(self):
        # Our SSRC was the far end's, too, and is another one now: take leave of the former (RFC 3550 8.2)
        self._changed = self._stream.sender.changed
        packet = self.compound.leave()
        if self._can_send() and (self.sent or self._stream.stats.sent):
            self._send(packet)

    # -- in

    def bound(self, data, at, n):
        """The end of the compound packet that begins at data[at], of packets glued together in data[:n]."""
        end = self._voice(data, at, n)
        if self._stream.cipher:
            return bound_ciphered(data, at, end, self._ssrc)
        i = rtcp.bound(data, at, end)
        if i < end < n and data[i + 1] & 0xFE != 200:  # its lengths lie, and all before the voice is its
            return end
        return i

    def _voice(self, data, at, n):
        # Where the stream goes on behind RTCP at data[at], whatever length that tells: its SSRC, and a number near it
        source = self._stream.source
        ssrc = source._ssrc
        left = _TRIES if source._seen else 0
        p = at + 11
        while left:
            left -= 1
            p = data.find(ssrc, p + 1, n)
            if p < 0:
                break
            number = (data[p - 6] << 8 | data[p - 5]) - source._last + _BEFORE & 0xFFFF
            if number < _NEAR and source._begins(data, p - 8):
                return p - 8
        return n

    def take(self, data, at, end):
        """RTCP came on the port of RTP: data[at:end], of a bytearray."""
        self._arrived(data, at, end, _TICK // 2)

    def _read(self, data, n):
        # On a port of its own: what was sent at once comes in one read
        at = 0
        while at < n:
            end = self.bound(data, at, n)
            self._arrived(data, at, end, 2 * _TICK)
            at = end

    def _arrived(self, data, at, end, ago):
        # A compound packet, which came some microseconds ago (0: that is not known); whether it was one
        if self._room <= 0:
            self.bad += 1
            return False
        self._room -= 1
        if self._stream.cipher:
            end = self._stream.cipher.unprotect_control(data, at, end)
        if end == at or not rtcp.chain(data, at, end):
            self.bad += 1
            return False
        if data[at + 1] > 201:  # an application's own, feedback, or part of a report alone (RFC 5506): nothing for us
            self.ignored += 1
            return False
        if not rtcp.check(data, at, end):
            self.bad += 1
            return False
        self._clock.advance(self.now())
        self.received += 1
        self._quiet = self._clock.ms
        self.schedule.came(end - at)
        self._note(self._reader.take(data, at, end), ago)
        self.phase = (self.phase + _PHASE) & _PHASES
        return True

    def _note(self, found, ago):
        # What the Reader has found
        clock = self._clock
        reader = self._reader
        if found & rtcp.SENT:
            self.compound.reported.take(clock, ago)
        if found & rtcp.ASKED:
            self.compound.asked.take(clock, ago)
        self.quality.heard(found, reader)
        if found & (rtcp.HEARD | rtcp.ECHOED) and ago:
            came = self._came
            came.take(clock, ago)
            ms = reader.round_trip(came.high, came.low)
            if ms >= 0:
                self.quality.took(ms)
        if found & rtcp.LEFT:
            self.schedule.left(clock.ms)
            self._wait = 0

    # -- what is kept

    def record(self, over=False):
        """All that is known of the call, a flat dict; see siplet.call_more.quality."""
        self._count(self._stream.source, over)
        record = describe(self.quality)
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
        call = self._call
        try:
            if stream:
                stream.control = None
                if stream.agreed:
                    self._clock.advance(self.now())
                    self._count(stream.source, True)
                    if self.sent:  # who has never spoken does not take leave (RFC 3550 6.3.7)
                        self._report(True)
                    self._tell(True)
        except (MemoryError, OSError) as error:
            platform.print_exception(error)
        finally:
            if call and call.reports is self:  # there was no memory for the record
                call.reports = {}
            self.way.describe(None)
            self._call = self._stream = None
            self.compound.begin(None)
            self.quality.end()
