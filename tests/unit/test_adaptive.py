# media/adaptive: what it keeps, what it counts, and how long it would have a packet wait.

from array import array

from player_parts import Random
from siplet.media import adaptive, adaptive_plain, playout, playout_plain
from siplet.media.adaptive import Adaptive
from siplet.stream import Stats

_MASK = 0x3FFFFFFF
# Numbers of the state
READ, COUNT, CLOCK, BASE, TARGET, NOW, END, EDGE, PIECES = 0, 2, 3, 4, 6, 15, 16, 38, 40


def codes(i, n=160):
    return bytes([i & 255]) * n


def buffer(least=40, most=200, first=60):
    return Adaptive(Stats(), least, most, first)


def put(j, i, n=160, start=0):
    j.put((start + i * n) & _MASK, codes(i, n), 0, n)


def pieces(j):
    s = j.state
    return [(s[PIECES + 2 * i], s[PIECES + 2 * i + 1]) for i in range(s[COUNT])]


def content(j, first, n):
    """n bytes of the ring from the next code on."""
    place = j.state[1]
    return bytes([j.data[(place + first + i) & 2047] for i in range(n)])


def tick(j):
    j.state[CLOCK] = (j.state[CLOCK] + 160) & _MASK


def test_packets_lie_in_order_whatever_order_they_came_in():
    for start in (0, _MASK - 200):
        j = buffer()
        for i in (0, 2, 1, 4, 3):
            put(j, i, start=start)
        assert pieces(j) == [(0, 800)]
        assert content(j, 0, 800) == b"".join(codes(i) for i in range(5))
        assert j.state[READ] == start
        assert j.discarded == j.stats.late == j.stats.duplicate == j.stats.bad == 0


def test_gaps_are_known_and_filled():
    j = buffer()
    for i in (0, 2, 4):
        put(j, i)
    assert pieces(j) == [(0, 160), (320, 480), (640, 800)]
    put(j, 3)
    assert pieces(j) == [(0, 160), (320, 800)]
    adaptive.advance(j.state, 200)
    assert pieces(j) == [(120, 600)]


def test_a_duplicate_is_counted_and_changes_nothing():
    j = buffer()
    put(j, 0)
    put(j, 1)
    j.put(0, codes(9), 0, 160)
    j.put(80, codes(9), 0, 160)
    assert j.stats.duplicate == 2 and content(j, 0, 320) == codes(0) + codes(1)


def test_what_comes_before_the_first_one_moves_the_beginning():
    j = buffer()
    put(j, 5)
    put(j, 3)
    assert j.state[READ] == 480 and pieces(j) == [(0, 160), (320, 480)]


def test_what_is_late_is_counted_and_its_end_may_be_in_time():
    j = buffer()
    for i in range(4):
        put(j, i)
    adaptive.advance(j.state, 400)
    j.state[13] = 0  # it is being played
    put(j, 1)
    assert (j.stats.late, j.discarded) == (1, 1)
    j = buffer()
    put(j, 0)
    j.state[13] = 0
    adaptive.advance(j.state, 200)
    j.put(160, codes(7), 0, 160)
    assert pieces(j) == [(0, 120)] and content(j, 0, 120) == codes(7, 120) and j.stats.late == 0


def test_lengths_from_1_to_128_ms_and_none_else():
    for n in (8, 16, 80, 160, 240, 480, 1024):
        j = buffer()
        for i in range(4):
            put(j, i, n)
        assert content(j, 2048 - n if 4 * n > 2048 else 3 * n, n if 4 * n <= 2048 else 1) is not None
        assert pieces(j)[0][0] == 0 and pieces(j)[-1][1] <= 2048
    j = buffer()
    for n in (0, 1025, 4000):
        j.put(0, codes(1, 4000), 0, n)
    assert j.stats.bad == 3 and not pieces(j)


def test_lengths_may_change_from_packet_to_packet():
    j = buffer()
    time = 0
    for n in (80, 160, 240, 16, 80, 8, 320):
        j.put(time, codes(n, n), 0, n)
        time += n
    assert pieces(j) == [(0, time)] and content(j, time - 320, 320) == codes(320, 320)


def test_too_many_gaps_are_not_remembered():
    j = buffer()
    for i in range(0, 60, 2):
        put(j, i, 8)
    assert j.state[COUNT] == 12 and j.discarded == 18


def test_no_room_leaves_out_the_oldest():
    j = buffer()
    for i in range(14):
        put(j, i)
    assert j.stats.skipped == 2 and j.discarded == 2
    assert pieces(j) == [(0, 1920)] and j.state[READ] == 320
    assert content(j, 0, 160) == codes(2) and content(j, 1760, 160) == codes(13)


def test_a_clock_set_anew_begins_anew():
    for jump in (100000, -100000, 9000, 1 << 29):
        j = buffer()
        put(j, 0)
        put(j, 1)
        j.put((160 + jump) & _MASK, codes(3), 0, 160)
        assert j.state[READ] == (160 + jump) & _MASK and pieces(j) == [(0, 160)]
        assert j.stats.skipped == 2
        j.put((320 + jump) & _MASK, codes(4), 0, 160)
        assert pieces(j) == [(0, 320)]


def learn(j, transits):
    """Packets that come so many samples late."""
    waits = []
    for i in range(len(transits)):
        j.state[COUNT] = 0
        j.state[READ] = (i * 160) & _MASK
        j.state[CLOCK] = (i * 160 + transits[i]) & _MASK
        j.put((i * 160) & _MASK, codes(i), 0, 160)
        waits.append(j.nominal)
    return waits


def test_begins_with_60_ms_and_is_at_40_after_half_a_second_without_jitter():
    waits = learn(buffer(), [0] * 100)
    assert waits[10] == 60 and waits[40] == 40 and waits[99] == 40


def test_is_at_20_after_20_s_without_jitter_if_that_is_allowed():
    waits = learn(buffer(20), [0] * 1010)
    assert waits[10] == 60 and waits[40] == 40 and waits[980] == 40 and waits[1000] == 20
    # As well for a phase that is no multiple of a step
    assert learn(buffer(20), [0] * 20 + [77] * 2000)[-1] <= 24


def test_what_comes_in_the_last_moment_counts_as_if_it_had_come_too_late():
    j = buffer(20)
    learn(j, [0] * 1010)
    assert j.nominal == 20
    wait = learn(j, [0] * 100)[-1]
    for i in range(40):
        j.state[EDGE] = 0 if i % 8 else 5
        wait = learn(j, [0])[-1]
    assert wait == 40
    j.state[EDGE] = 0
    waits = learn(j, [0] * 1500)
    assert waits[100] == 40 and waits[-1] == 20


def test_waits_for_as_long_as_nearly_all_need():
    random = Random(5)
    for ms in (20, 60, 100, 150):
        transits = [random.below(8 * ms) for _ in range(1500)]
        j = buffer()
        waits = learn(j, transits)
        assert ms + 8 <= waits[-1] <= ms + 30, (ms, waits[-1])
        wait = j.state[TARGET] + ((j.state[BASE] ^ 0x20000000) - 0x20000000)
        assert sum(t > wait for t in transits[-1000:]) <= 5


def test_one_packet_in_500_that_is_very_late_is_not_waited_for():
    transits = [1200 if i % 500 == 400 else 0 for i in range(3000)]
    assert max(learn(buffer(), transits)[450:]) == 40


def test_forgets_jitter_that_is_over():
    random = Random(6)
    j = buffer()
    learn(j, [random.below(800) for _ in range(500)])
    assert j.nominal > 100
    waits = learn(j, [0] * 2500)
    assert waits[-1] == 40


def test_never_waits_longer_or_shorter_than_told():
    random = Random(7)
    j = buffer(50, 90, 70)
    waits = learn(j, [0] * 50 + [random.below(1500) for _ in range(500)])
    assert min(waits) >= 50 and max(waits) <= 90 and j.maximum == 90 and waits[10] == 70


def test_a_way_that_became_longer_for_good_is_the_usual_one_soon():
    j = buffer()
    waits = learn(j, [0] * 300 + [700] * 3000)
    assert waits[-1] == 40
    j = buffer()
    waits = learn(j, [3000] * 300 + [400] * 3000)
    assert waits[-1] == 40
    j = buffer()
    waits = learn(j, [0] * 300 + [5000] * 2000)
    assert waits[-1] == 40


def test_reset_throws_away_and_clear_forgets():
    j = buffer()
    put(j, 0)
    j.reset()
    assert not pieces(j)
    put(j, 700)
    assert pieces(j) == [(0, 160)]
    learn(j, [i % 9 * 100 for i in range(300)])
    j.clear()
    assert j.nominal == 60 and not pieces(j)


def test_the_kernels_agree_with_their_twins():
    random = Random(11)
    both = [buffer(), buffer()]
    pcms = [array("H", bytes(2 * 2400)), array("H", bytes(2 * 2400))]
    frames = [bytearray(640), bytearray(640)]
    samples = bytes([random.below(256) for _ in range(512)])
    wide = bytes([random.below(256) for _ in range(1000)])
    data = bytes([random.below(256) for _ in range(1100)])
    kernels = (adaptive, adaptive_plain)
    for j in both:
        j.state[NOW] = j.state[END] = 780
    time = 0x3FFFF000
    for step in range(1500):
        if step % 300 == 0:
            for j in both:
                j.reset()
                j.state[17] = step // 300 & 1
                j.state[NOW] = j.state[END] = 780
        time = (time + 160) & _MASK
        for _ in range(random.below(3)):
            at = random.below(40)
            stamp = (time + random.below(900) - 400) & _MASK
            n = random.below(400)
            if random.below(200) == 0:
                stamp = random.below(32768) << 15
            said = [k.keep(j.state, j.data, data, stamp, at, n) for k, j in zip(kernels, both)]
            assert said[0] == said[1]
        said = [k.check(j.state) for k, j in zip(kernels, both)]
        assert said[0] == said[1]
        assert adaptive.excess(both[0].state) == adaptive_plain.excess(both[1].state)
        s = both[0].state
        n = 0
        if s[COUNT] and not s[PIECES]:
            n = min(s[PIECES + 1], random.below(200))
        rate = s[17]
        for kernel, j, pcm, frame in zip((playout, playout_plain), both, pcms, frames):
            if not rate and n >= 160 and step & 1:
                kernel.flow(samples, j.data, pcm, j.state, frame)
                continue
            if rate:
                kernel.load(j.state, pcm, wide, 2 * n, n)
            else:
                kernel.take(samples, j.data, pcm, j.state, n)
            if j.state[END] - j.state[NOW] >= 160 << rate:
                kernel.give(j.state, pcm, frame)
        assert list(both[0].state) == list(both[1].state), step
        assert frames[0] == frames[1] and both[0].data == both[1].data
        s = both[0].state
        assert pcms[0][: s[END]] == pcms[1][: s[END]]
        if step % 7 == 0:
            n = random.below(500)
            for kernel, j in zip(kernels, both):
                kernel.advance(j.state, n)
            assert list(both[0].state) == list(both[1].state)
