# Calls of complete phones whose media is not what it should be: strangers, garbage, streams that begin anew, packets of
# all lengths, a far end that says nothing. The call goes on, the counters tell, and everything is given back.

NEEDS = ("sockets",)

import asyncio
import gc

from siplet import CallRejected, Phone, platform
from siplet.audio.null import Null
from siplet.net.udp import Udp

HERE = "127.0.0.1"
SOUND = {"sound.complete": True, "sound.srtp_encryption": "off"}


def phone(user, sound=None, **options):
    options.setdefault("accept", ("open",))
    sound = dict(SOUND, **(sound or {}))
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Null(), sound=sound, **options)


async def until(condition, ms=4000):
    start = platform.now()
    while not condition() and platform.now() - start < ms:
        await platform.sleep_ms(5)
    return condition()


async def connect(bell, desk):
    call = bell.call(f"sip:desk@{HERE}:{desk.local_port}", timeout_ms=3000)
    task = asyncio.create_task(call.connect(3000))
    other = await desk.incoming(timeout_ms=2000)
    await other.answer()
    await task
    return call, other


class Hand:
    """The far end of a call's media by hand: the callee's own stream is silenced, and this has its socket's way in."""

    def __init__(self, call, other):
        other.stream.stop()
        self.port = call.stream.agreed.port
        self.to = HERE, call.line.udp.port
        self.sequence = 100
        self.time = 5000
        self.ssrc = b"HAND"

    async def open(self, other):
        await platform.wait(other.line.silent, 500)
        self.udp = Udp(HERE, self.port)

    def send(self, n=160, kind=8, ssrc=None, step=1, code=b"\xd5"):
        self.sequence = (self.sequence + step) & 0xFFFF
        head = bytes([0x80, kind, self.sequence >> 8, self.sequence & 255, 0, 0, self.time >> 8 & 255, self.time & 255])
        self.udp.send_to(head + (ssrc or self.ssrc) + code * n, self.to)
        self.time += n


async def by_hand(bell, desk):
    call, other = await connect(bell, desk)
    assert await until(lambda: call.stats and call.stats.received > 5)
    hand = Hand(call, other)
    await hand.open(other)
    call.stream._listen()  # nobody of before is listened to
    call.stream.source.reset()
    return call, hand


async def over(call, hand):
    hand.udp.close()
    await call.hangup(timeout_ms=300)
    await platform.wait(call.line.silent, 500)


async def test_a_stream_that_begins_anew_is_heard_again():
    async with phone("bell") as bell, phone("desk") as desk:
        call, hand = await by_hand(bell, desk)
        for _ in range(10):
            hand.send()
            await platform.sleep_ms(20)
        before = call.stats.received
        hand.ssrc = b"NEW!"
        hand.sequence, hand.time = 40000, 9
        for _ in range(10):
            hand.send()
            await platform.sleep_ms(20)
        assert await until(lambda: call.stats.received >= before + 9)
        assert call.stats.foreign >= 1 and call.state == "up" and bell.faults == 0
        await over(call, hand)


async def test_packets_of_1_ms_and_of_500_ms_are_counted_and_the_call_goes_on():
    async with phone("bell") as bell, phone("desk") as desk:
        call, hand = await by_hand(bell, desk)
        for _ in range(60):
            hand.send(8)
        await platform.sleep_ms(60)
        assert call.stats.received > 40
        for _ in range(4):
            hand.send(4000)
            await platform.sleep_ms(40)
        before = call.stats.received
        for _ in range(10):
            hand.send()
            await platform.sleep_ms(20)
        assert await until(lambda: call.stats.received > before + 5)
        assert call.stats.delay < 400 and call.state == "up" and bell.faults == 0
        await over(call, hand)


async def test_garbage_and_types_nobody_agreed_on():
    async with phone("bell") as bell, phone("desk") as desk:
        call, hand = await by_hand(bell, desk)
        for _ in range(5):
            hand.send()
            await platform.sleep_ms(20)
        x = 1
        for i in range(200):
            x = (x * 1103515 + 12345) & 0x3FFFFFFF
            hand.udp.send_to(bytes([(x >> i % 16) & 255, x & 255, i]) * (1 + x % 90), hand.to)
            if i % 10 == 0:
                hand.send(kind=77)
                await platform.sleep_ms(10)
        assert await until(lambda: call.stats.bad > 20)
        before = call.stats.received
        for _ in range(10):
            hand.send()
            await platform.sleep_ms(20)
        assert await until(lambda: call.stats.received > before + 4)
        assert call.state == "up" and bell.faults == 0
        await over(call, hand)


async def test_strangers_are_neither_heard_nor_followed():
    stranger = Udp(HERE)
    async with phone("bell") as bell, phone("desk") as desk:
        told = []
        bell.handlers["media-source"] = told.append
        call, other = await connect(bell, desk)
        assert await until(lambda: call.stats and call.stream.udp.peer)
        received = call.stats.received
        place = HERE, call.line.udp.port
        for i in range(50):
            head = b"\x80\x08" + bytes([i, i, 0, 0, 0, i])
            stranger.send_to(head + b"EVIL" + bytes(160), place)
            await platform.sleep_ms(4)
        assert call.stream.udp.peer[1] == other.line.udp.port
        assert call.stats.foreign == 0 and not told, (call.stats.foreign, told)
        assert received < call.stats.received <= other.stats.sent and call.stats.bad == 0
        await call.hangup()
        assert bell.faults == desk.faults == 0
    stranger.close()


async def test_a_far_end_that_says_nothing_is_told_and_hung_up():
    options = {"sound.no_media_s": 1, "sound.hang_up_without_media_s": 2}
    async with phone("bell", options) as bell, phone("desk") as desk:
        told = []
        bell.handlers["no-media"] = lambda event: told.append((event.kind, event.source.call))
        call, other = await connect(bell, desk)
        other.stream.stop()
        assert await until(lambda: told, 8000)
        assert told == [("no-media", call)]
        assert await call.ended(timeout_ms=4000) and call.how == "local"
        assert await other.ended(timeout_ms=2000)
        assert bell.faults == desk.faults == 0


async def test_it_is_told_when_media_is_back():
    async with phone("bell", {"sound.no_media_s": 1}) as bell, phone("desk") as desk:
        told = []
        for kind in ("no-media", "media-again"):
            bell.handlers[kind] = lambda event: told.append(event.kind)
        call, other = await connect(bell, desk)
        assert await until(lambda: call.stats and call.stats.received > 3)
        other.stream._sending = False
        assert await until(lambda: told == ["no-media"], 8000)
        other.stream._sending = True
        assert await until(lambda: told == ["no-media", "media-again"])
        await call.hangup()


async def test_few_ports_last_for_many_calls_and_those_that_fail():
    udp = Udp(HERE)
    ports = range(udp.port, udp.port + 4, 2)
    udp.close()
    async with phone("bell", rtp_ports=ports) as bell, phone("desk") as desk:
        for i in range(12):
            if i % 3 == 0:
                call, other = await connect(bell, desk)
                await until(lambda call=call: call.stats and call.stats.received > 2)
                await (call if i & 1 else other).hangup()
                await platform.wait(call.line.silent, 500)
                await other.ended(timeout_ms=1000)
                await platform.wait(other.line.silent, 500)
                continue
            call = bell.call(f"sip:desk@{HERE}:{desk.local_port}", timeout_ms=2000)
            task = asyncio.create_task(call.connect(2000))
            other = await desk.incoming(timeout_ms=2000)
            if i % 3 == 1:
                await other.reject(486)
            else:
                task.cancel()
            try:
                await task
            except (CallRejected, asyncio.CancelledError):
                pass
            await call.hangup(timeout_ms=300)
            await platform.sleep_ms(50)
        assert bell.faults == desk.faults == 0
    await platform.sleep_ms(20)
    for port in range(ports[0], ports[0] + 4):  # those of RTCP, too
        Udp(HERE, port).close()


async def test_the_heap_is_the_same_after_many_calls():
    if not platform.MICROPYTHON:
        return  # what CPython keeps is its own affair
    async with phone("bell") as bell, phone("desk") as desk:
        sizes = []
        for i in range(9):
            call, other = await connect(bell, desk)
            assert await until(lambda call=call: call.stats and call.stats.received > 5)
            await call.hangup()
            await other.ended(timeout_ms=1000)
            await platform.wait(other.line.silent, 500)
            call = other = None
            bell.endpoint.handle_timers(platform.now())
            if i % 4 == 0:
                gc.collect()
                sizes.append(gc.mem_alloc())
        assert len(bell.endpoint.sessions) == 0 and bell.faults == desk.faults == 0
        # transactions of the last calls live on for 32 s
        assert sizes[2] - sizes[1] <= sizes[1] - sizes[0] + 2000, sizes
