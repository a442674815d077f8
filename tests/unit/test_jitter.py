# media/jitter: one frame out for 20 ms in, whatever the network did on the way.

from siplet.media.jitter import Jitter
from siplet.stream import Stats

_MASK = 0x3FFFFFFF
KEPT, LATE, DUPLICATE, REFUSED = range(4)
FRAME, MISSING, PREFETCHING, EMPTY = range(4)


def codes(i, n=160):
    return bytes([i & 255]) * n


def offer(j, timestamp, data, at, n):
    """Jitter.put(), and what was counted."""
    stats = j.stats
    before = stats.late, stats.duplicate, stats.bad
    j.put(timestamp, data, at, n)
    after = stats.late, stats.duplicate, stats.bad
    changed = [i for i in range(3) if after[i] != before[i]]
    assert len(changed) < 2 and sum(after) - sum(before) == len(changed)
    return changed[0] + 1 if changed else KEPT


def put(j, i, n=160, start=0):
    """The i-th packet of n samples, its codes all i."""
    return offer(j, (start + i * n) & _MASK, codes(i, n), 0, n)


def get(j):
    """What get() says, or the codes."""
    state = j.get()
    if state != FRAME:
        return (b"", b"missing", b"prefetching", b"empty")[state]
    return bytes(j.data[j.at : j.at + 160])


def run(j, script, start=0):
    """script: for each 20 ms the packets that arrive; returns what was played."""
    played = []
    for packets in script:
        for i in packets:
            put(j, i, start=start)
        played.append(get(j))
    return played


def steady(n):
    return [[i] for i in range(n)]


def test_states():
    j = Jitter(Stats())
    assert j.get() == EMPTY
    assert put(j, 0) == KEPT
    assert j.get() == PREFETCHING
    put(j, 1)
    assert j.get() == PREFETCHING
    put(j, 2)
    assert j.ahead == 480  # 60 ms
    assert j.get() == FRAME and j.data[j.at] == 0


def test_a_steady_stream_through_ring_and_clock_wrap():
    j = Jitter(Stats())
    played = run(j, steady(100), start=_MASK - 3000)
    assert played == [b"prefetching"] * 2 + [codes(i) for i in range(98)]
    assert j.stats.skipped == 0


def test_a_single_packet_is_played():
    j = Jitter(Stats())
    played = run(j, [[0], [], [], [], []])
    assert played == [b"prefetching"] * 2 + [codes(0), b"empty", b"empty"]


def test_reordered_packets():
    j = Jitter(Stats())
    played = run(j, [[0], [2], [1], [3], [5, 4], [6], [7], [8]])
    assert played[2:] == [codes(i) for i in range(6)]


def test_reordered_before_the_first():
    j = Jitter(Stats())
    played = run(j, [[2], [1, 0], [3], [4], [5], [6]])
    assert played == [b"prefetching"] * 2 + [codes(i) for i in range(4)]


def test_a_lost_packet_is_missing():
    j = Jitter(Stats())
    played = run(j, [[0], [1], [2], [], [4], [5], [6]])
    assert played[2:] == [codes(0), codes(1), codes(2), b"missing", codes(4)]


def test_late_packets():
    j = Jitter(Stats())
    run(j, steady(6))  # 0 to 3 have been played
    assert put(j, 2) == LATE and put(j, 3) == LATE
    assert put(j, 4) == DUPLICATE
    assert get(j) == codes(4)
    # a packet that is late with its first half only
    j = Jitter(Stats())
    run(j, [[0], [1], [2], [], []])
    assert get(j) == b"empty"


def test_the_end_of_a_packet_may_be_in_time():
    j = Jitter(Stats())
    j.put(0, codes(1, 160), 0, 160)
    j.put(320, codes(3, 160), 0, 160)
    for _ in range(3):
        j.get()
    # read place is 160; a packet of 0..240 comes: its last 80 samples are in time
    assert offer(j, 0, codes(7, 160) + codes(8, 80), 0, 240) == KEPT
    assert get(j) == codes(8, 80) + codes(0xFF, 80)
    assert get(j) == codes(3)


def test_duplicates():
    j = Jitter(Stats())
    assert put(j, 0) == KEPT and put(j, 0) == DUPLICATE
    assert put(j, 1) == KEPT and put(j, 1) == DUPLICATE and put(j, 0) == DUPLICATE
    assert j.ahead == 320


def test_10_ms_packets_and_half_a_frame():
    j = Jitter(Stats())
    played = []
    for i in range(0, 24, 2):
        put(j, i, 80)
        if i != 8:
            put(j, i + 1, 80)
        played.append(get(j))
    frames = [codes(2 * k, 80) + codes(2 * k + 1, 80) for k in range(10)]
    frames[4] = codes(8, 80) + codes(0xFF, 80)
    assert played[2:] == frames
    # the first half missing
    j = Jitter(Stats())
    j.silence = 0xD5
    j.put(0, codes(1), 0, 160)
    j.put(240, codes(2, 80), 0, 80)
    for _ in range(3):
        j.get()
    assert get(j) == codes(0xD5, 80) + codes(2, 80)


def test_30_40_and_60_ms_packets():
    for n in (240, 320, 480, 640):
        j = Jitter(Stats())
        played = b""
        due = i = 0
        for _ in range(60):
            due += 160
            if due >= n:
                due -= n
                assert put(j, i, n) == KEPT
                i += 1
            frame = get(j)
            if len(frame) == 160:
                played += frame
            else:
                assert frame != b"missing"
        whole = b"".join(codes(k, n) for k in range(i))
        assert len(played) > 50 * 160 and played == whole[: len(played)], n


def test_odd_lengths_and_places():
    # 22.5 ms, and a clock that jumps by 37 samples: nothing of it stands on a slot's border
    j = Jitter(Stats())
    time = 0
    expected = b""
    played = b""
    for i in range(40):
        if i == 20:
            time += 37
            expected += codes(0xFF, 37)
        j.put(time, codes(i, 180), 0, 180)
        expected += codes(i, 180)
        time += 180
        if i >= 3:
            frame = get(j)
            assert len(frame) == 160
            played += frame
            if i % 8 == 0:
                played += get(j)
    assert len(played) > 6000 and played == expected[: len(played)]


def test_packet_lengths_are_bounded():
    j = Jitter(Stats())
    assert offer(j, 0, bytes(700), 0, 641) == REFUSED and offer(j, 0, b"", 0, 0) == REFUSED
    assert j.get() == EMPTY
    assert offer(j, 0, bytes(700), 60, 640) == KEPT


def test_empty_then_anew():
    j = Jitter(Stats())
    run(j, steady(5) + [[], []])
    assert get(j) == b"empty"
    # silence suppression: the next talk begins seconds later; prefetch again, no gap is played
    played = run(j, [[100], [101], [102], [103]])
    assert played == [b"prefetching"] * 2 + [codes(100), codes(101)]


def test_timestamps_restart():
    j = Jitter(Stats())
    run(j, steady(10))
    # same source, clock set back by far: late until the buffer has run empty, then taken up
    played = run(j, [[i] for i in range(50, 60)], start=-1000000 & _MASK)
    assert played[:2] == [codes(8), codes(9)] and played[-1] == codes(57)
    # and forward by far: at once
    played = run(j, [[i] for i in range(10)], start=70000000)
    assert played[:3] == [b"prefetching", b"prefetching", codes(0)] and played[-1] == codes(7)


def test_a_pile_of_packets_leaves_depth():
    # 2 s were queued while nobody read
    j = Jitter(Stats())
    for i in range(100):
        assert put(j, i) == KEPT
    assert j.ahead <= 12 * 160 and j.stats.skipped >= 88
    played = run(j, [[100], [101]])
    assert b"prefetching" not in played and b"missing" not in played
    assert played[0][0] >= 88


def test_too_much_delay_is_trimmed():
    # five packets too many at the start: 100 ms more than depth
    j = Jitter(Stats())
    played = run(j, [[0, 1, 2, 3, 4, 5, 6, 7]] + [[i] for i in range(8, 700)])
    assert 3 * 160 <= j.ahead + 160 <= 4 * 160, j.ahead
    assert j.stats.skipped >= 4
    assert b"missing" not in played and b"empty" not in played


def test_depth_is_not_trimmed_while_it_is_needed():
    # bursts of four each 80 ms: high at times, low at times
    j = Jitter(Stats())
    script = [[4 * k + m for m in range(4)] if phase == 0 else [] for k in range(100) for phase in range(4)]
    played = run(j, script)
    assert j.stats.skipped == 0 and b"missing" not in played
    assert played.count(b"empty") == 0


def test_slow_sender_heals():
    # a sender that loses a frame each 25: runs dry, prefetches, goes on; nothing is played twice or out of order
    j = Jitter(Stats())
    script = []
    i = 0
    for k in range(300):
        script.append([] if k % 25 == 24 else [i])
        i += 0 if k % 25 == 24 else 1
    played = run(j, script)
    numbers = [p[0] for p in played if len(p) == 160]
    assert all((numbers[k + 1] - numbers[k]) & 255 == 1 for k in range(len(numbers) - 1))
    assert len(numbers) > 260


def test_reset():
    j = Jitter(Stats())
    run(j, steady(4))
    j.reset()
    assert j.get() == EMPTY and j.ahead == 0
    played = run(j, steady(4), start=777)
    assert played[2:] == [codes(0), codes(1)]


def test_hostile_timestamps():
    # whatever arrives: get() says something, and no index leaves the ring
    j = Jitter(Stats())
    x = 1
    data = bytes(1000)
    for _ in range(4000):
        x = (x * 1103515245 + 12345) & 0x7FFFFFFF
        near = x & 1
        time = (x >> 3 & 0xFFF) if near else x & _MASK
        assert offer(j, time, data, x >> 5 & 255, x >> 7 & 1023) in (KEPT, LATE, DUPLICATE, REFUSED)
        if x & 0x30:
            assert j.get() in (FRAME, MISSING, PREFETCHING, EMPTY)
            assert 0 <= j.at <= len(j.data) - 160 and j.at % 160 == 0
        assert -160 <= j.ahead <= len(j.data)
        # no slot is booked that will not be read, and cleared, before its place in the ring comes round again
        slots = len(j._filled)
        free = (j._read // 80 + (max(j.ahead, 0) + 79) // 80) % slots
        for k in range(slots - (max(j.ahead, 0) + 79) // 80):
            assert not j._filled[(free + k) % slots]
