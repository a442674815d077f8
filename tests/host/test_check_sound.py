# `siplet check` on the virtual board: what can be wrong with its microphone, speaker, relay, button and lamp.

import array
import math

import pytest
from check_parts import STUCK_RELAY, loop
from siplet_tools import wav_file
from siplet_tools.board.checks import parts, sound


@pytest.fixture(autouse=True)
def brief(monkeypatch):
    """What people need time for is shorter here."""
    monkeypatch.setattr(parts, "_HOLD_MS", 40)
    monkeypatch.setattr(parts, "_FLASH_MS", 20)
    monkeypatch.setattr(sound, "_LISTEN", 15)
    monkeypatch.setattr(sound, "_TONE", 25)


def say(board, path, samples, rate=8000):
    wav_file.write_wav(path, array.array("h", samples), rate)
    board.say(path, repeat=True)


def sine(hertz, peak, count=8000):
    return [round(peak * math.sin(2 * math.pi * hertz * i / 8000)) for i in range(count)]


# --- sound ---


def test_a_microphone_whose_wire_is_off_is_stuck_at_0_and_the_tone_is_not_blamed(bench):
    dead, tone = bench.check("microphone", "tone")
    assert dead.kind == "failed" and dead.text == "it is stuck at 0" and "SD" in dead.advice
    assert tone.kind == "failed" and tone.text == "not heard, but the microphone is not well either"


def test_the_level_is_right_and_what_hums_at_1_khz_all_the_time_is_not_taken_for_the_tone(bench, tmp_path):
    say(bench.board, tmp_path / "room.wav", sine(1000, 1000))
    heard, tone = bench.check("microphone", "tone")
    wanted = 20 * math.log10(1000 / math.sqrt(2) / 32768)  # -33.3
    assert heard.kind == "ok" and abs(heard.values["level_db"] - wanted) < 0.5
    assert heard.text in ("it hears the room, 33 dB below full scale", "it hears the room, 34 dB below full scale")
    assert abs(tone.values["noise_db"] - wanted) < 0.5
    assert tone.kind == "failed" and tone.text.startswith("not heard: 1 kHz rises by 0 dB")
    assert "amplifier" in tone.advice


def test_a_microphone_that_clips(bench, tmp_path):
    say(bench.board, tmp_path / "room.wav", [32767 if i // 20 % 2 else -32768 for i in range(8000)])
    verdict = bench.one("microphone")
    assert verdict.kind == "failed" and verdict.text.startswith("it clips: ")
    assert "board.microphone_gain" in verdict.advice


def test_a_faint_tone_is_told_as_faint(bench):
    bench.write("boot.py", loop(softer=17, noise=8192))
    verdict = bench.one("tone")
    assert verdict.kind == "note" and verdict.text.startswith("faint: ")
    assert 6 < verdict.values["over_noise_db"] < 15


def row(frames=50, missing=0, low=-300, high=300, total=0, squares=50 * 160 * 100**2, clipped=0, energy=0):
    return sound.Heard((frames, missing, low, high, total, squares, clipped, energy))


@pytest.mark.parametrize(
    "heard, kind, text",
    [
        (row(missing=50), "failed", "no samples come at all"),
        (row(low=-1, high=-1, total=-8000, squares=8000), "failed", "it is stuck at -1"),
        (row(low=32767, high=32767, total=32767 * 8000, squares=32767**2 * 8000), "failed", "it is stuck at 32767"),
        (row(clipped=80), "failed", "it clips: 1.0 %"),
        (row(squares=8000 * 8000**2), "note", "very loud, 12 dB"),
        (row(low=-4, high=4, squares=8000), "note", "it hears next to nothing, 90 dB"),
        (row(low=700, high=1300, total=8000000, squares=8000 * (1000**2 + 100**2)), "ok", "it hears the room, 50 dB"),
    ],
)
def test_the_verdict_of_a_microphone_from_its_samples(heard, kind, text):
    verdict = sound._judge_microphone(heard)
    assert verdict.kind == kind and verdict.text.startswith(text)
    assert bool(verdict.advice) == (kind != "ok")


def test_a_speaker_without_a_microphone_is_heard_by_the_person(bench):
    bench.configure("board", microphone_pins=[])
    with bench.session(ask=lambda text: False) as session:
        (verdict,) = session.run("tone")
        assert (verdict.kind, verdict.text) == ("failed", "nobody heard it") and "amplifier" in verdict.advice
        session.options.ask = lambda text: True
        assert sound._judge_ears(session).kind == "ok"
        session.options.ask = None
        (verdict,) = session.run("tone")
        assert verdict.kind == "skipped"


# --- pins ---


def test_a_relay_whose_pin_does_not_move(bench):
    bench.write("boot.py", STUCK_RELAY)
    verdict = bench.one("relay")
    assert verdict.kind == "failed" and verdict.text == "pin 23 was set high for on, and stays low"
    assert "board.relay_pin" in verdict.advice


def test_a_relay_that_is_on_while_low_and_that_nobody_hears(bench):
    bench.configure("board", relay_active_low=True)
    verdict = bench.one("relay", ask=lambda text: False)
    assert verdict.kind == "failed" and "nothing is seen or heard" in verdict.text
    assert verdict.values["levels"] == [1, 0, 1] and "board.relay_active_low" in verdict.advice


def test_a_button_that_nobody_presses_and_one_that_is_stuck(bench):
    verdict = bench.one("button", ask=lambda text: True, press_s=0.2)
    assert verdict.kind == "failed" and verdict.text == "nothing came at pin 13 within 0.2 s"
    bench.board.drive("bell", 0)
    try:
        verdict = bench.one("button", ask=lambda text: True)
    finally:
        bench.board.drive("bell", None)
    assert verdict.kind == "failed" and verdict.text == "pin 13 is low before anybody presses it"


def test_pins_that_the_chip_does_not_have_are_told_with_their_key(bench):
    bench.configure("board", relay_pin=34)
    verdict = bench.one("relay")
    assert verdict.kind == "failed" and verdict.text.startswith("board.relay_pin: pin 34 cannot be that")
    assert verdict.advice == "siplet provision set board.relay_pin"
