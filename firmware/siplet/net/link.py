# One connection that carries SIP messages both ways: TCP, TLS, WS or WSS; RFC 3261 18. May import platform, net and
# sip.framing.
#
# One task opens it and reads; a second one writes, but only while the network does not take at once what there is to
# send. What they wait for has no end of its own, so Links calls watch() all the time: it fails what took too long.
#
# A stream that cannot be read on is not cut off at once, for the answer that says so would be lost with what was still
# to be read: for a moment everything is read and thrown away.

import asyncio

from micropython import const

from siplet import platform
from siplet.errors import LocalError, RemoteError
from siplet.limits import STREAM_QUEUE
from siplet.net import tcp
from siplet.sip.framing import Framer
from siplet.ticks import ticks_add, ticks_diff

_LINGER = const(1000)  # ms
_SERVED = const(4)  # a server by its name and its address, and a domain or two that it serves


class Link:
    """destination: as Links.send() was given it; source: (ip, port, transport) of the other end, None until it is open.

    links: the Links that it belongs to; address: (host, port) to connect to; sock: one that was accepted.
    reason: None while it lives; why it ended, "" when we wanted it. lingers: it is read a moment longer all the same.
    served: the destinations that something was sent to through it. messages: how many came. heard: when the last one
    did, at first when it was opened.
    """

    def __init__(self, links, destination, address=None, sock=None):
        self._links = links
        self._address = address or destination[:2]
        self._sock = sock
        self.destination = destination
        self.outgoing = not sock
        self.source = None if address else destination
        self.opened = not address
        self.reason = self._tls = self._writer = None
        self.lingers = self._started = False
        self.served = []
        self.messages = 0
        self._queue = []
        self._began = self._ping = self._pong = None
        self.heard = self._moved = platform.now()
        if destination[2][:2] == b"WS":
            from siplet.net.websocket import WebSocket

            host = f"[{destination[0]}]" if ":" in destination[0] else destination[0]
            self._codec = WebSocket(
                f"{host}:{destination[1] or (address or destination)[1]}", links.path, platform.random
            )
        else:
            self._codec = Framer()
        self._stream = tcp.stream(sock) if sock else None
        self._task = asyncio.create_task(self._run())

    # -- what Links calls

    def send(self, message):
        """Send a message (bytes or a memoryview, which is copied); False when too much waits already."""
        if self.reason is not None:
            return False
        return self._push(self._codec.wrap(message))

    def serve(self, destination):
        """Note whom something was sent to, to be told when the connection fails."""
        if destination not in self.served and len(self.served) < _SERVED:
            self.served.append(destination)

    def remote(self):
        """(ip, port) of the other end, or whatever it is reached by until that is known."""
        return (self.source or self._address)[:2]

    def watch(self, now):
        """Let the deadlines pass."""
        links = self._links
        if self.lingers:
            if ticks_diff(now, self._moved) > _LINGER:
                self.stop()
        elif self.reason is not None:
            return
        elif not self.opened:
            if ticks_diff(now, self._moved) > links.connect_ms:
                self.fail("no connection in time")
        elif self._queue and ticks_diff(now, self._moved) > links.stall_ms:
            self.fail("takes nothing any more")
        elif self._began is not None and ticks_diff(now, self._began) > links.stall_ms:
            self.fail("half a message, and nothing more")
        elif self._pong is not None:
            if not self._codec.awaiting:
                self._pong = None
            elif ticks_diff(now, self._pong) >= 0:
                self._pong = None
                if links.strict or self._codec.pongs or self.destination[2][:2] == b"WS":
                    self.fail("no answer to a keep-alive")
        elif self._ping is not None and ticks_diff(now, self._ping) >= 0:
            self._pong = ticks_add(now, links.pong_ms)
            self._ping = links.next_ping(now)
            self._push(self._codec.ping())

    def fail(self, reason):
        """End it, and let Links tell why."""
        if self.reason is None:
            self.reason = reason
        self.stop()

    def stop(self):
        """End it."""
        if self.reason is None:
            self.reason = ""
        self.lingers = False
        if asyncio.current_task() is not self._task:
            self._task.cancel()
            if not self._started:  # then nothing of it ever runs
                self._end()

    # -- the task

    async def _run(self):
        self._started = True
        try:
            if not self.opened:
                await self._open()
            while self.reason is None or self.lingers:
                await self._read()
        except (OSError, ValueError, LocalError, MemoryError) as error:
            self.fail(self._words(error))
        except asyncio.CancelledError:
            pass
        finally:
            self._end()

    def _end(self):
        if self._writer:
            self._writer.cancel()
        for one in (self._stream, self._sock):  # closing TLS that has failed leaves the socket open
            if one:
                one.close()
        self._links.ended(self)

    async def _open(self):
        links = self._links
        self._sock, source = tcp.connect(self._address)
        self.source = source + self.destination[2:]
        self._stream = tcp.stream(self._sock)
        await tcp.writable(self._stream)
        tcp.connected(self._sock)
        if self.destination[2] in (b"TLS", b"WSS"):
            platform.collect()  # TLS takes tens of kilobytes, on boards beside the heap; old connections may hold some
            from siplet.net.tls import Tls

            self._tls = Tls(self._sock, self.destination[0], links.tls)
            self._stream = self._tls.stream
        if not self._codec.opened:
            await self._write(self._codec.request)
            while not self._codec.opened:
                await self._read()
                if self.reason is not None:
                    return
        await self._drain()
        self.opened = True
        self._ping = links.next_ping(platform.now())

    async def _read(self):
        view = self._links.view
        await tcp.readable(self._stream)
        n = self._stream.readinto(view)
        if n == 0:
            self.fail(self.reason or "closed by the other end")
        elif n and self.reason is None:
            self._take(view[:n])

    def _take(self, view):
        codec = self._codec
        codec.receive(view)
        now = platform.now()
        try:
            message = codec.next()
            while message is not None:
                self.messages += 1
                self.heard = now
                self._began = None
                self._links.take(message, self.source)
                if self.reason is not None:
                    return
                message = codec.next()
        except RemoteError as error:
            self.lingers = self.opened
            self.reason = error.text
            self._moved = now
        if not codec.partial:
            self._began = None
        elif self._began is None:
            self._began = now
        reply = codec.reply()
        if reply:
            self._push(reply)

    # -- writing

    def _push(self, data):
        # sends data now, or lets it wait; False when too much does
        sent = 0
        if self.opened and not self._queue:
            try:
                sent = self._stream.write(data) or 0
            except (OSError, ValueError) as error:
                self.fail(self._words(error))
                return True
            if sent == len(data):
                return True
        elif sum([len(waiting) for waiting in self._queue]) + len(data) > STREAM_QUEUE:
            return False
        if self.opened and not self._queue:
            self._moved = platform.now()
        self._queue.append(bytes(data[sent:]))
        if self.opened and not self._writer:
            self._writer = asyncio.create_task(self._flush())
        return True

    async def _flush(self):
        try:
            await self._drain()
        except (OSError, ValueError) as error:
            self.fail(self._words(error))
        self._writer = None

    async def _drain(self):
        while self._queue:
            await self._write(self._queue[0])
            self._queue.pop(0)

    async def _write(self, data):
        data = memoryview(data)
        while data:
            n = self._stream.write(data)
            if n is None:
                await tcp.writable(self._stream)
                continue
            if self._tls:
                self._tls.check()
            if self.opened:
                self._moved = platform.now()
            data = data[n:]

    def _words(self, error):
        return self._tls.reason(error) if self._tls else tcp.reason(error)
