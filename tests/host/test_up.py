"""siplet up on a virtual board: from nothing to a call with a real baresip through a real Kamailio, the door opened."""

import json
import os
import sys
import time
from array import array

import pytest
from siplet_tools import cli
from siplet_tools.interpreter import ROOT
from siplet_tools.process import free_ports
from siplet_tools.speech import compare
from siplet_tools.virtual import VirtualBoard
from siplet_tools.wav_file import read_wav

sys.path.append(os.path.join(ROOT, "tests", "interop"))

import baresip_new
import kamailio
from driver import DOOR, INDOOR, need

SETTLED = 4 * 8000  # samples
CONFIG = """\
app = "doorphone"

[wifi]
network = "siplet"
password = {{ env = "DOOR_WIFI" }}

[sip]
address = "sip:door@{server}"
password = {{ env = "DOOR_PASSWORD" }}
local_port = {port}
accept = ["127.0.0.1"]

[sound]
complete = false

[doorphone]
targets = ["sip:indoor@{server}"]
code = "42"
relay_ms = 1500

[log]
sip = "console"
"""


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """configured(server) -> the path of a TOML file; the secrets are in the environment alone."""
    monkeypatch.setenv("DOOR_WIFI", "virtual-board")
    monkeypatch.setenv("DOOR_PASSWORD", kamailio.PASSWORDS["door"])

    def write(server, text=CONFIG):
        path = tmp_path / "door.toml"
        path.write_text(text.format(server=server, port=free_ports(2)))
        return str(path)

    return write


def up(capsys, *arguments):
    """(exit status, {stage: [(kind, text), ...]}, all that was printed) of siplet up."""
    status = cli.main(["up", "--json", *arguments])
    out, err = capsys.readouterr()
    stages = {}
    for stage in json.loads(out)["stages"]:
        stages.setdefault(stage["name"], []).append((stage["kind"], stage["text"]))
    return status, stages, out + err


def test_from_an_empty_board_to_a_call_through_kamailio_and_an_open_door(tmp_path, configured, capsys):
    need(kamailio.missing())
    need(baresip_new.missing())
    with (
        kamailio.Kamailio(tmp_path / "kamailio") as server,
        baresip_new.BaresipNew(
            tmp_path / "indoor", "indoor", kamailio.PASSWORDS["indoor"], server.server, says=INDOOR, dtmf="info"
        ) as indoor,
        VirtualBoard(tmp_path / "board") as board,
    ):
        board.say(DOOR, repeat=True)
        config = configured(server.server)
        status, stages, told = up(capsys, "--port", board.port, "--config", config, "--seconds", "4")
        assert status == 0, told
        assert list(stages) == ["board", "micropython", "siplet", "configuration", "start", "call"]
        assert stages["start"][0][1].endswith("registered")
        assert all(kind in ("ok", "note") for kind, _ in stages["call"])
        assert len(server.contacts("door")) == 1
        for secret in (kamailio.PASSWORDS["door"], "virtual-board"):
            assert secret not in told
        # The bell rings indoors, both are heard, and a key by INFO opens the door
        board.hear(tmp_path / "heard-at-door.wav")
        board.press("bell")
        call = indoor.incoming()
        indoor.answer(call)
        indoor.up(call)
        assert not board.relay
        talk(8)
        indoor.press(call, "42")
        board.wait(lambda: board.relay, 5, "open door")
        board.wait(lambda: not board.relay, 5, "closed door")
        indoor.hangup(call)
        board.deaf()
        # A board's clock and its I2S bus find together in the first seconds, a sample a frame
        heard = compare(INDOOR, narrow(tmp_path / "heard-at-door.wav")[SETTLED:])
        assert heard.heard > 0.9, str(vars(heard))
        said = compare(DOOR, read_wav(indoor.heard(call))[SETTLED:])
        assert said.heard > 0.9, str(vars(said))
        # Once more, and nothing is written: it is all there
        status, stages, told = up(capsys, "--port", board.port, "--config", config, "--no-call")
        assert status == 0 and "all" in stages["siplet"][0][1] and "is on the board" in stages["configuration"][0][1]


def narrow(path):
    """The samples at 8 kHz of what the board's amplifier got at 48."""
    wide = read_wav(str(path), 48000)
    return array("h", (sum(wide[i : i + 6]) // 6 for i in range(0, len(wide) - 5, 6)))


def talk(seconds):
    """Lets two phones talk: sound takes its time."""
    time.sleep(seconds)
