# SRTP under a locked heap: not a byte a packet, both ways, reports, losses, wraps and strangers included.

NEEDS = ("heap_lock",)

from locked import Agreement, Audio, Peer, locked
from siplet.media import aes_plain, sha1, sha1_plain, srtp_plain
from siplet.media.srtp import LONG_TAG, SHORT_TAG, Receiver, Room, Sender
from siplet.sound.security import Cipher, read
from siplet.sound.stream import Stream

MASTER = bytes(range(30))
SEED = b"\x12\x34\x56\x78\xff\x80\xff\xff\xf0\x00"


class Both:
    """Two ends with one key; run(n): n packets, of which some are lost, spoilt, or come twice."""

    def __init__(self, tag=LONG_TAG):
        self.sender, self.receiver = Sender(Room()), Receiver(Room())
        self.sender.key(MASTER, tag)
        self.receiver.key(MASTER, tag)
        self.packet, self.event = bytearray(172), bytearray(16)
        self.packet[0] = self.event[0] = 0x80
        self.data = bytearray(200)
        self.sequence = 65500  # wraps on the way
        self.passed = 0

    def run(self, n):
        data = self.data
        while n:
            n -= 1
            one = self.event if n % 7 == 3 else self.packet
            self.sequence = (self.sequence + 1) & 0xFFFF
            one[2] = self.sequence >> 8
            one[3] = self.sequence & 255
            sealed = self.sender.protect(one)
            if n % 11 == 5:
                continue
            size = i = len(sealed)
            while i:
                i -= 1
                data[i] = sealed[i]
            if n % 13 == 2:
                data[15] ^= 1
            if self.receiver.unprotect(data, 0, size):
                self.passed += 1
            while i < size:
                data[i] = sealed[i]
                i += 1
            if n % 5 == 1:
                self.receiver.unprotect(data, 0, size)


def test_packets_both_ways():
    for tag in (LONG_TAG, SHORT_TAG):
        both = Both(tag)
        both.run(12)  # the first one of each length makes its view, the first one of a source what is known of it
        locked(both.run, 60)
        assert both.passed > 55 and both.receiver.replayed > 8 and both.receiver.failed > 4


def test_reports_both_ways():
    both = Both()
    report = bytearray(b"\x81\xc8\x00\x06SSRC" + bytes(40))

    def run(n):
        while n:
            n -= 1
            sealed = both.sender.protect_control(report)
            i = len(sealed)
            while i:
                i -= 1
                both.data[i] = sealed[i]
            if both.receiver.unprotect_control(both.data, 0, len(sealed)):
                both.passed += 1

    run(2)
    both.sender._control_low = 0xFFFA
    locked(run, 20)
    assert both.passed == 22


def test_a_stream():
    cipher, far = Cipher(), Cipher()
    lines = []
    for i in range(2):
        one = read(b"1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz")
        one.key[0] = i
        lines.append(one)
    cipher.agree(lines[0], lines[1])
    far.agree(lines[1], lines[0])

    class Ciphered(Peer):
        def _put(self, packet):
            super()._put(far.protect(packet))

    stream = Stream(Audio(), Ciphered(), lambda n: SEED[:n])
    stream.configure(Agreement())
    stream.cipher = cipher
    cipher.stats = stream.stats
    stream.udp.trouble = lambda tick: "lost" if tick % 7 == 3 else "twice" if tick % 11 == 5 else ""

    def ticks(n):
        while n:
            stream.udp.arrive()
            stream.tick()
            n -= 1

    ticks(6)
    locked(ticks, 40)
    stats = stream.stats
    assert stats.received > 35 and stats.lost > 3 and stats.bad == 0 and stream.udp.sent == 46
    assert stream.audio.loud > 30


def test_the_plain_kernels():
    # Where there is viper and cryptolib, these would not be tried above
    room = sha1.work()
    hmac = sha1.Hmac()
    hmac.key(room, MASTER)
    cipher = aes_plain.Aes(MASTER[:16])
    data, stream = bytearray(200), bytearray(160)

    things = room, hmac.pads, cipher, data, stream  # (a function with more free names than a few takes memory)

    def run(n):
        room, pads, cipher, data, stream = things
        while n:
            n -= 1
            srtp_plain.start(room, MASTER, data, 8)
            srtp_plain.counters(10, stream, room, n)
            cipher.encrypt(stream, stream)
            srtp_plain.mix(160, data, data, 12, stream)
            sha1_plain.authenticate(room, 172, 0, data, pads, 4)
            srtp_plain.differ(10, room, data, sha1.TAIL, 172)

    locked(run, 3)
    assert any(data)
