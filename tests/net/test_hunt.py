# One call to several places on loopback sockets: who rings, who wins, what is told of the others, and that the phone
# has its line back afterwards.

import asyncio

from scripted import Far, answer, polite, sdp, soon
from siplet import CallRejected, CallTimeout, LocalError, Phone, platform
from siplet.audio.null import Null
from siplet.ticks import ticks_diff

NEEDS = ("sockets",)
HERE = "127.0.0.1"


def phone(user, **options):
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Null(), accept=("open",), **options)


def says(status):
    """The script of a place: it rings and then says that status; 0: it goes on ringing."""

    def script(far, message, source):
        polite(far, message, source)
        if message.method == b"INVITE" and status:
            body = sdp(9) if status == 200 else b""
            far.say(answer(message, status, extra=far.contact, body=body), source)

    return script


def at_rest(bell):
    """The phone has its one line back, and nothing rings any more."""
    return bell.endpoint.max_calls == 1 and not bell.endpoint.full


async def ended_with(awaitable):
    """The CallRejected or CallTimeout that it raises."""
    try:
        await awaitable
    except (CallRejected, CallTimeout) as error:
        return error
    raise AssertionError("answered")


async def test_all_ring_and_the_first_answer_wins():
    async with phone("bell") as bell, phone("desk") as desk, Far(says(0)) as one, Far(says(0)) as other:
        task = asyncio.create_task(bell.ring([one.uri(), f"sip:desk@{HERE}:{desk.local_port}", other.uri()]))
        ringing = await desk.incoming(timeout_ms=2000)
        assert await soon(lambda: one.got and other.got)
        assert bell.endpoint.max_calls == 3 and bell.endpoint.full
        await ringing.answer()
        call = await task
        assert call.state == "up" and call.remote.startswith("sip:desk@")
        assert await soon(lambda: one.methods() == other.methods() == ["INVITE", "CANCEL", "ACK"])
        assert bell.endpoint.max_calls == 1 and bell.endpoint.full
        assert await soon(lambda: call.stats.received > 3)
        async with call:
            pass
        assert await ringing.ended(timeout_ms=1000)
        assert await soon(lambda: at_rest(bell)) and bell.faults == 0


async def test_two_answer_at_once_and_one_of_them_is_ended():
    async with phone("bell") as bell, Far(says(0)) as one, Far(says(0)) as other:
        task = asyncio.create_task(bell.ring([one.uri(), other.uri()]))
        assert await soon(lambda: one.got and other.got)
        for far in (one, other):  # both datagrams lie in the socket before the phone looks
            far.say(answer(far.invite, 200, extra=far.contact, body=sdp(9)), far.source)
        call = await task
        assert await soon(lambda: one.got[-1].method == b"ACK" and other.got[-1].method == b"BYE")
        assert other.methods() == ["INVITE", "CANCEL", "ACK", "BYE"] and one.methods() == ["INVITE", "ACK"]
        assert call.state == "up" and len([s for s in bell.endpoint.sessions if s.occupies]) == 1
        await call.hangup()
        assert at_rest(bell) and bell.faults == 0


async def test_busy_refused_and_unreachable_leave_the_others_ringing():
    async with phone("bell") as bell, Far(says(486)) as busy, Far(says(404)) as gone, Far(says(0)) as slow:
        task = asyncio.create_task(bell.ring([busy.uri(), "tel:none", gone.uri(), slow.uri()]))
        assert await soon(lambda: slow.got and gone.got and len(gone.got) > 1 and len(busy.got) > 1)
        assert bell.endpoint.max_calls == 1 and not task.done()
        slow.say(answer(slow.invite, 200, extra=slow.contact, body=sdp(9)), slow.source)
        call = await task
        assert call.state == "up"
        await call.hangup()


async def test_nobody_at_all_says_the_worst_of_it():
    async with phone("bell") as bell, Far(says(486)) as busy, Far(says(404)) as gone, Far(says(403)) as no:
        error = await ended_with(bell.ring([gone.uri(), busy.uri()]))
        assert isinstance(error, CallRejected) and error.status == 486
        assert sorted(error.results) == sorted([(gone.uri(), "unreachable", 404), (busy.uri(), "busy", 486)])
        error = await ended_with(bell.ring([gone.uri(), busy.uri(), no.uri()], how="turn"))
        assert error.status == 403 and [row[1] for row in error.results] == ["unreachable", "busy", "refused"]
        assert at_rest(bell)


async def test_each_in_its_turn_with_a_time_for_each():
    async with phone("bell") as bell, Far(says(0)) as slow, Far(says(486)) as busy, Far(says(200)) as there:
        start = platform.now()
        call = await bell.ring([slow.uri(), busy.uri(), there.uri()], how="turn", each_ms=[150, 1000, 1000])
        assert call.remote == there.uri() and ticks_diff(platform.now(), start) >= 150
        assert slow.methods()[:2] == ["INVITE", "CANCEL"] and len(busy.got) == 2
        assert bell.endpoint.max_calls == 1
        await call.hangup()
        assert at_rest(bell)


async def test_in_turn_nobody_is_rung_before_its_turn():
    async with phone("bell") as bell, Far(says(0)) as one, Far(says(0)) as other:
        task = asyncio.create_task(bell.ring([one.uri(), other.uri()], how="turn", each_ms=200))
        assert await soon(lambda: one.got)
        await platform.sleep_ms(60)
        assert not other.got
        error = await ended_with(task)
        assert isinstance(error, CallTimeout) and [row[1] for row in error.results] == ["silent", "silent"]
        assert other.got and at_rest(bell)


async def test_the_rule_says_who_ends_it():
    async with phone("bell") as bell, Far(says(486)) as busy, Far(says(0)) as slow, Far(says(603)) as never:
        error = await ended_with(bell.ring([busy.uri(), slow.uri()], how="turn", stop=("busy",)))
        assert error.status == 486 and not slow.got
        error = await ended_with(bell.ring([slow.uri(), busy.uri()], stop=("busy",)))
        assert error.status == 486 and sorted(row[1] for row in error.results) == ["busy", "cancelled"]
        error = await ended_with(bell.ring([never.uri(), slow.uri()], how="turn"))  # a 6xx speaks for everybody
        assert error.status == 603 and len(error.results) == 1
        error = await ended_with(bell.ring([slow.uri(), busy.uri()], "turn", each_ms=100, stop=("silent",)))
        assert isinstance(error, CallTimeout) and len(error.results) == 1
        assert await soon(lambda: at_rest(bell))


async def test_the_time_for_all_of_them():
    async with phone("bell") as bell, Far(says(0)) as one, Far(says(0)) as other:
        for how in ("all", "turn"):
            error = await ended_with(bell.ring([one.uri(), other.uri()], how, timeout_ms=120))
            assert isinstance(error, CallTimeout) and error.status == 408
            assert await soon(lambda: at_rest(bell))
        assert await soon(lambda: one.methods().count("CANCEL") == 2) and other.methods().count("INVITE") == 1


async def test_the_application_cancels_in_the_middle():
    async with phone("bell") as bell, Far(says(0)) as one, Far(says(0)) as other:
        task = asyncio.create_task(bell.ring([one.uri(), other.uri()]))
        assert await soon(lambda: one.got and other.got)
        await platform.sleep_ms(20)
        task.cancel()
        try:
            await task
            raise AssertionError("answered")
        except asyncio.CancelledError:
            pass
        assert await soon(lambda: "CANCEL" in one.methods() and "CANCEL" in other.methods())
        assert at_rest(bell) and await soon(lambda: not bell.endpoint.sessions) is not None
        # And the line serves the next call
        call = bell.call(other.uri())
        task = asyncio.create_task(call.connect(1000))
        assert await soon(lambda: other.methods().count("INVITE") == 2)
        other.say(answer(other.invite, 200, extra=other.contact, body=sdp(9)), other.source)
        await task
        await call.hangup()
        assert bell.faults == 0


async def test_while_a_call_is_up_nobody_can_be_rung_with_one_line():
    async with phone("bell") as bell, Far(says(200)) as there, Far(says(0)) as other:
        call = await bell.ring([there.uri()])
        error = await ended_with(bell.ring([other.uri(), there.uri()]))
        assert error.status == 486 and not other.got
        assert call.state == "up" and bell.endpoint.max_calls == 1
        await call.hangup()


async def test_a_call_that_comes_meanwhile_finds_the_line_taken():
    async with phone("bell") as bell, phone("desk") as desk, Far(says(0)) as one, Far(says(486)) as busy:
        task = asyncio.create_task(bell.ring([one.uri(), busy.uri()]))
        assert await soon(lambda: len(busy.got) == 2)
        await platform.sleep_ms(20)
        error = await ended_with(desk.call(f"sip:bell@{HERE}:{bell.local_port}").connect(1000))
        assert error.status == 486
        one.say(answer(one.invite, 200, extra=one.contact, body=sdp(9)), one.source)
        await (await task).hangup()


async def test_sound_before_the_answer_is_not_mixed():
    def early(far, message, source):
        if message.method == b"INVITE":
            far.invite = message
            far.source = source
            far.say(answer(message, 183, extra=far.contact, body=sdp(9)), source)
        else:
            says(0)(far, message, source)

    async with phone("bell") as bell, Far(early) as one, Far(early) as other:
        task = asyncio.create_task(bell.ring([one.uri(), other.uri()]))
        assert await soon(lambda: one.got and other.got)
        await platform.sleep_ms(60)
        calls = [session.call for session in bell.endpoint.sessions]
        assert len(calls) == 2 and all(call.stream is None for call in calls)
        one.say(answer(one.invite, 200, extra=one.contact), one.source)  # its description was in the 183
        call = await task
        assert call.stream and call.state == "up"
        await call.hangup()
        # One after the other, each is heard while it rings
        task = asyncio.create_task(bell.ring([one.uri(), other.uri()], how="turn", each_ms=150))
        assert await soon(lambda: [s for s in bell.endpoint.sessions if s.call and s.call.stream and s.occupies])
        await ended_with(task)
        assert at_rest(bell) and bell.faults == 0


async def test_what_cannot_be_meant_is_an_error_of_ours():
    async with phone("bell") as bell:
        for targets, options in (
            ([], {}),
            (["1"] * 9, {}),
            (["1"], {"how": "both"}),
            (["1"], {"stop": ("tired",)}),
            (["1", "2"], {"each_ms": [1]}),
        ):
            try:
                await bell.ring(targets, **options)
                raise AssertionError(targets)
            except LocalError:
                pass
