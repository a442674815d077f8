# What an application sees of a call before it is answered, on loopback sockets: sound from the far end, sound of ours,
# who calls, a second call that knocks; and the options of a phone that few want.

import asyncio

from scripted import Far, answer, polite, sdp, soon
from siplet import CallCancelled, CallRejected, LocalError, Phone, platform
from siplet.audio.null import Null
from siplet.net.udp import Udp

NEEDS = ("sockets",)
HERE = "127.0.0.1"


def phone(user, **options):
    options.setdefault("accept", ("open",))
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Null(), **options)


def at(other, user="desk"):
    return f"sip:{user}@{HERE}:{other.local_port}"


class Voice:
    """An RTP port that sends a packet of silence each time it is told to, and counts what comes."""

    def __init__(self):
        self.udp = Udp(HERE)
        self.port = self.udp.port
        self.count = 0
        self.heard = 0

    def send(self, to, n=10):
        for _ in range(n):
            self.count += 1
            head = bytes([0x80, 8, 0, self.count]) + (160 * self.count).to_bytes(4, "big") + b"SSRC"
            self.udp.send_to(head + b"\xd5" * 160, to)

    def listen(self):
        view = bytearray(2000)
        while self.udp.receive_from(view) > 0:
            self.heard += 1
        return self.heard


def port_in(message):
    """Where the sender of a description wants to hear."""
    body = message.body
    i = body.find(b"m=audio ") + 8
    return HERE, int(body[i : body.find(b" ", i)])


async def test_the_far_end_is_heard_before_the_answer_and_from_another_port_after_it():
    early, later = Voice(), Voice()

    def script(far, message, source):
        polite(far, message, source)
        if message.method == b"INVITE":
            far.say(answer(message, 183, extra=far.contact, body=sdp(early.port)), source)

    async with phone("bell") as bell, Far(script) as far:
        call = bell.call(far.uri())
        task = asyncio.create_task(call.connect(3000))
        assert await soon(lambda: call.stream)
        assert call.state == "ringing"
        assert await soon(lambda: early.listen() > 2)  # and we are heard
        early.send(port_in(far.invite))
        assert await soon(lambda: call.stats.received == 10)
        far.say(answer(far.invite, 200, extra=far.contact, body=sdp(later.port)), far.source)
        await task
        assert call.state == "up"
        assert await soon(lambda: later.listen() > 2)
        later.send(port_in(far.invite))
        assert await soon(lambda: call.stats.received == 20)
        await call.hangup()
        assert bell.faults == 0
    for voice in (early, later):
        voice.udp.close()


async def test_early_sound_ends_with_a_refusal():
    def script(far, message, source):
        polite(far, message, source)
        if message.method == b"INVITE":
            far.say(answer(message, 183, extra=far.contact, body=sdp(9)), source)

    async with phone("bell") as bell, Far(script) as far:
        call = bell.call(far.uri())
        task = asyncio.create_task(call.connect(3000))
        assert await soon(lambda: call.stream)
        far.say(answer(far.invite, 486), far.source)
        try:
            await task
            raise AssertionError("answered")
        except CallRejected as error:
            assert error.status == 486
        assert await soon(lambda: call.stream is None) is True
        # The port and the buffers serve the next call
        task = asyncio.create_task(bell.call(far.uri()).connect(300))
        assert await soon(lambda: far.methods().count("INVITE") == 2 and len(bell.spare) == 0)
        task.cancel()
        await platform.sleep_ms(20)
        assert bell.faults == 0


async def test_we_are_heard_before_we_answer():
    await heard_early(None)


async def test_we_are_heard_before_we_answer_reliably():
    await heard_early("supported")


async def heard_early(reliable):
    async with phone("bell") as bell, phone("desk", reliable=reliable) as desk:
        call = bell.call(at(desk))
        task = asyncio.create_task(call.connect(3000))
        ringing = await desk.incoming(timeout_ms=2000)
        await ringing.progress()
        assert await soon(lambda: call.stats and call.stats.received > 3)
        assert call.state == "ringing" and ringing.state == "incoming"
        await ringing.answer()
        await task
        before = call.stats.received
        assert await soon(lambda: call.stats.received > before + 3)
        await call.hangup()
        assert await ringing.ended(1000)
        try:
            await ringing.progress()
            raise AssertionError("said")
        except CallCancelled:
            pass
        assert bell.faults == desk.faults == 0


async def test_a_second_call_knocks_while_the_first_is_up():
    async with phone("desk", max_calls=2) as desk, phone("a") as a, phone("b") as b, phone("c") as c:
        first = a.call(at(desk))
        task = asyncio.create_task(first.connect(3000))
        one = await desk.incoming(2000)
        await one.answer()
        await task
        second = b.call(at(desk))
        task = asyncio.create_task(second.connect(3000))
        other = await desk.incoming(2000)
        assert other.state == "incoming" and one.state == "up"
        try:
            await c.call(at(desk)).connect(2000)
            raise AssertionError("a third one")
        except CallRejected as error:
            assert error.status == 486
        await other.answer(Null())
        await task
        assert one.state == other.state == first.state == second.state == "up"
        assert await soon(lambda: first.stats.received > 5 and second.stats.received > 5)
        await one.hangup()
        assert await first.ended(1000) and other.state == "up"
        await second.hangup()
        assert await other.ended(1000)
        assert desk.faults == 0 and await soon(lambda: not desk.endpoint.full)


async def test_one_call_that_waits_is_refused_and_the_first_goes_on():
    async with phone("desk", max_calls=2) as desk, phone("a") as a, phone("b") as b:
        task = asyncio.create_task(a.call(at(desk)).connect(3000))
        one = await desk.incoming(2000)
        await one.answer()
        await task
        task = asyncio.create_task(b.call(at(desk)).connect(3000))
        other = await desk.incoming(2000)
        await other.reject(603)
        try:
            await task
            raise AssertionError("answered")
        except CallRejected as error:
            assert error.status == 603
        assert one.state == "up"


INVITE = (
    b"INVITE sip:desk@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK%d;rport\r\n"
    b"Max-Forwards: 70\r\nFrom: <sip:liar@x>;tag=1\r\nTo: <sip:desk@127.0.0.1>\r\nCall-ID: %d\r\nCSeq: 1 INVITE\r\n"
    b'P-Asserted-Identity: "Anna \xc3\x84" <sip:100@pbx>\r\nAlert-Info: <http://x>;info=alert-autoanswer;delay=0\r\n'
    b"Contact: <sip:a@127.0.0.1>\r\nDiversion: <sip:200@pbx>;reason=no-answer\r\nX-Door: front\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def invite(n):
    return INVITE.replace(b"%d", str(n).encode())


async def test_who_calls_is_believed_to_our_server_only():
    async with Far(polite) as server, Far(polite) as stranger:
        async with phone("desk", registrar=f"{HERE}:{server.port}", password="x", max_calls=2) as desk:
            server.say(invite(1), (HERE, desk.local_port))
            call = await desk.incoming(2000)
            assert call.remote == "sip:liar@x" and call.trusted()
            assert call.identity() == "sip:100@pbx" and call.display_name() == "Anna Ä"
            assert call.answer_after() == 0 and call.diverted_from() == "sip:200@pbx"
            assert call.header("X-Door") == "front" and call.header("x-none") is None
            await call.reject()
        async with phone("desk") as desk:  # it has no server at all
            stranger.say(invite(2), (HERE, desk.local_port))
            call = await desk.incoming(2000)
            assert not call.trusted() and call.identity() is None and call.display_name() is None
            assert call.answer_after() is None and call.diverted_from() is None
            assert call.header("x-door") == "front"
            assert call.identity(anyone=True) == "sip:100@pbx" and call.answer_after(anyone=True) == 0
            await call.reject()
            out = desk.call(stranger.uri())
            assert out.identity() is None and out.header("to") is None and not out.trusted()


async def test_options_that_few_phones_want():
    seen = []
    trace = lambda sent, data, address: seen.append(bytes(data)) if sent else None  # noqa: E731
    async with Far(polite) as far:
        async with phone("bell", compact=True, reliable="required", redirects=0, trace=trace) as bell:
            assert bell.endpoint.redirects == 0
            task = asyncio.create_task(bell.call(far.uri()).connect(300))
            assert await soon(lambda: far.got)
            assert b"\r\nv: SIP/2.0/UDP" in seen[0] and b"\r\nVia" not in seen[0] and b"\r\nl: " in seen[0]
            assert far.got[0].header(b"require") == b"100rel"
            task.cancel()
            await platform.sleep_ms(20)
        async with phone("bell", reliable="off") as bell:
            task = asyncio.create_task(bell.call(far.uri("off")).connect(300))
            assert await soon(lambda: far.got[-1].uri.startswith(b"sip:off"))
            assert b"100rel" not in far.got[-1].headers(b"supported")
            task.cancel()
            await platform.sleep_ms(20)
    for options, error in (({"reliable": "maybe"}, LocalError), ({"compakt": True}, TypeError)):
        try:
            async with phone("bell", **options):
                pass
            raise AssertionError(options)
        except error:
            pass
