# A call without a handset: who speaks gets the channel, nobody hears himself, and whoever has no echo notices nothing.

from array import array

from echo_room import SILENT, Call, Random, Room, db, likeness, lost, pack, power, samples, talk, voice
from siplet.audio.loop import Loop
from siplet.media import level, level_plain
from siplet.sound.handsfree import HandsFree

DOOR = voice("door")[:100]
INDOOR = voice("indoor")[:100]


def part(**options):
    one = HandsFree({"sound." + key: options[key] for key in options})
    one.begin(Call())
    return one


def scaled(frames, factor, offset=0):
    return [bytes(pack([x * factor + offset for x in samples(frame)])) for frame in frames]


def test_the_far_end_does_not_hear_itself_back_in_any_room():
    for coupling, delay, rt60 in ((-15, 10, 150), (-6, 40, 300), (0, 90, 300)):
        one = part()
        echoes, sent, _ = talk(one, INDOOR, None, Room(coupling, delay, rt60))
        assert lost(echoes, sent) > 28, (coupling, lost(echoes, sent))
        # and against its own voice
        assert db(power(INDOOR) / power(sent)) > 33, coupling


def test_a_loud_speaker_is_learned_about():
    # 6 dB louder at the microphone than driven: more than is believed at first
    one = part()
    echoes, sent, _ = talk(one, INDOOR + INDOOR, None, Room(6, 30, 200))
    assert lost(echoes, sent, len(INDOOR)) > 30
    assert 2 < one.coupling < 12


def test_what_was_learned_serves_the_next_call():
    one = part()
    room = Room(6, 30, 200)
    talk(one, INDOOR, None, room)
    one.end()
    one.begin(Call())
    echoes, sent, _ = talk(one, INDOOR, None, room)
    assert lost(echoes, sent) > 30


def test_without_an_echo_both_are_heard_all_the_time_as_they_speak():
    one = part()
    _, sent, heard = talk(one, INDOOR, DOOR, None, 0)
    for before, after in ((DOOR, sent), (INDOOR, heard)):
        gain, clean = likeness(before, after)
        assert abs(gain) < 3 and clean > 25, (gain, clean)
        # and frame by frame, wherever there is voice
        for a, b in zip(before, after):
            if power([a]) > 1e5:
                gain, clean = likeness([a], [b])
                assert abs(gain) < 4 and clean > 15, (gain, clean)
    # once it is known that there is none, nothing is touched but the level
    _, sent, heard = talk(one, INDOOR, DOOR, None, 0)
    assert likeness(DOOR, sent)[1] > 35 and likeness(INDOOR, heard)[1] > 35


def test_a_word_that_begins_right_after_the_far_end_s_is_not_cut():
    one = part()
    room = Room(-15, 20, 200)
    talk(one, INDOOR, None, room)
    said = DOOR[2:40]
    far = INDOOR[:30]
    _, sent, _ = talk(one, far, [SILENT] * 30 + said, room)
    first = likeness(said[:5], sent[30:35])
    assert first[0] > -3, first
    gain, clean = likeness(said, sent[30:])
    assert gain > -2 and clean > 10, (gain, clean)


def test_who_speaks_louder_than_the_echo_gets_through_at_once():
    one = part()
    room = Room(-15, 20, 200)
    talk(one, INDOOR, None, room)
    for begin in (10, 40, 60):  # in the midst of the far end's words
        far = INDOOR[: begin + 20]
        word = DOOR[2:12]
        _, sent, _ = talk(one, far, [SILENT] * begin + word, room)
        gain, _ = likeness(word[:4], sent[begin : begin + 4])
        assert gain > -3, (begin, gain)
        _, sent, _ = talk(one, INDOOR[40:44], DOOR[2:6], room)
        assert one.near_speaks


def test_while_near_speaks_against_an_echo_the_far_end_is_a_little_softer():
    one = part()
    room = Room(-10, 20, 200)
    talk(one, INDOOR, None, room)
    _, _, alone = talk(one, INDOOR[40:70], None, room)
    _, _, both = talk(one, INDOOR[40:70], scaled(DOOR[2:32], 1.4), room)
    assert 2 < db(power(alone[10:]) / power(both[10:])) < 8


def test_silence_stays_silent():
    one = part()
    frame = bytearray(320)
    for _ in range(100):
        one.near(frame)
        one.far(frame)
        assert frame == SILENT
    # also when the far end has spoken, and the microphone gives nothing at all
    for said in INDOOR[:80]:
        frame = bytearray(320)
        one.near(frame)
        assert frame == SILENT
        frame[:] = said
        one.far(frame)


def test_levels_come_to_the_target_slowly_and_stay_in_their_range():
    for factor, target, least, most in ((0.12, 22, 10, 12.5), (0.4, 22, 2, 6), (1, 22, -3, 3), (1, 30, -8, -3)):
        one = part(level_target=target)
        frames = scaled(DOOR, factor)
        changes = []
        for frame in frames * 3:
            copy = bytearray(frame)
            one.far(copy)
            if power([frame]) > 2000:
                changes.append(db(power([copy]) / power([frame])))
        assert least < changes[-1] < most, (factor, changes[-1])
        i = 1
        while i < len(changes):
            assert -0.9 < changes[i] - changes[i - 1] < 0.4 or i < 3
            i += 1


def test_the_target_and_the_range_are_options():
    for options, least, most in (({"level_target": 32}, -12, -6), ({"level_range": 0}, -0.1, 0.1)):
        one = part(**options)
        for frame in DOOR * 3:
            copy = bytearray(frame)
            one.far(copy)
        change = db(power([copy]) / (power([DOOR[-1]]) + 1e-9)) if power([DOOR[-1]]) else 0
        gain = 20 * db(one._state[16] / 4096) / 10
        assert least < gain < most, (options, gain, change)


def test_noise_alone_is_never_pumped_up():
    for loudness in (20, 100, 600):
        one = part()
        random = Random(4)
        for i in range(400):
            frame = pack(random.noise(loudness))
            before = bytes(frame)
            one.near(frame)
            if i == 200:
                gain = one._state[1]
        assert one._state[1] == gain  # not a step in four seconds
        assert abs(db(power([frame]) / power([before]))) < 6


def test_the_background_goes_on_while_the_microphone_is_lowered():
    one = part()
    room = Room(0, 20, 150)
    talk(one, INDOOR, None, room, 60)
    _, sent, _ = talk(one, INDOOR, None, room, 60)
    quiet = [power([frame]) for frame in sent]
    quiet.sort()
    # what the far end hears behind its own voice: about as loud a hiss as before, all the time
    hiss = 60 * 60 / 3
    assert -9 < db(quiet[len(quiet) // 10] / hiss) < 3, db(quiet[len(quiet) // 10] / hiss)
    assert db(quiet[len(quiet) * 9 // 10] / hiss) < 6


def test_what_clips_is_limited_and_never_wraps():
    one = part()
    for frame in scaled(DOOR, 0.1) * 2:  # until the gain is high
        copy = bytearray(frame)
        one.near(copy)
    assert one._state[1] > level.UNITY + 300
    shout = [32767 if k // 7 & 1 else -32768 for k in range(160)]
    for _ in range(20):
        frame = pack(shout)
        one.near(frame)
        out = samples(frame)
        for a, b in zip(shout, out):
            assert (a > 0) == (b > 0) and abs(b) > 20000
    assert one._state[1] < level.UNITY + 100  # and it has learned from it


def test_a_microphone_s_offset_is_taken_away():
    for offset in (-1500, 300, 2500):
        one = part()
        random = Random(2)
        for _ in range(150):
            frame = pack([offset + x for x in random.noise(20)])
            one.near(frame)
        mean = sum(samples(frame)) / 160
        assert abs(mean) < 20, (offset, mean)
        _, sent, _ = talk(one, None, scaled(DOOR, 1, offset), None, 0)
        assert likeness(DOOR, sent)[1] > 20
        assert abs(sum([sum(samples(f)) for f in sent[-30:]])) / 4800 < 60


def test_a_microphone_that_gives_nothing_for_a_moment_teaches_nothing():
    one = part()
    room = Room(-6, 30, 200)
    talk(one, INDOOR, None, room)
    known = one.coupling
    for said in INDOOR[40:48]:
        frame = bytearray(320)
        one.near(frame)
        frame[:] = said
        one.far(frame)
    assert one.coupling == known
    # but one that gives nothing for long while the speaker is loud has no echo
    for said in INDOOR[:60]:
        frame = bytearray(320)
        one.near(frame)
        frame[:] = said
        one.far(frame)
    assert one.coupling < known - 10


def test_mute_is_left_alone():
    call = Call()
    one = HandsFree({})
    one.begin(call)
    talk(one, INDOOR[:60], None, Room())
    call.muted = True
    before = one.coupling
    for said in INDOOR:
        frame = bytearray(320)
        one.near(frame)
        assert frame == SILENT
        frame[:] = said
        one.far(frame)
    assert one.coupling == before


def test_an_application_that_returns_what_it_hears_may_do_so():
    call = Call()
    call.audio = Loop()
    assert HandsFree({}).begin(call) is False


def test_level_alone_switches_nothing():
    one = part(hands_free="level")
    echoes, sent, _ = talk(one, INDOOR, None, Room(-6, 30))
    assert abs(lost(echoes, sent)) < 6


def test_the_loss_has_a_most():
    one = part(switch_depth=12)
    echoes, sent, _ = talk(one, INDOOR, None, Room(-6, 30))
    assert 8 < lost(echoes, sent) < 14


def test_frames_of_16_khz_are_treated_as_well():
    one = part()
    one.tune(16000)
    random = Random(6)
    wide = [pack(random.noise(3000 if i % 20 < 10 else 30, 320)) for i in range(100)]
    for frame in wide:
        copy = bytearray(frame)
        one.near(copy)
        out = bytearray(frame)
        one.far(out)
        assert len(copy) == len(out) == 640
    assert one.far_speaks or one._state[23] == 0
    # the second half of a frame has the gain of the first: all of it was treated
    one._state[16] = 2048
    one._state[17] = level.UNITY - 256
    frame = pack(random.noise(3000, 320))
    copy = bytearray(frame)
    one.far(copy)
    assert -8 < db(power([copy[320:]]) / power([frame[320:]])) < -4


def test_both_kernels_agree_to_the_bit():
    results = []  # sums: a board has no room for all
    for treat in (level.treat, level_plain.treat):
        state = level.make(level.level(22), 512, 120)
        random = Random(7)
        trace = array("i")
        for rate in (160, 320):
            for i in range(260):
                for side in (0, 16):
                    loudness = (0, 3, 60, 900, 9000, 40000)[(i // 9 + side) * 5 % 6]
                    offset = 0 if side else (0, 700, -2500)[i // 90]
                    frame = (
                        pack([x + offset for x in random.noise(loudness, rate)]) if loudness else bytearray(2 * rate)
                    )
                    treat(rate, frame, side, state)
                    sum_ = 0
                    for x in frame:
                        sum_ = (sum_ * 31 + x) & 0xFFFFFF
                    for x in state:
                        sum_ = (sum_ * 31 + x) & 0xFFFFFF
                    trace.append(sum_)
        results.append(trace)
    assert len(results[0]) == len(results[1])
    for i in range(len(results[0])):
        assert results[0][i] == results[1][i], i
