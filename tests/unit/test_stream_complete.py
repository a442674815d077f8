# The stream of siplet.sound without parts does all that the plain one does.

import test_stream as stories
from media_parts import Agreement, rtp, voice
from siplet.media.rtcp import bound
from siplet.sound.stream import Stream
from test_stream import HERE, come, hear, stream


async def test_every_story_of_the_plain_stream():
    plain = stories.Stream
    stories.Stream = Stream
    told = 0
    try:
        for name in sorted(dir(stories)):
            if name[:5] == "test_":
                made = getattr(stories, name)()
                if hasattr(made, "send"):
                    await made
                told += 1
    finally:
        stories.Stream = plain
    assert told > 20


def complete(agreement=None, seed=b"\x12\x34\x56\x78\xff\xfe\xff\xff\xff\x00"):
    plain = stories.Stream
    stories.Stream = Stream
    try:
        return stream(agreement or Agreement(), seed)
    finally:
        stories.Stream = plain


def test_what_came_is_not_sent_back_when_the_microphone_has_nothing():
    s = complete(Agreement(codec=b"PCMA"))
    hear(s, [voice(i, kind=8) for i in range(8)])
    assert all(data[12:] == b"\xd5" * 160 for host, port, data in s.udp.outgoing) and len(s.udp.outgoing) == 8


def test_silence_is_sent_from_the_first_tick_on():
    s = complete()
    s.tick()
    assert s.udp.outgoing[0][:2] == HERE and s.udp.outgoing[0][2][12:] == b"\xff" * 160


def test_packets_in_one_read_are_heard_as_if_they_came_alone():
    s = complete()
    hear(s, [voice(i) for i in range(3)])
    come(s, voice(3), voice(4), rtp(1005, 800, b"\x07\x0a\x00\xa0", 101), voice(5, first=1001))
    s.tick()
    assert (s.stats.received, s.stats.lost, s.stats.bad) == (7, 0, 0)


class Control:
    phase = 0

    def __init__(self):
        self.taken = []

    def bound(self, data, at, n):
        return bound(data, at, n)

    def take(self, data, at, end):
        self.taken.append(end - at)

    def tick(self):
        pass


def test_a_read_that_is_full_may_end_with_a_single_byte_of_the_next_packet():
    s = complete()
    hear(s, [voice(0)])
    s.control = Control()
    odd = rtp(1001, 160, b"?" * 15) + b"\x80\xc8\x00\x01SSRC"
    come(s, odd, b"\x80\xca\x00\x00" * 249, b"\x80")  # all that one read takes, to the byte
    s.tick()
    hear(s, [voice(2)])
    assert (s.stats.received, s.stats.control, s.stats.bad) == (3, 1, 1)
    assert s.control.taken == [8 + 4 * 249]


def test_the_far_end_has_our_ssrc_and_we_take_another():
    s = complete()
    s.tick()
    ours = s.udp.outgoing[0][2][8:12]
    hear(s, [voice(i, ssrc=ours) for i in range(10)])
    assert s.sender.changed == 1 and bytes(s.sender.former) == ours and s.stats.received == 10
    s.tick()
    after = s.udp.outgoing[-1][2]
    assert after[8:12] != ours and after[8:12] == bytes(s.sender.ssrc)
    numbers = [data[3] for host, port, data in s.udp.outgoing]
    assert all((numbers[i + 1] - numbers[i]) & 255 == 1 for i in range(10))  # the sequence goes on


def test_who_takes_each_new_ssrc_of_ours_is_not_run_from_for_ever():
    s = complete()
    s.tick()
    for i in range(20):
        ours = s.udp.outgoing[-1][2][8:12]
        hear(s, [voice(2 * i, ssrc=ours), voice(2 * i + 1, ssrc=ours)])
    assert s.sender.changed == 4


def test_our_own_packets_that_come_back_are_known():
    for deaf in (False, True):
        s = complete()
        s.source.deaf = deaf
        s.audio.level = 1000
        for _ in range(20):
            s.tick()
            come(s, s.udp.outgoing[-1][2])
        assert s.sender.changed == 0 and s.source.echoes == (19 if deaf else 1)
        assert s.stats.received == (0 if deaf else 19)


def test_what_keeps_a_way_open_is_no_sound_when_it_comes_with_some():
    for kind in (127, 126):  # see siplet.sound.path; of RFC 6263 4.6
        s = complete()
        hear(s, [voice(i) for i in range(3)])
        come(s, voice(3), rtp(1004, 640, b"", kind), voice(4, first=1001))
        s.tick()
        assert (s.stats.received, s.stats.lost, s.stats.bad) == (6, 0, 1) and s.source.length == 172
        come(s, voice(5, first=1001), rtp(1007, 960, b"", kind))
        s.tick()
        assert (s.stats.received, s.stats.lost, s.stats.bad) == (8, 0, 2)
