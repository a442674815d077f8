# Where media comes from, and what is said when it comes from elsewhere or not at all.

from media_parts import Agreement, Audio, Net, rtp, voice
from siplet.sound.path import Path
from siplet.sound.stream import Stream

HERE = ("192.0.2.7", 4000)
SEED = b"\x12\x34\x56\x78\x10\xfe\xff\xff\xff\x00"


class Phone:
    def __init__(self):
        self.told = []
        self.faults = 0
        kinds = ("no-media", "media-again", "media-source")
        self.handlers = {kind: lambda event: self.told.append((event.kind, event.data)) for kind in kinds}

    def server_addresses(self):
        return ["203.0.113.5", "pbx.example"]

    def _guard(self, visit, *arguments):
        try:
            visit(*arguments)
        except ValueError:
            self.faults += 1


class Call:
    """What a part sees of a siplet.call.Call."""

    def __init__(self, agreement=None, **options):
        self.phone = Phone()
        self.session = "session"
        self.state = "up"
        self.stopped = 0
        self.stream = Stream(Audio(), Net(), lambda n: SEED[:n])
        self.path = Path(options)
        self.path.begin(self)
        self.stream.configure(agreement or Agreement())

    def _stop(self):
        self.stopped += 1

    def come(self, data, source=HERE):
        self.stream.udp.incoming.append((source[0], source[1], data))

    def ticks(self, n, source=None, first=0):
        for i in range(n):
            if source:
                self.come(voice(first + i), source)
            self.stream.tick()


def test_media_from_where_it_was_agreed_is_nothing_to_tell():
    call = Call()
    call.ticks(10, HERE)
    assert call.stream.udp.peer == HERE and call.stream.stats.received == 10 and not call.phone.told


def test_another_port_is_followed_and_told_once():
    call = Call()
    call.ticks(10, (HERE[0], 5555))
    assert call.stream.udp.peer == (HERE[0], 5555) and call.stream.udp.outgoing[-1][1] == 5555
    assert call.phone.told == [("media-source", (HERE[0], 5555, HERE[0], 4000, True))]
    call.ticks(200)
    call.ticks(10, (HERE[0], 5555), 200)
    assert len(call.phone.told) == 1


def test_another_host_is_not_followed_but_told_once():
    call = Call()
    call.ticks(30, ("198.51.100.9", 4000))
    assert call.stream.udp.peer is None and call.stream.stats.received == 0 and call.stream.stats.foreign == 30
    assert all(place[:2] == HERE for place in call.stream.udp.outgoing)
    assert call.phone.told == [("media-source", ("198.51.100.9", 4000, HERE[0], 4000, False))]


def test_many_strangers_do_not_fill_the_log():
    call = Call()
    for i in range(100):
        call.come(voice(i), ("198.51.100.9", 1000 + i))
        call.stream.tick()
    assert len(call.phone.told) == 8 and call.stream.stats.foreign == 100
    call.ticks(5, HERE)
    assert call.stream.udp.peer == HERE


def test_what_is_no_rtp_is_no_media_from_elsewhere():
    call = Call()
    for data in (b"\x01\x01\x00\x00\x21\x12\xa4\x42" + bytes(12), b"", b"\x80", b"OPTIONS sip:x SIP/2.0\r\n"):
        call.come(data, ("198.51.100.9", 3478))
    call.ticks(3)
    assert not call.phone.told and call.stream.udp.peer is None


def test_our_server_is_followed_when_that_is_wanted():
    for wanted in ("port", "servers"):
        call = Call(**{"sound.follow_source": wanted})
        relay = ("203.0.113.5", 30000)
        call.ticks(10, relay)
        followed = wanted == "servers"
        assert call.stream.udp.peer == (relay if followed else None)
        assert call.phone.told == [("media-source", relay + HERE + (followed,))]
        call.ticks(200)  # silent: who was agreed on may still come instead
        call.ticks(10, HERE, 300)
        assert call.stream.udp.peer == HERE


def test_no_media_is_told_and_that_it_is_back():
    call = Call()
    call.ticks(499)
    assert not call.phone.told
    call.ticks(1)
    assert call.phone.told == [("no-media", 10)]
    call.ticks(600)
    assert len(call.phone.told) == 1
    call.ticks(5, HERE)
    assert call.phone.told[1:] == [("media-again", 22)]
    call.ticks(150 + 349)  # it falls silent in the middle of the call
    assert len(call.phone.told) == 2
    call.ticks(3)
    assert call.phone.told[2:] == [("no-media", 10)] and not call.stopped


def test_the_wait_may_be_another_or_none():
    call = Call(**{"sound.no_media_s": 3})
    call.ticks(160)
    assert call.phone.told == [("no-media", 3)]
    call = Call(**{"sound.no_media_s": 0})
    call.ticks(700)
    assert not call.phone.told


def test_a_call_without_media_is_hung_up_when_that_is_wanted():
    call = Call(**{"sound.hang_up_without_media_s": 30})
    call.ticks(1499)
    assert not call.stopped
    call.ticks(10)
    assert call.stopped == 1


def test_nothing_is_missed_where_nothing_is_to_come():
    for direction in ("sendonly", "inactive"):
        call = Call(Agreement(direction=direction), **{"sound.hang_up_without_media_s": 20})
        call.ticks(1100)
        assert not call.phone.told and not call.stopped
        call.stream.configure(Agreement())
        call.ticks(500)
        assert call.phone.told == [("no-media", 10)]
    call = Call()
    call.state = "ringing"  # who rings need not say anything
    call.ticks(1100)
    assert not call.phone.told


def test_a_handler_that_fails_costs_nobody_the_sound():
    def fail(event):
        raise ValueError(event.kind)

    call = Call()
    call.phone.handlers["no-media"] = fail
    call.ticks(600)
    assert call.phone.faults == 1 and call.stream.stats.sent == 600
    del call.phone.handlers["no-media"]  # nobody wants to know
    call.ticks(5, HERE)
    call.ticks(600)
    assert call.phone.faults == 1


def test_a_packet_now_and_then_keeps_the_way_open_while_nothing_is_sent():
    for direction in ("recvonly", "inactive"):
        call = Call(Agreement(direction=direction))
        call.ticks(1600)
        sent = [data for host, port, data in call.stream.udp.outgoing]
        assert len(sent) == 3, direction  # at once, after 15 s, after 30 s
        assert all(len(data) == 12 and data[1] == 127 and data[8:12] == SEED[:4] for data in sent)
        assert [data[3] for data in sent] == [0xFE, 0xFF, 0]
        call.stream.configure(Agreement())
        call.ticks(1)
        last = call.stream.udp.outgoing[-1][2]
        assert last[3] == 1 and len(last) == 172  # the sequence goes on


def test_no_packet_goes_where_nobody_is():
    for agreement in (Agreement(port=0, direction="inactive"), Agreement(address="0.0.0.0", direction="recvonly")):
        call = Call(agreement)
        call.ticks(1600)
        assert not call.stream.udp.outgoing


def test_a_type_that_is_agreed_keeps_no_way_open():
    call = Call(Agreement(direction="recvonly", dtmf=127))
    call.ticks(1)
    assert call.stream.udp.outgoing[0][2][1] == 126


def test_packets_of_ours_that_come_back_can_be_dropped():
    for drop in (False, True):
        call = Call(**{"sound.drop_own_packets": drop})
        call.stream.audio.level = 1000
        for _ in range(30):
            call.stream.tick()
            call.come(call.stream.udp.outgoing[-1][2])
        assert (call.stream.stats.received == 0) == drop and call.stream.sender.changed == 0


def test_the_next_call_begins_without_the_last_one_s_memories():
    call = Call()
    call.ticks(600, ("198.51.100.9", 4000))
    assert len(call.phone.told) == 2
    path = call.path
    path.end()
    other = Call()
    other.path = other.stream.path = path
    path.begin(other)
    other.ticks(499)
    assert not other.phone.told
    other.come(rtp(1, 0, bytes(160)), ("198.51.100.9", 4000))
    other.ticks(1)
    assert [kind for kind, data in other.phone.told] == ["no-media", "media-source"]


class Gone(Net):
    """A network that may be gone: no socket is to be had then. full: nor a piece of heap."""

    gone = full = 0  # attempts that fail
    closed = False

    def reopen(self):
        super().reopen()
        self.closed = bool(self.gone or self.full)
        if self.gone:
            self.gone -= 1
            return False
        if self.full:
            self.full -= 1
            raise MemoryError
        return True

    def connect(self, address):
        if self.full:
            self.full -= 1
            raise MemoryError
        return super().connect(address)

    def receive_from(self, view):
        return -1 if self.closed else super().receive_from(view)

    def send_to(self, view, address):
        return not self.closed and super().send_to(view, address)


def test_a_network_that_comes_back_is_heard_again():
    for gone, full in ((1, 0), (3, 0), (0, 2), (2, 1)):
        for follows in (True, False):
            call = Call()
            if not follows:
                call.stream.path = None
            net = call.stream.udp = Gone()
            call.stream._read, call.stream._write = net.receive, net.send
            call.ticks(10, HERE)
            net.gone, net.full = gone, full
            call.ticks(150)
            assert net.closed and net.peer is None
            call.ticks(50 * (gone + full))
            assert not net.closed
            call.ticks(10, HERE, 400)
            assert net.peer == HERE and call.stream.stats.received == 20, (gone, full, follows)
            assert net.reopened == 1 + gone + full


def test_without_heap_to_connect_the_next_packet_tries_again():
    call = Call()
    net = call.stream.udp = Gone()
    call.stream._read, call.stream._write = net.receive, net.send
    net.full = 2
    call.ticks(6, HERE)
    assert net.peer == HERE and call.stream.stats.received == 6
