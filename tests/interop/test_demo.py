"""`make demo`, as a newcomer sees it: with siplet at both ends, with a real baresip, and when it must not succeed."""

import os
import subprocess
import sys

import pytest
from driver import DOOR, INDOOR, ROOT, need
from siplet_tools import baresip, demo


def run_demo(out, *arguments, **variables):
    environment = dict(os.environ, PYTHONIOENCODING="utf-8", **variables)
    environment["PYTHONPATH"] = ":".join(
        os.path.join(ROOT, part) for part in ("firmware", "host_tools", "host_tools/siplet_tools/shim")
    )
    command = [sys.executable, "-m", "siplet_tools.demo", "--out", str(out), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", timeout=60, check=False)


@pytest.mark.parametrize("peer", ["siplet", "baresip"])
def test_the_bell_rings_they_talk_and_the_door_opens(tmp_path, peer):
    need(baresip.missing() if peer == "baresip" else "")
    run = run_demo(tmp_path / "out", "--peer", peer)
    assert run.returncode == 0, run.stdout + run.stderr
    steps = [
        "pressed bell",
        "180 Ringing",
        "picks up",
        "200 ",
        "ACK",
        "talking",
        "relay on",
        "BYE",
        "relay off",
        "lost",
    ]
    places = [run.stdout.index(step) for step in steps]
    assert places == sorted(places)
    assert peer == "baresip" or run.stdout.count("digit ") == len(demo.CODE)
    ladder = (tmp_path / "out" / "ladder.txt").read_text(encoding="utf-8")
    assert "INVITE" in ladder and "relay on" in ladder and "\033" not in ladder
    assert "packets sent" in (tmp_path / "out" / "report.txt").read_text(encoding="utf-8")
    for name, clip in (("heard-at-door.wav", INDOOR), ("heard-indoors.wav", DOOR)):
        assert demo.compare(clip, tmp_path / "out" / name).ok


class Scene:
    """What judge() looks at, without a call: recordings, counters and the relay's times."""

    def __init__(self, heard, **happened):
        self.heard = heard
        self.name = "indoor phone"
        self.happened = {name.replace("_", " "): ticks for name, ticks in happened.items()}

    def media(self):
        return {"sent": 200}


@pytest.mark.parametrize(
    ("at_door", "indoors", "relay", "good"),
    [
        (INDOOR, DOOR, {"relay_on": 1000, "relay_off": 2500}, True),
        (DOOR, DOOR, {"relay_on": 1000, "relay_off": 2500}, False),
        (INDOOR, INDOOR, {"relay_on": 1000, "relay_off": 2500}, False),
        (INDOOR, DOOR, {}, False),
        (INDOOR, DOOR, {"relay_on": 1000, "relay_off": 9000}, False),
    ],
)
def test_another_speech_than_was_spoken_or_a_closed_door_fails_it(at_door, indoors, relay, good):
    report = demo.judge(Scene(at_door), Scene(indoors), Scene("", **relay), {"sent": 200}, 100_000)
    assert report.ok == good
    assert ("✗" in report.text()) != good


def test_what_is_missing_is_said_in_one_line(tmp_path):
    run = run_demo(tmp_path, MICROPYTHON="/no/such/micropython")
    assert run.returncode == 2 and run.stderr.count("\n") == 1 and "MICROPYTHON" in run.stderr
    run = run_demo(tmp_path, "--peer", "baresip", PATH="/nowhere")
    assert run.returncode == 2 and run.stderr.count("\n") == 1 and "baresip is not installed" in run.stderr
    run = run_demo(tmp_path, MICROPYTHON=sys.executable)
    assert run.returncode == 2 and run.stderr == f"{sys.executable} is no MicroPython\n"
    run = run_demo(tmp_path, "--peer", "nobody")
    assert run.returncode == 2 and run.stderr == "PEER=nobody: the indoor phone is siplet or baresip\n"


def test_a_folder_that_cannot_be_used_is_said_in_one_line(tmp_path):
    with demo.alone(tmp_path):
        run = run_demo(tmp_path)
    assert run.returncode == 1 and run.stderr == f"\nanother demo is at work in {tmp_path}: wait until it ends\n"
    (tmp_path / "heard-indoors.wav").symlink_to("/no/such/folder/heard.wav")
    run = run_demo(tmp_path)
    assert run.returncode == 1 and run.stderr.strip().endswith("heard-indoors.wav: cannot be written")
