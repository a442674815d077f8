# The other end of a stream, under the hand of a test: a server on loopback, plain or TLS, and what links tell.
# May import siplet.net.

import asyncio

from siplet import platform
from siplet.net import tcp, tls
from siplet.net.links import Links

HERE = "127.0.0.1"
VECTORS = (__file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else "..") + "/vectors/tls/"
HEAD = b"OPTIONS sip:door@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\nCSeq: 1 OPTIONS\r\n"
MESSAGE = HEAD + b"Content-Length: 5\r\n\r\nhello"


def certificate(name):
    """The bytes of a file in tests/vectors/tls."""
    with open(VECTORS + name, "rb") as file:
        return file.read()


def secure(name):
    """An SSLContext of a server with that certificate."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if platform.MICROPYTHON:  # which may know no PEM
        key = tls.der(certificate("server.key"), b"EC PRIVATE KEY")
        context.load_cert_chain(tls.der(certificate(name))[0], key[0])
    else:
        context.load_cert_chain(VECTORS + name, VECTORS + "server.key")
    return context


def free_port():
    listener, port = tcp.listen(HERE, 0)
    listener.close()
    return port


async def until(condition, ms=3000):
    """Wait until condition() is true, for ms at most; its value."""
    start = platform.now()
    while True:
        value = condition()
        if value or platform.now() - start > ms:
            return value
        await platform.sleep_ms(5)


class Connection:
    """What a Peer has of one connection: got: all bytes that came; over: it was closed."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer
        self.got = b""
        self.over = False
        self.task = asyncio.current_task()

    async def read(self, answer):
        while True:
            try:
                data = await self._reader.read(2000)
            except OSError:
                data = b""
            if not data:
                self.over = True
                return
            self.got += data
            reply = answer(self, data) if answer else None
            if reply:
                await self.write(reply)

    async def write(self, *pieces):
        for data in pieces:
            self._writer.write(data)
            await self._writer.drain()

    async def close(self):
        if self.task:
            self.task.cancel()
            self.task = None
            self._writer.close()
            if platform.MICROPYTHON:
                await self._writer.wait_closed()


class Peer:
    """A server: async with Peer(answer=None, certificate=None, reads=True) as peer.

    answer(connection, data): what to send when data came. connections: those that were opened, in order.
    """

    def __init__(self, answer=None, certificate=None, reads=True, port=0, host=HERE):
        self._answer = answer
        self._certificate = certificate
        self._reads = reads
        self._host = host
        self.port = port or free_port()
        self.connections = []

    async def __aenter__(self):
        context = secure(self._certificate) if self._certificate else None
        self._server = await asyncio.start_server(self._serve, self._host, self.port, ssl=context)
        return self

    async def __aexit__(self, kind, error, trace):
        self._server.close()
        for connection in self.connections:
            await connection.close()
        if platform.MICROPYTHON:
            await self._server.wait_closed()
        await platform.sleep_ms(5)

    async def _serve(self, reader, writer):
        connection = Connection(reader, writer)
        self.connections.append(connection)
        try:
            if self._reads:
                await connection.read(self._answer)
            else:
                await platform.sleep_ms(60000)
        except asyncio.CancelledError:
            pass

    def at(self, transport=b"TCP", host=HERE):
        """Its destination."""
        return host, self.port, transport


class Told(Links):
    """Links whose messages and failures are kept, and whose deadlines are short: messages, failures."""

    tick_ms = 5

    def __init__(self, take=None, **options):
        self.messages = []
        self.failures = []
        self._take_too = take
        super().__init__(self._on, self.failures.append, **options)

    def _on(self, data, source):
        self.messages.append((data, source))
        if self._take_too:
            self._take_too(self, data, source)

    async def __aenter__(self):
        return self

    async def __aexit__(self, kind, error, trace):
        self.close()
        await platform.sleep_ms(10)
        assert not self.links and not self.faults, (self.links, self.faults)
