# What an application plays into a call and keeps of one: whole phones on loopback sockets, files in /tmp.

import asyncio
import math
import os
import struct

from scripted import soon
from siplet import LocalError, Phone, platform
from siplet.audio.null import Null

NEEDS = ("sockets",)
HERE = "127.0.0.1"
NAME = "/tmp/siplet-" + "".join(["%02x" % b for b in platform.random(6)])


def wav(samples, rate=8000):
    data = struct.pack("<%dh" % len(samples), *samples)
    form = struct.pack("<IHHIIHH", 16, 1, 1, rate, 2 * rate, 2, 16)
    return (
        b"RIFF" + struct.pack("<I", len(data) + 36) + b"WAVEfmt " + form + b"data" + struct.pack("<I", len(data)) + data
    )


class Files:
    """{name: bytes or None (to be written)} below a new name; their paths by index."""

    def __init__(self, *datas):
        self.paths = []
        for data in datas:
            self.paths.append(f"{NAME}-{len(self.paths)}.wav")
            if data is not None:
                with open(self.paths[-1], "wb") as file:
                    file.write(data)

    def __enter__(self):
        return self.paths

    def __exit__(self, kind, error, trace):
        for path in self.paths:
            os.remove(path)


class Ear(Null):
    """Says a level and remembers the levels it heard, one of each frame."""

    def __init__(self, level=0):
        self.frame = struct.pack("<h", level) * 160
        self.heard = []
        self.running = 0

    def start(self):
        self.running += 1

    def stop(self):
        self.running -= 1

    def read(self, frame):
        frame[:] = self.frame
        return True

    def write(self, frame):
        self.heard.append(struct.unpack_from("<h", frame, 160)[0])

    def only(self, level, last=8):
        """Whether nothing else is heard now."""
        return all(abs(x - level) <= 60 for x in self.heard[-last:])

    def near(self, level, least=3):
        """Whether at least so many frames of about that level were heard."""
        return sum(abs(x - level) <= max(40, abs(level) // 20) for x in self.heard) >= least


# Levels are told apart best when nothing else changes them
ALONE = {
    "sound.complete": True,
    "sound.hands_free": "off",
    "sound.jitter_most_ms": 0,
    "sound.reports_of_quality": False,
    "sound.srtp_encryption": "off",
}


def phone(user, audio, **options):
    options.setdefault("sound", dict(ALONE))
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=audio, accept=("open",), **options)


class Talk:
    """`async with Talk(bell's level, desk's level)`: two phones in a call; call: bell's end of it, other: desk's."""

    def __init__(self, level=0, other=0, **options):
        self.ear, self.far = Ear(level), Ear(other)
        self.bell = phone("bell", self.ear, **options)
        self.desk = phone("desk", self.far)

    async def __aenter__(self):
        await self.bell.__aenter__()
        await self.desk.__aenter__()
        self.call = self.bell.call(f"sip:desk@{HERE}:{self.desk.local_port}")
        task = asyncio.create_task(self.call.connect(3000))
        self.other = await self.desk.incoming(timeout_ms=3000)
        await self.other.answer()
        await task
        return self

    async def __aexit__(self, kind, error, trace):
        await self.call.hangup()
        await self.bell.close()
        await self.desk.close()
        if not kind:
            assert self.bell.faults == self.desk.faults == 0
            assert await soon(lambda: not self.ear.running and not self.far.running) is True


async def test_a_prompt_is_heard_by_the_far_end_instead_of_the_microphone_or_beside_it():
    with Files(wav([4000] * 3200)) as paths:
        async with Talk(1000) as talk:
            assert await soon(lambda: talk.far.near(1000))
            talk.far.heard.clear()
            assert await talk.call.play(paths[0]) is True
            assert await soon(lambda: talk.far.near(4000, 15)) and not talk.far.near(5000, 1)
            assert await soon(lambda: talk.far.only(1000))
            talk.far.heard.clear()
            assert await talk.call.play(paths[0], mix=True) is True
            assert await soon(lambda: talk.far.near(5000, 15)) and not talk.far.near(4000, 1)
            assert not talk.ear.near(4000, 1) and not talk.ear.near(5000, 1)


async def test_a_prompt_for_who_is_here():
    with Files(wav([4000] * 1600)) as paths:
        async with Talk(0, 700) as talk:
            assert await talk.call.play(paths[0], local=True)
            assert talk.ear.near(4000, 8)
            assert await talk.call.play(paths[0], local=True, mix=True)
            assert talk.ear.near(4700, 8) and not talk.far.near(4000, 1)


async def test_prompts_follow_each_other_and_a_second_one_waits_its_turn():
    with Files(wav([2000] * 800), wav([4000] * 960), wav([6000] * 800, 16000), wav([8000] * 800)) as paths:
        async with Talk() as talk:
            first = asyncio.create_task(talk.call.play(paths[:3]))
            second = asyncio.create_task(talk.call.play(paths[3]))
            assert await first and not talk.far.near(8000, 1)
            assert await second
            await platform.sleep_ms(150)
            heard = [round(x / 2000) for x in talk.far.heard if x > 1500]
            assert heard == sorted(heard) and set(heard) == {1, 2, 3, 4}, heard
            # one behind the other, without a frame between
            loud = [i for i in range(len(talk.far.heard)) if talk.far.heard[i] > 1500]
            assert loud[-1] - loud[0] <= len(loud) + 2, talk.far.heard


async def test_digits_are_said_from_clips():
    folder = NAME + "-clips"
    os.mkdir(folder)
    names = ("4", "7", "1", "star", "door")
    try:
        for i in range(5):
            with open(f"{folder}/{names[i]}.wav", "wb") as file:
                file.write(wav([2000 * i + 2000] * 480))
        async with Talk() as talk:
            assert await talk.call.say("door 471*", folder)
            await platform.sleep_ms(150)
            heard = [round(x / 2000) for x in talk.far.heard if x > 1500]
            assert heard == [5] * 3 + [1] * 3 + [2] * 3 + [3] * 3 + [4] * 3, heard
            talk.far.heard.clear()
            assert await talk.call.say(47, folder)
            assert await soon(lambda: talk.far.near(2000, 3) and talk.far.near(4000, 3))
            for text in ("5", "../x", "a/b"):
                talk.far.heard.clear()
                try:
                    await talk.call.say("47" + " " + text, folder)
                    raise AssertionError("said")
                except LocalError:
                    pass
                await platform.sleep_ms(50)
                assert not talk.far.near(2000, 1)  # nothing of it was said
    finally:
        for name in names:
            os.remove(f"{folder}/{name}.wav")
        os.rmdir(folder)


async def test_playing_can_be_stopped_and_what_waits_for_it_is_not_played():
    with Files(wav([4000] * 60000)) as paths:
        async with Talk() as talk:
            tasks = [asyncio.create_task(talk.call.play(paths[0])) for _ in range(3)]
            tasks.append(asyncio.create_task(talk.call.tone("busy", local=True)))
            assert await soon(lambda: talk.far.near(4000))
            talk.call.stop_playing()
            for task in tasks:
                assert await task is False
            await platform.sleep_ms(150)
            talk.far.heard.clear()
            await platform.sleep_ms(100)
            assert not talk.far.near(4000, 1)
            talk.call.stop_playing()  # nothing plays
            # one whose task ends stops, too, and the next one has its turn
            task = asyncio.create_task(talk.call.play(paths[0]))
            await platform.sleep_ms(60)
            task.cancel()
            await platform.sleep_ms(0)
            assert await talk.call.tone("440", 100)
            # the far end hangs up while it plays
            task = asyncio.create_task(talk.call.play(paths[0]))
            await platform.sleep_ms(60)
            await talk.other.hangup()
            assert await task is False
            assert await talk.call.play(paths[0]) is False


async def test_what_cannot_be_played_is_said_before_anything_is_heard():
    with Files(wav([4000] * 800), b"RIFFoops") as paths:
        async with Talk() as talk:
            for wrong in (paths[1], NAME + "-none.wav", [paths[0], paths[1]]):
                try:
                    await talk.call.play(wrong)
                    raise AssertionError("played")
                except LocalError as error:
                    assert "siplet-" in str(error)
            for name in ("no such tone", "1@"):
                try:
                    await talk.call.tone(name)
                    raise AssertionError("sounded")
                except LocalError:
                    pass
            await platform.sleep_ms(100)
            assert not talk.far.near(4000, 1)


async def test_a_tone_for_no_time_is_none():
    async with Talk() as talk:
        for ms in (0, -5, -500):
            assert await asyncio.wait_for(talk.call.tone("busy", ms), 1) is True
        await platform.sleep_ms(100)
        assert talk.far.only(0)


async def test_a_plain_phone_says_that_it_cannot():
    with Files(wav([4000] * 800)) as paths:
        async with Talk(sound={"sound.complete": False}) as talk:
            for what in (talk.call.play, talk.call.record):
                try:
                    found = what(paths[0])
                    if found:
                        await found
                    raise AssertionError("done")
                except LocalError as error:
                    assert "sound.complete" in str(error)
            talk.call.stop_playing()
            assert talk.call.stop_recording() == 0


async def test_a_beep_goes_to_both_sides_beside_what_they_say():
    async with Talk(500, 500) as talk:
        assert await soon(lambda: talk.far.near(500) and talk.ear.near(500))
        talk.far.heard.clear()
        talk.ear.heard.clear()
        assert await talk.call.beep()
        assert await soon(lambda: any(abs(x - 500) > 300 for x in talk.far.heard))
        assert any(abs(x - 500) > 300 for x in talk.ear.heard)
        talk.ear.heard.clear()
        assert await talk.call.beep(ms=60, local=False)
        await platform.sleep_ms(60)
        assert all(abs(x - 500) < 60 for x in talk.ear.heard)


def content(path):
    """(channels, rate, samples) of a WAV file whose sizes must be right."""
    with open(path, "rb") as file:
        data = file.read()
    riff, wave, form, channels, rate = struct.unpack("<4xI8s4xHHI", data[:28])
    size = struct.unpack("<I", data[40:44])[0]
    assert wave == b"WAVEfmt " and form == 1 and riff == len(data) - 8 and size == len(data) - 44
    return channels, rate, struct.unpack("<%dh" % (size // 2), data[44:])


async def test_a_call_is_recorded_in_one_channel_or_in_two_or_without_us():
    with Files(None) as paths:
        async with Talk(1000, 3000) as talk:
            assert await soon(lambda: talk.ear.near(3000) and talk.far.near(1000))
            for both, channels, wanted in ((True, 1, (4000,)), (True, 2, (1000, 3000)), (False, 1, (3000,))):
                talk.call.record(paths[0], both, channels)
                await platform.sleep_ms(300)
                assert talk.call.stop_recording() == 0  # whole seconds
                found, rate, samples = content(paths[0])
                assert (found, rate) == (channels, 8000) and len(samples) >= 160 * 10 * channels
                for i in range(channels):
                    one = [samples[k] for k in range(i + 160 * channels, len(samples), channels)]
                    assert all(abs(x - wanted[i]) < 150 for x in one), (channels, min(one), max(one))
            assert talk.call.stop_recording() == 0


async def test_the_end_of_a_call_ends_its_recording_and_its_memory_serves_the_next_one():
    with Files(None, wav([9000] * 8000)) as paths:
        async with Talk(1000) as talk:
            talk.call.record(paths[0])
            task = asyncio.create_task(talk.call.play(paths[1]))
            await platform.sleep_ms(200)
            await talk.call.hangup()
            assert await task is False
            samples = content(paths[0])[2]
            assert max(samples) > 8500  # what is played is kept, too
            parts = talk.bell.sound._spare[0]
            assert len(parts) >= 2
            talk.call = talk.bell.call(f"sip:desk@{HERE}:{talk.desk.local_port}")
            task = asyncio.create_task(talk.call.connect(3000))
            talk.other = await talk.desk.incoming(timeout_ms=3000)
            await talk.other.answer()
            await task
            assert not [part for part in talk.call.stream.parts if type(part).__name__ in ("Mixer", "Recording")]
            talk.call.record(paths[0])
            await talk.call.tone("425", 100)
            await platform.sleep_ms(100)
            talk.call.stop_recording()
            assert len(content(paths[0])[2]) > 160 * 5
            assert len(talk.call.line.parts) == len(parts)


async def test_a_full_disk_ends_the_recording_and_is_told_while_the_call_goes_on():
    told = []
    with Files(None) as paths:
        async with Talk(1000) as talk:
            talk.call.record(paths[0], on_error=told.append)
            part = next(part for part in talk.call.stream.parts if type(part).__name__ == "Recording")

            class Full:
                """What is left of the disk takes ten frames; what is written already can be written over."""

                def __init__(self, file):
                    self.file = file
                    self.left = 3200
                    self.behind = True

                def write(self, data):
                    if self.behind:
                        self.left -= len(data)
                        if self.left < 0:
                            raise OSError(28)
                    return self.file.write(data)

                def seek(self, place, whence=0):
                    self.behind = whence == 2
                    return self.file.seek(place, whence)

                def flush(self):
                    self.file.flush()

                def close(self):
                    self.file.close()

            part._file._file = Full(part._file._file)
            assert await soon(lambda: told) == [talk.call]
            assert part.errors == 1 and talk.call.stop_recording() == 0
            assert len(content(paths[0])[2]) == 1600
            talk.far.heard.clear()
            assert await soon(lambda: talk.far.near(1000, 5))
            talk.call.record(paths[0])  # there is room again
            await platform.sleep_ms(200)
            talk.call.stop_recording()
            assert len(told) == 1 and len(content(paths[0])[2]) > 800


async def test_a_recording_that_cannot_begin_is_refused():
    async with Talk() as talk:
        try:
            talk.call.record("/tmp/there/is/none.wav")
            raise AssertionError("begun")
        except LocalError as error:
            assert "cannot be written" in str(error)


async def test_an_announcement_is_heard_before_the_answer():
    with Files(wav([4000] * 2400)) as paths:
        ear, far = Ear(), Ear(500)
        async with phone("bell", ear) as bell, phone("desk", far) as desk:
            call = bell.call(f"sip:desk@{HERE}:{desk.local_port}")
            task = asyncio.create_task(call.connect(3000))
            incoming = await desk.incoming(timeout_ms=3000)
            try:
                await incoming.play(paths[0])
                raise AssertionError("played")
            except LocalError as error:
                assert "no sound yet" in str(error)
            await incoming.progress()
            assert await incoming.play(paths[0])
            assert incoming.state == "incoming" and call.state == "ringing"
            assert await soon(lambda: ear.near(4000, 10))
            await incoming.answer()
            await task
            ear.heard.clear()
            assert await soon(lambda: ear.near(500, 5))
            await call.hangup()
            assert bell.faults == desk.faults == 0


class WideEar(Ear):
    """Hears and says 16 kHz as well."""

    rates = (8000, 16000)
    rate = 8000

    def tune(self, rate):
        self.rate = rate
        self.frame = self.frame[:2] * (rate // 50)

    def read(self, frame):
        assert len(frame) == self.rate // 25
        return Ear.read(self, frame)


async def test_a_wide_call_is_played_to_and_recorded_at_16_khz():
    with Files(wav([4000] * 4800, 16000), None, wav([6000] * 1600)) as paths:
        ears = WideEar(1000), WideEar(3000)
        async with phone("bell", ears[0]) as bell, phone("desk", ears[1]) as desk:
            call = bell.call(f"sip:desk@{HERE}:{desk.local_port}")
            task = asyncio.create_task(call.connect(3000))
            other = await desk.incoming(timeout_ms=3000)
            await other.answer()
            await task
            assert ears[0].rate == ears[1].rate == 16000
            call.record(paths[1], channels=2)
            assert await call.play(paths[0])
            assert await call.play(paths[2], local=True)  # of 8 kHz
            assert ears[0].near(6000, 5)
            assert await soon(lambda: ears[1].near(4000, 10))
            call.stop_recording()
            channels, rate, samples = content(paths[1])
            assert (channels, rate) == (2, 16000)
            left = [samples[i] for i in range(0, len(samples), 2)]
            assert sum(abs(x - 4000) < 100 for x in left) > 3200
            await call.hangup()
            assert bell.faults == desk.faults == 0


async def test_prompts_beside_all_else_that_a_complete_phone_does():
    sound = [round(8000 * math.sin(i * 0.8)) for i in range(8000)]
    with Files(wav(sound), None) as paths:
        ears = Ear(), Ear()
        everything = {"sound.complete": True}
        async with phone("bell", ears[0], sound=everything) as bell, phone("desk", ears[1], sound=everything) as desk:
            call = bell.call(f"sip:desk@{HERE}:{desk.local_port}")
            task = asyncio.create_task(call.connect(3000))
            other = await desk.incoming(timeout_ms=3000)
            await other.answer()
            await task
            other.record(paths[1], both=False)
            assert await call.play(paths[0])
            await platform.sleep_ms(200)
            other.stop_recording()
            samples = content(paths[1])[2]
            loud = [x for x in samples if abs(x) > 100]
            assert 7000 < len(loud) < 9000 and max(loud) < 9000
            power = sum(x * x for x in loud) / len(loud)
            assert 0.8 < power / 32_000_000 < 1.2
            await call.hangup()
            assert bell.faults == desk.faults == 0


async def test_a_recording_that_is_under_way_is_played_as_far_as_it_went():
    with Files(None) as paths:
        async with Talk() as talk:
            talk.call.record(paths[0])
            await platform.sleep_ms(300)
            assert await asyncio.wait_for(talk.call.play(paths[0]), 3) is True
            talk.call.stop_recording()
