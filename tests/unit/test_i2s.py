# siplet/audio/i2s against a fake driver: sound both ways, a bus that runs fast or slow, a task that comes late. The
# fake raises when a real part would have made the task wait.

import math

from fake_i2s import I2S, load

MIC = {"id": 0, "sck": 1, "ws": 2, "sd": 3}
SPEAKER = {"id": 1, "sck": 4, "ws": 5, "sd": 6}
AMPLITUDE = 10000
KERNELS = ("decimate", "interpolate", "gather", "move")


def part(base, **more):
    made = dict(base)
    made.update(more)
    return made


def words(data):
    return [(data[i] | data[i + 1] << 8) - (data[i + 1] >> 7 << 16) for i in range(0, len(data), 2)]


def amplitude(samples, hertz, rate):
    """What of samples is the tone, and what is not: an amplitude each."""
    n = len(samples)
    step = 2 * math.pi * hertz / rate
    real = sum(samples[i] * math.cos(step * i) for i in range(n)) * 2 / n
    imaginary = sum(samples[i] * math.sin(step * i) for i in range(n)) * 2 / n
    heard = real * real + imaginary * imaginary
    return math.sqrt(heard), math.sqrt(max(0, sum(s * s for s in samples) * 2 / n - heard))


def hear(hertz, rate, period):
    table = [int(AMPLITUDE * math.sin(2 * math.pi * k * hertz / rate)) for k in range(period)]
    I2S.hears = lambda n: table[n % len(table)]


def hear_1_khz(rate):
    hear(1000, rate, rate // 1000)


def frame_of_1_khz():
    frame = bytearray(320)
    for i in range(160):
        value = int(AMPLITUDE * math.sin(2 * math.pi * i / 8)) & 0xFFFF
        frame[2 * i] = value & 255
        frame[2 * i + 1] = value >> 8
    return frame


def test_a_tone_at_the_microphone_arrives_at_8_khz_whatever_the_part_is():
    for rate in (48000, 16000):
        for more in ({}, {"bits": 32}, {"right": True}, {"bits": 32, "right": True}):
            for ring in (False, True):
                i2s, clock = load()
                I2S.ring = ring
                hear_1_khz(rate)
                audio = i2s.I2S(mic=part(MIC, **more), rate=rate)
                audio.start()
                frame = bytearray(320)
                heard = []
                for _ in range(4):
                    clock.us += 20000
                    heard.append(audio.read(frame))
                assert heard[1:] == [True] * 3
                tone, rest = amplitude(words(frame), 1000, 8000)
                assert abs(tone - AMPLITUDE) < AMPLITUDE * 0.05 and rest < AMPLITUDE * 0.01, (rate, more, tone, rest)
                audio.stop()
                assert not I2S.buses[0].open


def test_a_tone_at_the_microphone_arrives_at_16_khz_after_tuning():
    for rate in (48000, 16000):
        for ring in (False, True):
            i2s, clock = load()
            I2S.ring = ring
            hear(6000, rate, rate // 2000)
            audio = i2s.I2S(mic=dict(MIC), rate=rate)
            audio.tune(16000)
            audio.start()
            frame = bytearray(640)
            heard = []
            for _ in range(4):
                clock.us += 20000
                heard.append(audio.read(frame))
            assert heard[1:] == [True] * 3
            tone, rest = amplitude(words(frame), 6000, 16000)
            assert abs(tone - AMPLITUDE) < AMPLITUDE * 0.05 and rest < AMPLITUDE * 0.01, (rate, tone, rest)


def test_frames_of_16_khz_reach_the_speaker_without_a_gap_and_without_images():
    for rate in (48000, 16000):
        for bits in (16, 32):
            i2s, clock = load()
            audio = i2s.I2S(speaker=part(SPEAKER, bits=bits), rate=rate)
            audio.tune(16000)
            audio.start()
            bus = I2S.buses[0]
            bus.played = []
            frame = bytearray(640)
            for i in range(320):
                value = int(AMPLITUDE * math.sin(2 * math.pi * i * 6000 / 16000)) & 0xFFFF
                frame[2 * i] = value & 255
                frame[2 * i + 1] = value >> 8
            for _ in range(8):
                audio.write(frame)
                clock.us += 20000
            bus.run()
            assert bus.gaps == audio.underruns == audio.overruns == 0
            tone, rest = amplitude(bus.played[-rate // 25 :], 6000, rate)
            assert abs(tone - AMPLITUDE) < AMPLITUDE * 0.05 and rest < AMPLITUDE * 0.02, (rate, bits, tone, rest)


def test_gain_lifts_a_quiet_microphone_of_16_khz_too():
    for rate in (48000, 16000):
        i2s, clock = load()
        I2S.hears = lambda n: 100
        audio = i2s.I2S(mic=part(MIC, gain=4), rate=rate)
        audio.tune(16000)
        audio.start()
        frame = bytearray(640)
        for _ in range(3):
            clock.us += 20000
            audio.read(frame)
        assert 1560 < words(frame)[80] < 1640


def test_gain_lifts_a_quiet_microphone():
    i2s, clock = load()
    I2S.hears = lambda n: 100
    audio = i2s.I2S(mic=part(MIC, gain=4))
    audio.start()
    frame = bytearray(320)
    for _ in range(3):
        clock.us += 20000
        audio.read(frame)
    assert 1590 < words(frame)[80] < 1610


def test_frames_reach_the_speaker_without_a_gap_and_without_images():
    for rate in (48000, 16000):
        for bits in (16, 32):
            i2s, clock = load()
            audio = i2s.I2S(speaker=part(SPEAKER, bits=bits), rate=rate)
            audio.start()
            bus = I2S.buses[0]
            bus.played = []
            frame = frame_of_1_khz()
            for _ in range(8):
                audio.write(frame)
                clock.us += 20000
            bus.run()
            assert bus.gaps == audio.underruns == audio.overruns == 0
            tone, rest = amplitude(bus.played[-rate // 25 :], 1000, rate)
            assert abs(tone - AMPLITUDE) < AMPLITUDE * 0.05 and rest < AMPLITUDE * 0.02, (rate, bits, tone, rest)
            audio.stop()
            assert not bus.open


class Levels:
    """Both directions at once with kernels that compute nothing: thousands of ticks, for how full the buffers are."""

    def __init__(self, rate=48000, ring=False, call=8000):
        self.i2s, self.clock = load()
        I2S.ring = ring
        self.kernels = [getattr(self.i2s, name) for name in KERNELS]
        for name in KERNELS:
            setattr(self.i2s, name, lambda *_: None)
        self.audio = self.i2s.I2S(mic=dict(MIC), speaker=dict(SPEAKER), rate=rate)
        self.tune(call)
        self.audio.start()
        self.rx, self.tx = I2S.buses
        self.per_ms = rate // 1000

    def tune(self, call):
        self.audio.tune(call)
        self.frame = bytearray(call // 25)

    def tick(self, us=20000):
        self.clock.us += us
        self.audio.write(self.frame)
        return self.audio.read(self.frame)

    def delays(self):
        """(microphone, speaker): ms of sound that wait between the bus and the frames, just after a tick."""
        taken = self.rx.at - self.audio._fill + self.audio._past
        said = self.tx.level + self.audio._have
        return (self.clock.frames(self.rx.start, self.rx.rate) - taken) // self.per_ms, said // self.per_ms

    def close(self):
        for name, kernel in zip(KERNELS, self.kernels):
            setattr(self.i2s, name, kernel)


def test_a_bus_that_runs_fast_or_slow_never_runs_dry_and_the_delay_does_not_grow():
    for rate in (48000, 16000):
        for ring in (False, True):
            for ppm in (0, 300, -300):
                levels = Levels(rate, ring)
                levels.clock.ppm = ppm
                for _ in range(100):
                    levels.tick()
                audio = levels.audio
                audio.underruns = audio.overruns = levels.tx.gaps = levels.rx.lost = 0
                worst = [0, 0]
                for _ in range(3000):  # a minute, in which 300 ppm are 18 ms
                    assert levels.tick()
                    worst = [max(a, b) for a, b in zip(worst, levels.delays())]
                levels.close()
                assert audio.underruns == audio.overruns == levels.tx.gaps == levels.rx.lost == 0, (rate, ring, ppm)
                limit = (14, 45) if rate == 48000 else (30, 80)  # ms, microphone and speaker
                assert worst[0] <= limit[0] and worst[1] <= limit[1], (rate, ring, ppm, worst)


def test_a_tenth_of_a_second_after_the_start_the_microphone_is_as_near_as_it_will_be():
    for rate, most in ((48000, 14), (16000, 30)):
        for late in range(0, 20000, 2500):  # of the first tick, behind start()
            levels = Levels(rate)
            levels.tick(late)
            for _ in range(6):
                levels.tick()
            slips = []
            taken = levels.rx.at - levels.audio._fill
            for i in range(200):
                assert levels.tick() and levels.delays()[0] <= most, (rate, late, i, levels.delays())
                slips.append(levels.rx.at - levels.audio._fill - taken - rate // 50)
                taken = levels.rx.at - levels.audio._fill
            levels.close()
            assert not [slip for slip in slips if slip > 0], (rate, late, slips)


def test_neither_does_a_call_of_16_khz_run_dry():
    for rate in (48000, 16000):
        for ppm in (300, -300):
            levels = Levels(rate, False, 16000)
            levels.clock.ppm = ppm
            for _ in range(400):
                levels.tick()
            audio = levels.audio
            audio.underruns = audio.overruns = levels.tx.gaps = levels.rx.lost = 0
            worst = [0, 0]
            for _ in range(2000):
                assert levels.tick()
                worst = [max(a, b) for a, b in zip(worst, levels.delays())]
            levels.close()
            assert audio.underruns == audio.overruns == levels.tx.gaps == levels.rx.lost == 0, (rate, ppm)
            limit = (14, 45) if rate == 48000 else (30, 80)
            assert worst[0] <= limit[0] and worst[1] <= limit[1], (rate, ppm, worst)


def test_the_rate_may_change_in_the_middle_of_a_call_and_nothing_is_lost():
    for rate in (48000, 16000):
        levels = Levels(rate)
        for _ in range(100):
            levels.tick()
        audio = levels.audio
        audio.underruns = audio.overruns = levels.tx.gaps = levels.rx.lost = 0
        for call in (16000, 8000, 16000, 8000):
            levels.tune(call)
            for _ in range(100):
                assert levels.tick()
        levels.close()
        assert audio.underruns == audio.overruns == levels.tx.gaps == levels.rx.lost == 0, rate


def test_ticks_that_jitter_by_some_milliseconds_are_heard_by_nobody():
    levels = Levels()
    for _ in range(100):
        levels.tick()
    audio = levels.audio
    audio.underruns = audio.overruns = levels.tx.gaps = 0
    for i in range(1000):
        levels.tick(20000 + (2500, -2500, 0, 1500, -1500)[i % 5])
    levels.close()
    assert audio.underruns == audio.overruns == levels.tx.gaps == levels.rx.lost == 0


def test_a_late_tick_is_counted_and_the_delay_comes_back():
    levels = Levels()
    for _ in range(100):
        levels.tick()
    audio = levels.audio
    normal = levels.delays()
    audio.underruns = audio.overruns = levels.tx.gaps = 0
    levels.tick(90000)
    assert audio.underruns == 1 and levels.tx.gaps > 0  # the amplifier had nothing to say for a while
    assert levels.rx.lost > 0  # and nobody fetched what the microphone heard
    gaps = levels.tx.gaps
    for _ in range(300):
        levels.tick()
    now = levels.delays()
    levels.close()
    assert audio.underruns == 1 and levels.tx.gaps == gaps
    assert abs(now[0] - normal[0]) <= 6 and abs(now[1] - normal[1]) <= 8


def test_a_burst_of_ticks_that_catches_up_throws_away_instead_of_delaying():
    levels = Levels()
    for _ in range(100):
        levels.tick()
    audio = levels.audio
    audio.overruns = 0
    for _ in range(6):
        levels.tick(0)
    assert audio.overruns >= 3
    for _ in range(400):
        levels.tick()
    assert levels.delays()[1] <= 50
    levels.close()


def test_a_microphone_alone_and_a_speaker_alone():
    i2s, clock = load()
    audio = i2s.I2S(mic=dict(MIC))
    audio.start()
    clock.us += 20000
    audio.write(bytearray(320))  # into the void
    i2s, clock = load()
    audio = i2s.I2S(speaker=dict(SPEAKER))
    audio.start()
    frame = bytearray(b"x" * 320)
    assert not audio.read(frame) and frame == bytes(320)


def test_stop_closes_the_buses_and_start_makes_new_ones():
    i2s, clock = load()
    I2S.hears = lambda n: 0
    audio = i2s.I2S(mic=dict(MIC), speaker=dict(SPEAKER))
    frame = bytearray(320)
    assert not audio.read(frame)  # before the first call: silence
    audio.write(frame)
    for _ in range(3):
        audio.start()
        for _ in range(3):
            clock.us += 20000
            audio.write(frame)
            heard = audio.read(frame)
        assert heard
        audio.stop()
        audio.stop()
    assert len(I2S.buses) == 6 and not [bus for bus in I2S.buses if bus.open]


def test_another_rate_is_our_own_mistake():
    i2s, _ = load()
    from siplet.errors import LocalError

    try:
        i2s.I2S(mic=dict(MIC), rate=44100)
    except LocalError:
        return
    raise AssertionError


def test_a_rate_that_memory_fails_for_leaves_the_former_one_whole():
    i2s, _ = load()
    audio = i2s.I2S(mic=MIC, speaker=SPEAKER)
    array = i2s.array

    def full(*_):
        raise MemoryError

    i2s.array = full
    try:
        audio.tune(16000)
        raise AssertionError("tuned")
    except MemoryError:
        pass
    i2s.array = array
    assert audio.rate == 8000 and audio._samples == 160 and len(audio._out) < 320
    audio.tune(16000)
    assert audio.rate == 16000 and len(audio._out) > 320
