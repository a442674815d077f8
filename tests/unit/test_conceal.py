# media/conceal: what stands for sound that did not come, against what would have come.

from array import array

from player_parts import Random
from siplet.media import conceal, conceal_plain, pitch, pitch_plain

# Numbers of the state
END, WIDE, SPAN, PERIOD, LIKENESS, COMFORT, SPEED = 16, 17, 19, 23, 24, 33, 34
LAST, WORK = 780, 350


class Sound:
    """n samples that a function of the index gives, and what concealment needs."""

    def __init__(self, function, n=1000, wide=0):
        self.s = array("i", bytes(4 * 128))
        self.pcm = array("H", bytes(2 * 4000))
        self.last = array("H", bytes(2 * LAST))
        self.work = bytearray(WORK)
        self.wide = wide
        self.function = function
        for i in range(n):
            self.pcm[i] = function(i) & 0xFFFF
        self.s[END] = n
        self.s[WIDE] = wide
        self.s[SPEED] = 1

    def sample(self, i):
        x = self.pcm[i]
        return x if x < 0x8000 else x - 0x10000

    def pitch(self):
        pitch.pitch(self.work, self.work, 0, self.s, self.pcm, self.s[END])
        return self.s[PERIOD]

    def conceal(self, n, ahead=0):
        """n samples more, and how far they are from what would have come."""
        self.pitch()
        conceal.begin(self.s, self.pcm, self.last, ahead)
        start = self.s[END]
        conceal.synthesize(self.s, self.last, self.pcm, start, n)
        self.s[END] = start + n
        return [abs(self.sample(i) - self.function(i)) for i in range(start, start + n)]

    def level(self, start, stop):
        return sum(abs(self.sample(i)) for i in range(start, stop)) // (stop - start)


def saw(period, top=8000):
    return lambda i: top - 2 * top * (i % period) // period


def test_finds_the_period_of_any_voice():
    for period in (32, 40, 57, 64, 75, 90, 101, 118):
        sound = Sound(saw(period))
        assert abs(sound.pitch() - period) <= 1 or sound.pitch() % period <= 1, (period, sound.pitch())
        assert sound.s[LIKENESS] > 110
        sound = Sound(saw(2 * period), 1600, 1)
        assert abs(sound.pitch() - 2 * period) <= 2 or sound.pitch() % (2 * period) <= 2
        assert sound.s[LIKENESS] > 110


def test_noise_and_silence_have_none():
    random = Random(3)
    sound = Sound(lambda i: random.below(16000) - 8000)
    sound.pitch()
    assert sound.s[LIKENESS] < 50
    sound = Sound(lambda i: 0)
    assert 30 <= sound.pitch() <= 120 and sound.s[LIKENESS] == 0


def test_ten_ms_of_an_even_voice_are_as_they_would_have_been():
    for wide in (0, 1):
        for ahead in (0, 60):
            sound = Sound(saw(60 << wide), 1600, wide)
            errors = sound.conceal(80 << wide, ahead << wide)
            assert sum(errors) // len(errors) < 300, sum(errors) // len(errors)


def test_fades_from_10_ms_on_and_is_gone_after_60():
    sound = Sound(saw(80))
    sound.conceal(600)
    full = sound.level(520, 1000)
    levels = [100 * sound.level(1000 + 80 * i, 1080 + 80 * i) // full for i in range(7)]
    for level, wanted in zip(levels, (100, 90, 70, 50, 30, 10, 0)):
        assert wanted - 8 <= level <= wanted + 8, levels
    assert sound.level(1480, 1600) == 0


def test_several_calls_are_as_good_as_one():
    one = Sound(saw(70))
    one.conceal(480)
    other = Sound(saw(70))
    other.conceal(1)
    for n in (79, 80, 3, 157, 160):
        conceal.synthesize(other.s, other.last, other.pcm, other.s[END], n)
        other.s[END] += n
    assert one.pcm == other.pcm


def test_comfort_noise_has_the_level_that_was_told():
    for level, magnitude in ((30, 897), (40, 283), (50, 89), (60, 28), (127, 0)):
        sound = Sound(lambda i: 0)
        sound.s[COMFORT] = conceal.magnitude(level)
        assert abs(conceal.magnitude(level) - magnitude) <= magnitude // 20 + 1
        sound.conceal(2000)
        assert 9 * magnitude // 10 - 2 <= sound.level(1600, 3000) <= 11 * magnitude // 10 + 2
    assert conceal.magnitude(0) == conceal.magnitude(0x80) == 2000  # nobody is to be frightened


def test_splice_leaves_out_and_puts_in():
    for cut in (64, -64, 1, -1):
        sound = Sound(saw(64), 800)
        conceal.splice(sound.s, sound.pcm, 400, cut, 64 if abs(cut) > 1 else 32)
        end = sound.s[END]
        assert end == 800 - cut
        step = max(
            abs(sound.sample(i) - saw(64)(i + (cut if i >= 464 else 0))) for i in range(end) if not 400 <= i < 464
        )
        assert step == 0
        if abs(cut) == 64:  # a whole period: nothing is heard of it
            assert max(abs(sound.sample(i) - saw(64)(i)) for i in range(end)) < 10


def bridged(before, after, n=160, wide=0, kernels=conceal):
    """A Sound of before(i), n samples of concealment, after(i) as the decoder brings it, and both joined."""
    sound = Sound(before, 1600, wide)
    sound.conceal(n << wide)
    at, to = 1600, 1600 + (n << wide)
    for i in range(to, to + (160 << wide)):
        sound.pcm[i] = after(i) & 0xFFFF
    sound.s[END] = to + (160 << wide)
    sound.pitch()
    kernels.bridge(sound.s, sound.pcm, at, n << wide)
    return sound


def test_a_gap_in_an_even_voice_is_closed_as_if_it_had_never_been():
    for wide in (0, 1):
        for n in (20, 160, 100):
            sound = bridged(saw(60 << wide), saw(60 << wide), n, wide)
            errors = [abs(sound.sample(i) - saw(60 << wide)(i)) for i in range(1600, sound.s[END])]
            assert sum(errors) // len(errors) < 300, (wide, n, sum(errors) // len(errors))


def test_a_voice_that_rises_in_a_gap_comes_out_of_it_with_its_new_period_and_without_a_step():
    def hum(period):
        return lambda i: 120 * (abs(i % period * 100 // period - 50) - 25)  # a triangle, without a step of its own

    sound = bridged(hum(60), hum(48))
    heard = [sound.sample(i) for i in range(1500, sound.s[END])]
    most = max(abs(heard[i + 1] - heard[i]) for i in range(len(heard) - 1))
    assert most < 2 * 120 * 100 // 48, most
    assert all(sound.sample(i) == hum(48)(i) for i in range(1600 + 160 + 30, sound.s[END]))
    last = range(1600 + 100, 1600 + 160)  # the end of the gap is that of the new period
    own = sum(abs(sound.sample(i) - sound.sample(i + 48)) for i in last)
    assert own < sum(abs(sound.sample(i) - sound.sample(i + 60)) for i in last) // 2


def test_who_falls_silent_or_begins_to_speak_in_a_gap_does_so_on_the_way():
    fades = bridged(saw(60), lambda i: 8 * (i & 1))
    levels = [fades.level(1600 + 40 * i, 1640 + 40 * i) for i in range(4)]
    assert levels[0] > levels[1] > levels[2] > levels[3] and levels[3] < 800 < 2000 < levels[0], levels
    rises = bridged(lambda i: 8 * (i & 1), saw(60))
    levels = [rises.level(1600 + 40 * i, 1640 + 40 * i) for i in range(4)]
    assert levels[0] < levels[1] < levels[2] < levels[3] and levels[0] < 800 < 2500 < levels[3], levels


def test_fade_goes_over():
    sound = Sound(lambda i: 1000 if i < 100 else -3000, 200)
    conceal.fade(sound.pcm, 0, 100, 50)
    heard = [sound.sample(100 + i) for i in range(60)]
    assert heard[0] > 800 and heard[49] < -2700 and heard[50:] == [-3000] * 10
    assert all(heard[i] >= heard[i + 1] for i in range(59))


def test_the_kernels_agree_with_their_twins():
    random = Random(9)
    for story in range(24):
        wide = story & 1
        period = 30 + random.below(180)
        top = 1 << 4 + random.below(12)
        noise = 1 + random.below(top)

        def voice(i, period=period, top=top, noise=noise):
            return min(max(saw(period, top)(i) + random.below(noise) - noise // 2, -32768), 32767)

        one = Sound(voice, 1000, wide)
        other = Sound(lambda i: 0, 0, wide)
        other.pcm[:] = one.pcm
        other.s[:] = one.s
        for s in (one.s, other.s):
            s[COMFORT] = 100 * (story % 3)
            s[SPEED] = 6 if story % 5 == 4 else 1
        ahead = random.below(80)
        lengths = [1 + random.below(200 << wide) for _ in range(6)]
        for kernels, finder, sound in ((conceal, pitch, one), (conceal_plain, pitch_plain, other)):
            finder.pitch(sound.work, sound.work, 0, sound.s, sound.pcm, sound.s[END])
            kernels.begin(sound.s, sound.pcm, sound.last, ahead)
            for n in lengths:
                kernels.synthesize(sound.s, sound.last, sound.pcm, sound.s[END], n)
                sound.s[END] += n
            kernels.bridge(sound.s, sound.pcm, sound.s[END] - (300 << wide), 100 << wide)
            kernels.fade(sound.pcm, 300, 1000, 77)
            for cut, n in ((60, 60), (-60, 60), (1, 32), (-1, 32)):
                kernels.splice(sound.s, sound.pcm, 500, cut, n)
        assert one.s == other.s and one.work == other.work and one.last == other.last, story
        assert one.pcm[: one.s[END]] == other.pcm[: one.s[END]], story
