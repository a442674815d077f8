# Pages over multicast on the loopback interface: who hears them, which one is heard, what becomes of a call.

import asyncio

from siplet import LocalError, Phone, platform
from siplet.audio.null import Null
from siplet.media.g711 import PCMA, encode
from siplet.net.multicast import group
from siplet.net.udp import Udp
from siplet.offer import Agreement
from siplet.paging import IGNORE, INTERRUPT, PLAY, verdict

NEEDS = ("sockets",)
HERE = "127.0.0.1"


class Level(Null):
    """Says one sample all the time; keeps the loudest level of each frame that is heard."""

    def __init__(self, level=0):
        self._said = bytes([level & 0xFF, level >> 8]) * 160
        self.heard = []
        self.running = 0

    def start(self):
        self.running = 1

    def stop(self):
        self.running = 0

    def read(self, frame):
        frame[:] = self._said
        return True

    def write(self, frame):
        self.heard.append(frame[1] if frame[1] < 128 else 0)

    def hears(self, level):
        """Whether the last frames were about that level."""
        return len(self.heard) > 3 and all(abs(one - (level >> 8)) <= 1 for one in self.heard[-3:])


def phone(user, level=0, **options):
    # One level all the time would be noise, or echo, to who controls levels
    options["sound"] = {"sound.hands_free": "off"}
    return Phone(
        f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Level(level), accept=("open",), **options
    )


GROUPS = ["239.255.66.1:%d", "239.255.66.2:%d"]


def groups():
    """Two groups with a port that nobody else has at the moment."""
    udp = Udp(HERE)
    port = udp.port
    udp.close()
    return [text % port for text in GROUPS]


async def until(condition, ms=3000):
    for _ in range(ms // 10):
        if condition():
            return
        await platform.sleep_ms(10)
    assert condition()


def run(story):
    asyncio.run(asyncio.wait_for(story, 20))


def test_which_page_plays():
    assert verdict(1, None, False, False) == PLAY
    assert verdict(1, 2, False, False) == INTERRUPT  # a higher one
    assert verdict(1, 1, False, False) == IGNORE
    assert verdict(2, 1, False, True) == IGNORE
    assert verdict(0, None, True, False) == IGNORE
    assert verdict(0, None, True, True) == INTERRUPT
    assert verdict(2, 1, True, True) == IGNORE


def test_a_group_is_an_address_and_a_port():
    assert group("224.0.1.75:10000") == ("224.0.1.75", 10000)
    for wrong in (
        "224.0.1.75",
        "192.0.2.1:10000",
        "224.0.1:10",
        "239.1.1.256:5",
        "239.1.1.1:0",
        "239.1.1.1:65536",
        "a:1",
    ):
        try:
            group(wrong)
        except LocalError as error:
            assert wrong in str(error)
        else:
            raise AssertionError(wrong)


def test_a_page_is_heard_by_everybody_and_ends_when_it_is_silent():
    async def story():
        told = []
        where = groups()
        async with phone("door", 0x2000) as speaker, phone("one") as one, phone("two") as two:
            for hearer in (one, two):
                pages = hearer.hear_pages(where, silence_ms=200)
                pages.on_page = lambda page, begins: told.append((page.place, begins))
            async with speaker.page(where[1], codec="PCMA") as page:
                await until(lambda: one.audio.hears(0x2000) and two.audio.hears(0x2000))
                assert one.audio.running and page.stats.sent
            await until(lambda: told == [(1, True), (1, True), (1, False), (1, False)])
            assert not one.audio.running and not one.pages.playing

    run(story())


def test_a_higher_page_interrupts_a_lower_one_which_comes_back():
    async def story():
        where = groups()
        async with phone("low", 0x1000) as low, phone("high", 0x3000) as high, phone("one") as one:
            one.hear_pages(where, silence_ms=200)
            async with low.page(where[1]):
                await until(lambda: one.audio.hears(0x1000))
                async with high.page(where[0]):
                    await until(lambda: one.audio.hears(0x3000))
                    assert one.pages.playing.place == 0
                await until(lambda: one.audio.hears(0x1000))
            await until(lambda: not one.pages.playing)

    run(story())


def test_a_lower_page_waits():
    async def story():
        where = groups()
        async with phone("low", 0x1000) as low, phone("high", 0x3000) as high, phone("one") as one:
            one.hear_pages(where, silence_ms=200)
            async with high.page(where[0]):
                await until(lambda: one.audio.hears(0x3000))
                async with low.page(where[1]):
                    await platform.sleep_ms(200)
                    assert one.audio.hears(0x3000)

    run(story())


async def talk(caller, called):
    """A call between them that is up, at the caller's side."""
    call = caller.call(f"sip:x@{HERE}:{called.local_port}", timeout_ms=3000)

    async def answer():
        await (await called.incoming(timeout_ms=3000)).answer()

    task = asyncio.create_task(answer())
    await call.connect(3000)
    await task
    return call


def test_a_call_keeps_the_speaker_and_one_that_begins_takes_it():
    async def story():
        where = groups()
        async with phone("low", 0x1000) as low, phone("desk", 0x3800) as desk, phone("one") as one:
            one.hear_pages(where, silence_ms=200)
            async with low.page(where[1]):
                await until(lambda: one.audio.hears(0x1000))
                call = await talk(one, desk)
                await until(lambda: one.audio.hears(0x3800))
                assert one.audio.running and not one.pages.playing
                await call.hangup()
                await until(lambda: one.audio.hears(0x1000))  # it still goes on, and is heard again

    run(story())


def test_a_page_interrupts_a_call_where_that_is_wanted():
    async def story():
        where = groups()
        async with phone("low", 0x1000) as low, phone("desk", 0x3800) as desk, phone("one", 0x2000) as one:
            one.hear_pages(where, interrupts_calls=True, silence_ms=200)
            call = await talk(one, desk)
            await until(lambda: one.audio.hears(0x3800) and desk.audio.hears(0x2000))
            async with low.page(where[1]):
                await until(lambda: one.audio.hears(0x1000))
                await until(lambda: desk.audio.hears(0))  # nobody hears that the page is heard here
            await until(lambda: one.audio.hears(0x3800) and desk.audio.hears(0x2000))
            assert call.state == "up" and one.audio.running
            await call.hangup()
            await until(lambda: not one.audio.running)

    run(story())


def test_what_is_no_page_begins_none():
    async def story():
        where = groups()
        async with phone("one") as one:
            pages = one.hear_pages(where, silence_ms=100)
            stranger = Udp(HERE)
            address = group(where[0])
            for data in (
                b"",
                b"x",
                b"\x80\x08" + bytes(10),
                b"\x80\x60" + bytes(170),
                b"\x40\x08" + bytes(170),
                bytes(1500),
            ):
                stranger.send_to(data, (HERE, address[1]))
                stranger.send_to(data, address)
            await platform.sleep_ms(150)
            assert not pages.playing and not one.audio.heard
            stranger.close()

    run(story())


def test_another_speaker_in_the_same_group_waits_for_the_first_to_end():
    async def story():
        where = groups()
        async with phone("a", 0x1000) as a, phone("b", 0x3000) as b, phone("one") as one:
            one.hear_pages(where, silence_ms=200)
            async with a.page(where[0]):
                await until(lambda: one.audio.hears(0x1000))
                async with b.page(where[0]):
                    await platform.sleep_ms(200)
                    assert one.audio.hears(0x1000)

    run(story())


def test_the_groups_are_left_with_the_phone():
    async def story():
        where = groups()
        async with phone("one") as one:
            pages = one.hear_pages(where)
            await platform.sleep_ms(20)
        await platform.sleep_ms(20)
        assert all(udp.socket is None for udp in pages._sockets)

    run(story())


def test_a_page_of_sixty_bytes_plays_too():
    async def story():  # 10 ms packets, as some phones send
        where = groups()
        async with phone("one") as one:
            one.hear_pages(where, silence_ms=200)
            udp = Udp(HERE)
            udp.socket.setsockopt(0, 32, bytes([127, 0, 0, 1]))
            packet = bytearray(12 + 80)
            frame = bytearray(bytes([0, 0x30]) * 80)
            encode(80, frame, packet, 12, PCMA)
            packet[0], packet[1] = 0x80, 8
            for number in range(40):
                packet[3], packet[6], packet[7] = number, number * 80 >> 8, number * 80 & 255
                udp.send_to(packet, group(where[0]))
                await platform.sleep_ms(10)
            assert any(abs(level - 0x30) <= 1 for level in one.audio.heard)
            udp.close()

    run(story())


def test_who_pages_its_own_group_does_not_hear_itself_and_hears_calls_ring():
    async def story():
        where = groups()
        async with phone("one", 0x2000) as one, phone("desk", 0x3800) as desk:
            one.hear_pages(where, silence_ms=200)
            desk.hear_pages(where[1:], silence_ms=200)
            async with one.page(where[1]) as speech:
                await until(lambda: desk.audio.hears(0x2000))
                assert not one.pages.playing and speech.stats.sent
            await until(lambda: not desk.pages.playing and not one.audio.running)
            task = asyncio.create_task(one.call(f"sip:x@{HERE}:{desk.local_port}").connect(3000))
            call = await desk.incoming(timeout_ms=3000)
            await until(lambda: one.audio.running)  # the ringing
            await call.answer()
            await task
            assert one.faults == desk.faults == 0

    run(story())


def test_a_call_has_the_microphone_before_a_page_that_is_spoken():
    async def story():
        where = groups()
        async with phone("one", 0x2000) as one, phone("desk", 0x3800) as desk, phone("hall") as hall:
            hall.hear_pages(where, silence_ms=200)
            async with one.page(where[0]):
                await until(lambda: hall.audio.hears(0x2000))
                call = await talk(one, desk)
                await until(lambda: desk.audio.hears(0x2000) and one.audio.hears(0x3800))
                await until(lambda: hall.audio.hears(0))
                await call.hangup()
                await until(lambda: hall.audio.hears(0x2000))  # and it goes on
            call = await talk(one, desk)
            async with one.page(where[0]):
                await until(lambda: hall.pages.playing and hall.audio.hears(0))
            await until(lambda: desk.audio.hears(0x2000))
            assert one.audio.running  # it is the call's
            await call.hangup()
            await until(lambda: not one.audio.running)
            assert one.faults == desk.faults == hall.faults == 0

    run(story())


def test_a_page_is_spoken_while_one_is_heard():
    async def story():
        where = groups()
        async with phone("one", 0x2000) as one, phone("low", 0x1000) as low, phone("hall") as hall:
            hall.hear_pages(where[:1], silence_ms=200)
            one.hear_pages(where[1:], silence_ms=200)
            async with low.page(where[1]):
                await until(lambda: one.audio.hears(0x1000))
                async with one.page(where[0]):
                    await until(lambda: hall.audio.hears(0x2000) and one.audio.hears(0x1000))
                assert one.audio.running and one.pages.playing
                speech = one.page(where[0])
                await speech.__aenter__()
                await until(lambda: hall.audio.hears(0x2000))
            await until(lambda: not one.pages.playing)
            assert one.audio.running
            await speech.__aexit__(None, None, None)
            assert not one.audio.running

    run(story())


def test_what_pages_want_of_a_phone():
    async def story():
        where = groups()
        closed = phone("closed")

        async def refused(what):
            try:
                await what()
            except LocalError:
                return True
            return False

        async def hear():
            closed.hear_pages(where)

        async def speak(**how):
            async with closed.page(where[0], **how):
                pass

        assert await refused(hear) and await refused(speak)
        async with closed:
            assert await refused(lambda: speak(ttl=256)) and await refused(lambda: speak(codec="opus"))
            speech = closed.page(where[0])
            async with speech:
                assert await refused(speech.__aenter__)
            first = closed.hear_pages(where, silence_ms=200)
            second = closed.hear_pages(where[1:], silence_ms=200)  # instead of the first ones
            assert second is closed.pages
            async with phone("low", 0x1000) as low, low.page(where[0]):
                await platform.sleep_ms(200)
                assert not first.playing and not second.playing
        assert await refused(hear) and await refused(speak)

    run(story())


class Rated(Level):
    """Like Level, for 8 and 16 kHz; refuses frames of the other length."""

    rate = 8000
    rates = (8000, 16000)

    def tune(self, rate):
        self.rate = rate

    def read(self, frame):
        assert len(frame) * 25 == self.rate
        frame[:320] = self._said
        frame[len(frame) - 320 :] = self._said
        return True

    def write(self, frame):
        assert len(frame) * 25 == self.rate
        super().write(frame)


def wide_phone(user, level=0, wide=True, **options):
    options["sound"] = {"sound.complete": True, "sound.hands_free": "off", "sound.wideband_speech": wide}
    audio = Rated(level)
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=audio, accept=("open",), **options)


def test_a_wide_page_leaves_the_speaker_and_the_microphone_as_they_were():
    async def story():
        where = groups()
        async with wide_phone("door", 0x2000) as door, wide_phone("one") as one:
            one.hear_pages(where, silence_ms=200)
            for codec in ("G722", "PCMU", "G722"):
                async with door.page(where[0], codec=codec):
                    await until(lambda: one.audio.hears(0x2000))
                    assert one.audio.rate == door.audio.rate == (16000 if codec == "G722" else 8000)
                await until(lambda: not one.audio.running)
                assert one.audio.rate == door.audio.rate == 8000
                one.audio.heard.clear()
            assert door.faults == one.faults == 0

    run(story())


def test_pages_of_any_width_are_heard_and_spoken_at_once():
    async def story():
        where = groups()
        low, one, hall = wide_phone("low", 0x1000), wide_phone("one", 0x2000), wide_phone("hall")
        async with low, one, hall:
            hall.hear_pages(where[:1], silence_ms=200)
            one.hear_pages(where[1:], silence_ms=200)
            for heard, spoken in (("PCMU", "G722"), ("G722", "PCMU"), ("G722", "G722"), ("PCMU", "PCMU")):
                wide = 16000 if "G722" in (heard, spoken) else 8000
                for ours_first in (True, False):
                    pages = [one.page(where[0], codec=spoken), low.page(where[1], codec=heard)]
                    if not ours_first:
                        pages.reverse()
                    async with pages[0]:
                        async with pages[1]:
                            await until(lambda: hall.audio.hears(0x2000) and one.audio.hears(0x1000))
                            assert one.audio.rate == wide
                            count = len(one.audio.heard)
                            await platform.sleep_ms(400)
                            assert len(one.audio.heard) > count + 10  # and no silence between them
                            assert all(abs(level - 0x10) <= 1 for level in one.audio.heard[count:])
                        # the first one goes on with the same device, at its own rate
                        rate = 16000 if (spoken if ours_first else heard) == "G722" else 8000
                        await until(lambda r=rate: one.audio.rate == r)
                        count = len(one.audio.heard)
                        hall.audio.heard.clear()
                        if ours_first:
                            await until(lambda: hall.audio.hears(0x2000))
                        else:
                            await until(lambda n=count: len(one.audio.heard) > n + 5 and one.audio.hears(0x1000))
                        assert one.audio.running
                    await until(lambda: not one.audio.running and not hall.audio.running)
                    assert one.audio.rate == 8000
                    one.audio.heard.clear()
                    hall.audio.heard.clear()
            assert low.faults == one.faults == hall.faults == 0

    run(story())


def test_a_call_of_any_width_begins_and_ends_while_a_page_of_any_width_is_spoken():
    async def story():
        where = groups()
        async with wide_phone("one", 0x2000) as one, wide_phone("hall") as hall:
            hall.hear_pages(where, silence_ms=200)
            for codec in ("G722", "PCMU"):
                for wide in (False, True):
                    async with wide_phone("desk", 0x3800, wide) as desk:
                        async with one.page(where[0], codec=codec):
                            await until(lambda: hall.audio.hears(0x2000))
                            call = await talk(one, desk)
                            await until(lambda: desk.audio.hears(0x2000) and one.audio.hears(0x3800))
                            assert one.audio.rate == (16000 if wide else 8000)
                            await call.hangup()
                            hall.audio.heard.clear()
                            await until(lambda: hall.audio.hears(0x2000))
                            assert one.audio.rate == (16000 if codec == "G722" else 8000)
                        await until(lambda: not one.audio.running)
                        call = await talk(one, desk)  # and a page that begins while a call has the device
                        await until(lambda: one.audio.hears(0x3800))
                        async with one.page(where[0], codec=codec):
                            await platform.sleep_ms(100)
                            assert one.audio.rate == (16000 if wide else 8000)
                            await call.hangup()
                            await until(lambda: hall.audio.hears(0x2000))
                            assert one.audio.rate == (16000 if codec == "G722" else 8000)
                        await until(lambda: not one.audio.running and not hall.audio.running)
                        assert one.audio.rate == 8000
                        assert desk.faults == one.faults == hall.faults == 0

    run(story())


def test_a_call_of_any_width_begins_while_a_page_of_any_width_plays():
    async def story():
        where = groups()
        async with wide_phone("low", 0x1000) as low, wide_phone("one", 0x2000) as one:
            for interrupts in (False, True):
                pages = one.hear_pages(where, interrupts_calls=interrupts, silence_ms=200)
                for codec, wide in (("G722", False), ("PCMU", True), ("G722", True)):
                    rate = 16000 if wide else 8000
                    async with wide_phone("desk", 0x3800, wide) as desk:
                        async with low.page(where[1], codec=codec):
                            await until(lambda: one.audio.hears(0x1000))
                            call = await talk(desk, one)
                            if not interrupts:
                                await until(lambda: one.audio.hears(0x3800))
                                assert one.audio.rate == rate
                        await until(lambda: one.audio.hears(0x3800))
                        assert one.audio.rate == rate and call.state == "up"
                        await call.hangup()
                        await until(lambda: not one.audio.running)
                        assert one.audio.rate == desk.audio.rate == 8000
                        one.audio.heard.clear()
                        assert one.faults == desk.faults == low.faults == 0
                pages.close()
                await platform.sleep_ms(20)

    run(story())


def test_a_call_that_changes_its_codec_while_a_page_interrupts_it():
    async def story():
        where = groups()
        low, one, desk = wide_phone("low", 0x1000), wide_phone("one", 0x2000), wide_phone("desk", 0x3800)
        async with low, one, desk:
            one.hear_pages(where, interrupts_calls=True, silence_ms=200)
            call = await talk(one, desk)
            await until(lambda: one.audio.hears(0x3800) and one.audio.rate == 16000)
            agreed = call.line.agreed
            for codec, number, rate in ((b"PCMU", 0, 8000), (b"G722", 9, 16000)):
                async with low.page(where[1]):
                    await until(lambda: one.audio.hears(0x1000))
                    there = Agreement(agreed.address, agreed.port, codec, number, 101, "sendrecv", 20)
                    for other in desk.endpoint.sessions:  # as a re-INVITE does
                        back = other.call.line.agreed
                        other.call.stream.configure(
                            Agreement(back.address, back.port, codec, number, 101, "sendrecv", 20)
                        )
                    call.stream.configure(there)
                    await platform.sleep_ms(100)
                await until(lambda: one.audio.hears(0x3800) and desk.audio.hears(0x2000))
                assert one.audio.rate == rate and call.state == "up"
            async with low.page(where[1]):
                await until(lambda: one.audio.hears(0x1000))
                await call.hangup()
                await platform.sleep_ms(100)
                assert one.audio.hears(0x1000)
            await until(lambda: not one.audio.running)
            assert one.audio.rate == 8000 and one.faults == desk.faults == low.faults == 0

    run(story())


def test_an_application_that_fails_at_a_page_does_not_end_the_hearing():
    async def story():
        where = groups()
        async with phone("door", 0x2000) as door, phone("one") as one:
            pages = one.hear_pages(where, silence_ms=100)
            told = []

            def fail(page, begins):
                told.append(begins)
                raise ValueError("the application's own")

            pages.on_page = fail
            for n in (1, 2):
                async with door.page(where[0]):
                    await until(lambda: one.audio.hears(0x2000))
                await until(lambda n=n: len(told) == 2 * n)
                one.audio.heard.clear()
            assert one.faults == 4 and not one.audio.running

    run(story())


class Failing(Level):
    """Fails once, at a frame."""

    failure = None

    def write(self, frame):
        failure, self.failure = self.failure, None
        if failure:
            raise failure
        super().write(frame)


def test_a_device_that_fails_ends_one_page_and_not_the_hearing():
    async def story():
        where = groups()
        async with phone("a", 0x1000) as a, phone("b", 0x3000) as b, phone("one") as one:
            one.audio = Failing()
            pages = one.hear_pages(where, silence_ms=100)
            ends = []
            pages.on_page = lambda page, begins: begins or ends.append(page)
            reopen = pages._sockets[0].reopen
            lacks = [MemoryError("for a socket"), MemoryError("once more")]

            def fail():
                if lacks:
                    pages._sockets[0].close()
                    raise lacks.pop()
                return reopen()

            for failure in (OSError(5), ValueError("a fault")):
                async with a.page(where[0]):
                    await until(lambda: one.audio.hears(0x1000))
                    one.audio.failure = failure
                    await until(lambda: ends)
                await until(lambda: not pages.playing)
                pages._sockets[0].reopen = fail
                async with b.page(where[0]):  # nobody is waited for who does not speak any more
                    await until(lambda: one.audio.hears(0x3000))
                await until(lambda: not pages.playing and not one.audio.running and not lacks)
                ends.clear()
                one.audio.heard.clear()
                await platform.sleep_ms(1100)

    run(story())


def test_who_stops_to_hear_pages_while_one_interrupts_a_call_has_the_call_back():
    async def story():
        where = groups()
        low, one, desk = wide_phone("low", 0x1000), wide_phone("one", 0x2000), wide_phone("desk", 0x3800)
        async with low, one, desk:
            call = await talk(one, desk)
            for codec in ("PCMU", "G722"):
                pages = one.hear_pages(where, interrupts_calls=True, silence_ms=200)
                await until(lambda: one.audio.hears(0x3800) and desk.audio.hears(0x2000))
                async with low.page(where[1], codec=codec):
                    await until(lambda: one.audio.hears(0x1000))
                    pages.close()
                    await until(lambda: one.audio.hears(0x3800) and desk.audio.hears(0x2000))
                assert one.audio.rate == 16000 and not pages.playing and call.state == "up"
            pages = one.hear_pages(where, interrupts_calls=True, silence_ms=200)
            async with low.page(where[1]):
                await until(lambda: one.audio.hears(0x1000))
                await one.close()
            assert not one.audio.running and one.audio.rate == 8000 and one.faults == 0

    run(story())
