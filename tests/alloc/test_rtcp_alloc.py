# Zero bytes a tick and a report: RTCP beside the media path under a locked heap, on the port of RTP and on its own,
# what comes in and trouble included.

NEEDS = ("heap_lock",)

from locked import Agreement, Audio, Peer, locked
from siplet.media import emodel, rtcp, rtcp_timing
from siplet.sound.reports import Reports
from siplet.sound.stream import Stream

SEED = b"\x12\x34\x56\x78\xff\x80\xff\xff\xf0\x00"
FAR = b"SSRC"


class Place:
    """Attributes of a description: what siplet.sdp.Media is."""

    address = "192.0.2.7"
    port = 4000
    start = 0

    def __init__(self, data):
        self.data = data


class Port:
    """The second socket: gives one report when it was laid there."""

    address = "192.0.2.1"
    port = 4000

    def __init__(self, address="", port=0):
        self.sent = 0
        self.waiting = False
        self.source = ("192.0.2.7", 4001)
        self.last = bytearray(200)
        self._read = self.receive

    def connect(self, address):
        return True

    def reopen(self):
        return True

    def close(self):
        pass

    def send(self, view):
        self.sent += 1
        i = 0
        while i < len(view):
            self.last[i] = view[i]
            i += 1
        return True

    def receive(self, view):
        if not self.waiting:
            return 0
        self.waiting = False
        i = 0
        while i < len(REPORT):
            view[i] = REPORT[i]
            i += 1
        return len(REPORT)


class Phone:
    def __init__(self):
        self.handlers = {}

    def _guard(self, visit, record):
        visit(record)


class Call:
    extras = ()

    def __init__(self, shared, peer):
        self.phone = Phone()
        self.udp = Port()
        self.part = Reports({})
        self.part.describe(self)
        shared = b"\na=rtcp-mux" if shared else b""
        self.part.way.take(Place(b"v=0" + shared + b"\na=rtcp-xr:voip-metrics rcvr-rtt=all\n"))
        peer.packet[8:12] = peer.key[8:12] = FAR
        self.stream = Stream(Audio(), peer, lambda n: SEED[:n])
        clock.us = 0x3FF00000  # wraps soon
        self.part.now = clock.now
        self.part.begin(self)
        self.stream.parts.append(self.part)
        self.stream.configure(Agreement())


class Clock:
    us = 0

    def now(self):
        return self.us

    def pass_by(self):
        self.us = (self.us - 0x3FFFB1E0) & 0x3FFFFFFF  # 20 ms, within small ints


clock = Clock()
XR = (
    b"\x80\xcf\x00\x11"
    + FAR
    + b"\x07\x00\x00\x08\x12\x34\x56\x78"
    + bytes(28)
    + b"\x04\x00\x00\x02"
    + b"\xff" * 8
    + b"\x05\x00\x00\x03\x12\x34\x56\x78"
    + b"\xff" * 8
)
SDES = b"\x81\xca\x00\x03" + FAR + b"\x01\x04a@bc\x00\x00"
REPORT = (
    b"\x81\xc8\x00\x0c"
    + FAR
    + b"\xff" * 20
    + b"\x12\x34\x56\x78"
    + b"\xff" * 12
    + b"\x00\x01\x00\x00\xff\xff\xff\xff"
    + SDES
    + XR
)


def ticks(call, n):
    part = call.part
    udp = call.stream.udp
    while n:
        clock.pass_by()
        udp.arrive()
        if n % 60 == 0:
            if part.way.udp:
                part.way.udp.waiting = True
            else:
                udp._put(REPORT)
        call.stream.tick()
        n -= 1


def test_reports_both_ways_on_the_port_of_rtp_and_on_their_own():
    for shared in (True, False):
        call = Call(shared, Peer())
        ticks(call, 25)
        locked(ticks, call, 1500)
        part = call.part
        assert 4 <= part.sent <= 14 and part.received >= 25 and part.bad == 0, (part.sent, part.received, part.bad)
        assert bool(part.way.udp) != shared
        if not shared:
            data = part.way.udp.last
            n = rtcp.bound(data, 0, 152)
            assert data[1] == 200 and rtcp.check(data, 0, n) and part.way.udp.sent == part.sent
        assert call.stream.stats.received > 1500 and part.record()["loss_percent"] == 0
        assert part.quality.packets > 1500
        part.end()


def test_while_packets_are_lost_come_twice_and_the_source_changes():
    def trouble(tick):
        if tick % 7 == 3:
            return "lost"
        if tick % 11 == 5:
            return "twice"
        if 500 < tick < 600:
            return "gap"
        return "jump" if tick % 300 == 150 else ""

    peer = Peer()
    peer.trouble = trouble
    call = Call(True, peer)
    ticks(call, 25)
    locked(ticks, call, 1200)
    assert call.part.sent >= 3 and call.part.quality.lost > 100
    call.part.quality.update()
    assert call.part.quality.mos_cq < 40


def test_who_sends_nothing():
    call = Call(True, Peer())
    call.stream.configure(Agreement(direction="recvonly"))
    ticks(call, 25)
    locked(ticks, call, 1200)
    assert call.part.sent >= 3


def test_a_far_end_with_our_ssrc():
    peer = Peer()
    call = Call(True, peer)
    ticks(call, 600)
    peer.packet[8:12] = peer.key[8:12] = SEED[:4]
    sent = call.part.sent
    locked(ticks, call, 100)
    assert call.stream.sender.changed == 1 and call.part.sent > sent > 0
    assert call.part._reader.own == call.stream.sender.ssrc != SEED[:4]


def test_what_is_glued_together_and_what_is_no_report():
    app = b"\x80\xcc\x00\x02" + FAR + b"test"
    lie = b"\x80\xc9\x00\xff" + FAR

    def glue(call, n):
        udp = call.stream.udp
        while n:
            clock.pass_by()
            if not n & 7:
                udp._put(app if n & 8 else lie)
            udp.arrive()
            call.stream.tick()
            n -= 1

    call = Call(True, Peer())
    ticks(call, 25)
    received = call.stream.stats.received
    locked(glue, call, 160)
    assert (call.part.bad, call.part.ignored) == (10, 10) and call.stream.stats.received - received == 160
    call = Call(False, Peer())
    ticks(call, 25)
    ssrc = bytearray(4)
    data = bytearray(REPORT * 3)
    received = call.part.received

    def several():
        call.part._room = 8
        call.part._read(data, len(data))
        rtcp.bound_ciphered(data, 0, len(data), ssrc)

    locked(several)
    assert call.part.received - received == 3 and call.part.bad == 0


def test_rubbish():
    call = Call(True, Peer())
    ticks(call, 25)
    junk = bytearray(REPORT)

    def storm(n):
        while n:
            clock.pass_by()
            call.stream.udp.arrive()
            junk[n * 7 % len(junk)] = n * 31 & 255
            junk[0] = 0x81
            junk[1] = 200
            call.stream.udp._put(junk)
            call.stream.tick()
            n -= 1

    locked(storm, 600)
    assert call.part.bad > 20


def test_the_pure_parts():
    clock = rtcp.Clock()

    def run(n):
        now = 0x3FF00000
        while n:
            now = (now - 0x3FE17B80) & 0x3FFFFFFF  # 2 s
            clock.advance(now)
            rtcp_timing.interval(2, 2, 500, True, 1500, False, 65535)
            emodel.mos(emodel.rating(n * 100000, n * 90000, n, 2510, n))
            n -= 1

    locked(run, 900)
    assert clock.ms > 1_700_000
