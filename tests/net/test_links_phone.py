# A phone that is reached over streams: peers that stall, break the framing or come in numbers while a call is up; the
# torture messages over TCP; a registrar that goes away, and one whose certificate is not the right one.

import asyncio

from siplet import Phone, platform
from siplet.audio.null import Null
from siplet.limits import STREAMS_IN
from siplet.net import tcp
from siplet.sip.framing import Framer
from siplet.sip.message import Message
from stream_peer import HERE, VECTORS, Peer, certificate, free_port, until

NEEDS = ("sockets", "event_loop")
OPTIONS = (
    b"OPTIONS sip:desk@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;rport;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
)
OPTIONS += b"From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:desk@127.0.0.1>\r\nCall-ID: 1@a\r\nCSeq: 1 OPTIONS\r\n"
WHOLE = OPTIONS + b"Content-Length: 0\r\n\r\n"


def phone(user, **options):
    options.setdefault("accept", ("open",))
    options.setdefault("streams", {})
    # Not any port that UDP has free: those of our many connections are not free for TCP
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=free_port(), audio=Null(), **options)


class Stranger:
    """A connection to a phone, by hand: got: what came back; over: it was closed."""

    def __init__(self, port):
        self._sock = tcp.connect((HERE, port))[0]
        self._stream = tcp.stream(self._sock)
        self.got = b""
        self.over = False

    async def send(self, data):
        await tcp.writable(self._stream)
        self._stream.write(data)

    def look(self):
        view = bytearray(4000)
        try:
            n = self._stream.readinto(view)
        except OSError:
            n = 0
        if n == 0:
            self.over = True
        elif n:
            self.got += bytes(view[:n])
        return self.got

    def close(self):
        self._sock.close()


async def ask(port, data):
    """The stranger that sent data, once an answer or the end is here."""
    stranger = Stranger(port)
    await stranger.send(data)
    await until(lambda: stranger.look() or stranger.over)
    return stranger


async def test_bad_streams_while_a_call_is_up():
    async with phone("bell") as bell, phone("desk") as desk:
        kept = []

        async def answer():
            call = await desk.incoming(timeout_ms=3000)
            await call.answer()
            kept.append(call)

        task = asyncio.create_task(answer())
        async with bell.call(f"sip:desk@{HERE}:{desk.local_port};transport=tcp", timeout_ms=3000) as call:
            await task
            port = desk.local_port
            good = await ask(port, WHOLE)
            assert good.got.startswith(b"SIP/2.0 200 ") and b";received=127.0.0.1;rport=" in good.got
            for line in (b"", b"l: 1\r\nl: 2\r\n", b"l: -1\r\n", b"l: 99999\r\n"):
                bad = await ask(port, OPTIONS + line + b"\r\n" + WHOLE)
                assert bad.got.startswith(b"SIP/2.0 400 ") and b"content-length" in bad.got, (line, bad.got)
                assert await until(lambda one=bad: one.look() and one.over)
                assert bad.got.count(b"SIP/2.0 ") == 1
                bad.close()
            crowd = [good]
            for data in (
                b"x" * 9000,
                WHOLE[:99],
                b"",
                b"\r\n\r\n\r\n\r\r\n",
                b"\0\xff\r\n\r\n" * 200,
                b"GET / HTTP/1.1\r\n\r\n",
            ):
                for _ in range(STREAMS_IN):
                    crowd.append(Stranger(port))
                    if data:
                        await crowd[-1].send(data)
                await platform.sleep_ms(20)
            assert len(desk._delivery.links.links) <= STREAMS_IN + 1
            assert (await ask(port, WHOLE)).got.startswith(b"SIP/2.0 200 ")
            assert await call.send_digits("7", form="info") and await kept[0].digit(timeout_ms=1000) == "7"
            for stranger in crowd:
                stranger.close()
        assert desk.faults == bell.faults == 0 and desk._delivery.links.faults == 0


async def test_the_torture_messages_over_tcp():
    names = []
    with open(VECTORS.replace("/tls/", "/rfc4475/") + "verdicts.tsv") as file:
        for line in file:
            if ".dat\t" in line:
                names.append(line.split("\t")[0])
    assert len(names) == 49
    async with phone("desk") as desk:
        for name in names:
            with open(VECTORS.replace("/tls/", "/rfc4475/") + name, "rb") as file:
                data = file.read()
            stranger = Stranger(desk.local_port)
            half = len(data) // 2
            await stranger.send(data[:half])
            await stranger.send(data[half:])
            await stranger.send(WHOLE)
            await until(lambda one=stranger: one.look() or one.over, 100)  # some want no answer, or more bytes
            stranger.close()
            good = await ask(desk.local_port, WHOLE)
            assert good.got.startswith(b"SIP/2.0 200 "), name
            good.close()
        assert desk.faults == 0 and desk._delivery.links.faults == 0


def registrar(got):
    """Peer's answer that accepts every REGISTER and keeps it in got."""
    framers = {}

    def answer(connection, data):
        if connection not in framers:
            framers[connection] = Framer()
        framer = framers[connection]
        framer.receive(data)
        reply = b""
        data = framer.next()
        while data:
            request = Message(data)
            got.append(request)
            reply += b"SIP/2.0 200 OK\r\n"
            for name in (b"Via", b"From", b"To", b"Call-ID", b"CSeq", b"Contact", b"Expires"):
                reply += name + b": " + request.header(name.lower()) + (b";tag=x" if name == b"To" else b"") + b"\r\n"
            reply += b"Content-Length: 0\r\n\r\n"
            data = framer.next()
        return reply

    return answer


async def test_a_registrar_that_closes_is_registered_with_anew():
    got = []
    async with Peer(registrar(got)) as peer:
        async with phone("bell", registrar=f"{HERE}:{peer.port}", transport="tcp") as bell:
            assert await bell.wait_registered(2000) and len(got) == len(peer.connections) == 1
            await peer.connections[0].close()
            assert await until(lambda: len(got) == 2, 4000) and len(peer.connections) == 2
            assert await until(lambda: bell.registration == "registered", 2000) and got[1].cseq == got[0].cseq + 1
        assert got[-1].header(b"expires") == b"0" and len(peer.connections) == 2 and bell.faults == 0


async def test_only_the_right_certificate_hears_our_register():
    for cert, options, good in (
        ("server.pem", {"ca": VECTORS + "ca.pem"}, True),
        ("expired.pem", {"ca": VECTORS + "ca.pem"}, False),
        ("server.pem", {"ca": certificate("other.pem")}, False),
        ("server.pem", {"pin": "ab" * 32}, False),
        ("server.pem", {}, False),
    ):
        got = []
        async with Peer(registrar(got), certificate=cert) as peer:
            streams = {"tls": options}
            async with phone("bell", registrar=f"{HERE}:{peer.port}", transport="tls", streams=streams) as bell:
                await until(lambda who=bell: who.registration in ("registered", "failed"))
                error = bell._delivery.links.last_error
                if good:
                    assert bell.registration == "registered" and error == "" and len(got) == 1, error
                else:
                    assert (bell.registration, bell.registration_status) == ("failed", 503)
                    assert error.startswith(f"TLS {HERE}:{peer.port}: "), error
                assert bell.faults == 0
            await platform.sleep_ms(20)
            assert good or not any(connection.got for connection in peer.connections)
