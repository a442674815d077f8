# The media of one call: a task that ticks every 20 ms on absolute deadlines.
# Imports media/*, siplet.platform and siplet.ticks; audio and udp are handed in.
#
#     audio.read -> g711.encode -> rtp.Sender -> udp          dtmf.Sender takes the frame's place while a key is pressed
#     audio.write <- g711.decode <- jitter <- rtp.Receiver <- udp          dtmf.Receiver hears the keys
#
# In steady state a tick allocates nothing: every buffer is made in the constructor, the socket is connected to the peer
# as soon as the peer was heard, and one read may bring several packets. Places left: RTCP in _packets (counted now),
# concealment in _play (silence now).

from micropython import const

from siplet import platform
from siplet.media import dtmf, g711
from siplet.media.jitter import DUPLICATE, FRAME, LATE, MISSING, Jitter
from siplet.media.rtp import HEADER, Receiver, Sender
from siplet.ticks import ticks_add, ticks_diff

_SAMPLES = const(160)
_READ = const(1480)  # one read: what is queued of eight packets, more than any one datagram of a voice stream
_READS = const(8)  # at most in one tick, so that a flood cannot hold the clock
_MASK = const(0x3FFFFFFF)
_WRAP_FRAME = const(0x3FFFFF60)  # 2**30 - 160: taken away, it adds a frame without passing a small int's bounds
_WRAP_TICK = const(0x3FFFB1E0)  # 2**30 - 20000: the same, for 20 ms in microseconds
_BEHIND = const(-100000)  # microseconds: later than that, frames are left out instead of sent in a burst
_QUIET = const(150)  # ticks without a packet after which the peer may come from another port: 3 s
_COMFORT = const(13)


class Stats:
    """Counts of one call's media, all plain ints.

    sent, received: RTP packets. lost, late (after its turn), duplicate, bad (not RTP, or of no type that was agreed),
    foreign (another address or source), control (RTCP). jitter: ms, RFC 3550 6.4.1, as seen at 20 ms ticks.
    delay: ms of audio in the jitter buffer. concealed: frames for which silence was played. skipped: frames thrown away
    to keep the delay. slips: times when the clock was behind and frames were left out. unsent: packets that failed.
    """

    def __init__(self):
        self.sent = self.unsent = self.received = 0
        self.lost = self.late = self.duplicate = self.bad = self.foreign = self.control = 0
        self.jitter = self.delay = self.concealed = self.skipped = self.slips = 0


class Stream:
    """audio: start(), stop(), read(frame) -> bool, write(frame); frames are 320 bytes: 160 samples of 16 bits, the low
    byte first. udp: a siplet.net.udp.Udp, which stays the caller's. random: callable(n) -> n bytes.

    on_digit: callable(digit: str) for each key that the peer pressed, or None. muted: silence is sent instead of the
    microphone.
    """

    def __init__(self, audio, udp, random):
        self.audio = audio
        self.udp = udp
        self.stats = Stats()
        self.on_digit = None
        self.muted = False
        self._out = Sender(random)
        self._in = Receiver(self.stats)
        self._jitter = Jitter()
        self._keys = dtmf.Sender()
        self._heard = dtmf.Receiver()
        self._voice = self._out.packet(_SAMPLES)
        self._event = self._out.packet(4)
        self._data = bytearray(_READ)
        self._frame = bytearray(2 * _SAMPLES)
        self._silence = bytes(2 * _SAMPLES)
        self._agreed = None
        self._host = None
        self._remote = None  # where to send
        self._connected = False
        self._sending = self._hearing = False
        self._payload_type = self._dtmf = -1
        self._law = self._playing = 0
        self._table = None
        self._tables = {}
        self._marker = True
        self._clock = 0  # 8 kHz, in ticks: when a packet arrived
        self._silent = 0
        self._stopped = False

    def configure(self, agreement):
        """Take what offer and answer agreed on, at first and at each re-INVITE: see siplet.offer.Agreement."""
        law = g711.PCMA if agreement.codec == b"PCMA" else g711.PCMU
        former = self._agreed
        self._agreed = agreement
        if self._table is None or law != self._law:
            self._law = law
            self._play_law(law)
        self._payload_type = self._in.audio = agreement.payload_type
        self._dtmf = self._in.event = agreement.dtmf
        address = (agreement.address, agreement.port)
        if former is None or address != (former.address, former.port):
            try:
                self._host = platform.source(platform.resolve(*address))[0]
            except OSError:  # nothing is sent then: to ask again at each frame would stop everything
                self._host = None
            self._remote = (self._host, agreement.port)
            self._in.reset()
            self._listen()
        way = agreement.direction
        reachable = self._host and agreement.port and agreement.address != "0.0.0.0"
        self._sending = bool(reachable and way in ("sendrecv", "sendonly"))
        self._hearing = way in ("sendrecv", "recvonly")
        if not self._hearing:
            self._jitter.reset()
        self._marker = True

    def _listen(self):
        # Take packets from the agreed host whatever port they come from
        if self._connected:
            self.udp.reopen()
            self._connected = False
        self._silent = 0

    def _play_law(self, law):
        self._playing = law
        table = self._tables.get(law)
        if not table:
            table = self._tables[law] = g711.table(law)
        self._table = table
        self._jitter.reset()
        self._jitter.silence = g711.silence(law)

    def send_digit(self, digit, ms=160):
        """Press a key for ms, after those queued before; False when events were not agreed on or 16 are waiting.

        LocalError when digit is none of 0-9 * # A-D.
        """
        return self._dtmf >= 0 and self._keys.press(digit, ms)

    def stop(self):
        """End run()."""
        self._stopped = True

    async def run(self):
        """Start the audio, tick until stop() or cancelled, stop the audio."""
        self.audio.start()
        deadline = platform.now_us()
        try:
            while not self._stopped:
                self.tick()
                deadline = (deadline - _WRAP_TICK) & _MASK
                rest = ticks_diff(deadline, platform.now_us())
                if rest < _BEHIND:
                    frames = -rest // 20000
                    self.skip(frames)
                    deadline = ticks_add(deadline, 20000 * frames)
                    rest = 0
                # asyncio sleeps whole milliseconds; the rest of less than one is waited for here, or the intervals
                # between packets would spread over one.
                await platform.sleep_ms(rest // 1000 if rest > 0 else 0)
                rest = ticks_diff(deadline, platform.now_us())
                if rest > 0:
                    platform.sleep_us(rest if rest < 1000 else 1000)
        finally:
            self.audio.stop()

    def skip(self, frames):
        """Let the clock go on by frames in which nothing could be sent or played."""
        self._out.advance(_SAMPLES * frames)
        self._clock = (self._clock - (_MASK - _SAMPLES * frames) - 1) & _MASK
        self._marker = True
        self.stats.slips += 1

    def tick(self):
        """One 20 ms step: send a frame, take in what arrived, play a frame. Allocates nothing."""
        self._send()
        self._receive()
        self._play()
        self._clock = (self._clock - _WRAP_FRAME) & _MASK

    def _send(self):
        out = self._out
        frame = self._frame
        if not self.audio.read(frame) or self.muted:
            frame = self._silence
        if self._sending:
            packet = self._event
            step = self._keys.step(packet) if self._dtmf >= 0 else 0
            if step:
                if step == dtmf.FIRST:
                    out.stamp(packet)
                out.number(packet, self._dtmf, step == dtmf.FIRST)
            else:
                packet = self._voice
                g711.encode(_SAMPLES, frame, packet, HEADER, self._law)
                out.stamp(packet)
                out.number(packet, self._payload_type, self._marker)
                self._marker = False
            if self.udp.send(packet) if self._connected else self.udp.send_to(packet, self._remote):
                self.stats.sent += 1
            else:
                self.stats.unsent += 1
        out.advance(_SAMPLES)

    def _receive(self):
        udp = self.udp
        data = self._data
        reads = 0
        if self._connected:
            while reads < _READS:
                n = udp.receive(data)
                if not n:
                    break
                self._packets(n)
                if n < _READ:
                    break
                reads += 1
            self._silent += 1
            if self._silent > _QUIET:
                self._listen()
            return
        if self._host is None:
            return
        source = None
        while reads < _READS * 4:
            n = udp.receive_from(data)
            if n < 0:
                break
            if n and udp.source[0] != self._host:
                self.stats.foreign += 1
            elif n:
                self._in.careful = udp.source[1] != self._agreed.port
                if self._packets(n):
                    source = udp.source
            reads += 1
        if source and udp.connect(source):
            self._remote = source
            self._connected = True

    def _packets(self, n):
        # What one read brought; the number of RTP packets that counted
        data = self._data
        source = self._in
        count = 0
        at = 0
        while at < n:
            end = source.split(data, at, n)
            if source.take(data, at, end):
                count += 1
                self._packet(source, data)
            at = end
        if count:
            self._silent = 0
        return count

    def _packet(self, source, data):
        kind = source.payload_type
        if source.restarted:
            source.restarted = False
            self._jitter.reset()
            self._heard.reset()
        if kind == self._dtmf:
            digit = self._heard.take(data, source.at, source.size, source.timestamp)
            if digit and self.on_digit:
                self.on_digit(digit)
            return
        if kind == self._payload_type:
            law = self._law
        elif kind == 0 or kind == 8:  # the other law, by its static type: a peer may change at any time
            law = kind
        else:
            if kind != _COMFORT:
                self.stats.bad += 1
            return
        source.arrived(self._clock)
        if not self._hearing:
            return
        if law != self._playing:
            self._play_law(law)
        kept = self._jitter.put(source.timestamp, data, source.at, source.size)
        if kept:
            if kept == LATE:
                self.stats.late += 1
            elif kept == DUPLICATE:
                self.stats.duplicate += 1
            else:
                self.stats.bad += 1

    def _play(self):
        jitter = self._jitter
        stats = self.stats
        stats.delay = jitter.ahead >> 3
        state = jitter.get()
        stats.skipped = jitter.skipped
        if state == FRAME:
            frame = self._frame
            g711.decode(_SAMPLES, jitter.data, frame, jitter.at, 0, self._table)
        else:
            frame = self._silence
            if state == MISSING:
                stats.concealed += 1
        self.audio.write(frame)
