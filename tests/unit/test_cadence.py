# siplet/media/cadence and country_tones: tones with the frequencies and the rhythm that E.180's supplement names.

import math
import struct

from expect import misused
from siplet.media.cadence import Cadence
from siplet.media.country_tones import countries, tones


def heard(cadence, frames, rate=8000):
    frame = bytearray(rate // 25)
    out = []
    for _ in range(frames):
        cadence.read(frame)
        out.append(bytes(frame))
    return struct.unpack("<%dh" % (frames * rate // 50), b"".join(out))


def rhythm(samples, rate=8000):
    """ms on, off, on ... of 1 ms steps; what fades counts as sound."""
    step = rate // 1000
    loud = [max(abs(s) for s in samples[i : i + step]) > 60 for i in range(0, len(samples), step)]
    # a sine crosses zero: a ms of silence between two of sound is none
    runs = []
    last = False
    quiet = 0
    for is_loud in loud:
        quiet = 0 if is_loud else quiet + 1
        now = is_loud or (last and quiet < 3)
        if not runs or now != last:
            runs.append(0)
        runs[-1] += 1
        last = now
    return runs


def strength(samples, hertz, rate=8000):
    n = len(samples)
    step = 2 * math.pi * hertz / rate
    real = sum(samples[i] * math.cos(step * i) for i in range(n)) * 2 / n
    imaginary = sum(samples[i] * math.sin(step * i) for i in range(n)) * 2 / n
    return math.sqrt(real * real + imaginary * imaginary)


PEAK = 22350 * 10 ** (-13 / 20)


def near(runs, wanted):
    # fading out lasts 4 ms, and the last run is cut by the end
    return all(abs(a - b) <= 6 for a, b in zip(runs[:-1], wanted)) and len(runs) > 1


def test_germany_rings_a_second_in_five():
    cadence = Cadence(tones("de")["ringing"])
    samples = heard(cadence, 530)
    assert near(rhythm(samples), (1000, 4000, 1000, 4000)), rhythm(samples)
    assert abs(strength(samples[800:7200], 425) / PEAK - 1) < 0.03


def test_north_america_is_busy_with_two_waves():
    for rate in (8000, 16000):
        samples = heard(Cadence(tones("us")["busy"], rate), 110, rate)
        assert near(rhythm(samples, rate), (500, 500, 500, 500))
        part = samples[rate // 10 : rate * 4 // 10]
        assert all(abs(strength(part, hertz, rate) / PEAK - 1) < 0.03 for hertz in (480, 620))
        assert strength(part, 440, rate) < 0.05 * PEAK


def test_britain_rings_twice_in_three_seconds():
    samples = heard(Cadence(tones("gb")["ringing"]), 170)
    assert near(rhythm(samples), (400, 200, 400, 2000))


def test_a_modulated_tone_beats_as_often_as_it_should():
    samples = heard(Cadence(tones("in")["ringing"]), 20)
    energy = [abs(x) for x in samples]
    block = [sum(energy[i : i + 40]) for i in range(0, 2400, 40)]  # 5 ms each
    lows = [i for i in range(1, len(block) - 1) if block[i] < block[i - 1] and block[i] <= block[i + 1]]
    assert 6 <= len(lows) <= 9, lows  # 25 Hz in 300 ms


def test_other_frequencies_follow_each_other():
    samples = heard(Cadence(tones("de")["information"]), 120)
    for i in range(3):
        part = samples[2640 * i + 240 : 2640 * i + 2400]
        assert strength(part, (950, 1400, 1800)[i]) > 0.95 * PEAK
    assert not any(samples[3 * 2640 + 80 : 3 * 2640 + 7900])


def test_a_beep_sounds_once():
    cadence = Cadence(tones("fr")["beep"])
    frame = bytearray(320)
    more = [cadence.read(frame) for _ in range(12)]
    assert more[:10] == [True] * 10 and more[10] is False
    assert not any(frame)


def test_a_tone_without_times_has_no_end_and_a_step_may_end_within_a_frame():
    samples = heard(Cadence("440"), 300)
    assert rhythm(samples) == [6000]
    samples = heard(Cadence("1000@7,13"), 50)
    runs = rhythm(samples)
    assert len(runs) in (99, 100), runs


def test_the_rate_changes_in_the_middle_of_a_step():
    cadence = Cadence("425@480,480")
    first = heard(cadence, 12)
    cadence.tune(16000)
    second = heard(cadence, 30, 16000)
    runs = rhythm(second, 16000)
    assert len(rhythm(first)) == 1 and abs(runs[0] - 240) <= 6 and abs(runs[1] - 360) <= 6


def test_every_country_s_tones_can_be_sounded():
    codes = countries()
    for code in "de at ch fr it es pt nl be gb ie us ca au nz jp se no fi dk pl cz ru in cn br za il tr".split():
        assert code in codes
    frame = bytearray(320)
    for code in codes:
        row = tones(code)
        assert sorted(row) == ["beep", "busy", "congestion", "information", "ringing", "waiting"]
        for name in row:
            cadence = Cadence(row[name])
            assert any(cadence.read(frame) and any(frame) for _ in range(3)), (code, name)
    assert tones("us")["busy"] != tones("de")["busy"] == tones("xx")["busy"] == tones("")["busy"]
    assert tones("AT")["ringing"] == "420@1000,5000"


def test_what_is_no_tone_is_refused():
    for sound in ("", "x", "425@", "425@0", "425@1,x", "425@-5", "0@100", "5000@100", "1+2+3@100", "425@70000", "425/"):
        assert misused(Cadence, sound), sound
