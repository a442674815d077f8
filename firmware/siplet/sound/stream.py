# A stream with places for more: what siplet.stream is to a plain phone. May import stream and media.
#
#     audio.read -> near -> encode -> rtp.Sender -> cipher -> udp
#     audio.write <- far <- player: conceal, decode <- jitter <- rtp.Receiver <- cipher <- udp
#                                                       control (RTCP) <-^
#
# siplet.stream is made small; this one, for who has the room, is made fast. In steady state it allocates nothing, too.

from micropython import const

from siplet.audio.null import ALL
from siplet.media.dtmf import FIRST
from siplet.media.g711 import decode, encode
from siplet.media.rtp import HEADER
from siplet.stream import Stream as Plain

_SAMPLES = const(160)
_SILENCE = bytes(640)


class Stream(Plain):
    """What the parts of siplet.sound may set: near, far: callables(frame), which change a frame between microphone and
    packet, and between packet and speaker, in this order. jitter: a jitter buffer. player: decodes: tune(wide, table),
    the codec of 16 kHz or None and the table of a law; play(frame). control: of RTCP: take(data, at, end) for each
    packet of it on our port, tick(). cipher: protect(packet) -> what is sent; unprotect(data, at, end) -> the packet's
    new end, or at: it is to be dropped. wide: the codec of 16 kHz, or None.

    frame: samples of 16 bits, 160 at 8 kHz, 320 at 16 kHz. All are called each 20 ms at most and allocate nothing.
    sender, source: of rtp. agreed: the siplet.offer.Agreement in force.
    """

    near = far = ()
    player = control = cipher = wide = None

    def __init__(self, audio, udp, random, memory=None):
        super().__init__(audio, udp, random, memory)
        self.parts = []
        self.sender = self._out
        self.source = self._in
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

    def configure(self, agreement):
        if bool(self.wide) != (agreement.codec == b"G722"):
            from siplet.sound.wideband import widen

            widen(self)
            self._law = -1
        super().configure(agreement)
        for part in self.parts:
            if hasattr(part, "agree"):
                part.agree(self)

    def read_into(self, data):
        """Read packets into data, a bytearray, from now on; None: as at first. It should hold a number of them."""
        self._data = data or self.memory[0]

    def shape(self, samples):
        """Frames of another length from now on."""
        self._frame = memoryview(self._data)[: 2 * samples]
        self.silence = memoryview(_SILENCE)[: 2 * samples]

    def _play_law(self, law):
        super()._play_law(law)
        if self.player:
            self.player.tune(self.wide, self._table)

    def tick(self):
        """One 20 ms step: send a frame, take in what arrived, play a frame. Allocates nothing."""
        frame = self._frame
        self.audio.read(frame)
        if self.muted:
            frame[ALL] = self.silence
        for change in self.near:
            change(frame)
        self._send(frame)
        self._receive()
        self.sender.advance(_SAMPLES)
        if self.control:
            self.control.tick()
        jitter = self._jitter
        if self.player:
            self.player.play(frame)
        elif jitter.get():
            frame[ALL] = self.silence
        elif self.wide:
            self.wide.decode(_SAMPLES, jitter.data, frame, jitter.at)
        else:
            decode(_SAMPLES, jitter.data, frame, jitter.at, self._table)
        for change in self.far:
            change(frame)
        self.audio.write(frame)

    def _send(self, frame):
        if not self._sending:
            return
        sender = self.sender
        packet = sender.event
        keys = self._keys
        step = keys and keys.busy and self.source.event >= 0 and keys.step(packet)
        if step:
            sender.number(packet, self.source.event, step == FIRST, step == FIRST)
        else:
            packet = sender.voice
            if self.wide:
                self.wide.encode(_SAMPLES, frame, packet, HEADER)
            else:
                encode(_SAMPLES, frame, packet, HEADER, self._law)
            sender.number(packet, self.source.audio, self._marker, True)
            self._marker = False
        if self.cipher:
            packet = self.cipher.protect(packet)
        if self.udp.send(packet) if self._connected else self.udp.send_to(packet, self._remote):
            self.stats.sent += 1
        else:
            self.stats.unsent += 1

    def _packets(self, n):
        # What one read brought
        data = self._data
        source = self.source
        cipher = self.cipher
        source.clock = (self.sender.high & 0x3FFF) << 16 | self.sender.low
        at = 0
        while at < n:
            end = stop = n if n - at == source.length else source.split(data, at, n)
            control = 200 <= data[at + 1] <= 207
            if cipher and not control:
                stop = cipher.unprotect(data, at, end)
            if stop == at:
                pass
            elif source.take(data, at, stop):
                kind = source.payload_type
                if cipher and kind != source.event:
                    source.length = end - at
                if self.wide and kind != source.audio and kind != source.event:
                    self.stats.bad += 1
                else:
                    self._packet(source, data)
            elif control and self.control:
                self.control.take(data, at, end)
            at = end
