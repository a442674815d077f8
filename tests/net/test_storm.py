# A whole phone on sockets in a storm of broken messages, while an application has everything going on that it can:
# calls both ways, messages, watchers, subscriptions. Nothing may raise anything in the phone's own tasks (`faults`),
# and when the storm is over it takes a call as on its first day. tests/flow/storm.py: the same without sockets, longer.

import asyncio
import sys

from siplet import CallError, LocalError, Phone, platform
from siplet.audio.null import Null
from siplet.net.udp import Udp

TESTS = __file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else ".."
sys.path += [TESTS + "/flow", TESTS + "/unit"]
from mutator import Mutator
from torture import load, verdicts
from wire import Chance

NEEDS = ("sockets",)
HERE = "127.0.0.1"
ROUNDS = 60
EACH = 25  # messages; the socket's queue must hold them


class Weather:
    """The messages of just now that a phone got and sent, through its trace, and what becomes of them."""

    def __init__(self, seed):
        self.chance = Chance(seed)
        self.mutator = Mutator(seed)
        self.got = []
        self.vectors = [load(name) for name, _, _ in verdicts()]

    def trace(self, sent, data, address):
        """Only what others sent is broken; and not what was broken already, or nothing good would be left."""
        if not sent and b"storm" not in data and len(data) < 2000:
            self.got.append(bytes(data))
            if len(self.got) > 24:
                self.got.pop(0)

    def next(self):
        below = self.chance.below
        pick = self.got if self.got and below(5) else self.vectors
        other = self.got if self.got and below(2) else self.vectors
        return self.mutator.mutate(pick[-1 - below(1 + below(len(pick)))], other[below(len(other))]) + b"storm"


async def application(phone, weather):
    """Takes most calls, looks at all that a caller says of himself, and hangs up after a while."""
    async for call in phone:
        choice = weather.chance.below(4)
        for ask in (call.identity, call.display_name, call.diverted_from, call.answer_after):
            ask(anyone=True)
        call.header("subject")
        try:
            if choice == 0:
                await call.reject(486)
                continue
            if choice == 1:
                await call.progress()
            await call.answer()
            await platform.sleep_ms(20 * weather.chance.below(10))
            await call.hangup(timeout_ms=100)
        except (CallError, LocalError):
            pass


async def caller(bell, desk, weather):
    """Calls the desk again and again, with keys, hold and messages; and is called by it."""
    while True:
        to, party = (desk, bell) if weather.chance.below(2) else (bell, desk)
        try:
            await party.send_message(f"sip:x@{HERE}:{to.local_port}", "hello", timeout_ms=50)
        except CallError:
            pass
        try:
            async with party.call(f"sip:x@{HERE}:{to.local_port}", timeout_ms=300) as call:
                what = weather.chance.below(5)
                if what == 0:
                    await call.send_digits("1", form="info", timeout_ms=50)
                elif what == 1:
                    await call.hold(timeout_ms=50)
                elif what == 2:
                    await call.send_message("in a call", timeout_ms=50)
                elif what == 3:
                    await call.transfer(f"sip:nobody@{HERE}:9", timeout_ms=50)
        except (CallError, LocalError):
            pass
        await platform.sleep_ms(1)


async def test_a_phone_with_everything_going_on_lives_through_a_storm():
    weather = Weather(1)
    options = {"local_address": HERE, "local_port": 0, "audio": Null(), "accept": ("open",), "max_calls": 3}
    stranger = Udp(HERE)
    heard = []
    desk = Phone(f"sip:desk@{HERE}", trace=weather.trace, session_expires=90, reliable="supported", **options)
    async with desk, Phone(f"sip:bell@{HERE}", **options) as bell:
        desk.on_message(heard.append)
        for phone in (desk, bell):
            phone.watchers("all")
        watches = []
        for event in ("presence", "dialog", "message-summary"):
            watches.append(await desk.subscribe(f"sip:bell@{HERE}:{bell.local_port}", event, timeout_ms=0))
            watches.append(await bell.subscribe(f"sip:desk@{HERE}:{desk.local_port}", event, timeout_ms=0))
        tasks = [asyncio.create_task(application(phone, weather)) for phone in (desk, bell)]
        tasks.append(asyncio.create_task(caller(bell, desk, weather)))
        for _ in range(ROUNDS):
            before = desk.received
            for _ in range(EACH):
                stranger.send_to(weather.next(), (HERE, desk.local_port))
            for _ in range(100):
                await platform.sleep_ms(5)
                if desk.received >= before + EACH:
                    break
            while stranger.datagram(4096) is not None:
                pass
            if weather.chance.below(5) == 0:
                await desk.publish(bool(weather.chance.below(2)), "here")
            assert not desk.faults and not bell.faults
            assert not any(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        for watch in watches:
            watch.stop()
        endpoint = desk.endpoint
        print("%d received: %d refused, %d dropped" % (desk.received, endpoint.refused, endpoint.dropped))
        assert desk.received > ROUNDS * EACH * 9 // 10 and endpoint.dropped > ROUNDS * EACH // 4
        # Life goes on
        for session in list(endpoint.sessions) + list(bell.endpoint.sessions):
            session.hang_up(platform.now())
        desk.pump()
        bell.pump()
        await desk.until(lambda: not endpoint.full, 3000)
        taker = asyncio.create_task(application(desk, weather))
        for _ in range(40):
            call = bell.call(f"sip:desk@{HERE}:{desk.local_port}")
            try:
                await call.connect(3000)
                break
            except CallError as error:  # refused by chance, or as long as sixteen transactions wait for a storm's ACKs
                assert error.status in (486, 503), error
                await platform.sleep_ms(10 if error.status == 486 else 1000)
        assert call.state == "up" or call.how == "remote"
        await call.hangup()
        taker.cancel()
        heard.clear()
        assert await bell.send_message(f"sip:desk@{HERE}:{desk.local_port}", "still there?") == 200 and len(heard) == 1
        assert not desk.faults and not bell.faults
    stranger.close()


def request(method, more, body=b"", name=b"sip:x@127.0.0.1"):
    """A request outside calls, as nobody should write it."""
    lines = [
        method + b" sip:desk@127.0.0.1 SIP/2.0",
        b"Via: SIP/2.0/UDP 127.0.0.1;rport;branch=z9hG4bK" + method,
        b"From: <" + name + b">;tag=1",
        b"To: <sip:desk@127.0.0.1>",
        b"Call-ID: by-hand-" + method,
        b"CSeq: 1 " + method,
        b"Contact: <sip:x@127.0.0.1:9>",
    ]
    return b"\r\n".join(lines + more + [b"Content-Length: " + str(len(body)).encode(), b"", body])


async def test_what_is_no_text_reaches_an_application_as_far_as_it_is_text():
    stranger = Udp(HERE)
    texts, watchers = [], []

    def may_watch(who, event):
        watchers.append((who, event))
        return True

    async def answer(data):
        stranger.send_to(data, (HERE, desk.local_port))
        for _ in range(200):
            await platform.sleep_ms(5)
            heard = stranger.datagram(4096)
            if heard:
                return heard
        raise AssertionError("no answer")

    async with Phone(f"sip:desk@{HERE}", local_address=HERE, local_port=0, audio=Null(), accept=("open",)) as desk:
        desk.on_message(texts.append)
        desk.watchers(may_watch, lambda *change: watchers.append(change))
        heard = await answer(request(b"MESSAGE", [b"Content-Type: text/plain;;charset"], b"hi"))
        assert heard.startswith(b"SIP/2.0 400 ") and b'"Content-Type: bad parameter"' in heard and not texts
        plain = b"Content-Type: text/plain;charset=x"
        data = request(b"MESSAGE", [plain], b"\xffhi\xc3", b"sip:\xfe\xff@127.0.0.1").replace(b"-MESSAGE", b"-2")
        heard = await answer(data.replace(b"z9hG4bKMESSAGE", b"z9hG4bK2"))
        assert heard.startswith(b"SIP/2.0 200 ")
        assert texts[0].text == "hi" and texts[0].sender == "sip:@127.0.0.1"
        heard = await answer(request(b"SUBSCRIBE", [b"Event: presence", b"Expires: 60"], b"", b"sip:y\xff@127.0.0.1"))
        assert heard.startswith(b"SIP/2.0 200 ")
        await platform.sleep_ms(50)
        assert watchers[0] == ("sip:y@127.0.0.1", "presence") and watchers[1] == ("sip:y@127.0.0.1", "presence", True)
        assert not desk.faults
    stranger.close()
