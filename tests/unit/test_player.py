# sound/player: what is heard of a stream that a simulated network delivers, in stories.

from player_parts import Run, arrivals, begin, encode, voice
from siplet.media import g711
from siplet.sound import gap
from siplet.sound import player as module

SECOND = 50  # packets of 20 ms


def quiet_and_voice():
    """Half a second of voice, and half of a second with a little noise, as codes."""
    pcm = bytearray(8000)
    seed = 1
    for i in range(4000):
        seed = (seed * 13077 + 6925) & 0x7FFF
        pcm[2 * i] = seed >> 9
    return voice(4000) + encode(pcm)


def story(codes, seconds, options=None, more=0, keep=False, samples=160, **network):
    player, stats = begin(options)
    run = Run(player, stats, codes, keep)
    run.play(arrivals(seconds * 8000 // samples, samples, **network), samples, more)
    return run, player, stats


def biggest_step(samples):
    return max(abs(samples[i + 1] - samples[i]) for i in range(len(samples) - 1))


def mean(values):
    return sum(values) / len(values)


def test_a_calm_network_costs_20_ms_soon():
    run, player, stats = story(quiet_and_voice(), 6)
    assert run.depths[10] == 60  # as it begins
    assert 38 <= mean(run.depths[SECOND + 10 : SECOND + 40]) <= 41  # while the way is new
    assert mean(run.depths[3 * SECOND :]) == 20
    assert stats.concealed == stats.late == stats.skipped == player.discarded == 0
    assert player.nominal == 20 and player.maximum == 200 and player.delay == run.depths[-1]


def test_a_voice_that_does_not_stop_gets_there_too():
    run, player, stats = story(voice(57 * 160), 6)
    assert 20 <= mean(run.depths[5 * SECOND :]) <= 32
    assert stats.concealed == 0 and player.concealed == 0


def test_shorter_by_periods_is_not_heard():
    run, _, _ = story(voice(57 * 160), 6, keep=True)
    heard = run.sound()[4 * 160 :]
    usual = biggest_step(heard[:1600])
    assert biggest_step(heard) <= usual * 11 // 10
    assert min(max(abs(x) for x in heard[i : i + 160]) for i in range(0, len(heard) - 160, 160)) > 4000


def test_jitter_is_waited_for():
    for jitter, most in ((20, 65), (60, 100), (100, 145)):
        run, player, stats = story(quiet_and_voice(), 20, jitter=jitter, seed=jitter)
        assert jitter <= player.nominal <= jitter + 45, (jitter, player.nominal)
        assert mean(run.depths[5 * SECOND :]) < most, (jitter, mean(run.depths[5 * SECOND :]))
        assert player.discarded + stats.concealed < 20 * SECOND // 100, (jitter, stats.concealed)
        assert stats.skipped == 0


def test_a_lost_packet_lasts_as_long_as_it_would_have():
    player, stats = begin()
    run = Run(player, stats, voice(57 * 160))
    packets = [packet for packet in arrivals(200) if packet[1] % 40 != 20]
    run.play(packets)
    # The first one is lost while there is 20 ms more than needed, which it takes away
    assert stats.concealed == 4 and player.concealed == 4 * 160 and player.discarded == 0
    assert 30 <= run.depths[-1] <= 45
    heard = run.sound()
    usual = biggest_step(heard[1000:3000])
    assert biggest_step(heard[1000:]) < usual * 14 // 10
    assert min(max(abs(x) for x in heard[i : i + 160]) for i in range(1000, len(heard) - 160, 160)) > 3500


def test_a_lost_packet_whose_follower_is_there_is_closed_from_both_sides():
    def heard(period):
        player, stats = begin({"sound.jitter_least_ms": 40, "sound.jitter_first_ms": 40})
        run = Run(player, stats, voice(80 * 160) + voice(160 * 160, period))
        run.play([packet for packet in arrivals(200) if packet[1] != 80])
        assert stats.concealed == 1 and player.concealed == 160
        return run.sound()

    # The voice changes in the lost packet. What it is afterwards shows before its end: 20 ms there have two periods
    other = heard(48)
    usual = biggest_step(other[1000:8000])
    assert biggest_step(other[8000:]) < usual * 14 // 10
    same = heard(57)
    first = next(i for i in range(80 * 160, len(same)) if abs(same[i] - other[i]) > usual // 8)
    apart = [sum(abs(other[i] - other[i + period]) for i in range(first + 80, first + 110)) for period in (48, 57)]
    assert 2 * apart[0] < apart[1]


def test_who_is_often_late_is_waited_for_before_a_gap_is_closed():
    player, stats = begin({"sound.jitter_least_ms": 40, "sound.jitter_first_ms": 40, "sound.jitter_most_ms": 40})
    run = Run(player, stats, voice(57 * 160))
    late = range(50, 200, 15)
    run.play(sorted((at + 50000 * (i in late), i) for at, i in arrivals(200)))
    assert stats.late == 1  # the second one is heard, and what comes after it is so much later


def test_a_late_packet_is_heard_late_and_nothing_is_left_out():
    player, stats = begin()
    codes = b"".join([voice(160, 57, 3000 + 100 * (i % 30)) for i in range(60)])
    run = Run(player, stats, codes)
    run.play([(at + (90000 if 99 < i < 105 else 0), i) for at, i in arrivals(200)])
    assert player.discarded == stats.late == stats.skipped == 0
    assert player.concealed > 0


def test_clocks_that_differ_are_followed_by_samples_and_no_frame_is_left_out():
    for ppm in (200, -200):
        for codes in (quiet_and_voice(), voice(57 * 160)):
            run, player, stats = story(codes, 150, ppm=ppm, phase=11000)
            later = run.depths[5 * SECOND :]
            assert 10 <= min(later) and max(later) <= 66, (ppm, min(later), max(later))
            assert stats.skipped == stats.late == player.discarded == 0
            assert player.concealed <= 320, (ppm, player.concealed)


def test_jitter_and_clocks_and_loss_together_stay_bounded():
    run, player, stats = story(quiet_and_voice(), 60, jitter=40, ppm=-150, loss=5, seed=4)
    later = run.depths[10 * SECOND :]
    assert max(later) <= 140 and mean(later) < 90
    assert player.discarded < 15 and stats.skipped == 0
    assert stats.concealed < 3000 * 12 // 100


def test_packets_of_other_lengths():
    for samples in (8, 16, 80, 240, 480, 960):
        run, player, stats = story(quiet_and_voice(), 4, samples=samples, keep=True)
        heard = run.sound()
        silent = [i for i in range(2000, len(heard) - 400, 160) if not any(heard[i : i + 160])]
        assert stats.late == stats.skipped == player.discarded == 0, samples
        assert not silent and player.concealed <= 1600, (samples, player.concealed)


def test_a_length_that_changes_in_the_call():
    player, stats = begin()
    run = Run(player, stats, voice(57 * 160))
    time = 0
    for samples in (160, 80, 240, 16, 160):
        packets = []
        n = 4800 // samples
        for i in range(n):
            packets.append((run.now + i * samples * 125, time // samples + i))
        run.start = 1000 + time % samples
        run.play(packets, samples)
        time += n * samples
    assert stats.late == player.discarded == 0 and player.concealed < 800


def test_reordered_and_doubled_packets():
    player, stats = begin()
    run = Run(player, stats, voice(57 * 160))
    packets = arrivals(300)
    for i in range(60, 290, 10):
        (a, n), (b, m) = packets[i], packets[i + 1]
        packets[i], packets[i + 1] = (a, m), (b, n)
    run.play(sorted(packets + packets[50:250:7]))
    assert stats.duplicate >= 28 and player.concealed <= 160 * 3


def test_who_falls_silent_is_heard_again_from_the_first_word():
    player, stats = begin()
    run = Run(player, stats, quiet_and_voice())
    run.play(arrivals(500, away=(100, 300)))
    gap = run.sound()[115 * 160 : 290 * 160]
    assert max(abs(x) for x in gap) < 300  # noise as it was behind the voice
    assert stats.late == player.discarded == stats.skipped == 0
    assert 30 <= run.depths[-1] <= 62


def test_comfort_noise_that_was_told():
    player, stats = begin()
    run = Run(player, stats, voice(57 * 160))
    run.play(arrivals(60))
    player.comfort(bytes([40, 1, 2, 3]), 0, 4)
    run.play([], more=100)
    concealed = stats.concealed
    tail = run.sound()[-80 * 160 :]
    assert 200 < mean([abs(x) for x in tail]) < 370  # -40 dBov
    assert concealed == 0, "who says that he is silent loses nothing"
    player.comfort(b"", 0, 0)
    player.comfort(b"\xff", 0, 1)
    run.play([], more=20)
    assert not any(run.sound()[-1600:])
    run.play([(run.now + 20000 * i, 300 + i) for i in range(50)])
    assert max(abs(x) for x in run.sound()[-1600:]) > 4000


def test_a_stream_that_begins_anew():
    player, stats = begin()
    run = Run(player, stats, voice(57 * 160))
    run.play(arrivals(100))
    for start in (500000000, 7, 0x3FFFFF00):
        run.start = start
        if start == 7:
            player.buffer.reset()
        run.play([(run.now + 20000 * i, i) for i in range(100)])
        assert max(abs(x) for x in run.sound()[-1600:]) > 4000
        assert run.depths[-1] <= 62
    assert stats.late == 0


def test_nothing_at_all_is_silence():
    player, stats = begin()
    run = Run(player, stats, b"")
    run.play([], more=100)
    assert not any(run.sound()) and stats.concealed == 0 and stats.delay == 0


def test_hostile_timestamps_and_lengths_do_no_harm():
    player, stats = begin()
    seed = 77
    data = bytes(5000)
    frame = bytearray(320)
    for i in range(3000):
        for _ in range(i % 4):
            seed = (seed * 13077 + 6925) & 0x7FFF
            time = (seed << 15 & 0x3FFFFFFF) if seed & 3 == 0 else (i * 160 + seed - 16384) & 0x3FFFFFFF
            player.buffer.put(time, data, seed % 100, (seed * 7) % 1500)
        player.play(frame)
        assert 0 <= stats.delay <= 700
    assert stats.bad > 100
    run = Run(player, stats, voice(57 * 160))
    run.play([(20000 * i, i) for i in range(150)])
    assert max(abs(x) for x in run.sound()[-1600:]) > 4000 and run.depths[-1] <= 200


class Wide:
    """A codec of 16 kHz: each code is two samples of 256 times its distance from 128."""

    def decode(self, n, data, frame, at):
        for i in range(n):
            x = (data[at + i] - 128) * 128
            for k in (4 * i, 4 * i + 2):
                frame[k] = x & 0xFF
                frame[k + 1] = x >> 8 & 0xFF


def test_a_codec_of_16_khz():
    player, stats = begin(None, Wide())
    codes = bytes([128 + 60 * (57 - i % 57) // 57 for i in range(57 * 160)])
    run = Run(player, stats, codes)
    packets = [packet for packet in arrivals(200) if packet[1] % 40 != 20]
    run.play(packets)
    heard = run.sound()
    assert len(heard) == 320 * len(run.heard)
    assert player.concealed == 4 * 160 and stats.late == 0
    assert biggest_step(heard[3000:]) < 11000
    assert min(max(abs(x) for x in heard[i : i + 320]) for i in range(3000, len(heard) - 320, 320)) > 4500
    player.tune(None, g711.table(0))
    run.frame = bytearray(320)
    run.codes = voice(57 * 160)
    player.buffer.reset()
    run.heard.clear()
    run.play([(run.now + 20000 * i, i) for i in range(50)])
    assert len(run.sound()) == 160 * len(run.heard) and max(run.sound()[-320:]) > 4000


def test_the_options_are_obeyed():
    options = {"sound.jitter_least_ms": 80, "sound.jitter_most_ms": 120, "sound.jitter_first_ms": 100}
    run, player, _ = story(quiet_and_voice(), 6, options)
    assert run.depths[10] == 100 and player.nominal == 80 and player.maximum == 120
    assert 72 <= mean(run.depths[3 * SECOND :]) <= 81
    for least in (20, 40):
        run, player, stats = story(quiet_and_voice(), 4, {"sound.jitter_least_ms": least})
        assert mean(run.depths[3 * SECOND :]) == player.nominal == least and stats.concealed == 0


def test_another_call_begins_fresh():
    _, player, stats = story(quiet_and_voice(), 6, jitter=100)
    assert player.nominal > 100

    class Stream:
        pass

    class Call:
        stream = Stream()

    Call.stream.stats = stats
    player.end()
    player.begin(Call)
    player.tune(None, g711.table(8))
    assert Call.stream.player is player and Call.stream.jitter is player.buffer
    assert player.nominal == 60 and player.discarded == 0 and player.concealed == 0
    frame = bytearray(b"\x55" * 320)
    player.play(frame)
    assert frame == bytes(320)


def test_the_kernels_agree_with_their_twins_in_a_call():
    from siplet.media import adaptive, adaptive_plain, conceal_plain, pitch_plain, playout_plain

    def sound():
        run, _, _ = story(quiet_and_voice(), 10, jitter=50, loss=8, ppm=500, seed=8, keep=True)
        return b"".join(run.heard)

    usual = sound()
    names = "advance bridge check excess flow give load take begin fade pitch splice synthesize".split()
    users = [(user, name, getattr(user, name)) for user in (module, gap) for name in names if hasattr(user, name)]
    assert {name for _, name, _ in users} == set(names)
    keep = adaptive.keep
    try:
        for user, name, _ in users:
            plain = next(
                one for one in (playout_plain, adaptive_plain, conceal_plain, pitch_plain) if hasattr(one, name)
            )
            setattr(user, name, getattr(plain, name))
        adaptive.keep = adaptive_plain.keep
        assert sound() == usual
    finally:
        adaptive.keep = keep
        for user, name, kernel in users:
            setattr(user, name, kernel)
