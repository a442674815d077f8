"""`siplet answer --sound-card` and `siplet call --sound-card` on a real PortAudio; PulseAudio makes up its devices."""

import json
import os
import shutil
import subprocess
import sys

import pulseaudio
import pytest
from driver import DOOR, INDOOR, ROOT, need
from siplet_tools.process import Process, free_ports, wait_until
from siplet_tools.speech import compare
from siplet_tools.wav_file import read_wav, write_wav

SIPLET = [sys.executable, "-m", "siplet_tools"]
PAUSE = 4000  # samples between a clip and its next time
PATHS = ("firmware", "host_tools", "host_tools/siplet_tools/shim")


@pytest.fixture
def room(started, tmp_path):
    need(pulseaudio.missing() or ("" if shutil.which("sox") else "sox is not installed (make peers)"))
    return started(pulseaudio.PulseAudio(tmp_path))


def environment(more=None):
    return {"PYTHONPATH": os.pathsep.join(os.path.join(ROOT, name) for name in PATHS), **(more or {})}


def again_and_again(path, times, out):
    """A WAV file that says that one some times, half a second between them; its path."""
    write_wav(str(out), (list(read_wav(path)) + [0] * PAUSE) * times)
    return str(out)


def answering(folder, *options, more=None):
    """(process, URI) of a `siplet answer` that waits."""
    port = free_ports()
    command = [*SIPLET, "answer", "--local-address", "127.0.0.1", "--local-port", str(port), "--from", "127.0.0.1"]
    process = Process("answer", [*command, "--json", *options], folder, environment(more))
    wait_until(lambda: "waiting at" in process.output(), 20, "siplet answer", process)
    return process, f"sip:siplet@127.0.0.1:{port}"


def call(uri, *options, more=None):
    """(the report of a `siplet call`, all that it printed for a person)."""
    command = [*SIPLET, "call", uri, "--local-address", "127.0.0.1", "--json", *options]
    done = subprocess.run(
        command, env={**os.environ, **environment(more)}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60,
    )  # fmt: skip
    return json.loads(done.stdout), done.stderr


def report_of(process):
    """What `siplet answer --json` said of its one call; the rest of its lines."""
    process.wait(20)
    lines = process.output().splitlines()
    start, end = lines.index("["), lines.index("]")
    return json.loads("\n".join(lines[start : end + 1]))[0], lines[:start] + lines[end + 1 :]


def likest(spoken, recorded, folder):
    """The best Comparison of the clip, which is said again and again: a busy machine may lose some of one of them.

    The clip is moved by none, one or two thirds of a sample: the devices' rates move it somehow.
    """
    fine = str(folder / "fine.wav")
    subprocess.run(["sox", "-D", spoken, "-b", "16", "-e", "signed", "-r", "24000", fine], check=True)
    samples, heard = read_wav(fine, 24000), read_wav(recorded)
    span = 2 * (len(samples) // 3 + PAUSE)  # there is a whole one in it wherever it begins
    found = []
    for start in range(0, max(1, len(heard) - span // 2), span // 2):
        part = heard[start : start + span]
        found += [compare(samples[third::3], part) for third in range(3)]
        if any(one.ok for one in found):
            break
    return max(found, key=lambda one: (one.ok, one.heard, one.snr_db))


def test_both_sides_of_a_call_are_heard_by_way_of_microphone_and_speaker(room, started, tmp_path):
    recorder = room.record(str(tmp_path / "speaker.wav"))
    room.play(again_and_again(DOOR, 10, tmp_path / "room.wav"))
    answer, uri = answering(tmp_path, "--sound-card", more=room.environment)
    started(answer)
    far = str(tmp_path / "far.wav")
    report, _ = call(uri, "--play", INDOOR, "--record", far, "--seconds", "15")
    assert report["answered"] and report["quality"]["packets_received"] > 500
    report, lines = report_of(answer)
    recorder.stop()
    print(report["notes"])
    for spoken, heard in ((DOOR, far), (INDOOR, str(tmp_path / "speaker.wav"))):
        found = likest(spoken, heard, tmp_path)
        print(found)
        assert found.ok
    assert not any("never began" in note or "unplugged" in note for note in report["notes"])
    assert not [line for line in lines if "ALSA" in line or "Traceback" in line]


def test_a_call_outlives_its_devices_and_tells_that_they_were_gone(room, started, tmp_path):
    room.record(str(tmp_path / "speaker.wav"))
    room.play(again_and_again(DOOR, 10, tmp_path / "room.wav"))
    answer, uri = answering(tmp_path, "--play", INDOOR)
    started(answer)
    command = [*SIPLET, "call", uri, "--local-address", "127.0.0.1", "--json", "--sound-card", "--seconds", "10"]
    caller = started(Process("call", command, tmp_path, environment(room.environment)))
    wait_until(lambda: caller.output().count("packets") > 1, 20, "five seconds of a call", caller)
    assert room.uses("sink-inputs", 2) and room.uses("source-outputs", 2)
    room.end_server()
    assert caller.wait(30) == 1
    text = caller.output()
    report = json.loads(text[text.index("{\n") :])
    assert report["seconds"] > 9 and report["how"] == "local"
    gone = [one["text"] for one in report["verdicts"] if one["kind"] == "failed"]
    print(gone)
    assert (
        len(gone) == 2
        and "the microphone gave nothing in the last" in gone[0]
        and "the speaker took nothing" in gone[1]
    )
    assert "Traceback" not in text and "Expression" not in text and "ALSA" not in text


@pytest.mark.parametrize("given", [["call", "sip:nobody@127.0.0.1:9"], ["answer", "--local-port", "0"]])
def test_a_computer_without_a_sound_server_is_told_so_in_one_line(room, given):
    room.end_server()
    done = subprocess.run(
        [*SIPLET, *given, "--local-address", "127.0.0.1", "--sound-card"],
        env={**os.environ, **environment(room.environment)}, capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if not line.startswith("calling")]
    assert done.returncode == 1
    assert len(said) == 1 and "no microphone by default; PortAudio has no device at all" in said[0]
