# What an application sees beside calls, on loopback sockets: texts, presence, a busy lamp, a mailbox, publications.

import asyncio

from scripted import Far, answer
from siplet import CallRejected, CallTimeout, LocalError, Phone, platform
from siplet.audio.null import Null

NEEDS = ("sockets",)
HERE = "127.0.0.1"


def phone(user, **options):
    options.setdefault("accept", ("open",))
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Null(), **options)


def at(other, user="desk"):
    return f"sip:{user}@{HERE}:{other.local_port}"


async def raises(kind, coroutine):
    """The exception of that kind that the coroutine ends with."""
    try:
        await coroutine
    except kind as error:
        return error
    raise AssertionError("nothing raised")


async def until(condition, ms=3000):
    """Whether it became true in time."""
    for _ in range(ms // 10):
        if condition():
            return True
        await platform.sleep_ms(10)
    return False


async def test_a_text_and_what_becomes_of_it():
    async with phone("bell") as bell, phone("desk") as desk:
        got = []
        error = await raises(CallRejected, bell.send_message(at(desk), "hello"))
        assert error.status == 480 and error.reason == "Temporarily Unavailable"  # nobody reads
        desk.on_message(got.append)
        assert await bell.send_message(at(desk), "Die T\u00fcr \u20ac\U0001f514") == 200
        assert got[0].text == "Die T\u00fcr \u20ac\U0001f514" and got[0].sender == f"sip:bell@{HERE}"
        assert got[0].call is None and got[0].request.method == b"MESSAGE"
        error = await raises(CallRejected, bell.send_message(at(desk), "x" * 1300))
        assert error.status == 413 and len(got) == 1
        desk.on_message(None)
        assert (await raises(CallRejected, bell.send_message(at(desk), "again"))).status == 480
        for target in ("tel:123", "sip:", "sip:desk@[::"):
            assert (await raises(CallRejected, bell.send_message(target, "x"))).status in (400, 416)
        error = await raises(CallTimeout, bell.send_message(f"sip:nobody@{HERE}:9", "x", timeout_ms=100))
        assert error.status == 408
        assert bell.faults == desk.faults == 0 and not any(usage.alive for usage in bell.endpoint.usages)


async def test_texts_inside_a_call_both_ways():
    async with phone("bell") as bell, phone("desk") as desk:
        heard, told = [], []
        bell.on_message(heard.append)
        desk.on_message(told.append)

        async def take():
            call = await desk.incoming(timeout_ms=3000)
            await call.answer()
            return call

        task = asyncio.create_task(take())
        async with bell.call(at(desk), timeout_ms=3000) as call:
            other = await task
            assert await call.send_message("who is it?") == 200 and await other.send_message("me") == 200
            assert told[0].call is other and told[0].text == "who is it?"
            assert heard[0].call is call and heard[0].text == "me"
        await other.ended(timeout_ms=1000)
        assert bell.faults == desk.faults == 0


async def test_presence_of_another_phone_as_it_changes():
    async with phone("bell") as bell, phone("desk") as desk:
        error = await raises(CallRejected, bell.subscribe(at(desk), "presence"))
        assert error.status == 403  # nobody may watch
        came = []
        desk.watchers([f"sip:bell@{HERE}"], lambda *what: came.append(what))
        watch = await bell.subscribe(at(desk), "presence")
        document = await watch.changed(1000)
        assert document.open is True and document.entity == f"sip:desk@{HERE}"
        assert await desk.publish(False, "gone \u20ac", "away") == 0  # to who watches; there is no server
        document = await watch.changed(3000)
        assert (document.open, document.note, document.activity) == (False, "gone \u20ac", "away")
        once = await bell.fetch(at(desk), "presence")
        assert once.note == "gone \u20ac"
        async with phone("other") as other:
            assert (await raises(CallRejected, other.subscribe(at(desk), "presence"))).status == 403
            assert (await raises(CallRejected, other.fetch(at(desk), "dialog"))).status == 403
        watch.stop()
        assert await until(lambda: watch.state == "over")
        assert await watch.changed(0) is None
        assert came == [(f"sip:bell@{HERE}", "presence", True), (f"sip:bell@{HERE}", "presence", False)]
        assert (await raises(LocalError, desk.publish(activity="<away/>"))) and desk.faults == bell.faults == 0


async def test_a_busy_lamp_and_its_end_when_the_phone_is_closed():
    async with phone("bell") as bell, phone("other") as other:
        lamps = []
        desk = phone("desk", max_calls=2)
        await desk.__aenter__()
        try:
            desk.watchers("all", details=True)
            watch = await bell.subscribe(at(desk), "dialog")

            async def look():
                async for document in watch:
                    lamps.append(document.lamp)

            task = asyncio.create_task(look())
            assert await until(lambda: lamps == ["idle"])
            call = other.call(at(desk))
            dialling = asyncio.create_task(call.connect(3000))
            into = await desk.incoming(timeout_ms=1000)
            assert await until(lambda: lamps[-1] == "ringing")
            await into.answer()
            await dialling
            assert await until(lambda: lamps[-1] == "busy")
            dialog = watch.document.dialogs[0]
            assert dialog.remote == f"sip:other@{HERE}" and dialog.call_id and dialog.remote_tag
            await call.hangup()
            assert await until(lambda: lamps[-1] == "idle")
        finally:
            await desk.close()
        assert await until(lambda: watch.state == "failed")  # it may come back
        watch.stop()
        await task
        assert lamps == ["idle", "ringing", "busy", "idle"]
        assert bell.faults == desk.faults == other.faults == 0


async def test_closing_takes_back_what_was_asked_for():
    async with phone("desk") as desk:
        desk.watchers(lambda uri, event: event == "dialog")
        bell = phone("bell")
        async with bell:
            assert (await raises(CallRejected, bell.subscribe(at(desk), "presence"))).status == 403
            watch = await bell.subscribe(at(desk), "dialog")
            assert await watch.changed(1000)
            start = platform.now()
        assert (platform.now() - start) % 2**30 < 1000 and watch.state == "over"
        assert await until(lambda: len(desk.endpoint.usages) == 1)  # the notifier itself


async def test_a_mailbox_and_events_of_the_applications_own():
    def script(far, message, source):
        if message.method != b"SUBSCRIBE":
            return
        far.say(answer(message, 200, extra=b"Expires: 600\r\n" + far.contact), source)
        event = message.header(b"event")
        kind, body = b"application/simple-message-summary", b"Messages-Waiting: yes\r\nVoice-Message: 2/1\r\n"
        if event != b"message-summary":
            kind, body = b"application/reginfo+xml", b"<reginfo/>"
        branch = b";branch=z9hG4bKn" + message.call_id
        lines = [b"NOTIFY sip:bell@127.0.0.1 SIP/2.0", b"Via: SIP/2.0/UDP 127.0.0.1:" + str(far.port).encode() + branch]
        lines += [b"From: " + message.header(b"to") + b";tag=far", b"To: " + message.header(b"from")]
        lines += [b"Call-ID: " + message.call_id, b"CSeq: 1 NOTIFY", far.contact]
        lines += [b"Event: " + event, b"Subscription-State: active;expires=600", b"Content-Type: " + kind]
        lines += [b"Content-Length: " + str(len(body)).encode(), b"", body]
        far.say(b"\r\n".join(lines), source)

    async with Far(script) as far, phone("bell") as bell:
        target = far.uri("box")
        watch = await bell.subscribe(target, "message-summary")
        document = await watch.changed(1000)
        assert document.waiting and document.counts["voice"] == (2, 1, 0, 0)
        watch.stop()
        assert (await raises(LocalError, bell.subscribe(target, "reg"))) is not None
        watch = await bell.subscribe(target, "reg", accept="application/reginfo+xml")
        assert await watch.changed(1000) == ("application/reginfo+xml", b"<reginfo/>")
        watch.stop()


async def test_what_is_published_and_a_server_that_does_not():
    def script(far, message, source):
        if message.method == b"REGISTER":
            far.say(answer(message, 200, extra=b"Expires: 600"), source)
        elif message.method == b"PUBLISH":
            far.published.append(message)
            extra = b"Expires: 600\r\nSIP-ETag: e1"
            far.say(answer(message, 489) if far.refuses else answer(message, 200, extra=extra), source)

    async with Far(script) as far:
        far.published, far.refuses = [], False
        options = {"local_address": HERE, "local_port": 0, "audio": Null(), "accept": ("open",)}
        async with Phone(far.uri("bell"), register=True, **options) as bell:
            assert await bell.publish(True, "at the door") == 200
            assert b"at the door" in far.published[0].body
            assert await bell.publish(False) == 200 and far.published[1].header(b"sip-if-match") == b"e1"
            far.refuses = True
            error = await raises(CallRejected, bell.publish(True))
            assert error.status == 489
            assert bell.faults == 0
