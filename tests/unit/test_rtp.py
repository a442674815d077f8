# media/rtp: what goes out, how a read is split, and what RFC 3550 counts of what comes in.

from media_parts import rtp, voice
from siplet.media import rtp_fast, rtp_fast_plain
from siplet.media.rtp import HEADER, Receiver, Sender
from siplet.stream import Stats


def receiver(audio=0, event=101):
    r = Receiver(Stats())
    r.audio = audio
    r.event = event
    return r


def take(r, data, clock=0):
    r.clock = clock
    return r.take(bytearray(data), 0, len(data))


def ends(r, *packets):
    # where split() cuts, and whether take() wants each
    data = bytearray(b"".join(packets))
    found = []
    wanted = []
    at = 0
    while at < len(data):
        end = r.split(data, at, len(data))
        assert end > at
        wanted.append(r.take(data, at, end))
        found.append(end - at)
        at = end
    return found, wanted


# --- sending ---


def test_sender_starts_at_random():
    seed = bytes(range(0xA0, 0xAA))
    s = Sender(lambda n: seed[:n])
    p = s.event
    s.number(p, 101, True, True)
    assert bytes(p) == b"\x80\xe5\xa4\xa5\xa6\xa7\xa8\xa9\xa0\xa1\xa2\xa3\0\0\0\0" and HEADER == 12


def test_sender_wraps():
    s = Sender(lambda n: (bytes(4) + b"\xff\xff\xff\xff\xff\xf0")[:n])
    p = s.voice
    s.advance(160)
    s.number(p, 0, False, True)
    assert p[2:4] == b"\xff\xff" and p[4:8] == b"\0\0\0\x90"
    s.number(p, 0, False, False)  # the same time once more, as in a key's packets
    assert p[2:4] == b"\0\0" and p[4:8] == b"\0\0\0\x90"
    s.advance(160 * 1000)  # far, in one step
    s.number(p, 0, False, True)
    assert p[2:4] == b"\0\1" and p[4:8] == b"\0\x02\x71\x90" and len(p) == 172


# --- splitting ---


def test_split_equal_packets():
    r = receiver()
    packets = [voice(i) for i in range(8)]
    assert ends(r, *packets) == ([172] * 8, [True] * 8)
    assert r.stats.received == 8 and r.stats.lost == 0 and r.stats.bad == 0


def test_split_packets_of_all_lengths():
    r = receiver()
    parts = [
        voice(0, samples=80),
        rtp(1001, 0, b"\x01\x0a\x00\xa0", 101),
        rtp(1002, 0, b"\x01\x0a\x00\xa0", 101),
        rtp(1003, 0),  # no payload at all
        rtp(1004, 0, b"x", 13),
        voice(5, samples=240),
        rtp(1006, 0, bytes(160), 8),
    ]
    assert ends(r, *parts)[0] == [92, 16, 16, 12, 13, 252, 172]
    assert r.stats.received == 7


def test_split_with_rtcp_before_between_and_after():
    r = receiver()
    report = b"\x80\xc9\x00\x01SSRC"
    compound = b"\x80\xc8\x00\x06SSRC" + bytes(20) + b"\x81\xca\x00\x02SSRC\x01\x00\x00\x00"
    found, wanted = ends(r, report, voice(0), compound, voice(1), report)
    assert found == [8, 172, 28, 12, 172, 8]
    assert wanted == [False, True, False, False, True, False]
    assert r.stats.control == 4 and r.stats.bad == 0


def test_split_is_not_fooled_by_the_ssrc_in_the_payload():
    r = receiver()
    payload = b"SSRC" * 12 + b"\x80\x7fxxxxxxSSRC" + b"\x00" * 10 + b"\x40\x00xxxxxxSSRC"
    first = rtp(1000, 0, payload)
    assert ends(r, first, voice(1))[0] == [len(first), 172]


def test_split_where_the_source_changes():
    r = receiver()
    ends(r, voice(0))
    found, wanted = ends(r, voice(1), voice(7, ssrc=b"ABCD"), voice(8, ssrc=b"ABCD"))
    assert found == [172] * 3 and wanted == [True, False, True]


def test_split_is_not_fooled_by_sound_that_looks_like_a_header():
    # A key's last packet and the voice that goes on, in one read: 16 bytes on stands what could be comfort noise.
    r = receiver(8)
    ends(r, voice(0, kind=8))
    event = rtp(1001, 160, b"\x0a\x00\x00\xa0", 101)
    sound = rtp(1002, 320, bytes([0x9D, 0xE3, 0xCD, 0x98, 0x90, 0x8D]) * 26 + bytes(4), 8)
    assert ends(r, event, sound) == ([16, 172], [True, True])
    assert r.stats.bad == 0 and r.stats.received == 3
    # The same after packets of 10 ms
    r = receiver(8)
    ends(r, voice(0, kind=8, samples=80))
    sound = rtp(1001, 80, bytes(80) + bytes([0x90, 0x8D]) * 40, 8)
    assert ends(r, sound) == ([172], [True])


def test_split_after_garbage():
    r = receiver()
    ends(r, voice(0))
    found, wanted = ends(r, b"\x00" * 30, voice(1))
    assert found == [30, 172] and wanted == [False, True]
    assert r.stats.bad == 1


def test_split_of_a_cut_read():
    r = receiver()
    found, _wanted = ends(r, voice(0), voice(1)[:100])
    assert found == [172, 100] and r.size == 88
    for n in range(12):  # a header cut off
        ends(r, voice(2 + n), voice(3 + n)[:n])


def test_every_split_ends():
    # hostile: each first byte and type, lengths of RTCP that lie
    r = receiver()
    ends(r, voice(0))
    for first in range(0, 256, 5):
        for kind in range(0, 256, 3):
            data = bytearray(b"SSRC" * 16)
            data[0] = first
            data[1] = kind
            ends(r, bytes(data), bytes(data[:7]))


# --- one packet ---


def test_header_extension_contributors_and_padding():
    r = receiver()
    head = b"\x00\x03\xe8\x12\x34\x56\x78SSRC"
    assert take(r, b"\xb2" + head + b"CSR1CSR2" + b"\xbe\xde\x00\x01extn" + b"voice" + b"\0\0\3")
    assert (r.at, r.size) == (28, 5) and r.timestamp == 0x12345678
    assert take(r, b"\x80\x80\x03\xe9\xff\xff\xff\xffSSRC!")
    assert r.timestamp == 0x3FFFFFFF and r.payload_type == 0 and (r.at, r.size) == (12, 1)


def test_malformed_packets_are_counted():
    r = receiver()
    head = b"\x00\x03\xe8\x12\x34\x56\x78SSRC"
    bad = (
        b"",
        b"\x80",
        b"\x80" + head[:-1],
        b"\x40" + head,
        b"\xc0" + head,
        b"\x81" + head + b"CSR",
        b"\x90" + head + b"\xbe\xde\x00",
        b"\x90" + head + b"\xbe\xde\x00\x01ext",
        b"\xa0" + head,
        b"\xa0" + head + b"\0",
        b"\xa0" + head + b"voice\7",
    )
    for n, data in enumerate(bad):
        if data:
            assert not take(r, data), data
            assert r.stats.bad == n, data
    assert r.stats.received == 0


def test_loss_order_and_duplicates():
    r = receiver()
    story = (65533, 65534, 2, 65535, 0, 1, 1, 65534, 3, 6, 5, 5, 4)
    got = [take(r, rtp(n, 0)) for n in story]
    assert got == [True, True, True, True, True, True, False, False, True, True, True, False, True]
    assert (r.stats.received, r.stats.lost, r.stats.duplicate, r.stats.late) == (10, 0, 3, 0)
    take(r, rtp(10, 0))
    assert r.stats.lost == 3
    take(r, rtp(100, 0))
    assert r.stats.lost == 92
    assert take(r, rtp(99, 0)) and r.stats.lost == 91
    assert not take(r, rtp(60, 0)) and r.stats.late == 1  # too late for anybody


def test_duplicates_are_known_30_packets_back():
    r = receiver()
    for n in range(200):
        assert take(r, rtp(n & 0xFFFF, 0))
        for back in (1, 15, 29):
            if n >= back:
                assert not take(r, rtp(n - back, 0))
    assert r.stats.lost == 0 and r.stats.received == 200 and r.stats.late == 0


def test_sequence_begins_anew():
    r = receiver()
    take(r, rtp(10, 0))
    r.restarted = False
    assert not take(r, rtp(30000, 0)) and not r.restarted  # one alone is a stray
    assert take(r, rtp(11, 0))
    assert not take(r, rtp(40000, 0)) and take(r, rtp(40001, 0)) and r.restarted
    assert take(r, rtp(40002, 0)) and r.stats.lost == 0 and r.stats.bad == 2


def test_another_source_needs_two_packets_in_sequence():
    r = receiver()
    assert take(r, rtp(1, 0)) and r.restarted
    r.restarted = False
    assert not take(r, rtp(500, 0, ssrc=b"EVIL"))
    assert not take(r, rtp(502, 0, ssrc=b"EVIL"))  # not in sequence
    assert not take(r, rtp(503, 0, ssrc=b"MEAN"))  # another one
    assert not r.restarted
    assert take(r, rtp(2, 0))
    assert take(r, rtp(3, 0))
    # two that run side by side: the first one stays
    for n in range(10):
        assert not take(r, rtp(700 + n, 0, ssrc=b"EVIL"))
        assert take(r, rtp(4 + n, 0))
    assert r.stats.foreign == 13 and not r.restarted
    assert not take(r, rtp(65535, 0, ssrc=b"next"))
    assert take(r, rtp(0, 0, ssrc=b"next")) and r.restarted
    assert take(r, rtp(1, 0, ssrc=b"next"))
    assert not take(r, rtp(14, 0))
    assert r.stats.lost == 0


def test_jitter_of_rfc_3550():
    # against the formula in floats, over arrivals that wander, through the wrap of 30 bits
    r = receiver()
    clock = 0x3FFFF000
    expected = 0.0
    before = None
    wander = (0, 160, 0, 320, 40, 0, 0, 80, 800, 0, 160, 160, 240, 0, 8)
    for i in range(200):
        late = wander[i % len(wander)]
        if i % 20 == 7:  # keys and noise between, whose time stands still, count for nothing
            take(r, rtp(2 * i, 99, b"", (101, 13)[i & 1]), i)
        assert take(r, rtp(2 * i + 1, (0xFFFFF800 + 160 * i) & 0xFFFFFFFF), (clock + 160 * i + late) & 0x3FFFFFFF)
        if before is not None:
            expected += (abs(late - before) - expected) / 16
        before = late
        assert abs(r.stats.jitter - expected / 8) < 2, (i, r.stats.jitter, expected / 8)
    assert r.stats.jitter > 10


def test_a_clock_set_anew_is_no_jitter():
    r = receiver()
    for i in range(20):
        take(r, rtp(i, 160 * i), 160 * i)
    take(r, rtp(20, 1000000), 3200)
    take(r, rtp(21, 1000160), 3360)
    assert r.stats.jitter == 0


# --- the fast ones ---


def with_kernels(kernels, story):
    # a story told with rtp_fast's classes over those kernels
    mine = globals()
    before = Receiver, Sender, rtp_fast.expected, rtp_fast.number, rtp_fast.advance
    mine["Receiver"], mine["Sender"] = rtp_fast.Receiver, rtp_fast.Sender
    rtp_fast.expected, rtp_fast.number, rtp_fast.advance = kernels
    try:
        story()
    finally:
        mine["Receiver"], mine["Sender"], rtp_fast.expected, rtp_fast.number, rtp_fast.advance = before


KERNELS = (
    (rtp_fast.expected, rtp_fast.number, rtp_fast.advance),
    (rtp_fast_plain.expected, rtp_fast_plain.number, rtp_fast_plain.advance),
)


def test_every_story_with_the_fast_ones():
    told = 0
    for kernels in KERNELS:
        for name in sorted(globals()):
            if name[:5] == "test_" and "fast" not in name:
                with_kernels(kernels, globals()[name])
                told += 1
    assert told > 36


class Dice:
    """The same numbers each time."""

    def __init__(self, seed):
        self.x = seed

    def below(self, n):
        self.x = (self.x * 1103515 + 12345) & 0x3FFFFFFF
        return (self.x >> 10) % n


def odd_packets(dice, n):
    # a stream with all that can be odd about one, and garbage between
    sequence = 65530
    time = 0xFFFFF000
    ssrc = b"SSRC"
    for _ in range(n):
        what = dice.below(40)
        kind, payload = 8, b"x" * (160 if what & 1 else 80)
        if what == 0:
            sequence += dice.below(50)
        elif what == 1:
            sequence += dice.below(65536)
        elif what == 2:
            ssrc = bytes([dice.below(4), 0, 0, 1])
        elif what == 3:
            time += dice.below(100000)
        elif what == 4:
            kind, payload = 101, b"\x05\x0a\x00\xa0"
        elif what == 5:
            kind = dice.below(128)
        elif what == 6:
            sequence -= 1 + dice.below(40)
        elif what == 7:
            payload = b""
        packet = rtp(sequence & 0xFFFF, time & 0xFFFFFFFF, payload, kind, ssrc, what == 8)
        if what == 9:
            packet = packet[: 1 + dice.below(len(packet))]
        elif what == 10:
            packet = bytes([dice.below(256)]) + packet[1:]
        elif what == 11:
            packet = bytes([dice.below(256) for _ in range(1 + dice.below(60))])
        elif what == 12:
            packet += packet[:12] + b"y" * 160
        yield packet
        if what != 13:
            sequence += 1
        time += 160


SEEN = ("_last", "_seen", "_next", "_other", "_resume", "_transit", "_jitter", "payload_type", "timestamp", "at")
SEEN += ("size", "length", "restarted")
COUNTED = ("received", "lost", "late", "duplicate", "bad", "foreign", "control", "jitter")


def compare_with_the_fast_one():
    for seed in range(12):
        dice = Dice(seed * 7919 + 1)
        slow = receiver(8, 8 if seed == 11 else 101)
        fast = rtp_fast.Receiver(Stats())
        fast.audio, fast.event = slow.audio, slow.event
        clock = 0x3FFFF000
        for packet in odd_packets(dice, 400):
            clock = (clock + 150 + dice.below(20)) & 0x3FFFFFFF
            data = bytearray(packet)
            at = 0
            slow.careful = fast.careful = dice.below(9) == 0
            slow.clock = fast.clock = clock
            while at < len(data):
                end = slow.split(data, at, len(data))
                assert fast.split(data, at, len(data)) == end
                assert slow.take(data, at, end) == fast.take(data, at, end)
                at = end
            for name in SEEN:
                assert getattr(slow, name) == getattr(fast, name), (seed, name)
            for name in COUNTED:
                assert getattr(slow.stats, name) == getattr(fast.stats, name), (seed, name)
            if dice.below(5) == 0:
                slow.restarted = fast.restarted = False
            if dice.below(100) == 0:
                slow.reset()
                fast.reset()
        assert slow.stats.received > 100


def test_the_fast_receiver_does_with_everything_what_the_other_does():
    for kernels in KERNELS:
        with_kernels(kernels, compare_with_the_fast_one)


def test_the_fast_sender_writes_what_the_other_writes():
    seed = b"\xf1\x07\x99\xa0\xff\xe0\xff\xff\xf3\x11"
    for kernels in KERNELS:
        dice = Dice(5)
        slow = Sender(lambda n: seed[:n])
        fast = rtp_fast.Sender(lambda n: seed[:n])
        rtp_fast.expected, rtp_fast.number, rtp_fast.advance = kernels
        try:
            for _ in range(2000):
                kind, marker, stamp = dice.below(128), dice.below(2) == 1, dice.below(3) > 0
                for sender in (slow, fast):
                    sender.number(sender.voice, kind, marker, stamp)
                assert slow.voice == fast.voice
                samples = 160 if dice.below(3) else dice.below(100000)
                slow.advance(samples)
                assert fast.advance(samples) == (slow.high & 0x3FFF) << 16 | slow.low
                assert (slow.high, slow.low) == (fast.high, fast.low)
        finally:
            rtp_fast.expected, rtp_fast.number, rtp_fast.advance = KERNELS[0]
