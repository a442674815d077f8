# The media of one call: a task that ticks every 20 ms on absolute deadlines.
# Imports media/*, audio.null, siplet.platform and siplet.ticks; audio and udp are handed in.
#
#     audio.read -> g711.encode -> rtp.Sender -> udp          dtmf_sender takes the frame's place while a key is pressed
#     audio.write <- g711.decode <- jitter <- rtp.Receiver <- udp          dtmf.Receiver hears the keys
#
# In steady state a tick allocates nothing: every buffer is made in the constructor, the socket is connected to the peer
# as soon as the peer was heard, and one read may bring several packets. Places left: RTCP in _packets (counted now),
# concealment in tick (silence now).

from micropython import const

from siplet import platform
from siplet.audio.null import SILENCE
from siplet.media import dtmf, g711
from siplet.media.jitter import RING, Jitter
from siplet.media.rtp import HEADER, Receiver, Sender
from siplet.ticks import ticks_add, ticks_diff

_SAMPLES = const(160)
_READ = const(1032)  # one read: six packets of 20 ms, to the byte; more than any one datagram of a voice stream
_READS = const(8)  # at most in one tick, so that a flood cannot hold the clock
_MASK = const(0x3FFFFFFF)
_WRAP_TICK = const(0x3FFFB1E0)  # 2**30 - 20000: taken away, it adds 20 ms without passing a small int's bounds
_BEHIND = const(-100000)  # microseconds: later than that, frames are left out instead of sent in a burst
_QUIET = const(150)  # ticks without a packet after which the peer may come from another port: 3 s
_COMFORT = const(13)
_SHY = const(25)  # ticks for which a former far end may still send; for so long only the agreed port is the new one


def buffers():
    """The two large pieces of memory that a stream needs, 3 KB."""
    return bytearray(_READ), bytearray(RING)


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
    byte first; what is in one is gone after the call. udp: a siplet.net.udp.Udp, which stays the caller's. random:
    callable(n) -> n bytes.

    memory: what buffers() gave; the next stream may use it again.
    on_digit: callable(digit: str) for each key that the peer pressed, or None. muted: silence is sent instead of the
    microphone.
    """

    def __init__(self, audio, udp, random, memory=None):
        self.memory = memory or buffers()
        self.audio = audio
        self.udp = udp
        self.stats = Stats()
        self.on_digit = None
        self.muted = False
        self._out = Sender(random)
        self._in = Receiver(self.stats)
        self._keys = None  # made when the first one is pressed
        self._heard = dtmf.Receiver()
        self._data, ring = self.memory
        self._jitter = Jitter(self.stats, ring)
        self._frame = memoryview(self._data)[: 2 * _SAMPLES]  # said, then read over, then heard
        self._agreed = None
        self._remote = None, 0  # where to send; the host never changes without an agreement
        self._connected = self._sending = self._hearing = self._stopped = False
        self._law = self._playing = -1
        self._table = None
        self._marker = True
        self._silent = 0

    def configure(self, agreement):
        """Take what offer and answer agreed on, at first and at each re-INVITE: see siplet.offer.Agreement."""
        former = self._agreed
        self._agreed = agreement
        law = g711.PCMA if agreement.codec == b"PCMA" else g711.PCMU
        if law != self._law:
            self._law = law
            self._play_law(law)
        self._in.audio = agreement.payload_type
        self._in.event = agreement.dtmf
        host = agreement.address
        port = agreement.port
        if former is None or host != former.address or port != former.port:
            try:
                self._remote = platform.source(platform.resolve(host, port))[0], port
            except OSError:  # nothing is sent then: to ask again at each frame would stop everything
                self._remote = None, port
            self._in.reset()
            self._listen()
            if former and host == former.address:
                self._silent = 0  # what the former far end sent last is still to come
        way = agreement.direction
        self._sending = bool(self._remote[0] and port and host != "0.0.0.0" and way in ("sendrecv", "sendonly"))
        self._hearing = way in ("sendrecv", "recvonly")
        if not self._hearing:
            self._jitter.reset()
        self._marker = True

    def _listen(self):
        # Take packets from the agreed host whatever port they come from
        if self._connected:
            self.udp.reopen()
            self._connected = False
        self._silent = _SHY

    def _play_law(self, law):
        self._playing = law
        self._table = g711.table(law)
        self._jitter.reset()
        self._jitter.silence = 0xD5 if law else 0xFF  # a sample of zero

    def send_digit(self, digit, ms=160):
        """Press a key for ms, after those queued before; False when events were not agreed on or 16 are waiting.

        LocalError when digit is none of 0-9 * # A-D.
        """
        if self._in.event < 0:
            return False
        if self._keys is None:
            from siplet.media.dtmf_sender import Sender as Keys

            self._keys = Keys()
        return self._keys.press(digit, ms)

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
        self._marker = True
        self.stats.slips += 1

    def tick(self):
        """One 20 ms step: send a frame, take in what arrived, play a frame. Allocates nothing."""
        frame = self._frame
        self._send(frame if self.audio.read(frame) and not self.muted else SILENCE)
        self._receive()
        self._out.advance(_SAMPLES)
        jitter = self._jitter
        if jitter.get():
            frame = SILENCE
        else:
            g711.decode(_SAMPLES, jitter.data, frame, jitter.at, self._table)
        self.audio.write(frame)

    def _send(self, frame):
        if not self._sending:
            return
        packet = self._out.event
        keys = self._keys
        step = keys and keys.busy and self._in.event >= 0 and keys.step(packet)
        if step:
            self._out.number(packet, self._in.event, step == dtmf.FIRST, step == dtmf.FIRST)
        else:
            packet = self._out.voice
            g711.encode(_SAMPLES, frame, packet, HEADER, self._law)
            self._out.number(packet, self._in.audio, self._marker, True)
            self._marker = False
        if self.udp.send(packet) if self._connected else self.udp.send_to(packet, self._remote):
            self.stats.sent += 1
        else:
            self.stats.unsent += 1

    def _receive(self):
        udp = self.udp
        data = self._data
        if self._connected:
            reads = _READS
            while reads:
                reads -= 1
                n = udp.receive(data)
                if n:
                    self._packets(n)
                if n < _READ:
                    break
            self._silent += 1
            if self._silent > _QUIET:
                self._listen()
            return
        host = self._remote[0]
        source = None
        reads = 4 * _READS
        self._silent += 1
        while host and reads:
            reads -= 1
            n = udp.receive_from(data)
            if n < 0:
                break
            if n and (udp.source[0] != host or (udp.source[1] != self._agreed.port and self._silent < _SHY)):
                self.stats.foreign += 1
            elif n:
                self._in.careful = udp.source[1] != self._agreed.port
                received = self.stats.received
                self._packets(n)
                if self.stats.received != received:
                    source = udp.source
        if source and udp.connect(source):
            self._remote = source
            self._connected = True

    def _packets(self, n):
        # What one read brought
        data = self._data
        source = self._in
        source.clock = (self._out.high & 0x3FFF) << 16 | self._out.low
        at = 0
        while at < n:
            end = n if n - at == source.length else source.split(data, at, n)
            if source.take(data, at, end):
                self._packet(source, data)
            at = end

    def _packet(self, source, data):
        self._silent = 0
        kind = source.payload_type
        if source.restarted:
            source.restarted = False
            self._jitter.reset()
            self._heard.reset()
        if kind == source.event:
            digit = self._heard.take(data, source.at, source.size, source.timestamp)
            if digit and self.on_digit:
                self.on_digit(digit)
            return
        if kind == source.audio:
            kind = self._law
        elif kind != 0 and kind != 8:  # the other law, by its static type: a peer may change at any time
            if kind != _COMFORT:
                self.stats.bad += 1
            return
        if not self._hearing:
            return
        if kind != self._playing:
            self._play_law(kind)
        self._jitter.put(source.timestamp, data, source.at, source.size)
