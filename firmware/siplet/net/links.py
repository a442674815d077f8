# All connections of a phone: who is reached by which, how many there are, when a dead server is tried again.
# RFC 3261 18.1 and 18.2, RFC 5626 3.5.1. May import platform, limits and net.
#
# A connection serves both ways: what comes in names its other end as its source, and whatever is sent to that source
# goes back through it. Nothing here waits, and nothing is raised: send() opens what is missing, and on_failed tells
# later what became of it.

import asyncio

from siplet import platform
from siplet.errors import LocalError
from siplet.limits import STREAM_CONNECT, STREAM_PAUSE, STREAM_PONG, STREAM_STALL, STREAMS_IN, STREAMS_OUT
from siplet.net import tcp
from siplet.net.link import Link
from siplet.ticks import ticks_add, ticks_diff

_READ = 1024  # bytes at once; most messages are shorter
_TRANSPORTS = (b"TCP", b"TLS", b"WS", b"WSS")


class Links:
    """on_message(data, source): a whole message came; source: (ip, port, transport), to which send() answers.
    on_failed(destination): what was sent there is lost, or its connection is gone and with it the way back.

    tls: the options of net/tls. keepalive_ms: pings on what we opened, a fifth less at random; 0: none. strict: they
    have to be answered from the first one on; otherwise only by who has answered once. path: of WebSocket's URL.
    last_error: one line about what went wrong last. failed: connections that did. refused: who was not let in, and who
    had to make room.
    """

    connect_ms = STREAM_CONNECT
    stall_ms = STREAM_STALL
    pong_ms = STREAM_PONG
    pause_ms = STREAM_PAUSE
    tick_ms = 500

    def __init__(self, on_message, on_failed, tls=None, keepalive_ms=0, strict=False, path="/ws"):
        self._on_message = on_message
        self._on_failed = on_failed
        self.tls = tls
        self.strict = strict
        self.path = path
        self.keepalive_ms = keepalive_ms
        self.view = memoryview(bytearray(_READ))  # what every connection reads into, for none keeps it
        self.links = []
        self._pauses = []  # [((ip, port), transport), until, ms] of who could not be reached
        self._listener = self._accepting = self._clock = None
        self.failed = self.refused = self.faults = 0
        self.last_error = ""
        self._closed = False

    def send(self, data, destination, address=None):
        """Send a message (bytes or a memoryview, which is copied) to destination, (host, port, transport).

        address: (ip, port) to connect to, when host is a name or port 0; the name is what a TLS server has to prove.
        True when it was sent, or waits for its connection; then on_failed tells when that comes to nothing. False when
        it can be known at once, and last_error says why.
        """
        link = self._find(destination, address)
        if not link:
            place = (address or destination)[:2]
            why = self._hindrance(destination, place)
            if why:
                self._note(destination, why)
                return False
            try:
                link = Link(self, destination, place)
            except LocalError as error:  # a host or a path that no HTTP request can name
                self._note(destination, str(error))
                return False
            self._begin(link)
        if link.send(data):
            link.serve(destination)
            return True
        self._note(destination, "more to send than it takes")
        return False

    async def listen(self, host, port):
        """Take TCP connections at host, at port or (0) any free one; returns the port. OSError when it is taken."""
        self._listener, port = tcp.listen(host, port)
        self._accepting = asyncio.create_task(self._accept())
        return port

    def close(self):
        """End all connections; nobody is told."""
        self._closed = True
        if self._listener:
            self._accepting.cancel()
            self._listener.close()
            self._listener = None
        for link in list(self.links):
            link.stop()

    # -- what a Link calls

    def take(self, message, source):
        """A message has come."""
        if not self._closed:
            try:
                self._on_message(message, source)
            except Exception as error:  # ours: the connection serves others, too
                self.faults += 1
                platform.print_exception(error)

    def ended(self, link):
        """A connection is over."""
        self.links.remove(link)
        if not link.reason or self._closed:
            return
        self.failed += 1
        self._note(link.destination, link.reason)
        if link.outgoing:
            self._pause(link)
        for destination in link.served:
            self._on_failed(destination)

    def next_ping(self, now):
        """When to ping next, None for never."""
        ms = self.keepalive_ms
        return ticks_add(now, ms - ms // 5 * platform.random(1)[0] // 255) if ms else None

    # -- inside

    def _note(self, destination, why):
        host, port, transport = destination
        self.last_error = f"{transport.decode()} {host}:{port}: {why}"

    def _find(self, destination, address):
        # A URI says ws for WSS, too (RFC 7118 5.2), so a connection of that kind serves. Another address of the same
        # name is another server; another name at the same address only where it would have to be proved.
        host, port, transport = destination
        for link in self.links:
            kind = link.destination[2]
            if link.reason is not None or (kind != transport and (kind != b"WSS" or transport != b"WS")):
                continue
            remote = link.remote()
            if (address is None or address[:2] == remote) and (
                (host, port) in (link.destination[:2], remote) or (address and kind == b"TCP")
            ):
                return link
        return None

    def _hindrance(self, destination, place):
        # why no connection can be tried now, "" when it can
        transport = destination[2]
        if self._closed:
            return "closed"
        if transport not in _TRANSPORTS:
            return "no such transport"
        if transport == b"TLS" or transport == b"WSS":
            from siplet.net.tls import problem

            text = problem(self.tls)
            if text:
                return text
        now = platform.now()
        for pause in self._pauses:
            if pause[0] == (place, transport) and ticks_diff(pause[1], now) > 0:
                return "could not be reached a moment ago"
        return "" if self._make_room(True) else "too many connections"

    def _make_room(self, outgoing):
        # ends a connection when there are too many of that kind; False when none is idle
        links = [link for link in self.links if link.outgoing == outgoing and (link.reason is None or link.lingers)]
        if len(links) < (STREAMS_OUT if outgoing else STREAMS_IN):
            return True
        oldest = None
        least = 0
        for link in links:
            # Who is to be closed anyway goes first, then who has never said anything, so that strangers take the place
            # of strangers; among equals who was silent longest
            rank = 0 if link.lingers else 2 if link.messages else 1
            if link.opened and (
                oldest is None or rank < least or (rank == least and ticks_diff(link.heard, oldest.heard) < 0)
            ):
                oldest, least = link, rank
        if oldest is None:
            return False
        self.refused += 1
        oldest.fail("had to make room")  # told like any other loss: somebody may be registered through it
        return True

    def _begin(self, link):
        self.links.append(link)
        if not self._clock:
            self._clock = asyncio.create_task(self._tick())

    def _pause(self, link):
        # a server that takes no connection, or says nothing in it, is let alone for a while, longer each time
        place = link.remote(), link.destination[2]
        kept = None
        for pause in self._pauses:
            if pause[0] == place:
                kept = pause
        if kept:
            self._pauses.remove(kept)
        if link.messages:
            return
        ms = min(kept[2] * 2, 32 * self.pause_ms) if kept else self.pause_ms
        if len(self._pauses) >= 2 * STREAMS_OUT:
            self._pauses.pop(0)
        self._pauses.append([place, ticks_add(platform.now(), ms), ms])

    async def _tick(self):
        while self.links:
            await platform.sleep_ms(self.tick_ms)
            now = platform.now()
            i = len(self.links)
            while i:
                i -= 1
                self.links[i].watch(now)
        self._clock = None

    async def _accept(self):
        while True:
            await tcp.readable(self._listener)
            try:
                sock, remote = tcp.accept(self._listener)
            except OSError:  # gone again, or no socket left: nothing is gained by asking again at once
                await platform.sleep_ms(100)
                continue
            if self._make_room(False):
                self._begin(Link(self, remote + (b"TCP",), None, sock))
            else:
                self.refused += 1
                sock.close()
