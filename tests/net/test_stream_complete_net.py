# The stories of the plain stream over real sockets, told by the stream of siplet.sound.

NEEDS = ("sockets",)

import test_stream_net as stories
from siplet.net.udp import Udp
from siplet.sound.stream import Stream


class Complete:
    """The stories are about the complete stream for so long."""

    def __enter__(self):
        self.plain, stories.Stream = stories.Stream, Stream

    def __exit__(self, kind, error, trace):
        stories.Stream = self.plain


def test_every_story_of_the_plain_stream():
    told = 0
    with Complete():
        for name in sorted(dir(stories)):
            if name[:5] == "test_":
                getattr(stories, name)()
                told += 1
    assert told >= 4


def test_empty_datagrams_are_healed_and_the_sound_goes_on():
    with Complete():
        pair = stories.Pair()
    pair.ticks(10)
    a, b = pair.a, pair.b
    for _ in range(20):
        b.udp.socket.send(b"")  # the first one ends a read of the voice before it
        b.udp.socket.send(b"")
        pair.ticks(1)
    pair.ticks(10)
    assert a.udp.empty > 10 and a.stats.received >= 38 and a.udp.errors == 0
    pair.close()


def test_a_port_that_is_closed_is_counted_and_found_again():
    with Complete():
        pair = stories.Pair()
    pair.ticks(10)
    port = pair.b.udp.port
    pair.b.udp.close()
    for _ in range(20):
        pair.a.tick()  # nobody is there: the network says so
    assert pair.a.stats.unsent + pair.a.udp.errors > 5 and pair.a.stats.sent >= 20
    pair.b.udp = Udp(stories.HERE, port)
    pair.a.tick()
    pair.a.udp.close()
    pair.b.udp.close()
