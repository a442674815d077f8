# media/keytones: keys as tones, within the limits of ITU-T Q.24, and nothing else.

import math
import sys

from siplet.media import keytones, keytones_plain
from siplet.media.keytones import Ear
from siplet.media.q23 import GRID, HIGH, LOW
from siplet.media.tone import Tones

FAST = keytones.hear is not keytones_plain.hear
state = [1]


def random():
    state[0] = (state[0] * 1103515245 + 12345) & 0x7FFFFFFF
    return state[0] / 0x7FFFFFFF


def tone(data, at, ms, waves, rate=8000):
    """Add waves (Hz, dBm0) to data, a list of samples, from sample at on."""
    for hertz, level in waves:
        top = 22350 * 10 ** (level / 20)
        w = 2 * math.pi * hertz / rate
        phase = random() * 7
        for i in range(at, min(at + ms * rate // 1000, len(data))):
            data[i] += top * math.sin(w * i + phase)


def noise(data, level):
    """Add white noise of a power in dBm0."""
    top = 22350 * 10 ** (level / 20) / 0.7071 * 0.7071
    for i in range(len(data)):
        data[i] += top * (random() + random() + random() + random() + random() + random() - 3)


def heard(data, ear=None, rate=8000, lost=()):
    ear = ear or Ear()
    ear.tune(rate)
    size = rate // 50
    frame = bytearray(2 * size)
    digits = ""
    for n in range(len(data) // size):
        for i in range(size):
            x = max(-32768, min(32767, int(data[n * size + i])))
            frame[2 * i] = x & 0xFF
            frame[2 * i + 1] = x >> 8 & 0xFF
        digits += ear.hear(frame, n in lost) or ""
    return digits


def pair(key, low=-10, high=-10, wrong=0.0, wrong_high=None):
    k = GRID.find(key)
    wrong_high = wrong if wrong_high is None else wrong_high
    return (LOW[k >> 2] * (1 + wrong), low), (HIGH[k & 3] * (1 + wrong_high), high)


def keys(text, on=40, off=40, start=320, rate=8000, level=None, **how):
    """Samples of keys; start: the sample at which the first begins. level: of noise, dBm0."""
    each = (on + off) * rate // 1000
    data = [0.0] * (start + each * len(text) + rate // 10)
    for i, key in enumerate(text):
        tone(data, start + i * each, on, pair(key, **how), rate)
    if level is not None:
        noise(data, level)
    return data


def test_all_keys_at_every_phase():
    ear = Ear()
    for start in range(0, 320, 23 if FAST else 107):
        assert heard(keys(GRID, start=start), ear) == GRID, start


def test_the_same_key_again_and_again():
    ear = Ear()
    for key in "5D*":
        for start in (0, 40, 90, 133):
            assert heard(keys(key * 6, start=start), ear) == key * 6, (key, start)


def test_all_keys_in_noise_with_twist():
    ear = Ear()
    for low, high in ((-10, -10), (-10, -18), (-14, -10)):
        total = 10 * math.log10(10 ** (low / 10) + 10 ** (high / 10))
        for start in (0, 27, 79, 111, 142) if FAST else (27,):
            assert heard(keys(GRID, start=start, low=low, high=high, level=total - 15), ear) == GRID, (low, high, start)


def test_frequencies_within_1_5_percent_are_taken_and_3_5_refused():
    ear = Ear()
    for wrong in (-0.015, 0.015):
        assert heard(keys(GRID, wrong=wrong), ear) == GRID, wrong
        assert heard(keys(GRID, wrong=wrong, wrong_high=-wrong), ear) == GRID, wrong
    for wrong in (-0.035, 0.035):
        assert heard(keys(GRID, on=100, wrong=wrong), ear) == "", wrong
        assert heard(keys(GRID, on=100, wrong=wrong, wrong_high=0), ear) == "", wrong
        assert heard(keys(GRID, on=100, wrong=0, wrong_high=wrong), ear) == "", wrong


def test_levels_from_0_to_minus_25():
    for level in (0, -3, -20, -25, -30):
        assert heard(keys("159D", low=level, high=level)) == "159D", level
    assert heard(keys("159D", on=100, low=-45, high=-45)) == ""


def test_23_ms_are_too_short_and_so_is_a_short_gap():
    ear = Ear()
    for start in range(0, 160, 20 if FAST else 50):
        assert heard(keys("17#A", on=23, start=start), ear) == "", start
        # an interruption of 10 ms in a press of 100 ms
        data = keys("8", on=100, start=start)
        for i in range(start + 400, start + 480):
            data[i] = 0
        assert heard(data, ear) == "8", start


def test_a_long_press_is_one_and_ends():
    ear = Ear()
    assert heard(keys("4", on=3000), ear) == "4" and ear.held == ""


def test_what_the_network_lost_does_not_make_two_presses():
    data = keys("4", on=300, off=100)
    for i in range(1280, 1280 + 320):  # two frames
        data[i] = 0
    assert heard(data) == "44"
    assert heard(data, lost=(8, 9)) == "4"


def test_16_khz():
    ear = Ear()
    for start in (0, 55, 190):
        assert heard(keys(GRID, rate=16000, start=start), ear, 16000) == GRID, start
    assert heard(keys("5", rate=16000, wrong=0.035), ear, 16000) == ""


def test_one_wave_or_three_are_no_key():
    for waves in (((697, -10),), ((1209, -10),), ((697, -10), (941, -10)), ((425, -10),), ((350, -13), (440, -13))):
        data = [0.0] * 4000
        tone(data, 400, 300, waves)
        assert heard(data) == "", waves
    for third in (350, 480, 1050, 2100, 2900):  # a vowel has more than two
        data = [0.0] * 4000
        tone(data, 400, 300, pair("5") + ((third, -14),))
        assert heard(data) == "", third


def test_noise_and_steps_are_no_key():
    data = [0.0] * (80000 if FAST else 16000)
    noise(data, -10)
    for i in range(len(data)):
        if i // 1000 % 2:
            data[i] = 12000 if i % 37 < 18 else -12000
    assert heard(data) == ""


def test_our_own_tones_are_heard():
    ear = Ear()
    for wide in (False, True):
        size = 320 if wide else 160
        ear.tune(50 * size)
        frame = bytearray(2 * size)
        tones = Tones(2)
        digits = ""
        for key in GRID:
            (low, _), (high, _) = pair(key)
            tones.set(int(low), -6, int(high), -4)
            for i in range(6):
                if i == 2:
                    tones.off()
                tones.fill(frame, size, 50 * size)
                digits += ear.hear(frame) or ""
        assert digits == GRID, wide


def test_both_kernels_hear_the_same():
    one, two = Ear(), Ear()
    fast = keytones.hear
    data = keys("15*", level=-25)
    for i in range(800, 2400):
        data[i] += 9000 * math.sin(i * i / 900)
    frame = bytearray(320)
    wide = bytearray(640)
    for n in range(len(data) // 160):
        for i in range(160):
            x = max(-32768, min(32767, int(data[n * 160 + i])))
            frame[2 * i] = wide[4 * i] = wide[4 * i + 2] = x & 0xFF
            frame[2 * i + 1] = wide[4 * i + 1] = wide[4 * i + 3] = x >> 8 & 0xFF
        for at in (0, 80, 0):
            for ear in (one, two):
                ear._room[50] = n & 1
                ear._room[51] = 1 if n % 5 == 3 and not at else 0
            heard_at = wide if one._room[51] else frame
            a = fast(at, one._waves, one._room, heard_at, one._later)
            b = keytones_plain.hear(at, two._waves, two._room, heard_at, two._later)
            assert a == b and list(one._room[:7]) == list(two._room[:7]), (n, at, a, b)
            # places 7 to 9 and 11 the plain one alone has a use for
            assert list(one._room[12:]) == list(two._room[12:]), (n, at)
            assert bytes(one._later) == bytes(two._later), (n, at)


def test_viper_is_there_where_it_can_be():
    assert FAST == (sys.implementation.name == "micropython" and sys.maxsize > 0x7FFFFFFF)
