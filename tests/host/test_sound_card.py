# The PC's microphone and speaker, with a sounddevice of the test's own in the process that holds them. A real one:
# tests/interop/test_sound_card.py.

import time

import pytest
from siplet_tools.errors import ToolError
from siplet_tools.process import wait_until
from siplet_tools.wire import call_audio, measure, sound_device
from siplet_tools.wire.echo import find_echo
from siplet_tools.wire.sound_card import SoundCard

# Its speaker says into its microphone; a thread is the clock of both
LIBRARY = """
import os, sys, threading
RATES, FAULT = {rates}, {fault!r}
lines = [b""]
if FAULT == "crash":
    os.abort()

class Stream:
    def __init__(self, callback, samplerate, blocksize, channels, dtype, latency):
        assert blocksize * 50 == samplerate and channels == 1 and dtype == "int16"
        self.callback, self.size, self.speaks = callback, 2 * blocksize, type(self) is RawOutputStream
        if FAULT == "busy" and self.speaks or FAULT == "later" and len(sys.argv) > 1:
            raise RuntimeError("Device unavailable\\n[PaErrorCode -9985]")
        self.ended = threading.Event()

    def start(self):
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        for block in range(10**6):
            if self.ended.wait(0.02) or block > 40 and FAULT == ("speaker" if self.speaks else "microphone"):
                return
            if block == 40 and FAULT == "crash later":
                os.abort()
            if self.speaks:
                out = bytearray(self.size)
                self.callback(memoryview(out), self.size // 2, None, 0)
                lines.append(bytes(out))
            else:
                self.callback(lines.pop(0) if len(lines) > 1 else bytes(self.size), self.size // 2, None, 0)

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


def talk(card, seconds, frames=None):
    """A phone's clock, for that time; what was said and heard."""
    audio = call_audio.Kept(card, card)
    audio.start()
    frame = bytearray(320)
    start = time.monotonic()
    for number in range(int(50 * seconds)):
        frame[:] = frames[320 * number : 320 * number + 320] if frames else b"\1\2" * 160
        audio.write(frame)
        if not audio.read(memoryview(frame)):
            frame[:] = bytes(320)
        time.sleep(max(0, start + 0.02 * (number + 1) - time.monotonic()))
    audio.stop()
    return audio


@pytest.mark.parametrize("rates", [(8000, 48000), (48000,), (16000,)])
def test_what_the_speaker_says_the_microphone_hears_at_whatever_rate_they_have(card, rates):
    devices = card(*rates)
    assert devices.rate == rates[0]
    probe = measure.probe(4)
    audio = talk(devices, 4, probe.tobytes())
    echo = find_echo(audio.heard, audio.said)
    assert echo.correlation > 0.8 and echo.gain_db > -3
    assert not [note for note in audio.notes() if "lost" not in note]


@pytest.mark.parametrize("fault, told", [("speaker", "the speaker takes"), ("microphone", "the microphone says")])
def test_a_device_that_is_unplugged_in_a_call_is_told_and_the_next_call_is_judged_by_itself(card, fault, told):
    devices = card(fault=fault)
    notes = talk(devices, 2.5).notes()
    assert any(note.startswith(f"this computer's phone: {told} nothing any more since") for note in notes), notes
    notes = talk(devices, 0.5).notes()
    assert not any("unplugged" in note for note in notes), notes


def test_a_crash_of_the_library_in_a_call_does_not_end_it_and_is_told(card):
    notes = talk(card(fault="crash later"), 3).notes()
    assert [note.partition(" nothing")[0] for note in notes] == [
        "this computer's phone: the microphone says",
        "this computer's phone: the speaker takes",
    ]


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
    talk(devices, 1)
    assert devices._child is None


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
