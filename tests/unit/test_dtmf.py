# media/dtmf: one press is one digit, whatever the network does to its packets.

from siplet.errors import LocalError
from siplet.media import dtmf, dtmf_sender

_MASK = 0x3FFFFFFF


def press(event, start, frames=5, ends=3):
    """The (payload, timestamp) pairs of one press, as RFC 4733 sends them."""
    packets = []
    for n in range(1, frames + ends):
        end = n >= frames
        duration = 160 * min(n, frames)
        packets.append((bytes([event, 10 | (0x80 if end else 0), duration >> 8, duration & 255]), start & _MASK))
    return packets


def heard(packets, receiver=None):
    receiver = receiver or dtmf.Receiver()
    digits = ""
    for payload, timestamp in packets:
        digit = receiver.take(payload, 0, len(payload), timestamp)
        if digit:
            digits += digit
    return digits


def sent(sender, steps):
    packet = bytearray(16)
    said = []
    for _ in range(steps):
        step = sender.step(packet)
        said.append((step, bytes(packet[12:])) if step else None)
    return said


def test_every_key():
    packets = []
    for i in range(16):
        packets += press(i, 8000 * i)
    assert heard(packets) == dtmf.KEYS == "0123456789*#ABCD"


def test_any_loss_leaves_one_digit():
    # every subset of the seven packets of a press but the empty one, with the same key pressed before and after
    packets = press(5, 3000)
    for mask in range(1, 128):
        left = [packets[i] for i in range(7) if mask >> i & 1]
        assert heard(press(5, 0) + left + press(5, 6000)) == "555", mask


def test_duplicates_and_late_copies():
    one = press(1, 0)
    two = press(2, 2000)
    assert heard(one + one + two + two) == "12"
    # the ends of the first come after the second has begun
    assert heard(one[:4] + two[:2] + one[4:] + two[2:]) == "12"


def test_the_clock_wraps_between_presses():
    packets = []
    for i in range(6):
        packets += press(7, _MASK - 4000 + 1600 * i)
    assert heard(packets) == "777777"


def test_a_clock_set_back_is_a_new_press():
    receiver = dtmf.Receiver()
    assert heard(press(3, 500000), receiver) == "3"
    assert heard(press(4, 1000), receiver) == "4"


def test_a_very_long_press_is_one():
    # 8.2 s fill the duration's 16 bits; the rest goes on at a new timestamp (RFC 4733 2.5.1.3)
    segments = [(b"\x09\x0a\xff\xff", 1000), (b"\x09\x0a\x00\xa0", 1000 + 0xFFFF), (b"\x09\x8a\x01\x40", 1000 + 0xFFFF)]
    assert heard(segments) == "9"


def test_other_events_and_short_payloads():
    receiver = dtmf.Receiver()
    for payload in (b"", b"\x01", b"\x01\x0a\x00", b"\x10\x8a\x00\xa0", b"\xff\xff\xff\xff"):
        assert receiver.take(payload, 0, len(payload), 99) is None
    # what stands behind the first four bytes is ignored
    assert receiver.take(b"..\x02\x0a\x00\xa0\x03\x0a\x00\xa0", 2, 8, 99) == "2"


def test_sender_follows_rfc_4733():
    sender = dtmf_sender.Sender()
    assert sent(sender, 2) == [None, None]
    assert sender.press("8", 80)
    said = sent(sender, 10)
    assert [s and s[0] for s in said] == [dtmf.FIRST] + [2] * 5 + [None] * 4
    assert [s[1] for s in said[:6]] == [
        b"\x08\x0a\x00\xa0",
        b"\x08\x0a\x01\x40",
        b"\x08\x0a\x01\xe0",
        b"\x08\x8a\x02\x80",
        b"\x08\x8a\x02\x80",
        b"\x08\x8a\x02\x80",
    ]


def test_presses_are_apart():
    sender = dtmf_sender.Sender()
    for digit in "1*d":
        assert sender.press(digit, 40)
    said = sent(sender, 30)
    assert [s[1][0] for s in said if s and s[0] == dtmf.FIRST] == [1, 10, 15]
    begins = [i for i in range(30) if said[i] and said[i][0] == dtmf.FIRST]
    assert begins == [0, 7, 14]  # 40 ms with three ends are four packets, then 60 ms of nothing


def test_queue_and_durations_are_bounded():
    sender = dtmf_sender.Sender()
    assert [sender.press("0", ms) for ms in (-5, 0, 1, 10**9)] == [True] * 4
    assert all(sender.press("1") for _ in range(12)) and not sender.press("1")
    said = sent(sender, 400)
    firsts = [i for i in range(400) if said[i] and said[i][0] == dtmf.FIRST]
    assert firsts[:5] == [0, 7, 14, 21, 21 + 252 + 3]
    assert max((s[1][2] << 8) + s[1][3] for s in said if s) == 40000
    assert sender.press("1")


def test_what_is_no_key():
    sender = dtmf_sender.Sender()
    for digit in ("", "x", "12", "é", " ", "!"):
        try:
            sender.press(digit)
        except LocalError:
            continue
        raise AssertionError(digit)
    assert sent(sender, 1) == [None]
