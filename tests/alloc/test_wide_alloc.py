# G.722 under a locked heap: the codec, loud, silent, garbage; streams of 16 kHz.

NEEDS = ("heap_lock",)

from locked import Agreement, Audio, Peer, locked
from siplet.media import g722, g722_plain
from siplet.sound.stream import Stream


def test_g722_allocates_nothing():
    codec = g722.G722()
    pcm = bytearray(640)
    packet = bytearray(172)

    def run(n):
        while n:
            i = 0
            while i < 640:
                pcm[i] = i * n * 7 & 0xFF
                pcm[i + 1] = 0 if n & 2 else (i * n >> 3) + n & 0xFF
                i += 2
            codec.encode(160, pcm, packet, 12)
            codec.decode(160, packet, pcm, 12)
            i = 12
            while i < 172:
                packet[i] = i * n & 0xFF
                i += 1
            codec.decode(160, packet, pcm, 12)
            n -= 1

    locked(run, 12)


def test_the_plain_kernels_allocate_nothing_either():
    codec = g722.G722()
    pcm = bytearray(b"\xff\x7f\x00\x80" * 160)
    packet = bytearray(172)

    def run(n):
        work, said = codec._work, codec._said
        low, high = codec._bands[0], codec._bands[1]
        while n:
            n -= 1
            g722_plain.qmf(work, 0, 160, work, pcm, said, n & 1)
            g722_plain.band(0, 0, 0, 160, work, packet, 12, low, 0)
            g722_plain.band(0, 0, 0, 160, work, packet, 12, high, 1)
            g722_plain.band(0, 0, 0, 160, work, packet, 12, low, 2)
            g722_plain.band(0, 0, 0, 160, work, packet, 12, high, 3)

    locked(run, 3)


class Agreed(Agreement):
    def __init__(self, codec=b"G722"):
        super().__init__(codec, 9 if codec == b"G722" else 8)


class High(Audio):
    """Hears a saw of 16 kHz."""

    rates = (8000, 16000)
    size = 320

    def tune(self, rate):
        self.size = rate // 25

    def read(self, frame):
        i = 0
        while i < self.size:
            frame[i] = i & 0xF8
            frame[i + 1] = 0
            i += 2
        return True

    def write(self, frame):
        self.loud += frame[self.size - 1] != 0 or frame[self.size - 2] != 0


def ticks(s, n):
    while n:
        s.udp.arrive()
        s.tick()
        n -= 1


def wide_stream(audio):
    peer = Peer(kind=9)
    peer.trouble = lambda tick: "lost" if tick % 17 == 9 else "twice" if tick % 11 == 5 else ""
    s = Stream(audio, peer, lambda n: bytes(range(n)))
    s.configure(Agreed())
    return s


def test_a_wide_stream_allocates_nothing():
    s = wide_stream(High())
    ticks(s, 5)
    locked(ticks, s, 30)
    assert s.udp.sent == 35 and s.stats.received > 25 and s.stats.lost and s.audio.loud > 15


def test_neither_does_one_with_the_adapter_between():
    s = wide_stream(Audio())
    ticks(s, 5)
    locked(ticks, s, 30)
    assert s.udp.sent == 35 and s.audio.audio.loud > 15


def test_nor_does_it_after_the_codec_has_changed_twice():
    s = wide_stream(High())
    ticks(s, 5)
    s.configure(Agreed(b"PCMA"))
    s.configure(Agreed())
    ticks(s, 5)
    locked(ticks, s, 10)
    assert s.wide and s.audio.size == 640
