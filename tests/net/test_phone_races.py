# What an application's own phone does when a far end, or the application, does not do what it should.

import asyncio

from siplet import CallError, CallRejected, CallTimeout, Phone, platform
from siplet.audio.null import Null
from siplet.net.udp import Udp
from siplet.sip.message import Message

NEEDS = ("sockets",)
HERE = "127.0.0.1"


def phone(user, **options):
    options.setdefault("accept", ("open",))
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Null(), **options)


async def heard(stranger):
    """The next Message that comes to a bare socket."""
    for _ in range(100):
        data = stranger.datagram(4096)
        if data:
            return Message(data)
        await platform.sleep_ms(10)
    raise AssertionError("nothing came")


def response(request, status, more=b""):
    """A response by hand; status: b"486 Busy"."""
    lines = [b"SIP/2.0 " + status]
    for name in (b"via", b"from", b"call-id"):
        lines.append(name + b": " + request.header(name))
    lines.append(b"To: " + request.header(b"to") + b";tag=far")
    lines.append(b"CSeq: " + str(request.cseq).encode() + b" " + request.method)
    return b"\r\n".join(lines) + b"\r\n" + more + b"\r\n"


def invite(stranger, number, name=b"sip:x@127.0.0.1"):
    lines = [
        b"INVITE sip:desk@127.0.0.1 SIP/2.0",
        b"Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK" + number,
        b"From: <" + name + b">;tag=1",
        b"To: <sip:desk@127.0.0.1>",
        b"Call-ID: by-hand-" + number,
        b"CSeq: 1 INVITE",
        b"Contact: <sip:x@127.0.0.1:" + str(stranger.port).encode() + b">",
        b"",
        b"",
    ]
    return b"\r\n".join(lines)


def cancel(data):
    return data.replace(b"INVITE", b"CANCEL")


async def test_what_is_no_utf_8_is_read_all_the_same():
    stranger = Udp(HERE)
    async with phone("desk") as desk:
        data = invite(stranger, b"1", b"sip:x\xff\xfe@127.0.0.1")
        stranger.send_to(data, (HERE, desk.local_port))
        call = await desk.incoming(timeout_ms=1000)
        assert call.remote == "sip:x@127.0.0.1"
        stranger.send_to(cancel(data), (HERE, desk.local_port))
        assert await call.ended(timeout_ms=1000) and call.line._udp.socket is None
        outgoing = asyncio.create_task(desk.call(f"sip:x@{HERE}:{stranger.port}").connect(2000))
        request = await heard(stranger)
        while request.method != b"INVITE" or b"far" in request.data:  # the first call's last words
            request = await heard(stranger)
        stranger.send_to(response(request, b"486 B\xfcsy"), (HERE, desk.local_port))
        try:
            await outgoing
            raise AssertionError("answered")
        except CallRejected as error:
            assert error.status == 486 and error.reason == "Bsy"
        assert desk.faults == 0
    stranger.close()


async def test_calls_that_nobody_takes_are_not_kept():
    stranger = Udp(HERE)
    async with phone("desk") as desk:
        for i in range(5):
            data = invite(stranger, str(i).encode())
            stranger.send_to(data, (HERE, desk.local_port))
            await platform.sleep_ms(20)
            assert len(desk._waiting) == 1
            stranger.send_to(cancel(data), (HERE, desk.local_port))
            await platform.sleep_ms(20)
            assert not desk._waiting
    stranger.close()


async def test_faults_of_the_application_do_not_silence_the_phone():
    def trace(_sent, data, _address):
        if bytes(data) == b"bad":
            raise ValueError

    states = []

    def on_state(state, _status):
        states.append(state)
        raise ValueError

    printed = platform.print_exception
    platform.print_exception = lambda error: None
    stranger = Udp(HERE)
    nowhere = Udp(HERE)
    nowhere.close()
    try:
        desk = phone("desk", registrar=f"{HERE}:{nowhere.port}", trace=trace)
        desk.on_state = on_state
        async with desk:
            desk._unreachable.append((HERE, nowhere.port))  # as when no packet can leave
            await platform.sleep_ms(100)
            assert states == ["registering", "failed"]
            stranger.send_to(b"bad", (HERE, desk.local_port))
            await platform.sleep_ms(50)
            assert desk.faults == 3
            stranger.send_to(invite(stranger, b"1"), (HERE, desk.local_port))
            call = await desk.incoming(timeout_ms=1000)
            await call.reject()
            desk.on_state = None
    finally:
        platform.print_exception = printed
        stranger.close()


async def test_closing_the_phone_ends_what_waits_for_a_far_end_that_is_silent():
    silent = Udp(HERE)
    story = []

    async def call(bell):
        try:
            await bell.call(f"sip:x@{HERE}:{silent.port}").connect(None)
        except CallTimeout:
            story.append("over")

    bell = phone("bell")
    async with bell:
        task = asyncio.create_task(call(bell))
        await heard(silent)
        line = bell.endpoint.sessions[0].media
        await bell.close(timeout_ms=50)
    await asyncio.wait_for(task, 1)
    assert story == ["over"] and line._udp.socket is None and bell.faults == 0
    # An answer whose ACK never comes: the sound stops, too.
    async with phone("desk") as desk:
        silent.send_to(
            invite(silent, b"1").replace(
                b"\r\n\r\n",
                b"\r\nContent-Type: application/sdp\r\n\r\n"
                b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n",
            ),
            (HERE, desk.local_port),
        )
        call = await desk.incoming(timeout_ms=1000)
        answer = asyncio.create_task(call.answer())
        await platform.sleep_ms(50)
        assert call.stream
        await desk.close(timeout_ms=50)
        try:
            await asyncio.wait_for(answer, 1)
            raise AssertionError("acknowledged")
        except CallTimeout:
            pass
        await platform.sleep_ms(50)
        assert call.stream is None and call.line._udp.socket is None
    silent.close()


async def test_a_call_for_which_there_is_no_port_or_no_room_is_a_call_error():
    taken = Udp(HERE)
    async with phone("bell", rtp_ports=range(taken.port, taken.port + 1)) as bell:
        try:
            await bell.call(f"sip:x@{HERE}").connect(1000)
            raise AssertionError("sent")
        except CallError as error:
            assert error.status == 486
        taken.close()
        try:
            await bell.call(f"sip:{'x' * 6000}@{HERE}").connect(1000)
            raise AssertionError("sent")
        except CallError as error:
            assert error.status == 414
        assert not bell.endpoint.sessions
        Udp(HERE, taken.port).close()  # the port was given back


async def test_memory_that_fails_when_the_sound_should_begin_costs_no_port():
    from siplet.sound.stream import Stream as Complete
    from siplet.stream import Stream

    def fail(self, agreement):
        raise MemoryError

    for kind, sound in ((Stream, {"sound.complete": False}), (Complete, {"sound.complete": True})):
        configure = kind.configure
        async with phone("bell", sound=sound) as bell, phone("desk") as desk:
            call = bell.call(f"sip:desk@{HERE}:{desk.local_port}")
            task = asyncio.create_task(call.connect(1000))
            other = await desk.incoming(timeout_ms=1000)
            kind.configure = fail
            try:
                await other.answer()
            except MemoryError:  # desk is such a phone as well
                pass
            try:
                await task
            except CallError:
                pass
            kind.configure = configure
            ports = [one.line._udp.port for one in (call, other)]
            await call.hangup(timeout_ms=500)
            await other.hangup(timeout_ms=500)
            await platform.sleep_ms(50)
            assert bell.faults, "nothing failed"
            for port in ports:
                Udp(HERE, port).close()  # nobody has them


async def test_a_key_refused_by_a_far_end_that_hangs_up_in_the_same_breath():
    async with phone("bell") as bell, phone("desk") as desk:
        outgoing = bell.call(f"sip:desk@{HERE}:{desk.local_port}")
        task = asyncio.create_task(outgoing.connect(2000))
        await (await desk.incoming(timeout_ms=1000)).answer()
        await task
        send_info = outgoing.session.send_info

        def refuse(*arguments):
            send_info(*arguments)
            bell.endpoint.emit("info", outgoing.session, 415)
            outgoing.session.step("bye", platform.now(), 487, b"", "remote")

        outgoing.session.send_info = refuse
        assert await outgoing.send_digits("1", form="info") is False
        await desk.close(50)


class Broken(Null):
    """An audio device that fails after some frames, as one that was pulled out."""

    frames = 5

    def read(self, frame):
        self.frames -= 1
        if self.frames < 0:
            raise OSError(5)
        return super().read(frame)


async def test_an_audio_device_that_fails_ends_the_call_and_is_counted():
    async with phone("bell") as bell, phone("desk") as desk:
        task = asyncio.create_task(bell.call(f"sip:desk@{HERE}:{desk.local_port}", audio=Broken()).connect(3000))
        other = await desk.incoming(timeout_ms=2000)
        await other.answer()
        assert await other.ended(timeout_ms=2000) and other.how == "remote"
        assert bell.faults == 1
        await task


async def test_closing_the_phone_ends_the_wait_for_calls():
    async with phone("desk") as desk:

        async def serve():
            async for _ in desk:
                raise AssertionError("a call")
            return "over"

        task = asyncio.create_task(serve())
        await platform.sleep_ms(10)
    assert await task == "over"


async def test_a_cancelled_answer_hangs_up():
    async with phone("bell") as bell, phone("desk") as desk:
        calling = asyncio.create_task(bell.call(f"sip:desk@{HERE}:{desk.local_port}").connect(3000))
        call = await desk.incoming(timeout_ms=2000)
        answering = asyncio.create_task(call.answer())
        await platform.sleep_ms(0)
        answering.cancel()
        try:
            await answering
        except asyncio.CancelledError:
            pass
        assert await call.ended(timeout_ms=2000)
        try:
            await calling
        except CallError:
            pass
