# What a caller hears before there is any sound: ringing and busy tones, whole phones on loopback sockets.

import asyncio
import struct

from scripted import Far, answer, polite, sdp, soon
from siplet import CallRejected, CallTimeout, Phone, platform
from siplet.audio.null import Null
from siplet.net.udp import Udp
from siplet.paging_audio import Lent
from siplet.sound.local import tones

NEEDS = ("sockets",)
HERE = "127.0.0.1"


class Ear(Null):
    """Counts the loud and the silent frames; running is how often it was started and not stopped."""

    def __init__(self):
        self.loud = self.quiet = self.running = self.most = self.starts = 0

    def start(self):
        self.running += 1
        self.starts += 1
        self.most = max(self.most, self.running)

    def stop(self):
        self.running -= 1

    def write(self, frame):
        assert self.running
        if max(struct.unpack("<160h", frame)) > 1000:
            self.loud += 1
        else:
            self.quiet += 1


def phone(audio, **sound):
    sound["sound.complete"] = True
    return Phone(
        f"sip:bell@{HERE}", local_address=HERE, local_port=0, audio=audio, accept=("open",), sound=sound, max_calls=3
    )


def script(*responses):
    """polite(), but an INVITE gets those statuses."""

    def run(far, message, source):
        if message.method == b"INVITE":
            far.invite, far.source = message, source
            for status in responses:
                body = sdp(far.rtp) if status in (183, 200) else b""
                far.say(answer(message, status, extra=far.contact, body=body), source)
        else:
            polite(far, message, source)

    return run


async def refused(call, timeout_ms=3000):
    try:
        await call.connect(timeout_ms)
        raise AssertionError("answered")
    except CallRejected as error:
        return error.status


async def quiet_at_last(ear, bell):
    assert await soon(lambda: not ear.running) is True
    assert ear.most == 1 and bell.faults == 0
    await platform.sleep_ms(60)
    assert not ear.running


async def test_a_caller_hears_ringing_until_the_call_is_answered():
    ear = Ear()
    async with phone(ear) as bell, Far(script(180)) as far:
        media = Udp(HERE)
        far.rtp = media.port
        task = asyncio.create_task(bell.call(far.uri()).connect(5000))
        assert await soon(lambda: ear.loud > 20)
        assert ear.quiet < 3 and ear.starts == 1
        far.say(answer(far.invite, 200, extra=far.contact, body=sdp(media.port)), far.source)
        await task
        loud = ear.loud
        assert await soon(lambda: ear.quiet > 10)
        assert ear.loud <= loud + 1 and ear.starts == 2 and ear.running == 1
        far_call = bell.endpoint.sessions[0].call
        await far_call.hangup()
        await quiet_at_last(ear, bell)
        media.close()


async def test_ringing_ends_when_nobody_answers_and_with_the_task_that_calls():
    ear = Ear()
    async with phone(ear) as bell, Far(script(180)) as far:
        try:
            await bell.call(far.uri()).connect(300)
            raise AssertionError("answered")
        except CallTimeout:
            pass
        await quiet_at_last(ear, bell)
        assert ear.loud > 5
        ear.most = ear.loud = 0
        task = asyncio.create_task(bell.call(far.uri()).connect(3000))
        assert await soon(lambda: ear.loud > 2)
        task.cancel()
        await quiet_at_last(ear, bell)
        task = asyncio.create_task(bell.call(far.uri()).connect(3000))
        assert await soon(lambda: ear.running)
    assert not ear.running  # closing the phone ends it, too
    task.cancel()


async def test_a_refused_caller_hears_why_and_hanging_up_ends_that():
    for status, name in ((486, "busy"), (600, "busy"), (603, "busy"), (503, "congestion"), (404, "congestion")):
        ear = Ear()
        async with phone(ear) as bell, Far(script(180, status)) as far:
            call = bell.call(far.uri())
            assert await refused(call) == status
            assert await soon(lambda ear=ear: ear.loud > 3)
            player = bell.handlers["ended"].player
            assert player.name == name and player.ms == 4000
            call.stop_playing()
            assert not ear.running
            await quiet_at_last(ear, bell)


async def test_a_busy_tone_ends_by_itself_and_for_the_next_call():
    ear = Ear()
    async with phone(ear) as bell, Far(script(486)) as busy, Far(script(180)) as far:
        assert await refused(bell.call(busy.uri())) == 486
        assert await soon(lambda: ear.loud > 3)
        progress = bell.handlers["ended"]
        task = asyncio.create_task(bell.call(far.uri()).connect(3000))
        assert await soon(lambda: progress.player and progress.player.name == "ringing")
        assert ear.running <= 1
        task.cancel()
        await quiet_at_last(ear, bell)
        assert await refused(bell.call(busy.uri())) == 486
        assert await soon(lambda: progress.player)
        progress.player._left = 100  # of its 4 s
        await quiet_at_last(ear, bell)


async def test_of_several_that_are_called_the_ones_left_are_heard_ringing():
    ear = Ear()
    async with phone(ear) as bell, Far(script(180)) as one, Far(script(180)) as two:
        tasks = [asyncio.create_task(refused(bell.call(far.uri()))) for far in (one, two)]
        assert await soon(lambda: ear.loud > 2 and len(two.got))
        progress = bell.handlers["ringing"]
        heard = progress.player.call
        first, second = (one, two) if heard.remote == one.uri() else (two, one)
        first.say(answer(first.invite, 486, extra=first.contact), first.source)
        assert await soon(lambda: progress.player and progress.player.call is not heard)
        assert progress.player.name == "ringing"
        second.say(answer(second.invite, 486, extra=second.contact), second.source)
        assert await soon(lambda: progress.player and progress.player.name == "busy")
        assert await tasks[0] == await tasks[1] == 486
        assert ear.most == 1


async def test_the_far_end_s_own_ringing_is_heard_instead_of_ours():
    ear = Ear()
    async with phone(ear) as bell, Far(script(183)) as far:
        media = Udp(HERE)
        far.rtp = media.port
        call = bell.call(far.uri())
        task = asyncio.create_task(refused(call))
        assert await soon(lambda: call.stream)
        assert await soon(lambda: ear.quiet > 10)  # 183 alone: what it sends is all there is
        assert not ear.loud
        far.say(answer(far.invite, 486, extra=far.contact), far.source)
        assert await task == 486
        assert await soon(lambda: ear.loud > 3)  # the stream ends, then we say it
        call.stop_playing()
        await quiet_at_last(ear, bell)
        media.close()


async def test_a_far_end_that_rings_and_sends_nothing_is_helped_out():
    ear = Ear()
    async with phone(ear) as bell, Far(script(183, 180)) as far:
        media = Udp(HERE)
        far.rtp = media.port
        call = bell.call(far.uri())
        task = asyncio.create_task(call.connect(5000))
        assert await soon(lambda: ear.loud > 10)
        assert call.stream and call.state == "ringing"
        body = far.invite.body
        at = body.find(b"m=audio ") + 8
        to = HERE, int(body[at : body.find(b" ", at)])
        for i in range(10):
            head = bytes([0x80, 8, 0, i]) + struct.pack(">I", 160 * i) + b"SSRC"
            media.send_to(head + b"\xd5" * 160, to)
        assert await soon(lambda: call.stats.received == 10)
        loud, quiet = ear.loud, ear.quiet
        assert await soon(lambda: ear.quiet > quiet + 10)
        assert ear.loud <= loud + 2  # now it speaks for itself
        far.say(answer(far.invite, 200, extra=far.contact, body=sdp(media.port)), far.source)
        await task
        await call.hangup()
        await quiet_at_last(ear, bell)
        media.close()


async def test_who_wants_no_tones_hears_none():
    ear = Ear()
    async with phone(ear, **{"sound.progress_tones": False}) as bell, Far(script(180, 486)) as far:
        assert await refused(bell.call(far.uri())) == 486
        await platform.sleep_ms(100)
        assert not ear.starts and not bell.handlers


async def test_a_call_that_is_up_is_not_disturbed():
    ear = Ear()
    async with phone(ear) as bell, Far(script(180, 200)) as up, Far(script(180, 486)) as busy:
        media = Udp(HERE)
        up.rtp = media.port
        call = bell.call(up.uri())
        await call.connect(3000)
        assert await soon(lambda: ear.quiet > 3)
        loud = ear.loud
        assert await refused(bell.call(busy.uri())) == 486
        await platform.sleep_ms(100)
        assert ear.loud == loud and ear.running == 1 and not bell.handlers["ended"].player
        await call.hangup()
        await quiet_at_last(ear, bell)
        media.close()


async def test_a_page_is_heard_instead_of_ringing():
    ear = Ear()
    async with phone(ear) as bell, Far(script(180)) as far:
        task = asyncio.create_task(bell.call(far.uri()).connect(5000))
        assert await soon(lambda: ear.loud > 3)
        device = Lent(ear, lambda: None, lambda: False)
        bell.sound.page(device, bell.udp, platform.random)
        assert ear.running == 1  # nothing is heard of it yet
        device.start()
        assert await soon(lambda: not bell.handlers["ringing"].player) is True
        loud = ear.loud
        assert ear.running == 2  # the page's to stop
        far.say(answer(far.invite, 486, extra=far.contact), far.source)
        try:
            await task
            raise AssertionError("answered")
        except CallRejected:
            pass
        await platform.sleep_ms(60)
        assert ear.loud == loud and not bell.handlers["ended"].player
        device.stop()
        assert bell.faults == 0


async def test_a_device_that_cannot_be_had_does_not_end_the_call():
    class Broken(Ear):
        def start(self):
            raise OSError(19)

        def stop(self):
            pass

    async with phone(Broken()) as bell, Far(script(180, 486)) as far:
        assert await refused(bell.call(far.uri())) == 486
        assert await soon(lambda: not bell.handlers["ended"].player) is True
        assert bell.faults == 0


async def test_without_memory_for_a_tone_the_call_goes_on():
    from siplet.sound import sounder

    made = sounder.Sounder
    tried = []

    def fail(progress, call, name, ms):
        tried.append(name)
        raise MemoryError(name)

    sounder.Sounder = fail
    try:
        ear = Ear()
        async with phone(ear) as bell, Far(script(180, 486)) as far:
            assert await refused(bell.call(far.uri())) == 486
            assert "busy" in tried and bell.faults == 0 and not ear.loud
    finally:
        sounder.Sounder = made


def test_the_country_is_the_configured_one_and_one_row_is_kept():
    import sys

    assert tones({"sound.tones_of_country": "us"}, "busy") == "480+620@500,500"
    assert tones({}, "busy") == "425@480,480"
    assert "siplet.media.country_tones" not in sys.modules
