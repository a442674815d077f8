# Our address as the outside sees it, when a NAT stands between: asked of a STUN server for sockets that stand ready
# before they are needed. May import log, net, platform and ticks.
#
# A description is written at once, and an answer takes its time: so for each call that is possible a socket of RTP is
# kept whose mapping is known, asked for again each 20 s, which keeps it alive. A call takes one, and leaves the socket
# that was made for it in its place. Without an answer in 2 s the local address is said, as without a server.
#
# This serves who is alone behind a NAT that maps a socket the same way for everybody (RFC 4787 4.1), which most do; it
# needs two sockets a call, and a range of RTP ports with room for them.

import asyncio

from micropython import const

from siplet import platform
from siplet.log import log
from siplet.net import stun
from siplet.net.udp import Udp
from siplet.ticks import ticks_add, ticks_diff

_TICK = const(20)  # ms between looks at the sockets while an answer is awaited
_REFRESH = const(20000)  # ms; mappings last 30 s where they last shortest
_PATIENCE = const(2000)  # ms after which there is no answer
_MOST = const(4)  # sockets kept
_BURST = const(8)  # datagrams of one socket taken at one look
_LOOKUP = const(4000)  # ms


class _Place:
    # A socket that stands ready; mapped: (host, port), or None
    def __init__(self, udp):
        self.udp = udp
        self.mapped = self.query = None
        self.since = 0


class Mapper:
    """The sockets of a Phone's next calls. server: "host[:port]", "[address]:port" of IPv6.

    known: our public address (str), None when nobody has told. Counters: asked (requests sent), answered, strange (what
    came from elsewhere or answers nothing).
    """

    def __init__(self, phone, server):
        self._phone = phone
        self._server = server
        self._places = []
        self._wake = asyncio.Event()
        self._resolver = None
        self._said = None
        self.known = None
        self.asked = self.answered = self.strange = 0
        self._task = asyncio.create_task(self._run())

    # -- what a siplet.sound.parts.Sound calls

    def map(self, line):
        """Let a new Line have a socket that is known outside, if there is one, and say that address."""
        for place in self._places:
            if place.mapped and (":" in place.mapped[0]) == (line._where[5] == "6"):
                line._udp, place.udp = place.udp, line._udp
                host, line._port = place.mapped
                line._where = "IN IP%d %s\r\n" % (6 if ":" in host else 4, host)
                place.mapped = place.query = None
                break
        self._wake.set()

    def spare(self):
        """Give a port back that is more needed elsewhere; False when there is none."""
        if not self._places:
            return False
        self._places.pop().udp.close()
        return True

    # -- inside

    async def _run(self):
        phone = self._phone
        await platform.sleep_ms(0)  # the phone has its tasks after that
        phone._tasks.append(self._task)
        try:
            while True:
                try:
                    self._fill(min(phone._max_calls, _MOST))
                    server = await self._find()
                    if server:
                        await self._ask(server)
                    else:
                        for place in self._places:  # who is asked no more is soon forgotten by the NAT
                            place.mapped = None
                        self._say(f"stun: {self._server} is not known, the local address is used")
                except MemoryError:  # a call has it all; it will be over
                    pass
                await platform.wait(self._wake, _REFRESH)
                self._wake.clear()
        finally:
            while self.spare():
                pass

    def _fill(self, n):
        while len(self._places) < n:
            try:
                self._places.append(_Place(Udp(self._phone.bind_address, ports=self._phone.rtp_ports)))
            except OSError:  # calls have them all
                break

    async def _find(self):
        # (address, port) of the server, None when it has none
        host, port = self._server, stun.PORT
        try:
            if host[:1] == "[":
                host, _, rest = host[1:].partition("]")
                port = int(rest[1:] or port)
            elif host.count(":") == 1:
                host, _, rest = host.partition(":")
                port = int(rest or port)
        except ValueError:
            return None
        if ":" in host or not host.strip("0123456789."):
            return host, port
        from siplet.net import dns

        if not self._resolver:
            from siplet.net.resolver import Resolver

            self._resolver = Resolver(self._phone.servers)
        deadline = ticks_add(platform.now(), _LOOKUP)
        found, _ = await self._resolver.find(host.lower().encode(), dns.A, deadline)
        return (found[0], port) if found else None

    async def _ask(self, server):
        # Ask for every socket whose mapping is not known, or old; return when nobody is asked any more
        now = platform.now()
        for place in self._places:
            place.query = stun.Query(platform.random, now)
            place.since = now
        while True:
            now = platform.now()
            busy = False
            for place in list(self._places):
                query = place.query
                if query is None and not place.mapped:  # a call has just left it
                    query = place.query = stun.Query(platform.random, now)
                    place.since = now
                if query is None or query.over:
                    continue
                busy = True
                if query.due(now):
                    place.udp.send_to(query.request, server)
                    self.asked += 1
                self._read(place, server)
                if place.query is query and ticks_diff(now, place.since) > _PATIENCE:
                    place.mapped = None
                    self._say(f"stun: no answer from {self._server}, the local address is used")
            if not busy:
                return
            await platform.sleep_ms(_TICK)

    def _read(self, place, server):
        for _ in range(_BURST):
            data = place.udp.datagram(stun.LONGEST)
            if data is None:
                return
            found = stun.read(data, place.query.transaction) if place.udp.source == server else None
            if found is None:
                self.strange += 1
                continue
            self.answered += 1
            if not isinstance(found, tuple):  # stun.REFUSED
                place.mapped = None
                place.query.over = True
                self._say(f"stun: {self._server} tells no address, the local one is used")
                return
            place.query = None
            place.mapped = found
            self.known = found[0]
            self._say(f"stun: our public address is {found[0]}")
            return

    def _say(self, text):
        if text != self._said:  # once, until something changes
            self._said = text
            log(text)
