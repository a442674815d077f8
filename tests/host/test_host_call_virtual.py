# `siplet call` with a board on a cable, a virtual one: it tells where its phone is, its log what keys arrived, its bell
# calls the host, and its Wi-Fi goes away in the middle.

import contextlib
import json
import threading

import pytest
from call_partners import HERE, faults
from siplet_tools import cli, interpreter
from siplet_tools.board import deploying
from siplet_tools.board.link import Link
from siplet_tools.commands import call_options
from siplet_tools.process import free_ports
from siplet_tools.virtual import VirtualBoard
from siplet_tools.wire import call_session

SPEECH = interpreter.ROOT + "/tests/vectors/speech/door.wav"
HOST_PORT = free_ports()
CONFIG = {
    "app": "doorphone",
    "wifi": {"network": "siplet", "password": "virtual-board"},
    "sip": {"address": "sip:door@board", "accept": [HERE], "local_port": free_ports()},
    "board": {"microphone_pins": [14, 15, 32], "speaker_pins": [26, 25, 22], "bell_pin": 4, "relay_pin": 5},
    "doorphone": {"targets": [f"sip:siplet@{HERE}:{HOST_PORT}"], "code": "42", "relay_ms": 300},
}
TARGET = f"sip:door@{HERE}:{CONFIG['sip']['local_port']}"


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    with VirtualBoard(tmp_path_factory.mktemp("board")) as board:
        board.wait_idle()
        board.say(SPEECH, repeat=True)
        with Link.open(board.port) as link:
            deploying.carry_out(link, deploying.prepare(link, "esp32", "doorphone", False, print), print)
            link.put("/config.json", json.dumps(CONFIG).encode())
        yield board


@pytest.fixture
def siplet(board, capsys, monkeypatch):
    """siplet(words): (exit status, document) of `siplet call` with the board at its port."""

    monkeypatch.setattr(call_session, "_BEFORE_KEYS_S", 0.3)

    def run(*words):
        status = cli.main(["call", "--port", board.port, "--json", *words])
        output = capsys.readouterr()
        assert output.out, output.err
        return status, json.loads(output.out)

    return run


def test_the_board_on_the_cable_is_called_and_opens_its_door(siplet, board):
    starts = board.starts
    status, report = siplet("--seconds", "1", "--digits", "42", "--form", "rtp")
    assert faults(report["verdicts"]) == [] and status == (0 if report["ok"] else 1)
    assert report["target"] == TARGET
    assert board.starts == starts + 1
    assert [one["codes"] for one in report["digits_sent"]] == [["code right"]]
    assert report["level_dbov"] > -40 and report["echo"] is None
    assert "talking" in report["said_by_board"] and "relay on" in report["said_by_board"]


def test_beside_a_target_its_log_is_read_and_it_goes_on(siplet, board):
    starts = board.starts
    status, report = siplet(TARGET, "--seconds", "1", "--digits", "17", "--form", "info")
    assert faults(report["verdicts"]) == [] and status == (0 if report["ok"] else 1)
    assert board.starts == starts
    assert report["digits_sent"][0]["codes"] == ["code wrong"]


@pytest.fixture
def talking(monkeypatch):
    """A threading.Event: the call is up."""
    event = threading.Event()
    monkeypatch.setattr(call_options, "live", lambda **given: contextlib.nullcontext(lambda now: event.set()))
    return event


@contextlib.contextmanager
def meanwhile(deed):
    """deed() in a thread."""
    thread = threading.Thread(target=deed)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_its_bell_is_pressed_and_it_calls(siplet, board, talking):
    starts = board.starts

    def visit():
        board.wait_started(starts + 1)
        board.wait(lambda: board.network, 10, "Wi-Fi")
        # Again and again, for nobody tells when its phone has begun to look at the bell
        for _ in range(20):
            board.press("bell")
            if talking.wait(0.5):
                break

    with meanwhile(visit):
        status, report = siplet("--let-it-call", "--local-port", str(HOST_PORT), "--seconds", "1")
    assert faults(report["verdicts"]) == [] and status == (0 if report["ok"] else 1)
    assert report["direction"] == "in" and report["remote"].startswith("sip:door@")
    assert "talking" in report["said_by_board"]


def test_its_wifi_goes_away_in_the_middle_and_the_verdict_says_so(siplet, board, talking):
    def leave():
        talking.wait(10)
        board.wifi(False)

    try:
        with meanwhile(leave):
            status, report = siplet(TARGET, "--seconds", "1.7")
    finally:
        board.wifi(True)
    assert report["answered"], report["verdicts"]
    assert status == 1 and report["dry_s"] >= 1
    assert any("no packets came" in one["text"] for one in report["verdicts"])
