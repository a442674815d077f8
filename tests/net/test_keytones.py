# Keys in every form between whole phones on loopback sockets: as tones, as events, by INFO, and all at once.

import asyncio

from apps import doorphone
from scripted import soon
from siplet import LocalError, Phone, platform
from siplet.audio.null import Null

NEEDS = ("sockets",)
HERE = "127.0.0.1"


class Murmur(Null):
    """Says a murmur, so that no frame is silence."""

    def read(self, frame):
        for i in range(0, len(frame), 2):
            frame[i] = i * 37 & 0x7F
            frame[i + 1] = 0
        return True


def phone(user, **sound):
    options = {"sound.complete": True, "sound.progress_tones": False}
    options.update({"sound." + name: value for name, value in sound.items()})
    return Phone(
        f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Murmur(), accept=("open",), sound=options
    )


class Talk:
    """Two phones in a call; call: bell's end of it, other: desk's. digits: what desk heard."""

    def __init__(self, bell=None, desk=None):
        self.bell = bell or phone("bell")
        self.desk = desk or phone("desk")

    async def __aenter__(self):
        await self.bell.__aenter__()
        await self.desk.__aenter__()
        self.call = self.bell.call(f"sip:desk@{HERE}:{self.desk.local_port}")
        task = asyncio.create_task(self.call.connect(3000))
        self.other = await self.desk.incoming(timeout_ms=3000)
        await self.other.answer()
        await task
        await soon(lambda: self.other.stream and self.call.stream)
        return self

    async def __aexit__(self, kind, error, trace):
        await self.call.hangup()
        await self.bell.close()
        await self.desk.close()
        if not kind:
            assert self.bell.faults == self.desk.faults == 0

    async def digits(self, quiet_ms=700):
        heard = ""
        async for digit in self.other.digits(timeout_ms=quiet_ms):
            heard += digit
        return heard


async def test_keys_sent_as_tones_are_heard_once_each():
    async with Talk() as talk:
        assert await talk.call.send_digits("1590*#AD55", form="tones", ms=60) is True
        assert await talk.digits() == "1590*#AD55"


async def test_tones_are_what_the_configuration_may_ask_for():
    async with Talk(phone("bell", keys_are_sent_as="tones")) as talk:
        talk.call.session.send_info = None
        assert await talk.call.send_digits("42") is True
        assert await talk.digits() == "42" and talk.call.stream.events == 0


async def test_all_forms_at_once_are_one_digit_each():
    async with Talk() as talk:
        for digits in ("5", "55", "0"):
            tasks = [asyncio.create_task(talk.call.send_digits(digits, form)) for form in ("tones", "info", "rtp")]
            for task in tasks:
                assert await task is True
            assert await talk.digits(1200) == digits


async def test_after_the_first_event_tones_are_left_alone_until_a_new_agreement():
    async with Talk() as talk:
        assert await talk.call.send_digits("1", form="rtp")
        assert await talk.call.send_digits("2", form="tones")
        assert await talk.call.send_digits("3", form="info")
        assert await talk.digits() == "13"
        await talk.call.hold()
        await talk.call.resume()
        assert await talk.call.send_digits("4", form="tones")
        assert await talk.digits() == "4"


async def test_who_refuses_info_gets_tones():
    async with Talk() as talk:
        talk.call.line.agreed = None  # as with a far end without events

        def refuse(*arguments):
            talk.call.infos.append(405)
            talk.call.notify()

        talk.call.session.send_info = refuse
        assert await talk.call.send_digits("73", ms=80) is True
        assert await talk.digits() == "73"
        assert await talk.call.send_digits("7", form="info") is False


async def test_our_tones_that_come_back_as_an_echo_are_no_keys():
    async with Talk() as talk:
        both = [asyncio.create_task(call.send_digits("88", "tones")) for call in (talk.call, talk.other)]
        for task in both:
            assert await task is True
        assert await talk.digits() == ""


async def test_what_cannot_be_sent_as_tones():
    async with Talk(phone("bell", complete=False)) as talk:
        try:
            await talk.call.send_digits("1", "tones")
        except LocalError as error:
            assert "sound.complete" in str(error)
        else:
            raise AssertionError("a plain phone has tones")
        assert await talk.other.send_digits("12", "info") is True  # the plain phone has its own rule
        assert await talk.call.digit(1000) == "1"
    async with Talk() as talk:
        try:
            await talk.call.send_digits("1x", "tones")
        except LocalError:
            pass
        else:
            raise AssertionError("x is a key")


async def test_keys_wait_as_long_as_the_far_end_holds_the_call():
    async with Talk() as talk:
        await talk.other.hold()
        task = asyncio.create_task(talk.call.send_digits("12", "tones"))
        await platform.sleep_ms(800)
        assert not task.done()
        await talk.other.resume()
        assert await task is True and await talk.digits() == "12"
        await talk.other.hold()
        task = asyncio.create_task(talk.call.send_digits("3", "tones"))
        await platform.sleep_ms(100)
        await talk.other.hangup()
        assert await task is False


async def test_all_forms_at_once_open_a_door_once_and_wrong_codes_lock_it():
    class Board:
        opened = 0

        def __init__(self):
            self.lines = []
            self.log = self.lines.append

        def button(self, name):
            return self

        def relay(self):
            return self

        def on(self):
            self.opened += 1

        def off(self):
            pass

        async def pressed(self):
            await platform.sleep_ms(60_000)

    settings = {"code": "4711", "max_wrong": 2, "lockout_ms": 60_000, "relay_ms": 100, "talk_ms": 60_000}
    for complete in (True, False):
        board = Board()
        config = {"doorphone." + name: value for name, value in settings.items()}
        async with phone("door", complete=complete) as door, phone("bell") as bell:
            task = asyncio.create_task(doorphone.main(board, door, config))
            async with bell.call(f"sip:door@{HERE}:{door.local_port}", timeout_ms=3000) as call:
                await platform.sleep_ms(200)
                for code in ("4711", "1234", "0000", "4711"):
                    for key in code:
                        await asyncio.gather(*[call.send_digits(key, form) for form in ("rtp", "info", "tones")])
                        await platform.sleep_ms(100)
                    await platform.sleep_ms(500)
            await soon(lambda lines=board.lines: "call ended" in lines)
            task.cancel()
            said = [line for line in board.lines if line.startswith("code")]
            assert said == ["code right", "code wrong", "code wrong", "code locked"], (complete, board.lines)
            assert board.opened == 1 and door.faults == bell.faults == 0


async def test_what_is_no_key_and_no_form_is_refused_before_any_key_is_sent():
    async with Talk() as talk:
        for keys, form in (("1x", None), ("1x", "info"), ("1x", "rtp"), ("1x", "tones"), ("1", "inband")):
            try:
                await talk.call.send_digits(keys, form)
            except LocalError:
                continue
            raise AssertionError(f"{keys} was sent as {form}")
        assert await talk.digits() == ""
        assert await talk.call.send_digits("d", "rtp") and await talk.digits() == "D"
        await talk.call.hangup()
        later = talk.bell.call(f"sip:desk@{HERE}:{talk.desk.local_port}")
        for call in (talk.call, later):  # over, and not begun yet
            for form in (None, "rtp", "info", "tones"):
                assert await call.send_digits("1", form) is False


async def test_who_does_not_listen_hears_no_tones():
    async with Talk(desk=phone("desk", listen_for_keys=False)) as talk:
        assert await talk.call.send_digits("1", "tones")
        assert await talk.call.send_digits("2", "info")
        assert await talk.digits() == "2"


async def test_the_next_call_begins_anew():
    bell, desk = phone("bell"), phone("desk")
    async with Talk(bell, desk) as talk:
        assert await talk.call.send_digits("1", "rtp")
        assert await talk.digits() == "1"
        first = talk.other
        await talk.call.hangup()
        assert await soon(lambda: not first.stream)
        assert "press" not in first.__dict__
        call = bell.call(f"sip:desk@{HERE}:{desk.local_port}")
        task = asyncio.create_task(call.connect(3000))
        talk.other = await desk.incoming(timeout_ms=3000)
        await talk.other.answer()
        await task
        await platform.sleep_ms(100)
        assert await call.send_digits("1", "tones")
        assert await talk.digits() == "1"
        await call.hangup()
