# Two phones on loopback that choose between 16 and 8 kHz: which codec they agree on, what their audio objects and parts
# are told, and that the next call begins narrow again.

import asyncio

from siplet import Phone, platform
from siplet.audio.null import Null
from siplet.media import g722
from siplet.sound import wideband

NEEDS = ("sockets",)
HERE = "127.0.0.1"


class High:
    """An audio object for both rates, which checks what it is given."""

    rate = 8000
    rates = (8000, 16000)

    def __init__(self):
        self.tuned = []
        self.loud = 0
        self.running = False

    def start(self):
        self.running = True

    def stop(self):
        self.running = False

    def tune(self, rate):
        self.rate = rate
        self.tuned.append(rate)

    def read(self, frame):
        assert len(frame) == self.rate // 25
        for i in range(len(frame)):
            frame[i] = i * 5 & 15
        return True

    def write(self, frame):
        assert len(frame) == self.rate // 25
        self.loud += frame[len(frame) - 1] != 0


def phone(user, audio, wideband=None, complete=True, **options):
    sound = {"sound.complete": complete, "sound.wideband_speech": wideband}
    return Phone(
        f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=audio, accept=("open",), sound=sound, **options
    )


async def answer_next(desk):
    call = await desk.incoming(timeout_ms=3000)
    await call.answer()
    return call


async def grow(count, by, ms=4000):
    """Wait until each of the counts that count() gives is larger by that; both phones may share a slow processor."""
    before = count()
    while any(now < was + by for now, was in zip(count(), before)):
        await platform.sleep_ms(20)
        ms -= 20
        assert ms > 0


async def codec_of_a_call(bell, desk):
    """The codec that both use when bell calls desk."""
    async with bell, desk:
        for _ in range(2):  # the second call finds everything as the first one did
            task = asyncio.create_task(answer_next(desk))
            async with bell.call(f"sip:desk@{HERE}:{desk.local_port}", timeout_ms=3000) as call:
                other = await task
                ends = call.stats, other.stats
                await grow(lambda ends=ends: [end.received for end in ends], 8)
                codecs = call.line.agreed.codec, other.line.agreed.codec
                assert codecs[0] == codecs[1]
                for end in (call, other):
                    assert end.stats.bad == end.stats.lost == 0
            assert await other.ended(timeout_ms=2000)
            await platform.sleep_ms(50)
        assert bell.faults == desk.faults == 0
    return codecs[0]


async def test_two_that_can_speak_in_16_khz():
    one, other = High(), High()
    assert await codec_of_a_call(phone("bell", one), phone("desk", other)) == b"G722"
    for audio in (one, other):
        assert audio.tuned.count(16000) == 2 and audio.rate == 8000 and audio.loud > 4 and not audio.running


async def test_who_was_made_for_8_khz_is_not_asked_for_more():
    audio = High()
    assert await codec_of_a_call(phone("bell", Null()), phone("desk", audio)) == b"PCMA"
    assert 16000 not in audio.tuned


async def test_the_configuration_wants_it_whatever_the_audio_is():
    audio = High()
    assert await codec_of_a_call(phone("bell", Null(), True), phone("desk", audio)) == b"G722"
    assert audio.tuned.count(16000) == 2 and audio.rate == 8000


async def test_who_has_no_native_code_does_not_offer_what_it_cannot_keep_up_with():
    former = g722.NATIVE, platform.MICROPYTHON
    g722.NATIVE, wideband.platform.MICROPYTHON = False, True
    try:
        assert not wideband.fast()
        wideband.platform.MICROPYTHON = former[1]
        g722.NATIVE = False
        if platform.MICROPYTHON:
            assert await codec_of_a_call(phone("bell", High()), phone("desk", High())) == b"PCMA"
    finally:
        g722.NATIVE, platform.MICROPYTHON = former
    assert wideband.fast()


async def test_the_configuration_does_without_it():
    audio = High()
    assert await codec_of_a_call(phone("bell", High()), phone("desk", audio, False)) == b"PCMA"
    assert 16000 not in audio.tuned


async def test_who_is_called_prefers_it_even_when_it_stands_last_in_the_offer():
    caller = phone("bell", High(), False, codecs=("PCMU", "PCMA", "G722"))
    assert await codec_of_a_call(caller, phone("desk", High())) == b"G722"


async def test_a_plain_phone_never_says_that_it_can():
    caller = phone("bell", High(), codecs=("G722", "PCMU"))
    assert await codec_of_a_call(caller, phone("desk", Null(), complete=False, codecs=("G722", "PCMU"))) == b"PCMU"


async def test_a_change_in_the_middle_of_a_call():
    one, other = High(), High()
    async with phone("bell", one) as bell, phone("desk", other) as desk:
        task = asyncio.create_task(answer_next(desk))
        async with bell.call(f"sip:desk@{HERE}:{desk.local_port}", timeout_ms=3000) as call:
            end = await task
            for codecs, rate in (([b"PCMA"], 8000), ([b"G722", b"PCMA"], 16000)):
                await platform.sleep_ms(100)
                call.line._codecs = codecs
                await call.hold()
                await call.resume()
                await grow(lambda: (one.loud, other.loud), 3)
                assert one.rate == rate and call.line.agreed.codec == codecs[0]
                assert call.stats.bad + end.stats.bad <= 12  # packets that were on their way
                await grow(lambda: (one.loud, other.loud), 5)
        assert bell.faults == desk.faults == 0
