# `siplet call` and `siplet answer` as they are typed: exit statuses, JSON, secrets, the board's log.

import json
import os
import signal
import threading
from array import array
from types import SimpleNamespace

import pytest
from call_partners import HERE, good
from siplet_tools import cli
from siplet_tools.commands import call_options
from siplet_tools.errors import ToolError
from siplet_tools.wire import board_log, call_audio, host_phone
from siplet_tools.wire.board_log import BoardLog
from siplet_tools.wire.call_report import Report
from siplet_tools.wire.call_session import Live
from siplet_tools.wire.call_verdict import judge

READY = b"12.345 echo ready as sip:echo@board:5070 at 192.168.1.20:5060\r\n"


@pytest.fixture
def called(monkeypatch):
    """What host_phone.test_call was given; it returns .report."""
    seen = SimpleNamespace(report=judge(good()), options=None, target=None)

    def test_call(target, **options):
        seen.target, seen.options = target, options
        options["live"](Live(1.0, 10.0, 50, 0, -24.0))
        return seen.report

    monkeypatch.setattr(host_phone, "test_call", test_call)
    monkeypatch.setattr("siplet_tools.board.ports.attached", lambda: [])
    return seen


def test_a_good_call_is_exit_status_0_with_its_figures(called, capsys):
    assert cli.main(["call", "sip:door@10.0.0.2", "--seconds", "3", "--digits", "1 2#", "--form", "rtp"]) == 0
    out = capsys.readouterr().out
    assert "heard here" in out and "mouth to ear, estimated" in out and "loss from the board" in out
    assert called.target == "sip:door@10.0.0.2" and called.options["seconds"] == 3
    assert called.options["digits"] == "12#" and called.options["forms"] == ("rtp",)
    assert called.options["log"] is None  # no board on a cable


def test_a_failed_call_is_exit_status_1_and_advice(called, capsys):
    called.report = judge(Report("sip:door@10.0.0.2", status=403, reason="Forbidden", local="10.0.0.1:5060"))
    assert cli.main(["call", "sip:door@10.0.0.2"]) == 1
    assert "sip.accept=10.0.0.1" in capsys.readouterr().out


def test_json_is_alone_on_standard_output(called, capsys):
    assert cli.main(["call", "sip:door@10.0.0.2", "--json"]) == 0
    output = capsys.readouterr()
    document = json.loads(output.out)
    assert document["ok"] is True and document["one_way_ms"]["mouth_to_ear"] == 90
    assert "heard here" in output.err


def test_a_password_comes_from_the_environment_and_is_never_shown(called, capsys, monkeypatch):
    monkeypatch.setenv("SIPLET_PASSWORD", "hunter2")
    assert cli.main(["call", "100", "--account", "me@pbx.local", "--json"]) == 0
    output = capsys.readouterr()
    assert called.options["account"] == "sip:me@pbx.local" and called.options["password"] == "hunter2"
    assert "hunter2" not in output.out + output.err


def test_without_that_it_is_asked_for_and_not_shown_while_it_is_typed(called, monkeypatch):
    asked = {}

    def prompt(text, **options):
        asked.update(options, text=text)
        return "typed"

    monkeypatch.delenv("SIPLET_PASSWORD", raising=False)
    monkeypatch.setattr("click.prompt", prompt)
    assert cli.main(["call", "100", "--account", "sip:me@pbx.local", "--transport", "tcp"]) == 0
    assert asked["hide_input"] and asked["err"] and "sip:me@pbx.local" in asked["text"]
    assert called.options["password"] == "typed" and called.options["transport"] == "tcp"


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["call", "sip:a@b", "--let-it-call"], "two different things"),
        (["call", "sip:a@b", "--digits", "12x"], "keys are 0-9"),
        (["call", "sip:a@b", "--play", "a.wav", "--sound-card"], "one of them"),
        (["call", "sip:a@b", "--seconds", "0"], "--seconds"),
        (["answer", "--echo", "--play", "a.wav"], "--echo says back"),
        (["answer", "--count", "2", "--record", "a.wav"], "--count 1"),
    ],
)
def test_what_does_not_fit_together_is_exit_status_2(called, capsys, arguments, words):
    assert cli.main(arguments) == 2
    assert words in capsys.readouterr().err and called.target is None


def test_without_a_target_and_a_board_there_is_nobody_to_call(called, capsys, monkeypatch):
    monkeypatch.delenv("SIPLET_PORT", raising=False)
    assert cli.main(["call"]) == 3
    assert "no board" in capsys.readouterr().err


def test_answer_takes_calls_of_this_network_alone_and_tells_each(capsys, monkeypatch):
    given = {}

    def wait_for_calls(count, ended, told, **options):
        given.update(options, count=count)
        told("sip:siplet@10.0.0.1:5060")
        ended(judge(good(direction="in")))
        return []

    monkeypatch.setattr(host_phone, "wait_for_calls", wait_for_calls)
    assert cli.main(["answer", "--wait", "5"]) == 0
    assert given["accept"] == host_phone.LOCAL_NETWORKS and given["count"] == 1
    assert "waiting at sip:siplet@10.0.0.1:5060" in capsys.readouterr().out
    assert cli.main(["answer", "--from", "10.0.0.2", "--json"]) == 0
    assert given["accept"] == ("10.0.0.2",) and given["toward"] == "10.0.0.2"
    assert json.loads(capsys.readouterr().out)[0]["direction"] == "in"
    assert cli.main(["answer", "--open"]) == 0 and given["accept"] == ("open",)


def test_nobody_called_is_exit_status_1(capsys, monkeypatch):
    monkeypatch.setattr("siplet_tools.board.ports.attached", lambda: [])
    assert cli.main(["answer", "--wait", "1", "--local-address", HERE, "--local-port", "0"]) == 1
    assert "nobody called" in capsys.readouterr().out


def test_the_line_of_a_call_that_lasts_is_short_where_nobody_sits(capsys):
    with call_options.live() as show:
        for seconds in range(12):
            show(Live(seconds, 0, 50 * seconds, 1, None))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and "0 packets, 1 lost  silence" in lines[0]


# -- the board's log


def test_the_log_tells_where_the_phone_is_and_what_is_a_record_of_the_trace_does_not():
    log = BoardLog(clock=lambda: 7.0)
    log.feed(READY[:20])
    assert log.ready is None
    log.feed(READY[20:] + b">>> 12400 10.0.0.1:5060 31\nx ready as sip:a@b at 1.2.3.4:5\n13.000 digit 5\r\n")
    assert log.ready == ("echo", "sip:echo@192.168.1.20:5060", "192.168.1.20")
    assert [text for _, text in log.lines][-1] == "digit 5" and log.since(7.1) == []
    log.feed(None)
    log.feed(b"14.000 door ready as sip:nobody at 10.0.0.9:70000\n")
    assert log.ready[2] == "192.168.1.20"  # that was no port


@pytest.mark.parametrize(
    "said, timeout_s, words",
    [
        (b"0.500 config.json is missing: siplet provision makes it\n", 60, "config.json is missing: siplet provision"),
        (b"0.500 wifi.network: no such network\n", 0, "the board says: wifi.network: no such network"),
        (b"", 0, "the board says: nothing"),
    ],
)
def test_a_board_that_does_not_get_ready_is_quoted(said, timeout_s, words):
    log = BoardLog()
    log.feed(said)
    with pytest.raises(ToolError) as raised:
        log.wait_ready(timeout_s)
    assert words in str(raised.value)


def test_a_line_that_breaks_ends_the_wait_with_its_reason():
    def read():
        raise OSError("device disconnected")

    with BoardLog() as log:
        log.follow(read)
        with pytest.raises(ToolError) as raised:
            log.wait_ready(5)
    assert "check the cable" in str(raised.value)


def test_a_log_is_read_beside_a_call_and_its_thread_ends_even_while_the_cable_is_out():
    def read():
        log.feed(READY)
        log.pause(60)  # as the line does that waits for its board

    with BoardLog() as log:
        log.follow(read)
        assert log.wait_ready(5)[0] == "echo" and log.reads
    assert not any(thread.name == "board log" for thread in threading.enumerate())


def test_a_board_that_its_port_has_started_anew_is_waited_for():
    parts = iter([b"ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET)\r\n", b"0.500 wifi\r\n", READY])
    with BoardLog() as log:
        log.follow(lambda: next(parts, b"") or log.pause(0.02) or b"")
        log.settle()
        assert log.ready
    with BoardLog() as log:
        log.feed(b"13.000 digit 5\r\n")
        log.settle(0.05)
        assert not log.ready


def test_beside_a_target_only_the_board_that_is_surely_meant_is_read(monkeypatch):
    boards = [SimpleNamespace(port="/dev/one"), SimpleNamespace(port="/dev/two")]
    monkeypatch.setattr("siplet_tools.board.ports.attached", lambda: boards)
    assert isinstance(board_log.find("sip:a@b", wanted=True), BoardLog)
    assert board_log.find("sip:a@b", port="/dev/two")._port == "/dev/two"
    del boards[1]
    assert isinstance(board_log.find("sip:a@b"), BoardLog)
    assert board_log.find("sip:a@b", wanted=True)._port == "/dev/one"


# -- sound


def test_files_that_cannot_be_played_or_written_are_one_line(tmp_path):
    for make in (
        lambda: call_audio.play(str(tmp_path / "none.wav")),
        lambda: call_audio.Kept(record=str(tmp_path)),
        lambda: call_audio.Kept(record=str(tmp_path / "no" / "folder.wav")),
    ):
        with pytest.raises(ToolError) as raised:
            make()
        assert raised.value.status == 2 and str(tmp_path) in str(raised.value)


def test_an_echo_of_this_computer_is_delayed_and_runs_dry_without_sound():
    echo = call_audio.Delayed(frames=2)
    echo.start()
    frame = bytearray(320)
    echo.write(b"\1" * 320)
    assert echo.read(frame) and not any(frame)
    assert echo.read(frame) and echo.read(frame) and frame == b"\1" * 320
    assert not echo.read(frame)


def test_a_computer_that_is_too_busy_is_counted():
    times = iter([0.0, 0.02, 0.12, 0.14, 0.5])
    audio = call_audio.Kept(clock=lambda: next(times))
    for _ in range(5):
        audio.read(bytearray(320))
    assert audio.pauses == 2


def test_only_the_first_minutes_are_kept(monkeypatch):
    monkeypatch.setattr(call_audio, "_KEPT", 640)
    audio = call_audio.Kept(call_audio.Samples(array("h", range(320))))
    frame = bytearray(320)
    for _ in range(5):
        audio.read(frame)
        audio.write(frame)
    assert len(audio.said) == len(audio.heard) == 320 and audio.said == array("h", range(320))
    audio.forget()
    assert len(audio.said) == 0


def test_ctrl_c_sets_the_stop_of_a_call():
    async def story(stop):
        os.kill(os.getpid(), signal.SIGINT)
        await stop.wait()
        return "told all the same"

    assert host_phone.run(story) == "told all the same"
