# Phones behind a NAT that is none: a STUN server on loopback tells them an address, or nothing, or nonsense.

NEEDS = ("sockets",)

import asyncio

from siplet import Phone, platform
from siplet.audio.null import Null
from siplet.net import stun
from siplet.net.udp import Udp

HERE = "127.0.0.1"


class Server:
    """Answers Binding requests: with where they came from, as if outside were host; reply(data, source) -> bytes."""

    def __init__(self, host=None, reply=None):
        self.udp = Udp(HERE)
        self.place = f"{HERE}:{self.udp.port}"
        self.host = host
        self.reply = reply or self.say
        self.ports = []
        self.requests = []

    async def __aenter__(self):
        self.task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, kind, error, trace):
        self.task.cancel()
        self.udp.close()

    async def run(self):
        while True:
            await platform.sleep_ms(2)
            data = self.udp.datagram(600)
            if data:
                self.requests.append(data)
                self.ports.append(self.udp.source[1])
                for one in self.reply(data, self.udp.source):
                    self.udp.send_to(one, self.udp.source)

    def say(self, data, source):
        host = [int(part) for part in (self.host or source[0]).split(".")]
        value = bytes([0, 1, source[1] >> 8, source[1] & 255] + host)
        head = b"\x01\x01\x00\x14\x21\x12\xa4\x42" + data[8:20]
        mask = data[4:20]
        mixed = bytes([value[2 + i] ^ mask[i] for i in range(2)] + [value[4 + i] ^ mask[i] for i in range(4)])
        body = head + b"\x00\x20\x00\x08\x00\x01" + mixed
        return [body + b"\x80\x28\x00\x04" + stun.fingerprint(body)]


def phone(user, server=None, **options):
    sound = {"sound.complete": True, "sound.stun_server": server.place if server else ""}
    options.setdefault("accept", ("open",))
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Null(), sound=sound, **options)


async def until(condition, ms=3000):
    start = platform.now()
    while not condition() and platform.now() - start < ms:
        await platform.sleep_ms(5)
    return condition()


async def described(bell, desk):
    """The media lines that a call's offer has, as the callee sees them."""
    call = bell.call(f"sip:desk@{HERE}:{desk.local_port}", timeout_ms=3000)
    task = asyncio.create_task(call.connect(3000))
    other = await desk.incoming(timeout_ms=2000)
    lines = other.request.body.decode().split("\r\n")
    await other.reject(486)
    try:
        await task
    except Exception as error:
        assert error.status == 486
    return [line for line in lines if line[:2] in ("c=", "o=") or line[:7] == "m=audio"]


async def test_the_public_address_is_said_and_the_call_has_sound():
    async with Server() as server, phone("bell", server) as bell, phone("desk", server) as desk:
        assert await until(lambda: bell.sound.mapper.known and desk.sound.mapper.known)
        call = bell.call(f"sip:desk@{HERE}:{desk.local_port}", timeout_ms=3000)
        task = asyncio.create_task(call.connect(3000))
        other = await desk.incoming(timeout_ms=2000)
        await other.answer()
        await task
        assert call.line.udp.port in server.ports and other.line.udp.port in server.ports
        assert call.line._port == call.line.udp.port
        assert await until(lambda: call.stats and call.stats.received > 25 and other.stats.received > 25)
        await call.hangup()
        assert bell.faults == desk.faults == 0


async def test_what_the_server_says_stands_in_the_offer():
    async with Server("203.0.113.77") as server, phone("bell", server) as bell, phone("desk") as desk:
        assert await until(lambda: bell.sound.mapper.known)
        for _ in range(3):  # each call has a socket that was asked for
            assert await until(lambda: any(place.mapped for place in bell.sound.mapper._places))
            lines = await described(bell, desk)
            assert "c=IN IP4 203.0.113.77" in lines and lines[0][-12:] == "203.0.113.77"
            assert int(lines[-1].split()[1]) in server.ports
        assert bell.sound.mapper.strange == 0


async def test_without_an_answer_the_local_address_is_said():
    async with Server(reply=lambda data, source: []) as server, phone("bell", server) as bell, phone("desk") as desk:
        assert await until(lambda: len(server.requests) == 2)
        assert server.requests[0] == server.requests[1]  # the same transaction
        assert f"c=IN IP4 {HERE}" in await described(bell, desk)
        assert bell.sound.mapper.known is None


async def test_answers_that_lie_are_not_believed():
    def lies(data, source):
        good = server.say(data, source)[0]
        return [
            b"",
            b"nonsense",
            good[:8] + bytes(12) + good[20:],
            good[:-1] + bytes([good[-1] ^ 1]),
            good[:4] + bytes(4) + good[8:],
            data,
        ]

    async with Server("203.0.113.66") as server, phone("bell", server) as bell, phone("desk") as desk:
        server.reply = lies
        assert await until(lambda: bell.sound.mapper.strange > 8)
        assert bell.sound.mapper.known is None and bell.sound.mapper.answered == 0
        assert f"c=IN IP4 {HERE}" in await described(bell, desk)
        assert bell.faults == 0


async def test_answers_from_elsewhere_are_not_believed():
    stranger = Udp(HERE)

    def elsewhere(data, source):
        stranger.send_to(server.say(data, source)[0], source)
        return []

    async with Server("203.0.113.66") as server, phone("bell", server) as bell:
        server.reply = elsewhere
        assert await until(lambda: bell.sound.mapper.strange)
        assert bell.sound.mapper.known is None
    stranger.close()


async def test_a_refusal_is_the_end_of_the_question():
    def refuse(data, source):
        return [b"\x01\x11\x00\x08" + data[4:20] + b"\x00\x09\x00\x04\x00\x00\x05\x00"]

    async with Server(reply=refuse) as server, phone("bell", server) as bell:
        assert await until(lambda: bell.sound.mapper.answered)
        await platform.sleep_ms(600)
        assert len(server.requests) == 1 and bell.sound.mapper.known is None


async def test_few_ports_are_shared_with_calls_and_given_back():
    udp = Udp(HERE)
    ports = range(udp.port, udp.port + 4, 2)
    udp.close()
    async with Server() as server, phone("desk") as desk:
        async with phone("bell", server, rtp_ports=ports, max_calls=2) as bell:
            assert await until(lambda: len([1 for place in bell.sound.mapper._places if place.mapped]) == 2)
            for _ in range(4):
                await described(bell, desk)  # takes a port from those that stand ready
        await platform.sleep_ms(20)
        for port in ports:  # the phone is closed: all are free
            Udp(HERE, port).close()


async def test_a_server_that_has_no_place_is_said_once():
    for name in ("nowhere.invalid", "127.0.0.1:port"):
        options = {"sound.complete": True, "sound.stun_server": name}
        one = Phone(f"sip:bell@{HERE}", local_address=HERE, local_port=0, audio=Null(), sound=options, servers=[HERE])
        async with one:
            await platform.sleep_ms(100)
            assert one.sound.mapper.known is None and one.faults == 0 and one.sound.mapper.asked == 0


async def test_a_full_heap_ends_one_question_and_not_the_asking():
    async with Server() as server, phone("bell", server) as bell:
        mapper = bell.sound.mapper
        ask = mapper._ask
        lacks = [MemoryError("for a question")]

        async def fail(place):
            if lacks:
                raise lacks.pop()
            await ask(place)

        mapper._ask = fail
        assert await until(lambda: not lacks)
        await platform.sleep_ms(20)
        assert not mapper.known
        mapper._wake.set()  # a call has begun, or 20 s are over
        assert await until(lambda: mapper.known)


async def test_who_is_sent_on_to_somebody_else_says_the_same_address_there():
    async with Server("203.0.113.5") as server, phone("bell", server) as bell:
        assert await until(lambda: bell.sound.mapper.known)
        line = bell.sound(bell)
        lines = line.offer().split(b"\r\n")
        assert b"c=IN IP4 203.0.113.5" in lines
        there = line.again(7, b"sip:desk@127.0.0.1").offer().split(b"\r\n")
        assert [x for x in there if x[:2] in (b"c=", b"m=")] == [x for x in lines if x[:2] in (b"c=", b"m=")]
        line.close()


async def test_an_address_is_said_no_longer_when_the_server_is_not_found_any_more():
    async with Server("203.0.113.5") as server, phone("bell", server) as bell:
        mapper = bell.sound.mapper
        assert await until(lambda: mapper.known and mapper._places[0].mapped)

        async def lost():
            return None

        mapper._find = lost
        mapper._wake.set()  # 20 s are over
        assert await until(lambda: not mapper._places[0].mapped)


async def test_a_port_is_free_again_when_memory_fails_for_its_line():
    udp = Udp(HERE)
    ports = range(udp.port, udp.port + 2, 2)
    udp.close()
    lacks = []

    def full(*_):
        lacks.append(MemoryError())
        raise lacks[-1]

    async with phone("bell", rtp_ports=ports) as bell:
        sound = bell.sound
        usual = sound.codecs
        for _ in range(2):
            sound.codecs = full
            assert bell._new_line(None) is None
            sound.codecs = usual
            parts = sound._spare[0]
            parts[0].describe = full
            assert bell._new_line(None) is None
            del parts[0].describe
        assert len(lacks) == 4
        line = bell._new_line(None)
        assert line.udp.port == ports[0] and line.parts is parts
        line.close()


async def test_a_device_that_fails_when_a_call_is_over_keeps_no_part_from_its_end():
    async with phone("bell") as bell:
        line = bell.sound(bell)
        ended = []

        class Part:
            def end(self):
                ended.append(True)

        def fail(stream):
            raise OSError(5)

        line.parts.append(Part())
        line.heard = True
        bell.sound.narrow = fail
        line.close()
        assert ended and bell.faults == 1 and line.udp.socket is None
