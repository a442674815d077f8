# The canceller in small rooms, for longer: who speaks at the same time is kept, it follows when things move, and a call
# has it before the switching.

NEEDS = ("sockets",)  # siplet.sound.parts

from echo_room import Call, Room, db, likeness, lost, power, samples, talk, voice
from siplet.media.canceller import Canceller
from siplet.sound.handsfree import HandsFree

DOOR = voice("door")[:70]
INDOOR = voice("indoor")[5:75]
TAIL = 10  # ms: enough for these rooms, and for the time of a test


def room(delay=25, coupling=-3, seed=1):
    return Room(coupling, delay, 16, seed)


def learned(delay=25):
    one = Canceller(TAIL, False)
    talk(one, INDOOR + INDOOR, None, room(delay), 3)
    return one


def test_who_speaks_at_the_same_time_is_kept():
    one = learned()
    before = samples(DOOR[0])
    echoes, sent, _ = talk(one, INDOOR, DOOR, room(), 3)
    gain, clean = likeness(DOOR, sent)
    assert abs(gain) < 0.5, gain
    assert clean > db(power(DOOR) / power(echoes)) + 8, clean  # the echo behind it is lower, too
    assert before == samples(DOOR[0])
    # and what was learned is still known after it
    echoes, sent, _ = talk(one, INDOOR, None, room(), 3)
    assert lost(echoes, sent) > 12


def test_another_path_is_noticed_and_learned():
    one = learned()
    assert not one.lost
    moved = room(25, 0, 5)
    moved.paths = [(n, -gain) for n, gain in moved.paths]
    echoes, sent, _ = talk(one, INDOOR + INDOOR, None, moved, 3)
    assert one.lost
    assert lost(echoes, sent, len(INDOOR)) > 12


def test_a_speaker_that_is_carried_away_is_found_again():
    one = learned(20)
    place = one.delay
    away = room(90)
    talk(one, INDOOR[:40], None, away, 3)
    one._poor = 390  # most of the two seconds are over
    talk(one, INDOOR + INDOOR, None, away, 3)
    assert abs(one.delay - 90) <= 2 and place < 25


def test_a_call_that_cancels_neither_echoes_nor_switches_much():
    call = Call()
    one = HandsFree({"sound.hands_free": "cancel", "sound.echo_tail": 32})
    one.canceller._filter = Canceller(TAIL, False)  # the rooms are small
    one.canceller.far = one.canceller._filter.far
    one.begin(call)
    assert call.stream.parts == [one.canceller]

    class Both:
        def near(self, frame):
            one.canceller.near(frame)
            one.near(frame)

        def far(self, frame):
            one.far(frame)
            one.canceller.far(frame)

    both = Both()
    echoes, sent, _ = talk(both, INDOOR + INDOOR + INDOOR, None, room(25, -6), 3)
    begin = 2 * len(INDOOR)
    assert lost(echoes, sent, begin) > 24, lost(echoes, sent, begin)
    assert db(power(INDOOR) / power(sent[begin:])) > 30
    assert one.coupling < -15  # what is left of the echo
    _, sent, _ = talk(both, INDOOR, DOOR, room(25, -6), 3)
    gain, clean = likeness(DOOR, sent)
    assert gain > -4 and clean > 5, (gain, clean)
    one.end()
    assert call.stream.parts == []
