# Hold and resume between two phones on loopback sockets: what an application sees, and what is heard meanwhile.

import asyncio

from siplet import CallLost, CallRejected, CallTimeout, LocalError, Phone, platform
from siplet.audio.null import Null
from siplet.errors import RemoteError

NEEDS = ("sockets",)
HERE = "127.0.0.1"


class Tone(Null):
    """Says the same loud sample all the time, and counts the frames in which it is heard."""

    def __init__(self):
        super().__init__()
        self.heard = 0

    def read(self, frame):
        for i in range(0, len(frame), 2):
            frame[i] = 0
            frame[i + 1] = 0x20
        return True

    def write(self, frame):
        self.heard += frame[1] > 8 and frame[1] < 128


def phone(user, **options):
    options.setdefault("accept", ("open",))
    options["sound"] = {"sound.hands_free": "off"}  # one sample all the time is nobody who speaks
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Tone(), **options)


async def connect(caller, called):
    """(the caller's Call, the called one's)"""
    kept = []

    async def answer():
        call = await called.incoming(timeout_ms=3000)
        await call.answer()
        kept.append(call)

    task = asyncio.create_task(answer())
    call = caller.call(f"sip:desk@{HERE}:{called.local_port}", timeout_ms=3000)
    await call.connect(3000)
    await task
    return call, kept[0]


async def hears(call, ms=300):
    """How many frames with the other one's tone are heard now; what was under way is let through first."""
    await platform.sleep_ms(200)
    before = call.audio.heard
    await platform.sleep_ms(ms)
    return call.audio.heard - before


async def raises(kind, coroutine):
    """The error of that kind that it raises."""
    try:
        await coroutine
    except kind as error:
        return error
    raise AssertionError("no error")


async def test_hold_and_resume_and_what_is_heard():
    async with phone("bell") as bell, phone("desk") as desk:
        for who in (0, 1):
            calls = await connect(bell, desk)
            ours, theirs = calls[who], calls[1 - who]
            assert await hears(ours) > 5 and await hears(theirs) > 5
            await ours.hold(timeout_ms=2000)
            assert ours.on_hold and not ours.held
            assert await theirs.until(lambda theirs=theirs: theirs.held, 1000) and not theirs.on_hold
            sent = ours.stats.sent
            assert await hears(ours) == await hears(theirs) == 0
            assert ours.stats.sent > sent  # silence, that keeps the way open
            assert theirs.line.agreed.direction == "recvonly" and theirs.stats.unsent == 0
            await ours.hold(timeout_ms=2000)  # already: nothing to do
            await ours.resume(timeout_ms=2000)
            assert not ours.on_hold and not theirs.held
            assert await hears(ours) > 5 and await hears(theirs) > 5
            await ours.hangup()
            await theirs.ended(1000)
        assert bell.faults == desk.faults == 0


async def test_both_hold_each_other():
    async with phone("bell") as bell, phone("desk") as desk:
        ours, theirs = await connect(bell, desk)
        await asyncio.gather(ours.hold(timeout_ms=15_000), theirs.hold(timeout_ms=15_000))  # they cross
        assert ours.on_hold and theirs.on_hold
        await ours.until(lambda: ours.held and theirs.held, 1000)
        assert ours.held and theirs.held and ours.line.agreed.direction == "inactive"
        await ours.resume()
        assert ours.held and not theirs.held and theirs.on_hold
        await theirs.resume()
        assert not ours.held and not theirs.on_hold
        assert await hears(ours) > 5 and await hears(theirs) > 5
        await ours.hangup()


async def test_what_was_muted_before_stays_so():
    async with phone("bell") as bell, phone("desk") as desk:
        ours, theirs = await connect(bell, desk)
        ours.stream.muted = True
        await ours.hold()
        await ours.resume()
        assert ours.stream.muted and await hears(theirs) == 0
        ours.stream.muted = False
        assert await hears(theirs) > 5
        await ours.hangup()


async def test_a_refusal_leaves_the_call_as_it_was():
    async with phone("bell") as bell, phone("desk") as desk:
        ours, theirs = await connect(bell, desk)
        answer = theirs.line.answer

        def refuse(data):
            raise RemoteError(488, "not now")

        theirs.line.answer = refuse
        error = await raises(CallRejected, ours.hold())
        assert error.status == 488 and error.reason and not ours.on_hold and not ours.stream.muted
        theirs.line.answer = answer
        assert await hears(ours) > 5 and await hears(theirs) > 5
        await ours.hold()
        await ours.hangup()
        assert ours.how == "local" and theirs.how in ("", "remote")


async def test_nobody_answers_in_time_and_the_next_try_gets_through():
    async with phone("bell") as bell, phone("desk") as desk:
        ours, theirs = await connect(bell, desk)
        receive = desk.endpoint.receive
        desk.endpoint.receive = lambda data, source, now: None
        error = await raises(CallTimeout, ours.hold(timeout_ms=100))
        assert error.status == 408 and ours.state == "up" and not ours.on_hold
        # The request is still under way, and cannot be taken back before somebody has heard of it
        assert (await raises(CallTimeout, ours.hold(timeout_ms=50))).status == 408
        desk.endpoint.receive = receive
        await ours.until(lambda: ours.on_hold, 2000)  # it came through after all, and counts
        assert ours.on_hold and theirs.held
        await ours.resume()
        assert not ours.on_hold and await hears(theirs) > 5
        await ours.hangup()


async def test_the_call_ends_while_a_change_is_under_way():
    async with phone("bell") as bell, phone("desk") as desk:
        ours, theirs = await connect(bell, desk)
        desk.endpoint.receive = lambda data, source, now: None
        task = asyncio.create_task(ours.hold(timeout_ms=5000))
        await platform.sleep_ms(50)
        theirs.session.hang_up(platform.now())
        theirs.phone.pump()
        await raises(CallLost, task)
        await raises(LocalError, ours.resume())
        # And when the task that wanted it ends, the call stays
        del desk.endpoint.receive
        ours, theirs = await connect(bell, desk)
        task = asyncio.create_task(ours.hold(timeout_ms=5000))
        await platform.sleep_ms(0)
        task.cancel()
        await raises(asyncio.CancelledError, task)
        await platform.sleep_ms(100)
        assert ours.state == "up" and theirs.state == "up"
        await ours.hangup()
        assert bell.faults == desk.faults == 0


async def test_a_session_timer_is_asked_for():
    async with phone("bell", session_expires=90) as bell, phone("desk") as desk:
        ours, theirs = await connect(bell, desk)
        assert ours.session.timer.interval == theirs.session.timer.interval == 90
        assert ours.session.timer.ours and ours.session.timer.updates
        ours.session.timer.on_time(platform.now())  # 45 s later
        bell.pump()
        await ours.hold()  # waits for the refresh
        assert theirs.held and theirs.session.timer.running
        await ours.hangup()
        assert bell.faults == desk.faults == 0 and not bell.endpoint.usages
