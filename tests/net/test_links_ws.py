# SIP over WebSocket and secure WebSocket on loopback: a server that agrees, one that refuses, and one that goes away.

from siplet import platform
from siplet.net.websocket import accept, masked
from stream_peer import HEAD, HERE, MESSAGE, Peer, Told, certificate, until

NEEDS = ("sockets", "event_loop", "sha1")
NO_LENGTH = HEAD + b"\r\n"  # RFC 7118 5: a frame's end is a message's end


class Server:
    """Peer's answer that speaks WebSocket. frames: [(opcode, payload), ...] that came; pong: it answers pings."""

    def __init__(self, status=b"101 Switching Protocols", protocol=b"sip", pong=True):
        self.status = status
        self.protocol = protocol
        self.pong = pong
        self.frames = []
        self.head = b""
        self._data = b""

    def __call__(self, connection, data):
        self._data += data
        reply = b""
        if not self.head:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return b""
            self.head = self._data[: end + 4]
            self._data = self._data[end + 4 :]
            key = self.head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
            reply = b"HTTP/1.1 " + self.status + b"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            reply += b"Sec-WebSocket-Protocol: " + self.protocol + b"\r\nSec-WebSocket-Accept: " + accept(key)
            reply += b"\r\n\r\n"
        while len(self._data) > 5:
            n = self._data[1] & 127
            start = 2
            if n == 126:
                n = self._data[2] << 8 | self._data[3]
                start = 4
            if len(self._data) < start + 4 + n:
                break
            assert self._data[1] & 128, "not masked"
            key = self._data[start : start + 4]
            payload = bytes(masked(key, self._data[start + 4 : start + 4 + n]))
            self.frames.append((self._data[0] & 15, payload))
            self._data = self._data[start + 4 + n :]
            if self.frames[-1][0] == 9 and self.pong:
                reply += self.frame(10, payload)
            elif self.frames[-1][0] == 1:
                reply += self.frame(1, payload)  # an echo
        return reply

    @staticmethod
    def frame(kind, payload):
        n = len(payload)
        return bytes((0x80 | kind, n) if n < 126 else (0x80 | kind, 126, n >> 8, n & 255)) + payload


async def test_one_message_a_frame_both_ways():
    server = Server()
    big = MESSAGE + b"x" * 3000
    async with Peer(server) as peer, Told() as links:
        for data in (MESSAGE, NO_LENGTH, big):
            assert links.send(data, peer.at(b"WS"))
        assert await until(lambda: len(links.messages) == 3)
        assert links.messages == [(data, peer.at(b"WS")) for data in (MESSAGE, NO_LENGTH, big)]
        assert server.frames == [(1, MESSAGE), (1, NO_LENGTH), (1, big)] and len(peer.connections) == 1
        assert server.head.startswith(f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{peer.port}\r\n".encode())
        await peer.connections[0].write(server.frame(2, MESSAGE) + server.frame(9, b"?"))
        assert await until(lambda: len(links.messages) == 4) and await until(lambda: server.frames[-1] == (10, b"?"))


async def test_secure():
    server = Server()
    async with Peer(server, certificate="server.pem") as peer:
        there = ("pbx.test", peer.port, b"WSS")
        async with Told(tls={"ca": certificate("ca.pem")}, path="/") as links:
            assert links.send(MESSAGE, there, (HERE, peer.port))
            assert await until(lambda: links.messages)
            assert links.messages == [(MESSAGE, peer.at(b"WSS"))]
            assert server.head.startswith(f"GET / HTTP/1.1\r\nHost: pbx.test:{peer.port}\r\n".encode())
            assert links.send(MESSAGE, peer.at(b"WS"))  # a Record-Route says ws for both
            assert await until(lambda: len(links.messages) == 2) and len(peer.connections) == 1
        async with Told(tls={"ca": certificate("other.pem")}) as links:
            server.head = b""
            links.send(MESSAGE, there, (HERE, peer.port))
            assert await until(lambda: links.failures)
            assert links.last_error.startswith(f"WSS pbx.test:{peer.port}: ") and server.head == b""
        async with Told() as links:
            assert not links.send(MESSAGE, there, (HERE, peer.port)) and "configure" in links.last_error


async def test_servers_that_refuse():
    for server, why in (
        (Server(status=b"403 Forbidden"), "the server answered HTTP/1.1 403 Forbidden"),
        (Server(protocol=b"chat"), "the server does not speak SIP over WebSocket"),
        (lambda connection, data: b"SIP/2.0 400 Bad Request\r\n\r\n", "the server answered SIP/2.0 400 Bad Request"),
    ):
        async with Peer(server) as peer, Told() as links:
            links.send(MESSAGE, peer.at(b"WS"))
            assert await until(lambda: links.failures == [peer.at(b"WS")])
            assert links.last_error == f"WS {HERE}:{peer.port}: websocket: {why}"
            assert await until(lambda: peer.connections[0].over) and b"OPTIONS" not in peer.connections[0].got


async def test_a_path_that_cannot_be():
    async with Told(path="/a b") as links:
        assert not links.send(MESSAGE, (HERE, 9, b"WS")) and "a host or path that cannot be" in links.last_error
        assert not links.links


async def test_a_server_that_never_answers_the_upgrade():
    async with Peer() as peer, Told() as links:
        links.connect_ms = 60
        links.send(MESSAGE, peer.at(b"WS"))
        assert await until(lambda: links.failures) and "no connection in time" in links.last_error


async def test_pings_have_to_be_answered():
    server = Server()
    async with Peer(server) as peer, Told(keepalive_ms=20) as links:
        links.pong_ms = 40
        links.send(MESSAGE, peer.at(b"WS"))
        assert await until(lambda: server.frames.count((9, b"")) > 4) and links.failures == []
        server.pong = False
        assert await until(lambda: links.failures == [peer.at(b"WS")])
        assert "no answer to a keep-alive" in links.last_error
    server = Server(pong=False)  # RFC 6455 leaves no choice: also the first one
    async with Peer(server) as peer, Told(keepalive_ms=20) as links:
        links.pong_ms = 40
        links.send(MESSAGE, peer.at(b"WS"))
        assert await until(lambda: links.failures == [peer.at(b"WS")])


async def test_a_server_that_says_goodbye():
    server = Server()
    async with Peer(server) as peer, Told() as links:
        links.send(MESSAGE, peer.at(b"WS"))
        assert await until(lambda: links.messages)
        await peer.connections[0].write(server.frame(8, b"\x03\xe9going away"))
        assert await until(lambda: server.frames[-1] == (8, b"\x03\xe9"))
        await peer.connections[0].close()
        assert await until(lambda: links.failures == [peer.at(b"WS")])
        assert "closed by the server with 1001 going away" in links.last_error


async def test_frames_that_may_not_be():
    server = Server()
    async with Peer(server) as peer, Told() as links:
        links.send(MESSAGE, peer.at(b"WS"))
        assert await until(lambda: links.messages)
        start = platform.now()
        await peer.connections[0].write(b"\x81\x7f\x00\x00\x00\x00\x7f\xff\xff\xff" + MESSAGE)
        assert await until(lambda: server.frames[-1] == (8, b"\x03\xf1"))
        assert await until(lambda: links.failures == [peer.at(b"WS")]) and "too large" in links.last_error
        assert await until(lambda: peer.connections[0].over) and platform.now() - start < 2000
        assert len(links.messages) == 1


async def test_half_a_frame():
    server = Server()
    async with Peer(server) as peer, Told() as links:
        links.stall_ms = 60
        links.send(MESSAGE, peer.at(b"WS"))
        assert await until(lambda: links.messages)
        await peer.connections[0].write(server.frame(1, MESSAGE)[:-1])
        assert await until(lambda: links.failures) and "half a message" in links.last_error
