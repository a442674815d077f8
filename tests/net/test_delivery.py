# Calls over streams and to names, between phones on loopback sockets: what the phone makes of net/links and net/locate.

import asyncio

from siplet import CallRejected, Phone, platform
from siplet.audio.null import Null
from siplet.net.udp import Udp

NEEDS = ("sockets",)
HERE = "127.0.0.1"


def phone(user, **options):
    options.setdefault("accept", ("open",))
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Null(), **options)


async def answer(who, kept):
    call = await who.incoming(timeout_ms=3000)
    await call.answer()
    kept.append(call)


def transports(who):
    """The transports of the messages that were sent, in order, without repetition."""
    found = []
    for line in who.heard:
        if not found or found[-1] != line:
            found.append(line)
    return found


def watched(user, **options):
    heard = []

    def trace(sent, data, address):
        heard.append(address[2] if len(address) > 2 else b"UDP")

    one = phone(user, trace=trace, **options)
    one.heard = heard
    return one


async def test_a_whole_call_over_tcp():
    async with watched("bell", streams={}) as bell, watched("desk", streams={}) as desk:
        kept = []
        task = asyncio.create_task(answer(desk, kept))
        async with bell.call(f"sip:desk@{HERE}:{desk.local_port};transport=tcp", timeout_ms=3000) as call:
            await task
            assert call.state == "up" and await call.send_digits("7", form="info")
            assert await kept[0].digit(timeout_ms=1000) == "7"
            await kept[0].hangup()
            assert await call.ended(timeout_ms=1000)
        assert transports(bell) == transports(desk) == [b"TCP"]
        assert bell.faults == desk.faults == 0
        for _ in range(100):  # a stream loses nothing: no timer has to be waited for
            if not bell.endpoint.transactions and not desk.endpoint.transactions:
                break
            await platform.sleep_ms(20)
        assert not bell.endpoint.sessions and not desk.endpoint.sessions


async def test_nobody_listens_to_tcp():
    async with phone("bell") as bell:
        udp = Udp(HERE)
        try:
            async with bell.call(f"sip:desk@{HERE}:{udp.port};transport=tcp", timeout_ms=5000):
                raise AssertionError("answered")
        except Exception as error:
            assert getattr(error, "status", 0) == 503, error
        udp.close()
        assert bell.faults == 0


async def test_a_request_too_large_for_a_datagram_goes_by_tcp_and_by_udp_when_nobody_takes_it():
    for listens, way in (({}, [b"TCP"]), (None, [b"TCP", b"UDP"])):
        async with watched("bell", streams={}) as bell, watched("desk", streams=listens) as desk:
            kept = []
            task = asyncio.create_task(answer(desk, kept))
            target = f"sip:desk@{HERE}:{desk.local_port};x=" + 400 * "y"
            call = bell.call(target, timeout_ms=5000)
            await call.connect(5000)
            await task
            assert transports(bell)[: len(way)] == way, transports(bell)
            await call.hangup()


async def test_a_name_is_found_and_one_that_is_not_ends_the_call():
    async with phone("bell") as bell, phone("desk") as desk:
        kept = []
        task = asyncio.create_task(answer(desk, kept))
        async with bell.call(f"sip:desk@localhost:{desk.local_port}", timeout_ms=5000) as call:
            await task
            assert call.state == "up"
        server = Udp(HERE)  # a name server that says nothing
        nowhere = phone("cellar", servers=[f"{HERE}:{server.port}"])
        async with nowhere:
            try:
                async with nowhere.call("sip:desk@no.such.host.example", timeout_ms=20000):
                    raise AssertionError("answered")
            except CallRejected as error:
                raise AssertionError("nobody was there to refuse") from error
            except Exception as error:
                assert getattr(error, "status", 0) == 503, error
        server.close()


async def test_strangers_are_refused_and_friends_are_not():
    async with phone("bell") as bell, phone("desk", accept=()) as desk, phone("door", accept=(HERE,)) as door:
        try:
            async with bell.call(f"sip:desk@{HERE}:{desk.local_port}", timeout_ms=3000):
                raise AssertionError("answered")
        except CallRejected as error:
            assert error.status == 403
        kept = []
        task = asyncio.create_task(answer(door, kept))
        async with bell.call(f"sip:door@{HERE}:{door.local_port}", timeout_ms=3000):
            await task
        assert desk.endpoint.admit.refused == 1 and door.endpoint.admit.refused == 0


async def test_who_is_asked_for_a_password_answers_only_who_it_is_for():
    async with phone("desk", accept=(("bell", "sesame"),)) as desk:
        target = f"sip:desk@{HERE}:{desk.local_port}"
        async with phone("bell", password="sesame", register=False) as bell:
            try:
                async with bell.call(target, timeout_ms=3000):
                    raise AssertionError("answered")
            except CallRejected as error:  # our password is for our server
                assert error.status == 401
        bell = Phone(
            f"sip:bell@{HERE}:{desk.local_port}", password="sesame", register=False, local_address=HERE, local_port=0
        )
        bell.audio = Null()
        async with bell:
            kept = []
            task = asyncio.create_task(answer(desk, kept))
            async with bell.call(target, timeout_ms=3000) as call:
                await task
                assert call.state == "up"


async def test_signs_of_life():
    server = Udp(HERE)
    who = phone("bell", registrar=f"{HERE}:{server.port}")
    who.keepalive_ms = 100
    async with who:
        found = 0
        for _ in range(60):
            await platform.sleep_ms(20)
            data = server.datagram(2000)
            found += data == b"\r\n\r\n"
        assert 4 < found < 16
        await who.close(timeout_ms=20)
    server.close()
