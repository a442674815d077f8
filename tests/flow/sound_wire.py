# Two ends of a call's sound on a wire with a clock of its own: streams of siplet.sound that tick every 20 ms, sockets
# that are lists, no real time. For stories about what RTP and RTCP do together.
#
#     wire = SoundWire(delay_ms=30)         each way; drop: callable(data, source, destination) -> True: lost
#     a, b = wire.end("10.0.0.1"), wire.end("10.0.0.2")
#     meet(a, b)                            a offers, b answers
#     wire.run(60_000)

from siplet.audio.null import Null
from siplet.offer import Agreement
from siplet.sdp import parse
from siplet.sound.reports import Reports
from siplet.sound.stream import Stream

_MASK = 0x3FFFFFFF


class SoundWire:
    """now: us, which begin shortly before the ticks wrap. carried: RTCP, [(us, source, destination, bytes)]."""

    def __init__(self, delay_ms=30):
        self.now = 2**30 - 3_000_000
        self.delay = delay_ms * 1000
        self.drop = self.hold = None  # hold: callable(data) -> more microseconds for this one
        self.flying = []
        self.carried = []
        self.ends = []
        self.taken = set()  # ports that another program has
        wire = self

        class Socket(FakeUdp):
            def __init__(self, address="0.0.0.0", port=4000):
                super().__init__(wire, address, port)

        self.Socket = Socket
        self.sockets = {}

    def end(self, host, port=4000, **options):
        """One end at a host; options of its part."""
        one = End(self, host, port, options, len(self.ends) * 7000)
        self.ends.append(one)
        return one

    def carry(self, data, source, destination):
        data = bytes(data)
        if 200 <= data[1] <= 207:
            self.carried.append((self.now, source, destination, data))
        if self.drop and self.drop(data, source, destination):
            return
        late = self.hold(data) if self.hold else 0
        self.flying.append((self.now + self.delay + late, source, destination, data))

    def _arrive(self):
        there = [item for item in self.flying if item[0] <= self.now]
        if there:
            self.flying = [item for item in self.flying if item[0] > self.now]
            for item in sorted(there):
                udp = self.sockets.get(item[2])
                if udp and (udp.peer is None or udp.peer == item[1]):
                    udp.incoming.append((item[1], item[3]))

    def run(self, ms):
        """Let ms pass, a multiple of 20."""
        for _ in range(ms // 20):
            start = self.now
            for end in sorted(self.ends, key=lambda end: end.phase):
                self.now = start + end.phase
                self._arrive()
                if end.stream:
                    end.stream.tick()
            self.now = start + 20000

    def reports(self, source):
        """What a host sent of RTCP: [(us, bytes)]."""
        return [(us, data) for us, (host, _), _, data in self.carried if host == source]


class FakeUdp:
    """A siplet.net.udp.Udp on a SoundWire."""

    def __init__(self, wire, address, port):
        if port in wire.taken:
            raise OSError(98)
        self.wire, self.address, self.port = wire, address, port
        self.peer = self.source = None
        self.incoming = []
        self._read = self.receive
        self.closed = False
        wire.sockets[(address, port)] = self

    def close(self):
        self.closed = True
        self.wire.sockets.pop((self.address, self.port), None)

    def connect(self, address):
        self.peer = address
        return True

    def reopen(self):
        self.peer = None
        return True

    def send(self, view):
        return self.send_to(view, self.peer)

    def send_to(self, view, address):
        if not self.closed:
            self.wire.carry(view, (self.address, self.port), address)
        return not self.closed

    def receive(self, view):
        n = 0
        while self.incoming and n < len(view):
            data = self.incoming.pop(0)[1][: len(view) - n]
            view[n : n + len(data)] = data
            n += len(data)
        return n

    def receive_from(self, view):
        if not self.incoming:
            return -1
        self.source, data = self.incoming.pop(0)
        data = data[: len(view)]
        view[: len(data)] = data
        return len(data)


class FakePhone:
    def __init__(self):
        self.handlers = {}
        self.last_quality = None

    def _guard(self, visit, *arguments):
        visit(*arguments)


class End:
    """A call's end: .stream, .part (Reports), .udp; it looks like a Line and like a Call."""

    extras = ()

    def __init__(self, wire, host, port, options, phase):
        self.wire, self.host, self.phase = wire, host, phase
        self.udp = wire.Socket(host, port)
        self.phone = FakePhone()
        self.part = Reports(options)
        self.part.now = lambda: wire.now & _MASK
        self.stream = None
        self.part.describe(self)

    def say(self, media=None):
        """Our description: an offer, or the answer to an sdp.Media."""
        more = "".join([extra.lines(media) for extra in self.extras])
        return f"v=0\r\nc=IN IP4 {self.host}\r\nm=audio {self.udp.port} RTP/AVP 0\r\n{more}".encode()

    def hear(self, data):
        """The far end's description; its sdp.Media."""
        media = parse(data)[0]
        for extra in self.extras:
            extra.take(media)
        self.agreed = Agreement(media.address, media.port, b"PCMU", 0, 101, "sendrecv", 20)
        return media

    def start(self, seed=b"\x00\x00\x00\x01\x00\x10\x00\x00\x00\x10"):
        """The stream begins. seed: of SSRC, sequence number and timestamp."""
        self.stream = Stream(Null(), self.udp, lambda n: (seed[:3] + self.host[-1].encode() + seed[4:])[:n])
        self.part.begin(self)
        self.stream.parts.append(self.part)
        self.stream.configure(self.agreed)

    def stop(self):
        """The call is over; its record."""
        self.part.end()
        self.udp.close()
        self.stream = None
        return self.reports


def meet(a, b, strip=b""):
    """a calls b; strip: the attribute that is lost on the way of the offer."""
    offer = a.say()
    if strip:
        offer = b"".join([line + b"\r\n" for line in offer.split(b"\r\n")[:-1] if not line.startswith(strip)])
    a.hear(b.say(b.hear(offer)))
    a.start()
    b.start(b"\x00\x00\x00\x02\xff\xe0\xff\xff\xff\x00")
