# Transfers between phones on loopback sockets (RFC 5589): blind, attended, refused, without NOTIFYs.

import asyncio

from siplet import CallLost, CallRejected, CallTimeout, LocalError, Phone, platform
from siplet.audio.null import Null

NEEDS = ("sockets",)
HERE = "127.0.0.1"


def phone(user, **options):
    options.setdefault("accept", ("open",))
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Null(), **options)


def at(other, user="desk"):
    return f"sip:{user}@{HERE}:{other.local_port}"


async def answer(who, kept):
    call = await who.incoming(timeout_ms=3000)
    await call.answer()
    kept.append(call)


async def connect(caller, called):
    """(the caller's Call, the called one's)"""
    kept = []
    task = asyncio.create_task(answer(called, kept))
    call = caller.call(at(called), timeout_ms=3000)
    await call.connect(3000)
    await task
    return call, kept[0]


async def heard(call, ms=1500):
    """Whether packets come in now."""
    before = call.stats.received
    for _ in range(ms // 20):
        await platform.sleep_ms(20)
        if call.stats.received > before + 3:
            return True
    return False


async def test_a_blind_transfer_connects_the_far_end_and_its_application_notices_nothing():
    async with phone("bell") as bell, phone("desk") as desk, phone("cellar") as cellar:
        call, there = await connect(bell, desk)
        kept = []
        task = asyncio.create_task(answer(cellar, kept))
        await there.transfer(at(cellar, "cellar"), timeout_ms=5000)
        await task
        assert there.state == "ended" and call.state == "up" and kept[0].state == "up"
        assert await heard(call) and await heard(kept[0])
        assert "cellar" in call.remote
        assert len(bell.endpoint.sessions) == 1
        await kept[0].hangup()
        assert await call.ended(timeout_ms=1000) and call.how == "remote"
        assert bell.faults == desk.faults == cellar.faults == 0


async def test_an_attended_transfer_joins_two_calls():
    async with phone("bell") as bell, phone("desk", max_calls=2) as desk, phone("cellar") as cellar:
        call, there = await connect(bell, desk)
        ask, friend = await connect(desk, cellar)
        await there.transfer_to(ask, timeout_ms=5000)
        assert there.state == "ended" and await ask.ended(timeout_ms=1000)
        assert call.state == "up" and friend.state == "up"
        assert await heard(call) and await heard(friend)
        assert "bell" in friend.remote
        await call.hangup()
        assert await friend.ended(timeout_ms=1000)
        assert bell.faults == desk.faults == cellar.faults == 0


async def test_a_transfer_to_somebody_who_refuses_leaves_the_call_as_it_was():
    async with phone("bell") as bell, phone("desk") as desk, phone("cellar") as cellar:
        call, there = await connect(bell, desk)

        async def refuse():
            await (await cellar.incoming()).reject(603)

        task = asyncio.create_task(refuse())
        try:
            await there.transfer(at(cellar, "cellar"), timeout_ms=5000)
            raise AssertionError("transferred")
        except CallRejected as error:
            assert error.status == 603
        await task
        assert call.state == there.state == "up" and await heard(call) and await heard(there)
        try:
            await there.transfer("mailto:cellar@here", timeout_ms=5000)
            raise AssertionError("transferred")
        except CallRejected as error:
            assert error.status == 416
        assert call.state == there.state == "up"
        await call.hangup()


async def test_a_phone_that_follows_nobody_says_so():
    async with phone("bell") as bell, phone("desk") as desk, phone("cellar") as cellar:
        bell.handlers["refer"] = lambda event: event.data.tell(603, b"Decline", platform.now())
        call, there = await connect(bell, desk)
        try:
            await there.transfer(at(cellar, "cellar"), timeout_ms=5000)
            raise AssertionError("transferred")
        except CallRejected as error:
            assert error.status == 603
        assert call.state == there.state == "up"
        await there.hangup()


async def test_the_call_ends_while_it_is_transferred():
    async with phone("bell") as bell, phone("desk") as desk, phone("cellar") as cellar:
        call, there = await connect(bell, desk)

        async def hang_up():
            await cellar.incoming()
            await call.hangup()

        task = asyncio.create_task(hang_up())
        try:
            await there.transfer(at(cellar, "cellar"), timeout_ms=5000)
            raise AssertionError("transferred")
        except (CallLost, CallRejected):
            pass
        await task
        try:
            await there.transfer(at(cellar, "cellar"))
            raise AssertionError("transferred")
        except LocalError:
            pass
        for _ in range(100):
            if not bell.endpoint.sessions:
                break
            await platform.sleep_ms(20)
        assert not bell.endpoint.sessions and bell.faults == desk.faults == 0


async def test_who_transfers_and_hangs_up_at_once_is_not_needed_any_more():
    from siplet.sip.refer import refer

    async with phone("bell") as bell, phone("desk") as desk, phone("cellar") as cellar:
        call, there = await connect(bell, desk)
        kept = []
        refer(there.session, at(cellar, "cellar").encode(), platform.now())
        desk.pump()
        friend = await cellar.incoming(3000)
        await there.hangup()
        assert await call.until(lambda: call.state == "ringing", 1000)
        task = asyncio.create_task(friend.answer())
        assert await call.until(lambda: call.state == "up", 2000)
        await task
        kept.append(friend)
        assert await heard(call) and await heard(friend) and "cellar" in call.remote
        await call.hangup()
        assert await friend.ended(timeout_ms=1000)
        # Whom nobody answers then, has nobody at all; who does not want to wait hangs up
        for refused in (True, False):
            call, there = await connect(bell, desk)
            refer(there.session, at(cellar, "cellar").encode(), platform.now())
            desk.pump()
            friend = await cellar.incoming(3000)
            await there.hangup()
            assert await call.until(lambda call=call: call.state == "ringing", 1000)
            if refused:
                await friend.reject(603)
                assert await call.ended(timeout_ms=1000) and call.how == "remote"
            else:
                await call.hangup()
                assert call.state == "ended" and await friend.ended(timeout_ms=1000) and friend.how == "cancelled"
            assert await bell.until(lambda: not bell.endpoint.full, 1000)
        assert bell.faults == desk.faults == cellar.faults == 0


async def test_hold_and_resume_while_the_new_one_rings_disturb_neither():
    from siplet.sip.refer import refer

    for answered in (True, False):
        async with phone("bell") as bell, phone("desk") as desk, phone("cellar") as cellar:
            call, there = await connect(bell, desk)
            refer(there.session, at(cellar, "cellar").encode(), platform.now())
            desk.pump()
            friend = await cellar.incoming(3000)
            await there.hold()
            assert await call.until(lambda call=call: call.held, 1000)
            await there.resume()
            await there.hold()
            if answered:
                await friend.answer()
                assert await there.ended(timeout_ms=2000)
                assert call.state == "up" and not call.held
                assert await heard(call) and await heard(friend)
            else:
                await friend.reject(486)
                await platform.sleep_ms(100)
                assert call.state == there.state == "up" and call.held
                await there.resume()
                assert not call.held and await heard(call) and await heard(there)
            assert bell.faults == desk.faults == cellar.faults == 0


async def test_keys_that_are_taken_meanwhile_are_no_word_of_the_transfer():
    async with phone("bell") as bell, phone("desk") as desk, phone("cellar") as cellar:
        call, there = await connect(bell, desk)
        task = asyncio.create_task(there.transfer(at(cellar, "cellar"), timeout_ms=5000))
        friend = await cellar.incoming(3000)
        assert await there.send_digits("12", form="info")
        assert not task.done() and there.state == "up"
        await friend.reject(603)
        try:
            await task
            raise AssertionError("transferred")
        except CallRejected as error:
            assert error.status == 603
        # Who waits no longer may ask again
        try:
            await there.transfer(at(cellar, "cellar"), timeout_ms=100)
            raise AssertionError("transferred")
        except CallTimeout:
            pass
        await (await cellar.incoming()).reject(486)
        try:
            await there.transfer(at(cellar, "cellar>;x=<"), timeout_ms=100)
            raise AssertionError("transferred")
        except LocalError:
            pass
        assert call.state == "up"


async def test_nobody_is_rung_for_ever_because_of_a_transfer():
    from siplet import following

    async with phone("bell") as bell, phone("desk") as desk, phone("cellar") as cellar:
        call, there = await connect(bell, desk)
        patience, following._PATIENCE = following._PATIENCE, 300
        try:
            await there.transfer(at(cellar, "cellar"), timeout_ms=5000)
            raise AssertionError("transferred")
        except CallRejected as error:
            assert error.status == 487
        finally:
            following._PATIENCE = patience
        assert call.state == there.state == "up"
        friend = await cellar.incoming(0)
        assert friend is None or friend.state == "ended"
