# A network with knobs and a clock of its own, for stories about endpoints: no sockets, no sleeps, no real time.
#
#     wire = Wire(loss=30, seed=7)          percent lost, duplicated, reordered; delay in ms; late: of what is
#                                           reordered, at most, in ms (default: 40 always)
#     bell = wire.party("10.0.0.1")         an endpoint with its events
#     wire.run(5000)                        let 5 s pass; wire.run_until(lambda: ..., 60000) until something is true
#
# The clock starts shortly before the ticks wrap, so every story is also a test of wrapping.

from siplet.offer import Negotiation
from siplet.sip.auth import Credentials
from siplet.sip.endpoint import Endpoint
from siplet.sip.message import Message
from siplet.ticks import ticks_add, ticks_diff


class Chance:
    """A small generator, the same on every interpreter (Park and Miller in 31-bit steps)."""

    def __init__(self, seed=1):
        self.state = seed or 1

    def below(self, n):
        high, low = self.state // 44488, self.state % 44488
        self.state = 48271 * low - 3399 * high
        if self.state <= 0:
            self.state += 2147483647
        return self.state % n

    def bytes(self, n):
        return bytes([self.below(256) for _ in range(n)])


class Media(Negotiation):
    """An offer/answer partner that remembers whether it was closed."""

    closed = False

    def __init__(self, address, port, codecs):
        super().__init__(address, port, codecs)
        self.port = port

    def close(self):
        self.closed = True


class Party:
    """An endpoint on the wire: .events all it ever told, .take(kind) the next of a kind."""

    def __init__(self, wire, host, port=5060, **options):
        self.wire = wire
        self.address = (host, port)
        self.events = []
        self.sent = []  # (ticks, data, destination)
        self.lines = []
        self.endpoint = Endpoint(self._send, wire.chance.bytes, self.address, self._media, **options)
        wire.attach(self.address, self)

    def _send(self, data, destination):
        data = bytes(data)
        self.sent.append((self.wire.now, data, destination))
        self.wire.send(data, self.address, destination)

    def _media(self, session):
        return self.media()

    def media(self, codecs=(b"PCMA", b"PCMU")):
        line = Media(self.address[0], 40000 + 2 * len(self.lines), codecs)
        self.lines.append(line)
        return line

    def receive(self, data, source, now):
        self.endpoint.receive(data, source, now)
        self.collect()

    def next_timer(self):
        return self.endpoint.next_timer()

    def handle_timers(self, now):
        self.endpoint.handle_timers(now)
        self.collect()

    def collect(self):
        event = self.endpoint.next_event()
        while event:
            self.events.append(event)
            event = self.endpoint.next_event()

    def call(self, target, user="bell", credentials=None):
        host = self.address[0]
        session = self.endpoint.invite(
            target, f"<sip:{user}@{host}>".encode(), self.media(), self.wire.now, credentials
        )
        self.collect()
        return session

    def credentials(self, user, password):
        return Credentials(user, password, self.wire.chance.bytes)

    def take(self, kind):
        """The oldest event of this kind, taken out; None when there is none."""
        self.collect()
        for i in range(len(self.events)):
            if self.events[i].kind == kind:
                return self.events.pop(i)
        return None

    def kinds(self):
        self.collect()
        return [event.kind for event in self.events]

    def methods(self):
        """What was sent, in short: ["INVITE", "180", ...]."""
        return [brief(data) for _, data, _ in self.sent]

    def at_rest(self):
        endpoint = self.endpoint
        return not endpoint.transactions and not endpoint.sessions


class Peer:
    """A scripted far end: .got the Messages it received, .say(bytes) sends."""

    def __init__(self, wire, host, port=5060, script=None):
        self.wire = wire
        self.address = (host, port)
        self.got = []
        self.raw = []
        self.script = script
        wire.attach(self.address, self)

    def say(self, data, to, source=None):
        self.wire.send(data, source or self.address, to)

    def receive(self, data, source, now):
        self.raw.append((now, data, source))
        message = Message(data)
        message.check()
        self.got.append(message)
        if self.script:
            self.script(self, message, source)

    def next_timer(self):
        return None

    def methods(self):
        return [brief(message.data) for message in self.got]


def brief(data):
    """b"INVITE sip:..." -> "INVITE"; b"SIP/2.0 180 ..." -> "180"."""
    first = data.split(b"\r\n")[0].split(b" ")
    return (first[1] if first[0] == b"SIP/2.0" else first[0]).decode()


class Wire:
    """Carries datagrams between attached parties; see the top of this file."""

    def __init__(self, loss=0, duplicate=0, reorder=0, delay=10, seed=1, late=0):
        self.now = 2**30 - 1000
        self.chance = Chance(seed)
        self.loss, self.duplicate, self.reorder, self.delay, self.late = loss, duplicate, reorder, delay, late
        self.parties = {}
        self.flying = []  # [due, data, source, destination]
        self.drop = None  # a function(data, destination) that says which datagrams are lost
        self.carried = self.lost = self.doubled = self.delayed = 0

    def party(self, host, port=5060, **options):
        return Party(self, host, port, **options)

    def attach(self, address, party):
        self.parties[address] = party

    def send(self, data, source, destination):
        if self.chance.below(100) < self.loss or (self.drop and self.drop(data, destination)):
            self.lost += 1
            return
        late = 0
        if self.chance.below(100) < self.reorder:
            late = 1 + self.chance.below(self.late) if self.late else 40
        self.delayed += late > 0
        self.flying.append((ticks_add(self.now, self.delay + late), data, source, destination))
        if self.chance.below(100) < self.duplicate:
            self.doubled += 1
            self.flying.append((ticks_add(self.now, self.delay + late + 5), data, source, destination))

    def _next(self):
        due = None
        for item in self.flying:
            if due is None or ticks_diff(item[0], due) < 0:
                due = item[0]
        for party in self.parties.values():
            timer = party.next_timer()
            if timer is not None and (due is None or ticks_diff(timer, due) < 0):
                due = timer
        return due

    def step(self, limit):
        """Go on to the next thing that happens, at most to the ticks `limit`; False when that was reached."""
        due = self._next()
        if due is None or ticks_diff(due, limit) > 0:
            self.now = limit
            return False
        if ticks_diff(due, self.now) > 0:
            self.now = due
        arrived = [item for item in self.flying if ticks_diff(item[0], self.now) <= 0]
        self.flying = [item for item in self.flying if ticks_diff(item[0], self.now) > 0]
        for _, data, source, destination in arrived:
            party = self.parties.get(destination)
            if party:
                self.carried += 1
                party.receive(data, source, self.now)
        for party in list(self.parties.values()):
            timer = party.next_timer()
            if timer is not None and ticks_diff(timer, self.now) <= 0:
                party.handle_timers(self.now)
        return True

    def run(self, ms):
        """Let ms pass."""
        limit = ticks_add(self.now, ms)
        while self.step(limit):
            pass

    def run_until(self, condition, ms):
        """Let time pass until condition() is true, at most ms; whether it became true."""
        limit = ticks_add(self.now, ms)
        while not condition():
            if not self.step(limit):
                return condition()
        return True
