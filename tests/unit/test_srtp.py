# SRTP by its vectors, and as two ends have it: loss, reordering, wraps, repetitions, and what strangers send.
#
# Vectors: RFC 3711 B.2 and B.3; the packets are those that libsrtp tests itself with, under B.3's keys.

from siplet.media import srtp, srtp_plain
from siplet.media.aes import aes
from siplet.media.sha1 import TRAILER, Hmac, work
from siplet.media.srtp import LONG_TAG, SHORT_TAG, Receiver, Room, Sender
from siplet.media.srtp import _Session as Session

MASTER = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6")
OTHER = bytes(range(30))


def packet(sequence, size=30, ssrc=b"SSRC", head=b"\x80\x00", more=b""):
    sequence &= 0xFFFF
    data = head + bytes([sequence >> 8, sequence & 255]) + b"TIME" + ssrc + more
    return bytearray(data + bytes([sequence + i & 255 for i in range(size)]))


class Pair:
    """A Sender and a Receiver with one key."""

    def __init__(self, tag=LONG_TAG, key=OTHER):
        self.tag = tag
        self.sender, self.receiver = Sender(Room()), Receiver(Room())
        self.sender.key(key, tag)
        self.receiver.key(key, tag)

    def seal(self, sequence, **options):
        return bytes(self.sender.protect(packet(sequence, **options)))

    def open(self, data):
        """The packet, None when it was dropped; nothing around it is touched."""
        place = bytearray(b"front" + data + b"rear")
        end = self.receiver.unprotect(place, 5, 5 + len(data))
        assert place[:5] == b"front" and place[5 + len(data) :] == b"rear"
        if end == 5:
            assert place[5 : 5 + len(data)] == data
            return None
        return place[5:end]

    def passes(self, sequence, data):
        return self.open(data) == packet(sequence)


def test_the_key_stream_of_rfc_3711():
    key = aes(bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c"))
    salt = bytes.fromhex("f0f1f2f3f4f5f6f7f8f9fafbfcfd")
    for first, expected in (
        (0, "e03ead0935c95e80e166b16dd92b4eb4d23513162b02d0f72a43a2fe4a5f97ab41e95b3bb0a2e8dd477901e4fca894c0"),
        (0xFEFF, "ec8cdf7398607cb0f2d21675ea9ea1e4362b7c3c6773516318a077d7fc5073ae6a2cc3787889374fbeb4c81b17ba6c44"),
    ):
        for kernels in (srtp, srtp_plain):
            out, room = bytearray(48), work()
            kernels.start(room, salt, bytes(4), 0)
            kernels.counters(3, out, room, first)
            key.encrypt(out, out)
            assert out == bytes.fromhex(expected)


def test_the_session_keys_of_rfc_3711():
    room = Room()
    session = Session(room, 0)
    session.key(aes(MASTER[:16]), MASTER[16:])
    assert session._salt == bytes.fromhex("30cbbc08863d8c85d49db34a9ae1")
    expected = Hmac()
    expected.key(room.work, bytes.fromhex("cebe321f6ff7716b6fd4ab49af256a156d38baa4"))
    assert session._hmac.pads == expected.pads
    one, other = bytearray(16), bytearray(16)
    session._aes.encrypt(bytes(16), one)
    aes(bytes.fromhex("c61e7a93744f39ee10734afe3ff7a087")).encrypt(bytes(16), other)
    assert one == other
    assert not any(room.stream), "nothing of the keys is left there"


def test_the_packets_of_libsrtp():
    for tag, end in ((LONG_TAG, "b78d6acc99ea179b8dbb"), (SHORT_TAG, "b78d6acc")):
        pair = Pair(tag, MASTER)
        plain = bytearray(bytes.fromhex("800f1234decafbadcafebabe") + b"\xab" * 16)
        sealed = bytes(pair.sender.protect(plain))
        assert sealed == bytes.fromhex("800f1234decafbadcafebabe4e55dc4ce79978d88ca4d215949d2402" + end)
        assert pair.open(sealed) == plain
        report = bytearray(bytes.fromhex("81c8000bcafebabe") + b"\xab" * 16)
        assert bytes(pair.sender.protect_control(report))[24:28] == b"\x80\0\0\0"
        sealed = bytes(pair.sender.protect_control(report))
        assert sealed == bytes.fromhex(
            "81c8000bcafebabe7128035be487b9bdbef89041f977a5a880000001993e08cd54d6c1230798"
        ), "with the long tag, whatever SRTP has"
        place = bytearray(sealed)
        assert pair.receiver.unprotect_control(place, 0, len(place)) == 24 and place[:24] == report


def test_the_kernels_agree():
    data = bytes([i * 89 & 255 for i in range(200)])
    index = work()
    for n in range(1, 11):
        for first in (0, 250, 0xFFFF):
            found = []
            for kernels in (srtp, srtp_plain):
                index[TRAILER : TRAILER + 6] = b"\x99\x88\xff\x12\x03" + bytes([n])
                kernels.start(index, data[:14], data, 33)
                out = bytearray(160)
                kernels.counters(n, out, index, first)
                found.append((out, bytes(index)))
            assert found[0] == found[1]
    for n in (0, 1, 4, 159, 160):
        one, other = bytearray(200), bytearray(200)
        srtp.mix(n, data, one, 7, data)
        srtp_plain.mix(n, data, other, 7, data)
        assert one == other
    for differ in (srtp.differ, srtp_plain.differ):
        assert not differ(10, data, data, 5, 5)
        for i in range(10):
            wrong = bytearray(data[5:15])
            wrong[i] ^= 0x80
            assert differ(10, data, wrong, 5, 0)


def test_packets_of_every_form():
    for tag in (LONG_TAG, SHORT_TAG):
        pair = Pair(tag)
        for n, size in enumerate((0, 1, 4, 15, 16, 17, 80, 160, 161, 240, 320, 321, 480, 540)):
            sealed = pair.seal(n, size=size)
            assert len(sealed) == 12 + size + tag and sealed[:12] == packet(n, size)[:12]
            if size > 15:  # less may be what it was, by chance
                assert sealed[12 : 12 + size] != packet(n, size)[12:]
            assert pair.open(sealed) == packet(n, size)


def test_contributors_and_extensions_stay_readable():
    # Sealed by hand with the keys of the pair: our sender writes neither
    pair = Pair()
    room = Room()
    session = Session(room, 0)
    session.key(aes(OTHER[:16]), OTHER[16:])
    for n, head, more in (
        (1, b"\x82\x00", b"AAAABBBB"),
        (2, b"\x91\x00", b"AAAA" + b"\xbe\xde\0\1ABCD"),
        (3, b"\x90\0", bytes(4)),
    ):
        plain = packet(n, 20, head=head, more=more)
        body = 12 + len(more)
        room.index(0, 0, n)
        sealed = bytearray(plain)
        session.start(plain, 8)
        session.crypt(20, plain, body, sealed)
        session.tag(len(sealed), sealed, 0)
        sealed += room.work[696:706]
        assert pair.open(bytes(sealed)) == plain


def test_a_call_of_three_days_wraps_and_goes_on():
    pair = Pair()
    n = 65530
    for wraps in range(4):
        for _ in range(12):
            assert pair.passes(n, pair.seal(n))
            n += 1
        n += 30000
        assert pair.passes(n, pair.seal(n))
        n = (wraps + 2) * 65536 - 6
        # (a step of more than half of the numbers would be taken for one back)
        assert pair.passes(n - 8000, pair.seal(n - 8000))
    assert pair.receiver._sources._known[0].low == 4


def test_the_counter_passes_sixteen_and_thirty_two_bits():
    for high, low, after in ((0, 0xFFFF, (1, 0)), (0x7FFF, 0xFFFF, (0x8000, 0)), (0xFFFE, 0xFFFF, (0xFFFF, 0))):
        pair = Pair()
        assert pair.passes(65534, pair.seal(65534))
        pair.sender._high, pair.sender._low = high, low
        source = pair.receiver._sources._known[0]
        source.high, source.low = high, low
        assert pair.passes(65535, pair.seal(65535))
        late = pair.seal(0)
        assert pair.passes(1, pair.seal(1)) and pair.passes(0, late)
        assert (source.high, source.low) == after


def test_loss_and_reordering_across_the_wrap():
    for missing in range(65532, 65540):
        pair = Pair()
        sealed = [(n, pair.seal(n)) for n in range(65528, 65544)]
        late = None
        for n, data in sealed:
            if n == missing:
                late = data
            else:
                assert pair.passes(n, data), (missing, n)
        assert pair.passes(missing, late)
        assert not pair.open(late)
    pair = Pair()
    sealed = [(n, pair.seal(n)) for n in range(65500, 65560)]
    for i in range(0, 60, 6):
        for n, data in reversed(sealed[i : i + 6]):
            assert pair.passes(n, data)
    assert pair.receiver.replayed == 0
    # the first half is lost: what comes is nearest to it all the same
    pair = Pair()
    assert pair.passes(65500, pair.seal(65500))
    for n in range(65501, 65536 + 20000, 97):
        data = pair.seal(n)
    assert pair.passes(n, data)


def test_each_packet_passes_once_however_late():
    pair = Pair()
    sealed = [pair.seal(n) for n in range(65400, 65400 + 300)]
    order = [i for i in range(300) if i % 3] + [i for i in range(300 - 126, 300) if not i % 3]
    for i in order:
        assert pair.passes(65400 + i, sealed[i]), i
    for i in range(300):
        assert pair.open(sealed[i]) is None
    assert pair.receiver.replayed == 300 and pair.receiver.failed == 0
    fresh = Pair()
    for n in range(200):
        data = fresh.seal(n)
        if n == 60:
            late = data
        elif n == 73:
            later = data
        else:
            assert fresh.passes(n, data)
    assert fresh.open(late) is None and fresh.passes(73, later), "128 packets back are remembered"


def test_every_bit_is_watched():
    pair = Pair()
    assert pair.passes(7, pair.seal(7))
    data = pair.seal(8)
    for i in range(len(data)):
        wrong = bytearray(data)
        wrong[i] ^= 1 << (i & 7)
        assert pair.open(bytes(wrong)) is None, i
    for n in range(len(data)):
        assert pair.open(data[:n]) is None
    assert pair.open(data + b"\0") is None
    assert pair.passes(8, data), "and what failed has changed nothing"
    assert not Pair(key=MASTER).open(pair.seal(9)) and not Pair(SHORT_TAG).open(pair.seal(10))


def test_strangers_packets_are_counted_and_dropped():
    pair = Pair()
    assert pair.passes(100, pair.seal(100))
    hostile = [bytes(n) for n in range(40)] + [b"\x80" * n for n in range(60)] + [b"\xbf" + b"\xff" * 400]
    hostile += [packet(n, 30, head=b"\x9f\x00") for n in range(99, 103)]  # contributors and an extension without room
    hostile += [packet(n, 30, more=b"", head=b"\x90\x00") for n in (101, 40000)]
    hostile += [bytes(packet(101, 170, ssrc=bytes([i, 1, 2, 3]))) for i in range(20)]
    before = pair.receiver.failed + pair.receiver.replayed
    for data in hostile:
        assert pair.open(bytes(data)) is None
    assert pair.receiver.failed + pair.receiver.replayed == before + len(hostile)
    assert len(pair.receiver._sources._known) == 1
    assert pair.passes(101, pair.seal(101))


def test_a_packet_before_the_first_wrap_is_none():
    pair = Pair()
    assert pair.passes(3, pair.seal(3))
    assert pair.open(Pair().seal(65535)) is None
    assert pair.receiver.replayed == 1


def test_another_source_under_the_same_key():
    pair = Pair()
    sealed = []
    for i in range(6):
        far = Pair()
        data = far.seal(500 + i, ssrc=bytes([i]) + b"abc")
        assert pair.open(data) == packet(500 + i, ssrc=bytes([i]) + b"abc")
        sealed.append(data)
    for data in sealed[-4:]:  # four are remembered
        assert pair.open(data) is None
    assert len(pair.receiver._sources._known) == 4
    pair.receiver.key(MASTER)
    assert not pair.receiver._sources._known
    assert pair.open(Pair(key=MASTER).seal(1)) == packet(1)


def report(size=28, ssrc=b"SSRC"):
    return bytearray(b"\x81\xc8\x00\x06" + ssrc + bytes([i & 255 for i in range(size - 8)]))


def control(pair, data):
    place = bytearray(b"front" + data + b"rear")
    end = pair.receiver.unprotect_control(place, 5, 5 + len(data))
    assert place[:5] == b"front" and place[5 + len(data) :] == b"rear"
    return None if end == 5 else place[5:end]


def test_reports_both_ways_and_never_twice():
    pair = Pair()
    sealed = []
    for i in range(150):
        data = bytes(pair.sender.protect_control(report(28 + i % 60)))
        assert len(data) == 28 + i % 60 + 14
        sealed.append(data)
    for i in (0, 3, 1, 2, 149, 148, 30, 100):
        assert control(pair, sealed[i]) == report(28 + i % 60), i
    for i in (0, 3, 149, 100, 5):
        assert control(pair, sealed[i]) is None, "again, or too late"
    assert pair.receiver.replayed == 5 and pair.receiver.failed == 0


def test_the_index_of_reports_passes_sixteen_bits_and_ends():
    pair = Pair()
    pair.sender._control_low = 0xFFFE
    for expected in (b"\x80\x00\xff\xfe", b"\x80\x00\xff\xff", b"\x80\x01\x00\x00", b"\x80\x01\x00\x01"):
        data = bytes(pair.sender.protect_control(report()))
        assert data[28:32] == expected
        assert control(pair, data) == report()
    far = Pair()
    far.sender._control_high = 0x7FFF
    assert control(pair, bytes(far.sender.protect_control(report()))) == report()
    assert control(pair, data) is None


def test_hostile_reports():
    pair = Pair()
    data = bytes(pair.sender.protect_control(report()))
    for i in range(len(data)):
        wrong = bytearray(data)
        wrong[i] ^= 1 << (i & 7)
        assert control(pair, bytes(wrong)) is None
    for n in range(len(data)):
        assert control(pair, data[:n]) is None
    assert pair.receiver.failed == 2 * len(data)
    assert control(pair, data) == report() and control(pair, data) is None


def test_a_report_may_be_signed_alone():
    pair = Pair()
    room = Room()
    session = Session(room, 3)
    session.key(aes(OTHER[:16]), OTHER[16:])
    data = report() + b"\0\0\0\7"
    session.tag(len(data), data, 0)
    assert control(pair, bytes(data + room.work[696:706])) == report()


def test_keys_are_overwritten():
    pair = Pair()
    pair.passes(1, pair.seal(1))
    for end in (pair.sender, pair.receiver):
        end.wipe()
        for session in (end._rtp, end._control):
            assert session._aes is None and not any(session._salt) and not any(session._hmac.pads)
