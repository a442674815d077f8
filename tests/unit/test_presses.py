# media/presses: one press is one digit, however many forms tell of it and in whatever order.

from siplet.media.presses import INFO, RTP, TONE, Presses

_MASK = 0x3FFFFFFF


class Random:
    def __init__(self, seed):
        self.state = seed * 7919 + 1

    def below(self, n):
        self.state = (self.state * 1103515245 + 12345) & 0x7FFFFFFF
        return (self.state >> 8) % n


def told(news, start=0):
    """The digits of a list of (ms, key, form), or (ms, key, form, "hold"), in the order of time."""
    presses = Presses()
    digits = ""
    for one in sorted(news, key=lambda one: one[0]):
        now = (start + one[0]) & _MASK
        if len(one) > 3:
            presses.hold(one[1], one[2], now)
        elif presses.press(one[1], one[2], now):
            digits += one[1]
    return digits


def test_each_form_alone_tells_each_press():
    for form in (RTP, INFO, TONE):
        assert told([(100 * i, "5", form) for i in range(40)]) == "5" * 40


def test_twice_quickly_by_all_forms_are_two():
    for order in ((0, 90, 900), (900, 0, 90), (90, 900, 0)):
        news = []
        for begin in (0, 120):
            news += [(begin + order[0], "5", RTP), (begin + order[1] + 1, "5", INFO), (begin + order[2] + 2, "5", TONE)]
        assert told(news) == "55", order


def test_a_second_later_it_is_another_press():
    assert told([(0, "1", RTP), (999, "1", INFO)]) == "1"
    assert told([(0, "1", RTP), (1001, "1", INFO)]) == "11"


def test_a_press_held_for_three_seconds_is_one():
    held = [(20 * i, "7", RTP, "hold") for i in range(1, 150)]
    # its tone breaks off and comes again; an INFO tells of it when it is let go
    tones = [(60, "7", TONE), (1500, "7", TONE), (2900, "7", TONE)]
    assert told([(0, "7", RTP)] + tones + held + [(3400, "7", INFO)]) == "7"
    held = [(60 + 20 * i, "7", TONE, "hold") for i in range(150)]
    assert told([(50, "7", TONE)] + held + [(3800, "7", INFO)]) == "7"


def test_a_tone_that_comes_again_by_itself_is_another_press():
    held = [(60 + 20 * i, "7", TONE, "hold") for i in range(20)]
    assert told([(50, "7", TONE)] + held + [(600, "7", TONE)]) == "77"


def test_any_interleaving_gives_the_presses():
    # each press is told of by the same forms, each with a delay of its own that only grows or shrinks slowly
    for seed in range(300):
        random = Random(seed)
        forms = (1, 2, 4, 3, 5, 6, 7, 7)[random.below(8)]
        news = []
        keys = ""
        now = 0
        delays = [random.below(800) for _ in range(3)]
        last = [0, 0, 0]
        for _ in range(1 + random.below(30)):
            key = "0123456789*#ABCD"[random.below(16)] if random.below(2) else "5"
            keys += key
            length = 40 + (random.below(200) if random.below(8) else random.below(3000))
            for i in range(3):
                form = 1 << i
                if not forms & form:
                    continue
                at = max(now + delays[i] + random.below(100), last[i] + 1)
                last[i] = at
                news.append((at, key, form))
                if form != INFO:
                    news += [(at + ms, key, form, "hold") for ms in range(20, length, 20)]
            now += length + 40 + random.below(400)
        got = told(news, _MASK - 5000)
        assert sorted(got) == sorted(keys), (seed, forms, keys, got)
        if forms in (1, 2, 4):
            assert got == keys


def test_hostile_numbers_of_presses_are_bounded():
    presses = Presses()
    assert sum([presses.press("5", RTP, i) for i in range(2000)]) == 2000
    for i in range(100):
        presses.hold("#", INFO, i)
    presses.reset()
    assert presses.press("5", INFO, 2000)
