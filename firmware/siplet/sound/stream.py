# A stream with places for more: what siplet.stream is to a plain phone. May import stream and media.
#
#     audio.read -> near -> encode -> rtp.Sender -> cipher -> udp
#     audio.write <- far <- player: conceal, decode <- jitter <- rtp.Receiver <- cipher <- udp
#                                                       control (RTCP) <-^
#
# siplet.stream is made small; this one, for who has the room, is made fast. In steady state it allocates nothing, too.
# That is why functions here have few locals: of more than 11 words, locals and the longest expression together, the
# interpreter makes a frame on the heap, and how long that takes depends on the heap: up to ten times a call.

from micropython import const

from siplet import platform
from siplet.audio.null import ALL
from siplet.media.dtmf import FIRST
from siplet.media.g711_fast import decode, encode, encoder
from siplet.media.rtp import HEADER
from siplet.media.rtp_fast import Receiver, Sender, expected, number
from siplet.stream import Stream as Plain
from siplet.ticks import ticks_add, ticks_diff

_SAMPLES = const(160)
_WRAP_TICK = const(0x3FFFB1E0)  # these six as in siplet.stream
_BEHIND = const(-100000)
_READ = const(1032)
_READS = const(8)
_QUIET = const(150)
_SHY = const(25)
_SECOND = const(50)  # ticks
_COMFORT = const(13)
_MASK = const(0x3FFFFFFF)
_WRAP_FRAME = const(0x3FFFFF60)  # 2**30 - 160
_EDGE = const(5000)  # microseconds before a tick
_PEEKS = const(0xE0)  # of the clock, which goes on by 160 each tick: they are 0 each eighth time
_SILENCE = bytes(640)


class Stream(Plain):
    """What the parts of siplet.sound may set: near, far: callables(frame), which change a frame between microphone and
    packet, and between packet and speaker, in this order. jitter: a jitter buffer. player: decodes: tune(wide, table),
    the codec of 16 kHz or None and the table of a law; play(frame); comfort(data, at, size), RFC 3389; watch(), what
    comes from now on nearly misses the next play(). control: of RTCP: bound(data, at, n), the end of a packet of it on
    our port that begins at data[at] of data[:n], take(data, at, end), tick(). cipher: protect(packet) -> what is sent;
    unprotect(data, at, end) -> the packet's new end, or at: it is to be dropped. wide: the codec of 16 kHz, or None.
    hd: what siplet.sound.wideband needs for one, or None.

    frame: samples of 16 bits, 160 at 8 kHz, 320 at 16 kHz. All are called each 20 ms at most and allocate nothing.
    sender, source: of rtp. agreed: the siplet.offer.Agreement in force. events: packets of keys that were sent.
    """

    hd = None

    def __init__(self, audio, udp, random, memory=None):
        super().__init__(audio, udp, random, memory)
        # All in the instance, which is looked into first, and fast as long as it has room left
        self._heals = hasattr(udp, "_heal")
        self._read = self._hear if self._heals else udp.receive
        self._write = udp.send
        self.near = self.far = ()
        self.player = self.control = self.cipher = self.wide = self.path = self._encoder = None
        self.events = 0
        self._closed = False
        self.parts = []
        self._out = self.sender = Sender(random)
        self._in = self.source = Receiver(self.stats)
        self.source.own = self.sender
        self.silence = memoryview(_SILENCE)[: 2 * _SAMPLES]

    @property
    def agreed(self):
        return self._agreed

    @property
    def jitter(self):
        return self._jitter

    @jitter.setter
    def jitter(self, jitter):
        self._jitter = jitter

    def hear_events(self, receiver):
        """A siplet.media.dtmf.Receiver that hears the far end's keys from now on."""
        self._heard = receiver

    def configure(self, agreement):
        if bool(self.wide) != (agreement.codec == b"G722"):
            from siplet.sound.wideband import widen

            widen(self)
            self._law = -1
        super().configure(agreement)
        for part in self.parts:
            if hasattr(part, "agree"):
                part.agree(self)
        self.source.own = None if self.cipher else self.sender  # keys tell whose packets are whose
        self._encoder = encoder(self._law)

    def read_into(self, data):
        """Read packets into data, a bytearray, from now on; None: as at first. It should hold a number of them."""
        self._data = data or self.memory[0]

    def shape(self, samples):
        """Frames of another length from now on."""
        self._frame = memoryview(self._data)[: 2 * samples]
        self.silence = memoryview(_SILENCE)[: 2 * samples]

    def _listen(self):
        if self._connected:
            self._connected = False
            self._open()
        self._silent = _SHY

    def _open(self):
        # Without a network, or a piece of heap, there is no socket to be had
        try:
            self._closed = not self.udp.reopen()
        except MemoryError:
            self._closed = True

    def _play_law(self, law):
        super()._play_law(law)
        if self.player:
            self.player.tune(self.wide, self._table)

    async def run(self):
        """As in siplet.stream, but that at times it looks before a tick what is there by then."""
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
                elif rest > _EDGE and self.player and self._silent < 4 and not self.source.clock & _PEEKS:
                    await platform.sleep_ms((rest - _EDGE) // 1000)
                    self.peek()
                    rest = ticks_diff(deadline, platform.now_us())
                await platform.sleep_ms(rest // 1000 if rest > 0 else 0)
                rest = ticks_diff(deadline, platform.now_us())
                if rest > 0:
                    platform.sleep_us(rest if rest < 1000 else 1000)
        finally:
            self.audio.stop()

    def peek(self):
        """Take in what arrived until shortly before a tick; the player learns that the rest of it comes in the last
        moment. Allocates nothing.
        """
        if self._connected and not self._stopped:
            clock = self.source.clock
            self.source.clock = (clock - _WRAP_FRAME) & _MASK  # it is the coming tick's
            self._receive()
            self.source.clock = clock
            self.player.watch()

    def tick(self):
        """One 20 ms step: send a frame, take in what arrived, play a frame. Allocates nothing."""
        frame = self._frame
        if not self.audio.read(frame) or self.muted:
            frame[ALL] = self.silence
        for change in self.near:
            change(frame)
        self._send(frame)
        self._receive()
        control = self.control
        if control and not self.source.clock - control.phase & 0x60:  # every fourth tick
            control.tick()
        if self.player:
            self.player.play(frame)
        else:
            self._play(frame)
        for change in self.far:
            change(frame)
        self.audio.write(frame)

    def _play(self, frame):
        jitter = self._jitter
        if jitter.get():
            frame[ALL] = self.silence
        elif self.wide:
            self.wide.decode(_SAMPLES, jitter.data, frame, jitter.at)
        else:
            decode(self._table, jitter.data, frame, _SAMPLES, jitter.at)

    def _send(self, frame):
        sender = self.sender
        if not self._sending:
            if self.path:
                self.path.rest(self)
            self.source.clock = sender.advance(_SAMPLES)
            return
        packet = self._press() if self._keys and self._keys.busy else None
        if not packet:
            packet = sender.voice
            if self.wide:
                self.wide.encode(_SAMPLES, frame, packet, HEADER)
            else:
                encode(self._encoder, frame, packet, _SAMPLES, HEADER)
            kind = self.source.audio
            if self._marker:
                self._marker = False
                kind |= 0x80
            self.source.clock = number(packet, sender.state, kind, 1, _SAMPLES)
        if self.cipher:
            packet = self.cipher.protect(packet)
        if self._write(packet) if self._connected else self.udp.send_to(packet, self._remote):
            self.stats.sent += 1
        else:
            self.stats.unsent += 1

    def _press(self):
        # The packet of a key instead of voice, None between two keys
        sender = self.sender
        source = self.source
        packet = sender.event
        step = source.event >= 0 and self._keys.step(packet)
        if not step:
            return None
        sender.number(packet, source.event, step == FIRST, step == FIRST)
        self.events += 1
        source.clock = sender.advance(_SAMPLES)
        return packet

    def _hear(self, data):
        # As udp.receive(), but without a frame on the heap: None when nothing came, 0 for an empty datagram
        try:
            return self.udp._read(data)
        except OSError:
            self.udp.errors += 1
            return None

    def _receive(self):
        if not self._connected:
            if self._closed and not self._silent % _SECOND:
                self._open()
            if self.path:
                self.path.search(self)
            else:
                Plain._receive(self)  # super() is a word more
            return
        data = self._data
        source = self.source
        received = self.stats.received
        reads = _READS
        while reads:
            reads -= 1
            n = self._read(data)
            if n is None:
                break
            if n == source.length and not self.cipher and expected(source, data, 0, n):
                self._voice(source)
            elif n:
                self._packets(n)
            elif not self._heals:
                break
            else:
                self.udp._heal()
                continue
            if n < _READ:
                break
        if self.stats.received != received:
            if self._silent:
                self._silent = 0
            return
        self._silent += 1
        if self._silent >= _QUIET:
            self._listen()

    def _packets(self, n):
        # What one read brought
        source = self.source
        at = 0
        while at < n:
            end = n if n - at == source.length else source.split(self._data, at, n)
            if self.cipher or not expected(source, self._data, at, end):
                end = self._take(at, end, n)
            else:
                self._voice(source)
            at = end

    def _voice(self, source):
        # A packet of the agreed codec, the next of those that came
        if source.restarted or self._law != self._playing:
            self._packet(source, self._data)
        elif self._hearing:
            self._jitter.put(source.timestamp, self._data, source.at, source.size)

    def _take(self, at, end, n):
        # One packet, the long way; returns where it ended
        data = self._data
        source = self.source
        cipher = self.cipher
        control = n - at > 1 and 200 <= data[at + 1] <= 207
        if control and self.control:  # a compound of several, of which each tells its length
            end = self.control.bound(data, at, n)
        stop = end
        if cipher and not control:
            stop = cipher.unprotect(data, at, end)
        if stop == at:
            pass
        elif source.take(data, at, stop):
            kind = source.payload_type
            if cipher and kind != source.event:
                source.length = end - at
            if self.wide and kind != source.audio and kind != source.event and kind != _COMFORT:
                self.stats.bad += 1
            else:
                self._packet(source, data)
                if kind == _COMFORT and self.player and self._hearing:
                    self.player.comfort(data, source.at, source.size)
        elif control and self.control:
            self.control.take(data, at, end)
        return end

    def follow(self, source):
        """Talk with (host, port), and hear nobody else, until it is silent for a while."""
        try:
            if self.udp.connect(source):
                self._remote = source
                self._connected = True
        except MemoryError:  # with the next packet, then
            pass

    def send_packet(self, packet):
        """Send a packet of RTP that is no voice; whether it went out."""
        return self.send_control(self.cipher.protect(packet) if self.cipher else packet)

    def send_control(self, packet):
        """Send a packet of RTCP the way of RTP; whether it went out."""
        if self._connected:
            return self.udp.send(packet)
        return bool(self._remote[0] and self._agreed.port) and self.udp.send_to(packet, self._remote)
