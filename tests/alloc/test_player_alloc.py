# Zero bytes a frame with the player in the stream, whatever the network does: the heap is locked.

NEEDS = ("heap_lock",)

from locked import Agreement, Audio, Peer, locked
from siplet.sound.player import Player
from siplet.sound.stream import Stream

SEED = b"\x12\x34\x56\x78\xff\x80\xff\xff\xf0\x00"  # sequence and timestamp wrap on the way


class Call:
    def __init__(self, stream):
        self.stream = stream


def begin(peer=None, agreement=None):
    stream = Stream(Audio(), peer or Peer(), lambda n: SEED[:n])
    player = Player({})
    player.begin(Call(stream))
    stream.configure(agreement or Agreement())
    ticks(stream, 5)
    return stream, player


def ticks(stream, n):
    while n:
        stream.udp.arrive()
        stream.tick()
        n -= 1


def test_a_calm_network():
    for samples in (80, 160, 240, 480):
        stream, player = begin(Peer(samples))
        locked(ticks, stream, 300)
        assert stream.audio.loud > 290 and player.discarded == 0 and 0 < stream.stats.delay < 100


def test_looking_between_two_ticks():
    stream, player = begin()

    def run(n):
        while n:
            stream.peek()
            stream.udp.arrive()
            if n & 1:
                stream.peek()
            stream.tick()
            n -= 1

    locked(run, 300)
    assert stream.audio.loud > 290 and player.discarded == player.concealed == 0


def test_a_law_and_mu_law():
    for codec, kind in ((b"PCMU", 0), (b"PCMA", 8)):
        stream, player = begin(Peer(kind=kind), Agreement(codec, kind))
        locked(ticks, stream, 200)
        assert stream.audio.loud > 190 and player.concealed == 0


def test_loss_duplicates_pauses_and_other_sources():
    def trouble(tick):
        if tick % 7 == 3:
            return "lost"
        if tick % 11 == 5:
            return "twice"
        if 200 < tick < 260:
            return "gap"
        return "jump" if tick % 100 == 50 else ""

    stream, player = begin()
    stream.udp.trouble = trouble
    locked(ticks, stream, 600)
    assert stream.stats.concealed > 50 and player.concealed > 8000 and stream.stats.duplicate > 30


def test_jitter_and_drift():
    stream, player = begin()
    buffer = player.buffer
    data = bytearray(172)
    frame = bytearray(320)

    def run(n):
        # Ten packets are late each second, more of them for a while; the sender's clock is wrong by 0.1 %
        seed = 5
        time = 0x3FFF0000
        sent = played = 0
        late = -1
        while n:
            n -= 1
            played += 16000
            while sent <= played:
                sent += 16016 if n > 1000 else 15984
                seed = (seed * 13077 + 6925) & 0x7FFF
                if late >= 0:
                    buffer.put(late, data, 12, 160)
                    late = -1
                time = (time - 0x3FFFFF60) & 0x3FFFFFFF
                if seed & 7 == 0:
                    late = time
                else:
                    buffer.put(time, data, 12, 160)
            player.play(frame)

    locked(run, 2000)
    assert player.nominal >= 40 and stream.stats.delay < 200


def test_comfort_noise():
    stream, player = begin()
    packet = b"\x28\x01\x02"

    def gap(tick):
        return "gap"

    def silent():
        player.comfort(packet, 0, 3)
        stream.udp.trouble = gap
        ticks(stream, 100)
        stream.udp.trouble = None
        ticks(stream, 60)

    locked(silent)
    assert player.concealed == 0 and stream.audio.loud > 100


def test_packets_of_comfort_noise_are_not_bad():
    stream, player = begin()
    peer = stream.udp

    def silent():
        peer.packet[1] = 13
        ticks(stream, 1)
        peer.packet[1] = 0
        peer.trouble = gap
        ticks(stream, 60)

    def gap(tick):
        return "gap"

    locked(silent)
    assert stream.stats.bad == 0 and player.concealed == 0


def test_nobody_is_there():
    stream, _ = begin()
    stream.udp.trouble = lambda tick: "gap"
    locked(ticks, stream, 300)


class Wide:
    def decode(self, n, data, frame, at):
        n *= 2
        while n:
            n -= 1
            frame[2 * n] = frame[2 * n + 1] = data[at + (n >> 1)] & 0x3F


def test_a_codec_of_16_khz():
    _, player = begin()
    player.tune(Wide(), None)
    frame = bytearray(640)
    data = bytes([i & 255 for i in range(160)])
    buffer = player.buffer

    def run(n):
        time = 0
        while n:
            n -= 1
            time += 160
            if n % 9:
                buffer.put(time, data, 0, 160)
            player.play(frame)

    locked(run, 300)
    assert player.concealed > 3000
