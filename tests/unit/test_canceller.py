# The canceller: its kernels, frames that must stay as they are, and echoes that it finds.

from array import array

from echo_room import SILENT, Random, Room, db, likeness, lost, pack, power, samples, talk, voice
from siplet.media import canceller, canceller_plain
from siplet.media.canceller import Canceller

DOOR = voice("door")[:70]
INDOOR = voice("indoor")[5:75]
TAIL = 10  # ms: enough for these rooms, and for the time of a test


def room(delay=25, coupling=-3, seed=1):
    return Room(coupling, delay, 16, seed)


def learned(delay=25):
    one = Canceller(TAIL, False)
    talk(one, INDOOR + INDOOR, None, room(delay), 3)
    return one


def test_the_echo_is_found_wherever_it_begins_and_taken_away():
    for delay in (3, 140):
        one = Canceller(TAIL, False)
        echoes, sent, heard = talk(one, INDOOR + INDOOR, None, room(delay), 3)
        assert abs(one.delay - delay) <= 2, (delay, one.delay)
        assert lost(echoes, sent, len(INDOOR)) > 15, (delay, lost(echoes, sent, len(INDOOR)))
        assert one.loss >= 12
        assert heard == INDOOR + INDOOR  # what the speaker gets is not touched


def test_without_an_echo_near_speech_is_not_touched():
    one = Canceller(TAIL, False)
    _, sent, heard = talk(one, INDOOR, DOOR, None, 0)
    assert heard == INDOOR
    assert likeness(DOOR, sent)[1] > 30


def test_while_the_far_end_is_silent_not_a_bit_changes():
    one = learned()
    talk(one, [SILENT] * 12, None, None, 0)  # until the room is silent
    for frame in DOOR[:20]:
        copy = bytearray(frame)
        one.near(copy)
        assert copy == frame
        one.far(bytearray(SILENT))


def test_silence_stays_silent():
    one = Canceller(TAIL, False)
    frame = bytearray(320)
    for _ in range(30):
        one.near(frame)
        one.far(frame)
        assert frame == SILENT


def test_a_microphone_that_gives_nothing_or_clips():
    one = learned()
    shout = pack([32767 if k // 9 & 1 else -32768 for k in range(160)])
    for said in INDOOR[:20]:
        frame = bytearray(shout)
        one.near(frame)
        for a, b in zip(samples(shout), samples(frame)):
            assert (a > 0) == (b > 0) and abs(a - b) < 30000  # limited, never wrapped
        one.far(bytearray(said))
    one.reset()
    for said in INDOOR[:40]:
        frame = bytearray(320)
        one.near(frame)
        assert frame == SILENT
        one.far(bytearray(said))
    assert one.delay is None


def test_frames_of_16_khz():
    one = Canceller(TAIL)
    one.tune(16000)
    random = Random(8)
    before = after = 0.0
    past = [0.0] * 1000
    low = 0.0
    for i in range(60):
        echo = [0.5 * past[200 + k] - 0.2 * past[170 + k] for k in range(320)]  # of the frame before, 30 ms ago
        frame = pack(echo)
        if i > 40:
            before += power([frame])
        one.near(frame)
        if i > 40:
            after += power([frame])
        said = []
        for x in random.noise(900 * (i % 7 + 1)):  # more low than high, as speech is
            low = 0.9 * low + x
            said += [low, low]
        said = pack(said)
        one.far(said)
        past = past[320:] + samples(said)
    assert abs(one.delay - 30) <= 2, one.delay
    assert db(before / after) > 15, db(before / after)


def numbers(n, most, seed):
    random = Random(seed)
    return array("i", [int(most * x) for x in random.noise(1, n)])


def test_both_kernels_agree_to_the_bit():
    results = []
    for kernels in (canceller, canceller_plain):
        k = kernels
        out = []
        for n in (160, 320):
            pcm = pack(Random(n).noise(36000, n))
            state = numbers(408, 4000, 2)
            state[0], state[1], state[2] = 40000, 50000, 90000
            ring = array("H", [32768] * 960)
            k.push(n, pcm, ring, n, state)
            out += [list(ring), list(state)]
            mean = array("i", [0] * 40)
            k.means(n, pcm, mean)
            sums = numbers(320, 100000, 3)
            k.correlate(40, mean, state, 48, sums, 320, 8)
            out += [list(mean), list(sums), k.peak(320, sums), list(sums)]
            window = array("i", [0] * 500)
            both = array("i", [0, 0])
            k.gather(500, ring, window, 700, 960, both)
            out += [list(window), list(both)]
            weights = numbers(64, 60000, 4)
            echo = array("i", [0] * (n // 4))
            error = array("i", [0] * (n // 4))
            for use in (False, True):
                k.correlate(64, weights, window, 17, echo, n // 4, 16)
                out.append(list(echo))
                k.subtract(n // 4, pcm, n // 4, echo, error, state, use)
                out += [list(echo), list(error), list(state[:8]), bytes(pcm)]
                k.scale(n // 4, error, 23456, 19)
                k.correlate(n // 4, error, window, 17, weights, 64, 9)
                out += [list(error), list(weights)]
        results.append(out)
    for i in range(len(results[0])):
        assert results[0][i] == results[1][i], i
