# The PC's microphone and speaker, with a sounddevice of the test's own in the process that holds them. A real one:
# tests/interop/test_sound_card.py.

import signal
from array import array

import pytest
from siplet_tools.errors import ToolError
from siplet_tools.process import wait_until
from siplet_tools.wire import call_audio, measure, sound_device
from siplet_tools.wire.echo import find_echo
from siplet_tools.wire.sound_card import SoundCard

# Its speaker says into its microphone. Their clock is the phone's: a block passes when there is one
LIBRARY = """
import os, sys, threading
RATES, FAULT = {rates}, {fault!r}
if FAULT == "crash":
    os.abort()

class Stream:
    def __init__(self, callback, samplerate, blocksize, channels, dtype, latency):
        assert blocksize * 50 == samplerate and channels == 1 and dtype == "int16"
        self.callback, self.size, self.ended = callback, blocksize, threading.Event()
        if type(self) is RawOutputStream and (FAULT == "busy" or FAULT == "later" and len(sys.argv) > 1):
            raise RuntimeError("Device unavailable\\n[PaErrorCode -9985]")
        if type(self) is RawOutputStream:
            Stream.speaker = self
        else:
            Stream.microphone = self

    def start(self):
        if self is not Stream.microphone:
            threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        blocks = self.callback.__self__._blocks
        passed = 0
        while True:
            while not blocks:
                if self.ended.wait(0.001):
                    return
            out = bytearray(blocks[0])
            if FAULT == "crash later" and passed == 40:
                os.abort()
            if FAULT == "speaker" and passed >= 40:
                blocks.popleft()
            else:
                self.callback(memoryview(out), self.size, None, 0)
            if FAULT != "microphone" or passed < 40:
                Stream.microphone.callback(bytes(out), self.size, None, 0)
            passed += 1

    def stop(self):
        self.ended.set()
        if FAULT == "hang":
            threading.Event().wait()

    close = stop

class RawInputStream(Stream): pass
class RawOutputStream(Stream): pass

def query_devices(kind=None):
    if kind is None:
        return [dict(name="HDMI\\x1b[2J")] * 9
    if kind == "input" and FAULT == "none":
        raise RuntimeError("Error querying device -1")

def check_input_settings(channels, dtype, samplerate):
    if samplerate not in RATES:
        raise ValueError("Invalid sample rate %d\\nPortAudio -9997" % samplerate)

check_output_settings = check_input_settings
"""


@pytest.fixture
def card(tmp_path, monkeypatch):
    """card(*rates, fault="") is a checked SoundCard on those devices."""
    cards = []

    def make(*rates, fault=""):
        text = LIBRARY.format(rates=rates or (8000,), fault=fault)
        (tmp_path / "sounddevice.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        cards.append(SoundCard())
        cards[-1].check()
        return cards[-1]

    yield make
    for one in cards:
        one.stop()


def say(audio, card, frames, sign="microphone"):
    """The phone's frames, each after the device `sign` gave its sign of the one before, "" when none does."""
    frame = bytearray(320)
    for one in frames:
        frame[:] = one
        audio.write(frame)
        if sign == "microphone":
            wait_until(lambda: card._heard, 20, "block of the microphone")
        elif sign:
            wait_until(lambda: not card._speaker.idle, 20, "sign of the speaker")
        audio.read(memoryview(frame))


@pytest.mark.parametrize("rates", [(8000, 48000), (48000,), (16000,)])
def test_what_the_speaker_says_the_microphone_hears_at_whatever_rate_they_have(card, rates):
    devices = card(*rates)
    assert devices.rate == rates[0]
    probe = measure.probe(3).tobytes()
    audio = call_audio.Kept(devices, devices)
    audio.start()
    say(audio, devices, [probe[at : at + 320] for at in range(0, len(probe) - 319, 320)])
    audio.stop()
    echo = find_echo(array("h", probe), audio.said)
    assert echo.correlation > 0.95 and echo.delay_ms < 60 and echo.gain_db > -1
    assert audio.notes() == []


SOUND = b"\1\2" * 160
SPEAKER = "this computer's phone: the speaker took nothing in the last 1 s of the call: was it unplugged?"
MICROPHONE = "this computer's phone: the microphone gave nothing in the last 1 s of the call: was it unplugged?"


@pytest.mark.parametrize("fault, told", [("speaker", SPEAKER), ("microphone", MICROPHONE)])
def test_a_device_that_is_unplugged_in_a_call_is_told_and_the_next_call_is_judged_by_itself(card, fault, told):
    devices = card(fault=fault)
    audio = call_audio.Kept(devices, devices)
    audio.start()
    say(audio, devices, 40 * [SOUND])
    assert audio.notes() == []
    say(audio, devices, 60 * [SOUND], "speaker" if fault == "microphone" else "microphone")
    audio.stop()
    assert audio.notes() == [told]
    audio.start()
    say(audio, devices, 30 * [SOUND])
    audio.stop()
    assert audio.notes() == []


def test_a_crash_of_the_library_in_a_call_does_not_end_it_and_is_told(card):
    devices = card(fault="crash later")
    audio = call_audio.Kept(devices, devices)
    audio.start()
    say(audio, devices, 40 * [SOUND])
    say(audio, devices, 60 * [SOUND], "")
    audio.stop()
    assert audio.notes() == [MICROPHONE, SPEAKER]


def test_a_device_that_somebody_takes_between_the_look_at_it_and_the_call_is_told(card):
    devices = card(fault="later")
    devices.start()
    wait_until(devices.notes, 20, "word of it")
    assert devices.notes() == ["this computer's phone: sound card: Device unavailable"]


def test_a_device_that_never_stops_does_not_hold_the_end_of_a_call(card, monkeypatch):
    monkeypatch.setattr("siplet_tools.wire.sound_card._END_S", 0.2)
    with pytest.raises(ToolError):
        monkeypatch.setattr("siplet_tools.wire.sound_card._OPEN_S", 0.5)
        card(fault="hang")
    devices = SoundCard()
    devices.rate = 8000
    devices.start()
    child = devices._child
    say(devices, devices, 5 * [SOUND])
    devices.stop()
    assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    "fault, rates, told",
    [
        ("busy", (8000,), "(Device unavailable); connect a headset, end who has it open, or call without --sound-card"),
        ("none", (8000,), "this computer has no microphone by default; PortAudio has HDMI"),
        ("", (44100,), "(Invalid sample rate 8000)"),
        ("crash", (8000,), "PortAudio broke down"),
    ],
)
def test_devices_that_cannot_be_used_are_one_line(card, fault, rates, told):
    with pytest.raises(ToolError) as raised:
        card(*rates, fault=fault)
    text = str(raised.value)
    assert told in text and "\n" not in text and "\x1b" not in text and text.count("HDMI") <= 6


def test_no_library_is_one_line_that_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ToolError) as raised:
        SoundCard().check()
    assert "(PortAudio library not found)" in str(raised.value)
    assert "pip install 'siplet-tools[sound]'" in str(raised.value)


def test_a_speaker_whose_clock_is_slow_leaves_out_and_does_not_fall_behind():
    class Library:
        class RawInputStream:
            def __init__(self, callback, **options):
                self.callback = callback

            def start(self):
                pass

            stop = close = start

        class RawOutputStream(RawInputStream):
            pass

    told = []
    devices = sound_device.Devices(Library, 8000, lambda kind, payload: told.append((kind, payload)))
    speak = devices._streams[1].callback
    for number in range(20):
        devices.say(bytes([number]) * 320)
    out = bytearray(320)
    for number in (15, 16, 17, 18, 19, 0):
        speak(memoryview(out), 160, None, 0)
        assert out == bytes([number]) * 320
    assert told == [(b"S", b"\x0f")] + [(b"S", b"\0")] * 4 + [(b"S", b"\1")]
