# Two phones on loopback sockets: what an application sees of a call, and of every way in which one fails.

import asyncio

from siplet import CallCancelled, CallLost, CallRejected, CallTimeout, LocalError, Phone, platform
from siplet.audio.loop import Loop
from siplet.audio.null import Null
from siplet.net.udp import Udp

NEEDS = ("sockets",)
HERE = "127.0.0.1"


def phone(user, **options):
    options.setdefault("accept", ("open",))
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Null(), **options)


def at(other, user="desk"):
    return f"sip:{user}@{HERE}:{other.local_port}"


async def answer_next(desk, done, audio=None):
    call = await desk.incoming(timeout_ms=3000)
    await call.answer(audio)
    done.append(call)
    return call


async def test_a_phone_that_must_cipher_and_cannot_is_not_opened():
    plain = phone("bell", sound={"sound.complete": False, "sound.srtp_encryption": "require"})
    try:
        async with plain:
            raise AssertionError("it would have spoken in clear")
    except LocalError as error:
        assert str(error).startswith("sound.srtp_encryption: ")
    assert plain.udp is None


async def test_a_call_with_sound_and_digits_in_every_form():
    async with phone("bell") as bell, phone("desk") as desk:
        answered = []
        task = asyncio.create_task(answer_next(desk, answered, Loop()))
        async with bell.call(at(desk), timeout_ms=3000) as call:
            await task
            other = answered[0]
            assert call.state == other.state == "up" and other.remote == f"sip:bell@{HERE}"
            assert await call.send_digits("12", form="info")
            assert await call.send_digits("#", form="rtp")
            for key in "12#":
                assert await other.digit(timeout_ms=1000) == key
            # The same press by both forms is one digit; by the same form twice it is two.
            await asyncio.gather(call.send_digits("5", form="info"), call.send_digits("5", form="rtp"))
            assert await call.send_digits("5", form="info")
            for key in ("5", "5", None):
                assert await other.digit(timeout_ms=1200) == key
            for stats in (call.stats, other.stats):
                assert stats.sent > 10 and stats.received > 10 and stats.lost == 0
        assert await other.ended(timeout_ms=1000) and other.how == "remote" and call.how == "local"
        async for _ in other.digits():
            raise AssertionError("a key after the end")
        assert bell.faults == desk.faults == 0
        await platform.sleep_ms(100)


async def test_a_refused_call_says_so():
    async with phone("bell") as bell, phone("desk") as desk:

        async def refuse():
            await (await desk.incoming()).reject(603)

        task = asyncio.create_task(refuse())
        try:
            async with bell.call(at(desk), timeout_ms=3000):
                raise AssertionError("answered")
        except CallRejected as error:
            assert error.status == 603 and error.reason
        await task


async def test_nobody_answers():
    async with phone("bell") as bell, phone("desk") as desk:
        try:
            async with bell.call(at(desk), timeout_ms=200):
                raise AssertionError("answered")
        except CallTimeout as error:
            assert error.status == 408
        await platform.sleep_ms(50)
        assert not await desk.incoming(timeout_ms=0)  # it rang, and was taken back: nothing to answer
        assert await desk.incoming(timeout_ms=50) is None


async def test_answering_a_call_that_was_taken_back():
    async with phone("bell") as bell, phone("desk") as desk:
        outgoing = asyncio.create_task(bell.call(at(desk)).connect())
        call = await desk.incoming(timeout_ms=2000)
        outgoing.cancel()  # the caller's own task ends: the call is cancelled for it
        assert await call.ended(timeout_ms=2000) and call.how == "cancelled" and call.status == 487
        try:
            await call.answer()
            raise AssertionError("answered")
        except CallCancelled as error:
            assert error.status == 487


async def test_hanging_up_while_nobody_answers_ends_the_wait():
    async with phone("bell") as bell:
        call = bell.call(f"sip:nobody@{HERE}:9")
        task = asyncio.create_task(call.connect(5000))
        await platform.sleep_ms(20)
        await call.hangup(timeout_ms=50)
        try:
            await task
            raise AssertionError("answered")
        except CallCancelled as error:
            assert error.status == 487


async def test_a_second_call_finds_the_phone_busy():
    async with phone("bell") as bell, phone("desk") as desk, phone("other") as other:
        answered = []
        task = asyncio.create_task(answer_next(desk, answered))
        async with bell.call(at(desk), timeout_ms=3000) as call:
            await task
            for caller in (other, bell):
                try:
                    async with caller.call(at(desk), timeout_ms=2000):
                        raise AssertionError("answered")
                except CallRejected as error:
                    assert error.status == 486
            assert call.state == "up"


async def test_a_target_that_is_no_address_is_rejected_at_once():
    async with phone("bell") as bell:
        for target in ("tel:100", "sip:", "sip:a b@c", "http://x"):
            try:
                await bell.call(target).connect(1000)
                raise AssertionError("sent")
            except CallRejected as error:
                assert error.status in (400, 416)
        assert not bell.endpoint.sessions


async def test_the_far_end_forgets_the_call():
    async with phone("bell") as bell, phone("desk") as desk:
        answered = []
        task = asyncio.create_task(answer_next(desk, answered))
        call = bell.call(at(desk))
        await call.connect(3000)
        await task
        desk.endpoint.sessions.clear()  # as after a power cut
        assert not await call.send_digits("1", form="info")
        try:
            await call.digit(timeout_ms=1000)
            raise AssertionError("no error")
        except CallLost as error:
            assert error.status == 481
        answered[0]._silence()
        await platform.sleep_ms(50)


async def test_hostile_datagrams_on_both_ports_while_a_call_is_up():
    async with phone("bell") as bell, phone("desk") as desk:
        answered = []
        task = asyncio.create_task(answer_next(desk, answered))
        stranger = Udp(HERE)
        async with bell.call(at(desk), timeout_ms=3000) as call:
            await task
            sip = (HERE, desk.local_port)
            rtp = (HERE, answered[0].line._udp.port)
            invite = b"INVITE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\n"
            junk = (
                b"",
                b"\0" * 1400,
                b"\r\n\r\n",
                invite,
                invite + b"\r\n",
                invite + b"To: \xff" * 200,
                bytes(range(256)),
            )
            rounds = 20
            for _ in range(rounds):
                for data in junk:
                    stranger.send_to(data, sip)
                    stranger.send_to(data, rtp)
                await platform.sleep_ms(20)
            assert desk.received > rounds * (len(junk) - 1) and desk.endpoint.dropped + desk.endpoint.refused > rounds
            assert call.state == answered[0].state == "up"
            assert desk.faults == 0
            before = answered[0].stats.received
            await platform.sleep_ms(200)
            assert answered[0].stats.received >= before + 8
            assert await call.send_digits("7", form="info") and await answered[0].digit(timeout_ms=1000) == "7"
        stranger.close()


async def test_a_port_in_use_is_an_oserror_and_closing_gives_it_back():
    first = phone("a")
    async with first:
        second = Phone(f"sip:b@{HERE}", local_address=HERE, local_port=first.local_port)
        try:
            async with second:
                raise AssertionError("bound twice")
        except OSError:
            pass
    async with Phone(f"sip:b@{HERE}", local_address=HERE, local_port=first.local_port):
        pass


async def test_closing_the_phone_ends_its_calls():
    async with phone("desk") as desk:
        answered = []
        task = asyncio.create_task(answer_next(desk, answered))
        async with phone("bell") as bell:
            await bell.call(at(desk)).connect(3000)
            await task
        assert await answered[0].ended(timeout_ms=1000) and answered[0].how == "remote"
        await platform.sleep_ms(50)
