# siplet/audio/resample: the filter's frequency response, heard through the kernels, and the two kernels against each
# other.

import math
from array import array

from siplet.audio import resample, resample_plain
from siplet.audio.resample import PHASE, taps

AMPLITUDE = 16000
# Whole periods in 20 ms, so that the power of a frame is the power of the tone
PASSED = (50, 300, 1000, 2000, 2850, 3400)
ALIASED = {6: (4600, 5000, 7950, 11400, 16050, 23950), 2: (4600, 5000, 6300, 7950)}


def db(power):
    return 10 * math.log(power + 1e-20) / math.log(10)


def tone(hertz, rate, count, start=0):
    step = 2 * math.pi * hertz / rate
    return [int(AMPLITUDE * math.cos(step * (i + start) + 0.7) + 32768.5) for i in range(count)]


def words(data):
    return [(data[i] | data[i + 1] << 8) - (data[i + 1] >> 7 << 16) for i in range(0, len(data), 2)]


def power(samples):
    return sum(s * s for s in samples) / len(samples) / (AMPLITUDE * AMPLITUDE / 2)


def decimated(hertz, factor, count=160):
    source = array("H", tone(hertz, 8000 * factor, count * factor + len(taps(factor)) - factor))
    frame = bytearray(2 * count)
    resample.decimate(source, taps(factor), frame, factor, count, 0)
    return words(frame)


def interpolated(hertz, factor, stride=1, at=0):
    source = array("H", tone(hertz, 8000, PHASE - 1 + 160))
    target = bytearray(2 * stride * factor * 160)
    resample.interpolate(source, taps(factor), target, at, factor, 160, stride)
    return words(target)


def test_speech_passes_from_the_microphone_within_one_decibel():
    for factor in (2, 6):
        for hertz in PASSED:
            assert abs(db(power(decimated(hertz, factor)))) < 0.5, (factor, hertz)


def test_nothing_aliases_into_speech_above_minus_forty_decibels():
    for factor in (2, 6):
        for hertz in ALIASED[factor]:
            assert db(power(decimated(hertz, factor))) < -44, (factor, hertz)


def test_speech_passes_to_the_speaker_and_its_images_stay_below_minus_forty_decibels():
    for factor in (2, 6):
        for hertz in PASSED:
            samples = interpolated(hertz, factor)
            step = 2 * math.pi * hertz / 8000 / factor
            n = len(samples)
            real = sum(samples[i] * math.cos(step * i) for i in range(n)) * 2 / n
            imaginary = sum(samples[i] * math.sin(step * i) for i in range(n)) * 2 / n
            heard = (real * real + imaginary * imaginary) / (AMPLITUDE * AMPLITUDE)
            assert abs(db(heard)) < 0.5, (factor, hertz)
            assert db(power(samples) - heard) < -40, (factor, hertz)


def test_speech_of_16_khz_passes_between_a_bus_of_48_and_a_call():
    t = taps(3)
    for hertz in (50, 1000, 4000, 6000, 7000):
        source = array("H", tone(hertz, 48000, 320 * 3 + len(t) - 3))
        frame = bytearray(640)
        resample.decimate(source, t, frame, 3, 320, 0)
        assert abs(db(power(words(frame)))) < 0.5, hertz
        source = array("H", tone(hertz, 16000, len(t) // 3 - 1 + 320))
        target = bytearray(2 * 960)
        resample.interpolate(source, t, target, 0, 3, 320, 1)
        samples = words(target)
        step = 2 * math.pi * hertz / 48000
        real = sum(samples[i] * math.cos(step * i) for i in range(960)) / 480
        imaginary = sum(samples[i] * math.sin(step * i) for i in range(960)) / 480
        heard = (real * real + imaginary * imaginary) / (AMPLITUDE * AMPLITUDE)
        assert abs(db(heard)) < 0.5 and db(power(samples) - heard) < -40, hertz
    for hertz in (9000, 10000, 15950, 23950):
        source = array("H", tone(hertz, 48000, 320 * 3 + len(t) - 3))
        frame = bytearray(640)
        resample.decimate(source, t, frame, 3, 320, 0)
        assert db(power(words(frame))) < -42, hertz


def test_a_bus_of_16_khz_passes_a_call_of_16_khz_as_it_is():
    source = array("H", noise(320))
    frame = bytearray(640)
    for kernels in (resample, resample_plain):
        kernels.decimate(source, taps(1), frame, 1, 320, 0)
        assert words(frame) == [x - 32768 for x in source]
        kernels.interpolate(source, taps(1), frame, 0, 1, 320, 1)
        assert words(frame) == [x - 32768 for x in source]
        kernels.decimate(source, taps(1), frame, 1, 320, 3)
        assert words(frame) == [max(-32768, min(32767, (x - 32768) * 8)) for x in source]


def test_silence_stays_silent_and_a_level_stays_a_level():
    for factor in (2, 6):
        source = array("H", [32768] * (160 * factor + PHASE * factor))
        frame = bytearray(320)
        resample.decimate(source, taps(factor), frame, factor, 160, 6)
        assert frame == bytes(320)
        source = array("H", [32768 + 8192] * (160 * factor + PHASE * factor))
        resample.decimate(source, taps(factor), frame, factor, 160, 0)
        assert set(words(frame)) <= {8191, 8192, 8193}


def test_gain_doubles_and_clips_instead_of_wrapping():
    quiet = array("H", [32768 + 100] * 1100)
    frame = bytearray(320)
    for gain in range(7):
        resample.decimate(quiet, taps(6), frame, 6, 160, gain)
        assert abs(words(frame)[0] - (100 << gain)) <= 1 << gain
    for level, limit in ((65535, 32767), (0, -32768)):
        resample.decimate(array("H", [level] * 1100), taps(6), frame, 6, 160, 3)
        assert set(words(frame)) == {limit}


def test_the_loudest_input_a_filter_can_meet_stays_within_bounds():
    # The signs of the taps themselves: the sum is the largest there is, clipped and of the right sign at the end.
    for factor in (2, 3, 6):
        t = taps(factor)
        for sign, limit in ((1, 32767), (-1, -32768)):
            worst = array("H", [65535 if sign * x > 0 else 0 for x in t])
            frame = bytearray(2)
            resample.decimate(worst, t, frame, factor, 1, 0)
            assert words(frame) == [limit]
            out = bytearray(2 * factor)
            phase = [65535 if sign * t[factor * k] > 0 else 0 for k in range(len(t) // factor)]
            resample.interpolate(array("H", list(reversed(phase))), t, out, 0, factor, 1, 1)
            assert words(out)[0] == limit
        assert (
            sum(abs(x) for x in t) * 32768 + 8192 < 1 << 30
        )  # a small int on 32 bit: the plain kernels allocate nothing


def noise(n):
    # A fixed pseudo-random sequence, the same on every interpreter
    x, out = 1, []
    for _ in range(n):
        x = (x * 75 + 74) % 65537
        out.append(x & 0xFFFF)
    return out


def test_both_kernels_agree_to_the_bit():
    source = array("H", noise(1060))
    for factor in (1, 2, 3, 6):
        t = taps(factor)
        for gain in (0, 3, 6):
            a, b = bytearray(322), bytearray(322)
            resample.decimate(source, t, a, factor, 160, gain)
            resample_plain.decimate(source, t, b, factor, 160, gain)
            assert a == b
        for stride in (1, 2):
            a, b = (bytearray(2 * stride * (factor * 161) + 8) for _ in range(2))
            for kernel, out in ((resample, a), (resample_plain, b)):
                kernel.interpolate(source, t, out, stride + 1, factor, 160, stride)
            assert a == b
    raw = bytearray(2120)
    for i in range(2120):
        raw[i] = source[i // 2] >> 8 * (i & 1) & 255
    a, b = array("H", bytes(400)), array("H", bytes(400))
    for kernel, out in ((resample, a), (resample_plain, b)):
        kernel.gather(raw, 3, 4, out, 5, 190)
        kernel.move(out, 20, 100)
    assert a == b and a[100] == b[100]
    a, b = bytearray(raw), bytearray(raw)
    resample.move(a, 7, 500)
    resample_plain.move(b, 7, 500)
    assert a == b and a[:1000] == raw[14:1014]


def test_gather_picks_one_channel_and_offsets_it():
    # 32-bit stereo: left low, left high, right low, right high
    raw = bytes([9, 9, 1, 0, 9, 9, 0xFE, 0xFF]) * 3
    out = array("H", [0] * 4)
    resample.gather(raw, 1, 4, out, 0, 3)
    assert list(out) == [32769, 32769, 32769, 0]
    resample.gather(raw, 3, 4, out, 1, 3)
    assert list(out) == [32769, 32766, 32766, 32766]


def test_frames_that_follow_each_other_join_without_a_seam():
    # The state between frames is the tail of the input: two frames from one long input and one long frame are the same.
    factor = 6
    source = array("H", tone(1230, 48000, 320 * factor + 84))
    whole = bytearray(640)
    resample.decimate(source, taps(factor), whole, factor, 320, 0)
    first, second = bytearray(320), bytearray(320)
    resample.decimate(source, taps(factor), first, factor, 160, 0)
    resample.move(source, 960, 960 + 84)
    resample.decimate(source, taps(factor), second, factor, 160, 0)
    assert whole == first + second
