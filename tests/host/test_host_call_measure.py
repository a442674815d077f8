# What siplet call tells of sound, on sound whose delay, level and faults are known.

import math
import random
from array import array

import pytest
from siplet_tools import interpreter
from siplet_tools.wav_file import read_wav
from siplet_tools.wire import measure
from siplet_tools.wire.echo import find_echo

RATE = measure.RATE
SPEECH = interpreter.ROOT + "/tests/vectors/speech/door.wav"


@pytest.fixture(scope="module")
def probe():
    return measure.probe(6)


def later(samples, delay, gain=1.0, noise=0):
    """samples as they come back `delay` samples later, amplified, with noise of that RMS."""
    chance = random.Random(1)
    back = array("h", bytes(2 * delay))
    back.extend(max(-32768, min(32767, int(x * gain + chance.gauss(0, noise)))) for x in samples)
    return back[: len(samples)]


def sine(amplitude, seconds=4):
    return array("h", (int(amplitude * math.sin(2 * math.pi * 1000 * i / RATE)) for i in range(int(seconds * RATE))))


# -- the probe


def test_the_probe_is_the_same_each_time_and_as_loud_as_it_says(probe):
    assert measure.probe(6) == probe and len(probe) == 6 * RATE
    level, activity = measure.active_level(probe)
    assert level == pytest.approx(measure.PROBE_LEVEL, abs=0.5)
    assert 0.7 < activity < 1.0
    assert max(map(abs, probe)) < 20000  # no codec clips it
    assert not any(probe[: int(0.3 * RATE)])


def test_a_probe_without_room_for_a_syllable_is_silence():
    assert measure.probe(0.2) == array("h", bytes(2 * 1600))


# -- delay


@pytest.mark.parametrize("delay, gain, noise", [(0, 1.0, 0), (1600, 0.5, 60), (5333, 0.05, 40), (16000, 1.0, 0)])
def test_the_delay_of_an_echo_is_found_to_the_sample_and_its_gain_to_the_db(probe, delay, gain, noise):
    echo = find_echo(probe, later(probe, delay, gain, noise))
    assert echo.delay_ms == pytest.approx(delay * 1000 / RATE, abs=0.1)
    assert echo.gain_db == pytest.approx(20 * math.log10(gain), abs=0.5)
    assert echo.most_ms - echo.least_ms < 0.5


def test_an_echo_that_was_g711_is_found(probe):
    from siplet.media.g711 import PCMA, decode, encode, table

    n = len(probe)
    coded, back = bytearray(n), bytearray(2 * n)
    encode(n, probe.tobytes(), coded, 0, PCMA)
    decode(n, coded, back, 0, table(PCMA))
    echo = find_echo(probe, later(array("h", bytes(back)), 960))
    assert echo.delay_ms == 120 and echo.correlation > 0.98


def test_a_buffer_that_adapts_in_the_middle_shows_as_least_and_most(probe):
    half = len(probe) // 2
    heard = later(probe, 960)[:half] + later(probe, 480)[half:]
    echo = find_echo(probe, heard)
    assert (echo.least_ms, echo.most_ms) == (60, 120)


def test_an_echo_with_a_tenth_of_its_frames_lost_is_still_found(probe):
    heard = later(probe, 800)
    for start in range(0, len(heard), 1600):
        heard[start : start + 160] = array("h", bytes(320))
    echo = find_echo(probe, heard)
    assert echo.delay_ms == 100 and echo.correlation > 0.8


def test_what_somebody_else_says_is_no_echo(probe):
    speech = read_wav(SPEECH) * 3
    assert find_echo(probe, speech[: len(probe)]) is None


def test_noise_and_silence_are_no_echo(probe):
    assert find_echo(probe, later(array("h", bytes(2 * len(probe))), 0, noise=1000)) is None
    assert find_echo(probe, array("h", bytes(2 * len(probe)))) is None
    assert find_echo(array("h", bytes(2 * len(probe))), probe) is None
    assert find_echo(array("h"), array("h")) is None


# -- levels


def test_a_tone_is_always_active_at_its_own_level():
    level, activity = measure.active_level(sine(10000))
    assert level == pytest.approx(20 * math.log10(10000 / math.sqrt(2) / 32768), abs=0.1)
    assert activity > 0.98


def test_pauses_do_not_count_for_the_active_level():
    # P.56: what is said half of the time is as loud as what is said all of the time
    pause = array("h", bytes(2 * 4 * RATE))
    level, activity = measure.active_level(sine(3000) + pause)
    assert level == pytest.approx(20 * math.log10(3000 / math.sqrt(2) / 32768), abs=0.4)
    assert 0.45 < activity < 0.6


def test_a_square_wave_at_full_scale_is_0_dbov():
    assert measure.dbov(measure.rms(array("h", [-32768, -32768] * 100))) == 0
    assert measure.dbov(0) is None and measure.active_level(array("h", bytes(1600))) == (None, 0.0)


def test_the_hiss_of_an_open_microphone_is_sound_and_the_smallest_step_of_a_codec_is_not():
    assert measure.is_silent(array("h", [8, -8] * 4000)) and measure.is_silent(array("h"))
    assert measure.is_silent(array("h", [8, -8] * 4000 + [24] * 20))
    assert not measure.is_silent(later(array("h", bytes(16000)), 0, noise=20))


def test_clipping_is_seen_and_a_single_peak_is_none():
    cut = array("h", (max(-32124, min(32124, 3 * x)) for x in sine(20000)))
    assert measure.clipped_percent(cut) > 30
    once = sine(10000)
    once[100] = 32767
    assert measure.clipped_percent(once) == 0 and measure.clipped_percent(array("h")) == 0
