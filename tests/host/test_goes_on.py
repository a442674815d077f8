"""The phone on a board goes on, whatever becomes of a command that only looked, failed, or was stopped."""

import json
import os

import pytest
from siplet_tools import cli
from siplet_tools.board import building, deploying, journey
from siplet_tools.errors import NO_BOARD, ToolError
from siplet_tools.process import wait_until
from siplet_tools.virtual import VirtualBoard

FILES = {"/main.py": b"with open('/starts', 'a') as file:\n file.write('x')\n", "/apps/doorphone.mpy": b""}
CONFIG = '[sip]\naddress = "sip:door@127.0.0.1"\n[wifi]\nnetwork = "siplet"\npassword = "virtual-board"\n'


@pytest.fixture
def board(tmp_path, monkeypatch):
    monkeypatch.setattr(building, "build", lambda facts, board, app, lines=False: dict(FILES))
    with VirtualBoard(tmp_path / "board") as board:
        assert cli.main(["deploy", "--port", board.port]) == 0
        wait_started(board, 1)
        yield board


def wait_started(board, count):
    """Until main.py has run that many times."""
    path = os.path.join(board.settings.files, "starts")
    wait_until(lambda: os.path.exists(path) and os.path.getsize(path) == count, 10, "main.py")


def test_after_a_deploy_that_found_nothing_to_do_or_only_looked(board):
    assert cli.main(["deploy", "--port", board.port]) == 0
    wait_started(board, 2)
    assert cli.main(["deploy", "--dry-run", "--port", board.port]) == 0
    wait_started(board, 3)


@pytest.mark.parametrize("error, status", [(KeyboardInterrupt(), 130), (ToolError("no room"), 1)])
@pytest.mark.parametrize("place", ["prepare", "carry_out"])
def test_after_a_deploy_that_was_stopped_or_failed(board, monkeypatch, place, error, status):
    def fails(*_arguments):
        raise error

    monkeypatch.setitem(FILES, "/apps/doorphone.mpy", b"new")
    monkeypatch.setattr(deploying, place, fails)
    assert cli.main(["deploy", "--port", board.port]) == status
    wait_started(board, 2)


def test_after_an_up_that_only_looked_or_was_stopped(board, tmp_path, monkeypatch):
    path = tmp_path / "door.toml"
    path.write_text(CONFIG)
    common = ["up", "--port", board.port, "--config", str(path)]
    assert cli.main([*common, "--dry-run"]) == 0
    wait_started(board, 2)

    def stopped(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(deploying, "prepare", stopped)
    assert cli.main(common) == 130
    wait_started(board, 3)


def test_up_writes_a_configuration_anew_that_is_damaged_and_ends_as_its_trouble_does(
    board, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(journey, "START_S", 1)  # nothing starts there
    path = tmp_path / "door.toml"
    path.write_text(CONFIG)
    there = os.path.join(board.settings.files, "config.json")
    with open(there, "w") as file:
        file.write('{"sip": ')
    assert cli.main(["up", "--port", board.port, "--no-call"]) == 1
    assert "configuration  /dev/" in (told := capsys.readouterr().out) and "is damaged" in told
    cli.main(["up", "--port", board.port, "--config", str(path), "--no-call"])
    assert "settings written: board.bell_pin" in capsys.readouterr().out
    with open(there) as file:
        assert json.load(file)["wifi"]["network"] == "siplet"

    def pulled(*_arguments):
        raise ToolError("the line broke", NO_BOARD)

    monkeypatch.setattr(deploying, "prepare", pulled)
    assert cli.main(["up", "--port", board.port, "--config", str(path)]) == 3


def test_up_asks_for_no_firmware_when_the_port_is_not_there(tmp_path, capsys):
    path = tmp_path / "door.toml"
    path.write_text(CONFIG)
    assert cli.main(["up", "--port", str(tmp_path / "ttyUSB9"), "--config", str(path)]) == 3
    told = capsys.readouterr().out
    assert "no such port" in told and "--firmware" not in told
