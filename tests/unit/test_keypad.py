# siplet/keypad: what a door makes of the keys that somebody presses.

from siplet.keypad import Keypad


class Clock:
    ms = (1 << 30) - 5  # about to wrap

    def now(self):
        return self.ms & 0x3FFFFFFF


def keypad(code, most_wrong=3, lockout_ms=60000):
    clock = Clock()
    return Keypad(code, most_wrong, lockout_ms, clock.now), clock


def verdicts(pad, keys):
    """What each key of the str brings; a blank is a pause."""
    return [pad.press(None if key == " " else key) for key in keys if key != "|"]


def test_a_code_opens_with_its_last_key_and_the_hash_after_it_is_nothing():
    pad, _ = keypad("4711")
    assert verdicts(pad, "4711") == [None, None, None, "right"]
    assert verdicts(pad, "#") == [None]
    assert verdicts(pad, "4711#") == [None, None, None, "right", None]


def test_a_single_key_acts_at_once():
    pad, _ = keypad("5")
    assert verdicts(pad, "5") == ["right"]
    assert verdicts(pad, "6") == ["wrong"]


def test_keys_that_are_no_digits_may_be_the_code():
    pad, _ = keypad("#")
    assert verdicts(pad, "#") == ["right"]
    pad, _ = keypad("*0#")
    assert verdicts(pad, "*0#") == [None, None, "right"]


def test_hash_and_star_end_a_shorter_try():
    pad, _ = keypad("4711")
    assert verdicts(pad, "47#") == [None, None, "wrong"]
    assert verdicts(pad, "4*4711") == [None, "wrong", None, None, None, "right"]
    assert verdicts(pad, "##**") == [None] * 4  # nothing typed, nothing tried
    assert pad.wrong == 0


def test_a_pause_begins_anew_without_a_try():
    pad, _ = keypad("4711")
    assert verdicts(pad, "47 4711") == [None, None, None, None, None, None, "right"]
    assert pad.wrong == 0


def test_tries_never_overlap():
    pad, _ = keypad("11", most_wrong=100)
    assert verdicts(pad, "2112") == [None, "wrong", None, "wrong"]


def test_wrong_codes_in_a_row_lock_out_the_right_one_too_until_the_time_is_over():
    pad, clock = keypad("00", most_wrong=3, lockout_ms=60000)
    assert verdicts(pad, "010203") == [None, "wrong"] * 3
    clock.ms += 59999
    assert verdicts(pad, "00") == [None, "locked"]
    clock.ms += 1
    assert verdicts(pad, "00") == [None, "right"]


def test_the_right_code_forgives_the_wrong_ones():
    pad, _ = keypad("00", most_wrong=3)
    assert verdicts(pad, "010200") == [None, "wrong", None, "wrong", None, "right"]
    assert verdicts(pad, "010200") == [None, "wrong", None, "wrong", None, "right"]


def test_after_a_lock_out_there_are_as_many_tries_as_before():
    pad, clock = keypad("00", most_wrong=2, lockout_ms=1000)
    for _ in range(3):
        assert verdicts(pad, "0102") == [None, "wrong", None, "wrong"]
        assert verdicts(pad, "00") == [None, "locked"]
        clock.ms += 1000


def test_without_a_code_no_key_opens_and_none_is_wrong():
    pad, _ = keypad("")
    assert verdicts(pad, "0#*12#") == [None] * 6
    assert pad.wrong == 0
