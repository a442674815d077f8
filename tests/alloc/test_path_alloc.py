# Not a byte of heap a frame: the complete stream with the part that watches where media comes from, and the fast ways
# of RTP and G.711, both kernels.

NEEDS = ("heap_lock",)

from locked import Agreement, Audio, Peer, locked
from siplet.media import dtmf, g711, g711_fast, g711_fast_plain, rtp_fast, rtp_fast_plain
from siplet.sound.path import Path
from siplet.sound.stream import Stream
from siplet.stream import Stats

SEED = b"\x12\x34\x56\x78\xff\x80\xff\xff\xf0\x00"


class Call:
    def __init__(self, agreement=None, **options):
        self.phone = self
        self.handlers = {}
        self.session = None
        self.state = "up"
        self.stream = Stream(Audio(), Peer(), lambda n: SEED[:n])
        Path(options).begin(self)
        self.stream.configure(agreement or Agreement())

    def server_addresses(self):
        return ["192.0.2.9"]

    def ticks(self, n):
        s = self.stream
        while n:
            s.udp.arrive()
            s.tick()
            n -= 1


def test_voice_both_ways():
    for codec, kind in ((b"PCMU", 0), (b"PCMA", 8)):
        call = Call(Agreement(codec, kind))
        call.stream.udp.packet[1] = kind
        call.ticks(5)
        locked(call.ticks, 500)
        stats = call.stream.stats
        assert stats.received == 505 and call.stream.udp.sent == 505 and call.stream.audio.loud > 490
        assert stats.lost == stats.late == stats.bad == stats.foreign == 0


def test_until_the_far_end_is_heard_and_after_it_is_not():
    call = Call(**{"sound.no_media_s": 0, "sound.follow_source": "servers"})
    call.stream.udp.trouble = lambda tick: "gap" if tick < 100 or tick > 200 else ""
    locked(call.ticks, 90)
    call.ticks(100)
    locked(call.ticks, 400)  # silent for 3 s, and no longer connected
    assert call.stream.udp.peer is None and call.stream.stats.received == 101


def test_on_hold_with_packets_that_keep_the_way_open():
    for direction in ("recvonly", "inactive"):
        call = Call(Agreement(direction=direction))
        locked(call.ticks, 1000)
        assert call.stream.udp.sent == 2


def test_trouble_and_other_lengths():
    def trouble(tick):
        if tick % 7 == 3:
            return "lost"
        if tick % 11 == 5:
            return "twice"
        return "jump" if tick % 100 == 50 else "key" if tick % 50 < 6 else ""

    assert len([dtmf.KEYS[i] for i in range(16)]) == 16  # a letter's first use makes a name of it
    for samples in (80, 240, 320, 480):
        call = Call()
        call.stream.udp.__init__(samples)
        call.stream.udp.trouble = trouble
        call.stream.send_digit("1")
        call.ticks(5)
        locked(call.ticks, 300)
        assert call.stream.stats.lost > 5 and call.stream.stats.received > 60, samples


def test_our_own_ssrc_from_another():
    call = Call()
    call.ticks(5)
    ours = call.stream.sender.ssrc
    packet = call.stream.udp.packet

    def collide():
        i = 4
        while i:
            i -= 1
            packet[8 + i] = ours[i]
        call.ticks(20)

    locked(collide)
    assert call.stream.sender.changed == 1 and call.stream.stats.received == 24


def test_the_kernels_alone():
    both = (bytearray(320), bytearray(172), g711_fast.encoder(0), g711_fast.encoder(8), g711.table(8))

    def run(encode, decode):
        pcm, codes, mu_law, a_law, table = both
        encode(mu_law, pcm, codes, 160, 12)
        encode(a_law, pcm, codes, 160, 12)
        decode(table, codes, pcm, 160, 12)

    locked(run, g711_fast.encode, g711_fast.decode)
    locked(run, g711_fast_plain.encode, g711_fast_plain.decode)

    for kernels in (rtp_fast, rtp_fast_plain):
        sender = rtp_fast.Sender(lambda n: SEED[:n])
        receiver = rtp_fast.Receiver(Stats())
        receiver.audio = 0
        packet = sender.voice

        def talk(n, kernels=kernels, receiver=receiver, sender=sender, packet=packet):
            while n:
                receiver.clock = kernels.number(packet, sender.state, 0, 1, 160)
                if not kernels.expected(receiver, packet, 0, 172):
                    receiver.take(packet, 0, 172)
                n -= 1

        locked(talk, 1000)
        assert receiver.stats.received == 1000 and receiver.stats.jitter == 0
