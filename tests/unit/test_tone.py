# media/tone: right frequencies and levels, no clicks, and both kernels alike.

import math
from array import array

from siplet.media import q23, tone_plain
from siplet.media.tone import Tones, add


def samples(frame):
    said = []
    for i in range(0, len(frame), 2):
        x = frame[i] | frame[i + 1] << 8
        said.append(x - 65536 if x > 32767 else x)
    return said


def sound(tones, frames, count=160, rate=8000):
    frame = bytearray(2 * count)
    said = []
    for _ in range(frames):
        tones.fill(frame, count, rate)
        said += samples(frame)
    return said


def wave(said, hertz, rate):
    """(amplitude, phase) of a frequency in what was said."""
    re = im = 0.0
    for i in range(len(said)):
        re += said[i] * math.cos(2 * math.pi * hertz * i / rate)
        im -= said[i] * math.sin(2 * math.pi * hertz * i / rate)
    return 2 * math.sqrt(re * re + im * im) / len(said), math.atan2(im, re)


def test_each_key_has_its_frequencies_to_a_part_in_a_thousand():
    # the phase at the beginning and 200 ms later tells the frequency; windows of whole 20 ms suit neither group exactly
    for rate in (8000, 16000):
        for hertz in q23.LOW + q23.HIGH:
            tones = Tones(1)
            tones.set(hertz, -6)
            said = sound(tones, 15, rate // 50, rate)
            length = rate // 10
            one = said[length // 2 : length // 2 + length]
            two = said[length + length // 2 : length // 2 + 2 * length]
            turn = wave(two, hertz, rate)[1] - wave(one, hertz, rate)[1] - 2 * math.pi * hertz / 10
            turn = (turn + math.pi) % (2 * math.pi) - math.pi
            found = hertz + turn / (2 * math.pi) * 10
            assert abs(found - hertz) < hertz / 1000, (rate, hertz, found)


def test_levels_are_those_of_g711():
    for level, wave_s in ((0, 22350), (-4, 14102), (-6, 11202), (-20, 2235), (-40, 223)):
        tones = Tones(1)
        tones.set(1000, level)
        sound(tones, 1)
        found = wave(sound(tones, 5), 1000, 8000)[0]
        assert abs(found / wave_s - 1) < 0.02, (level, found)


def test_two_waves_add_up_and_nothing_else_is_there():
    tones = Tones(2)
    tones.set(770, -6, 1336, -4)
    sound(tones, 1)
    said = sound(tones, 50)
    low, high = wave(said, 770, 8000)[0], wave(said, 1336, 8000)[0]
    assert 11100 < low < 11300 and 14000 < high < 14200
    total = sum(x * x for x in said) / len(said)
    rest = total - (low * low + high * high) / 2
    assert rest < total / 10000, "distortion above 1 %"


def test_it_begins_and_ends_without_a_click():
    for rate in (8000, 16000):
        tones = Tones(2)
        count = rate // 50
        tones.set(697, -6, 1633, -4)
        said = sound(tones, 2, count, rate)
        tones.off()
        assert tones.sounding
        said += sound(tones, 2, count, rate)
        assert not tones.sounding and not any(said[3 * count :])
        # against the steepest that these waves have: a step at the ends would pass it, or a peak near them
        steep = 2 * math.pi / rate * (697 * 11202 + 1633 * 14102)
        jumps = [abs(said[i] - said[i - 1]) for i in range(1, len(said))]
        assert max(jumps) < steep * 1.02
        ramp = rate // 250
        for i in range(ramp):
            assert abs(said[i]) <= (11202 + 14102) * (i + 2) / ramp


def test_other_waves_follow_without_a_step():
    tones = Tones(2)
    tones.set(950, -10)
    said = sound(tones, 2)
    tones.set(1400, -10)
    said += sound(tones, 2)
    tones.set(425, -10, 480, -10)
    said += sound(tones, 2)
    steep = 2 * math.pi / 8000 * 1400 * 7068
    assert max([abs(said[i] - said[i - 1]) for i in range(1, len(said))]) < steep * 1.05


def test_it_is_mixed_into_what_is_there_and_clipped():
    frame = bytearray(b"\xe8\x03" * 160)  # 1000
    tones = Tones(2)
    assert not tones.mix(frame, 160) and frame == b"\xe8\x03" * 160
    tones.set(1000, 0, 500, 0)
    tones.mix(frame, 100)
    said = samples(frame)
    alone = Tones(2)
    alone.set(1000, 0, 500, 0)
    only = bytearray(320)
    alone.fill(only, 100)
    for x, y in zip(said[:100], samples(only)):
        assert abs(x - min(y + 1000, 32767)) <= 1000
    assert said[100:] == [1000] * 60
    assert max(said) == 32767 or min(said) == -32768


def test_silence_is_written_where_asked_for():
    frame = bytearray(b"\x01" * 320)
    assert not Tones(2).fill(frame, 60, 8000, 40)
    assert frame == b"\x01" * 80 + bytes(120) + b"\x01" * 120


def test_both_kernels_say_the_same():
    table = Tones(1)._table
    for keep in (0, 1):
        one = array("i", (123456, 1461714, 0, 178800, 32, 22350 << 8))
        two = array("i", (123456, 1461714, 0, 178800, 32, 22350 << 8))
        frame = bytearray([i * 73 & 255 for i in range(640)])
        other = bytearray(frame)
        for n, at in ((5, 0), (100, 200), (20, 30), (160, 160)):
            add(n, one, frame, at, table, keep)
            tone_plain.add(n, two, other, at, table, keep)
            assert frame == other and list(one) == list(two), (keep, n)
            one[3] = two[3] = -150000
            one[4] = two[4] = 30
            one[5] = two[5] = 1000
