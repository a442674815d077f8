# siplet/sound/wideband: a stream that becomes wide and narrow again, with an audio object that can and one that cannot,
# its parts, its packets; and which codec two ends choose.

import math

from media_parts import Agreement, Audio, Net, rtp
from siplet.media.g722 import G722
from siplet.sound.stream import Stream
from siplet.sound.wideband import Doubled, Wide, widen
from wide_signal import FRAME, speech, vector

HERE = ("192.0.2.7", 4000)


class HighAudio(Audio):
    """Its microphone says speech(); it remembers the rates it was tuned to."""

    rates = (8000, 16000)

    def __init__(self, frames=12):
        super().__init__()
        self.says = speech(frames)
        self.tuned = []

    def tune(self, rate):
        self.tuned.append(rate)

    def read(self, frame):
        frame[:] = self.says[: len(frame)]
        self.says = self.says[len(frame) :]
        return True


class Part:
    def __init__(self):
        self.rates = []
        self.sizes = []

    def tune(self, rate):
        self.rates.append(rate)

    def near(self, frame):
        self.sizes.append(len(frame))


def agreement(codec=b"G722"):
    one = Agreement(codec=codec)
    one.payload_type = 9 if codec == b"G722" else 8
    return one


def stream(audio):
    one = Stream(audio, Net(), lambda n: bytes(n))
    part = Part()
    one.parts = [part]
    one.near = (part.near,)
    return one, part


def packets(first, count, data):
    return [
        (HERE[0], HERE[1], rtp(first + i, 160 * (first + i), data[160 * i : 160 * i + 160], 9)) for i in range(count)
    ]


def test_the_microphone_goes_out_as_g722_with_the_clock_of_8_khz():
    s, part = stream(HighAudio())
    s.configure(agreement())
    assert s.audio.tuned == [16000] and part.rates == [16000]
    for _ in range(12):
        s.tick()
    sent = [data for _, _, data in s.udp.outgoing]
    assert b"".join(data[12:] for data in sent) == vector("speech.g722")
    assert all(len(data) == 172 and data[1] & 0x7F == 9 for data in sent)
    assert [data[6] << 8 | data[7] for data in sent] == [160 * i for i in range(12)]
    assert set(part.sizes) == {FRAME}


def test_what_comes_is_heard_as_16_khz():
    s, _ = stream(HighAudio(40))
    s.configure(agreement())
    for packet in packets(7, 12, vector("speech.g722")):
        s.udp.incoming.append(packet)
        s.tick()
    heard = b"".join(frame for frame in s.audio.heard if frame != bytes(FRAME))
    assert len(heard) >= 9 * FRAME and heard == vector("speech.pcm")[: len(heard)]
    assert all(len(frame) == FRAME for frame in s.audio.heard)
    assert s.stats.received == 12 and not s.stats.bad


def test_g711_in_between_is_not_taken_for_g722():
    s, _ = stream(HighAudio(40))
    s.configure(agreement())
    for kind in (0, 8):
        s.udp.incoming.append((HERE[0], HERE[1], rtp(1, 160, bytes(160), kind)))
        s.tick()
    assert s.stats.bad == 1 and s.stats.duplicate == 1


def test_another_agreement_makes_it_narrow_and_wide_again():
    s, part = stream(HighAudio(60))
    s.configure(agreement(b"PCMA"))
    s.tick()
    for codec, rate, size in ((b"G722", 16000, 640), (b"PCMA", 8000, 320), (b"G722", 16000, 640)):
        s.configure(agreement(codec))
        s.tick()
        assert bool(s.wide) == (codec == b"G722")
        assert s.audio.tuned[-1] == part.rates[-1] == rate
        assert part.sizes[-1] == len(s.audio.heard[-1]) == len(s.silence) == size
        s.configure(agreement(codec))  # the same once more changes nothing
    assert part.rates == s.audio.tuned == [16000, 8000, 16000]
    assert [data[1] & 0x7F for _, _, data in s.udp.outgoing] == [8, 9, 8, 9]


def test_a_muted_wide_stream_sends_silence():
    s, _ = stream(HighAudio(60))
    s.muted = True
    s.configure(agreement())
    for _ in range(5):
        s.tick()
    pcm = bytearray(FRAME)
    codec = G722()
    for _, _, data in s.udp.outgoing:
        codec.decode(160, data, pcm, 12)
        assert set(pcm) <= {0, 1, 2, 3, 253, 254, 255}


class Tone(Audio):
    """Hears one tone of 8 kHz samples; keeps what is said."""

    def __init__(self, hertz):
        super().__init__()
        self.n = 0
        self.step = 2 * math.pi * hertz / 8000
        self.frames = []

    def read(self, frame):
        assert len(frame) == 320
        for i in range(160):
            x = int(9000 * math.sin(self.step * self.n)) & 0xFFFF
            self.n += 1
            frame[2 * i] = x & 255
            frame[2 * i + 1] = x >> 8
        return True

    def write(self, frame):
        assert len(frame) == 320
        self.frames.append(bytes(frame))


def level(data, hertz, rate):
    # amplitude of a tone in s16le samples
    step = 2 * math.pi * hertz / rate
    n = len(data) // 2
    real = imaginary = 0
    for i in range(n):
        x = data[2 * i] | data[2 * i + 1] << 8
        x -= x >> 15 << 16
        real += x * math.cos(step * i)
        imaginary += x * math.sin(step * i)
    return 2 * math.sqrt(real * real + imaginary * imaginary) / n


def test_an_audio_object_of_8_khz_works_through_the_adapter():
    audio = Tone(1000)
    s, part = stream(audio)
    s.configure(agreement())
    s.audio.start()
    assert audio.running and isinstance(s.audio, Doubled)
    data = bytearray()
    for _ in range(6):
        s.tick()
    for _, _, packet in s.udp.outgoing:
        data.extend(packet[12:])
    pcm = bytearray(FRAME)
    codec = G722()
    for at in range(0, len(data), 160):
        codec.decode(160, data, pcm, at)
    assert 8000 < level(pcm, 1000, 16000) < 10000 and level(pcm, 7000, 16000) < 200  # its image is filtered away
    for packet in packets(1, 9, data + data):
        s.udp.incoming.append(packet)
        s.tick()
    assert level(audio.frames[-2], 1000, 8000) > 8000
    assert set(part.sizes) == {FRAME}
    s.audio.stop()
    assert not audio.running
    s.configure(agreement(b"PCMA"))
    assert s.audio is audio and part.rates == [16000, 8000]
    s.tick()


def test_what_it_needs_can_be_there_before():
    audio = HighAudio()
    s, _ = stream(audio)
    s.hd = hd = Wide(audio)
    assert hd.doubled is None
    widen(s)
    assert s.wide is hd.codec
    widen(s)
    assert s.wide is None and s.hd is hd and s.audio is audio
