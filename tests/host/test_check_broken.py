# `siplet check` when it does not come to its end: the cable is pulled, somebody presses Ctrl-C, the host is gone, the
# board answers nonsense. And the command itself, as a person or a script calls it.

import json
import os
import signal
import threading

import check_parts
import pytest
from siplet_tools import cli
from siplet_tools.board import checking, checks
from siplet_tools.board.link import Link
from siplet_tools.errors import NO_BOARD, ToolError


def before(monkeypatch, name, deed):
    """Has deed() done as the check of that name begins."""
    plain = checks.TABLE[name].function

    def function(session):
        deed()
        yield from plain(session)

    monkeypatch.setattr(checks.TABLE[name], "function", function)


def soon(function, seconds):
    timer = threading.Timer(seconds, function)
    timer.daemon = True
    timer.start()
    return timer


# --- what interrupts it ---

LINE_BROKE = r"check the cable|stopped answering"


@pytest.mark.parametrize("name", checks.TABLE)
def test_a_cable_that_is_pulled_as_a_check_begins_is_one_line_and_the_next_run_is_well(
    bench, registrar, monkeypatch, name
):
    bench.account(registrar)
    before(monkeypatch, name, lambda: bench.board.unplug(after=60))
    with pytest.raises(ToolError, match=LINE_BROKE) as caught:
        bench.check(name, ask=lambda text: True, press_s=1)
    assert caught.value.status == NO_BOARD and "\n" not in str(caught.value)
    monkeypatch.undo()
    bench.board.plug()
    assert bench.one("config").kind == "ok"


@pytest.mark.parametrize("name, seconds", [("wifi", 0.2), ("registration", 0.6), ("tone", 0.8), ("button", 0.4)])
def test_a_cable_that_is_pulled_while_the_board_is_at_work(bench, registrar, monkeypatch, name, seconds):
    bench.account(registrar)
    registrar.status = None
    timers = []
    before(monkeypatch, name, lambda: timers.append(soon(bench.board.unplug, seconds)))
    with pytest.raises(ToolError, match=LINE_BROKE) as caught:
        bench.check(name, ask=lambda text: True)
    assert caught.value.status == NO_BOARD
    timers.pop().join()
    monkeypatch.undo()
    bench.board.plug()
    assert bench.one("config").kind == "ok"


def test_the_relay_goes_off_though_the_cable_is_pulled_while_it_is_on(bench):
    board = bench.board
    seen = []

    def pull():
        board.wait(lambda: board.relay, what="relay on")
        seen.append(board.relay)
        board.unplug()

    thread = threading.Thread(target=pull)
    thread.start()
    with pytest.raises(ToolError):
        bench.check("relay")
    thread.join()
    assert seen == [True]
    board.wait(lambda: not board.relay, what="relay off")


@pytest.mark.parametrize("name", ["relay", "tone", "button"])
def test_control_c_leaves_the_relay_off_and_the_board_at_its_work(bench, monkeypatch, name):
    board = bench.board
    before(monkeypatch, name, lambda: soon(lambda: os.kill(os.getpid(), signal.SIGINT), 0.35))
    bench.write("main.py", "open('/at-work', 'w').close()")
    path = os.path.join(bench.files, "at-work")
    with pytest.raises(KeyboardInterrupt):
        bench.check(name, ask=lambda text: True)
    board.wait(lambda: os.path.exists(path), what="application")
    os.remove(path)
    assert not board.relay


def test_a_board_whose_host_is_gone_starts_its_application_by_itself(bench):
    board = bench.board
    with Link.open(board.port) as link:
        session = checking.Session.open(link, checking.Options())
        assert next(session.run("config")).kind == "ok"
        starts = board.starts
        link.run("_arm(200)")  # as each piece does with minutes
    board.wait(lambda: board.starts > starts, what="start")
    # An end as it should be leaves no such timer
    with bench.session() as session:
        session.link.run("_arm(400)")
        starts = board.starts
        session.fresh()
        board.wait_started(starts + 1)
        assert session.link.value("__import__('time').sleep_ms(500)") is None
        assert board.starts == starts + 1


# --- what a board may answer ---


@pytest.mark.parametrize(
    "line, read",
    [
        ("siplet-check {'answer': [1, None]}", {"answer": [1, None]}),
        ("4.711 a line of the log", None),
        ("siplet-check __import__('os')", None),
        ("siplet-check " + "[" * 20000, None),
        ("siplet-check {'answer': " + "-" * 30000 + "1}", None),
        ("siplet-check {[]: 1}", None),
        ("siplet-check 7", None),
    ],
)
def test_an_answer_is_a_literal_or_nothing(line, read):
    assert checking._read(f"first\n{line}\nlast") == read


@pytest.mark.parametrize(
    "board, what",
    [
        ("class Board:\n def __init__(self, config): 1/0", "siplet on the board failed: ZeroDivisionError"),
        ("class Board:\n def __init__(self, config): bytearray(1 << 30)", "the board's memory does not suffice"),
        ("class Board:\n def __init__(self, config): raise ValueError('\\x1b[2J')", "siplet on the board failed: "),
    ],
)
def test_a_board_file_that_raises_is_one_line(bench, board, what):
    bench.write("board.py", board)  # is found before board.mpy
    try:
        seen = bench.check("relay", "config")
    finally:
        os.remove(os.path.join(bench.files, "board.py"))
    found = {verdict.check: verdict for verdict in seen}
    assert found["config"].kind == "ok"
    assert found["relay"].kind == "failed" and found["relay"].text.startswith(what)


def test_a_board_that_does_not_stop_talking_is_told_so(bench):
    bench.write("board.py", "while True: print('x' * 1000)")
    try:
        with pytest.raises(ToolError, match="does not stop talking"):
            bench.check("relay")
    finally:
        os.remove(os.path.join(bench.files, "board.py"))
    assert bench.one("config").kind == "ok"


# --- the command ---


def siplet(*arguments):
    """The exit status; what is printed is capsys'."""
    return cli.main(["check", *arguments])


def test_the_command_prints_a_line_each_and_the_exit_status_is_the_verdict(bench, capsys):
    port = bench.board.port
    assert siplet("--port", port, "--only", "versions,config,button", "--no-ask") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["versions", "config", "button"]
    assert lines[1] == f"✓ config        doorphone as sip:door@{check_parts.HERE}, siplet"
    bench.write("config.json", "{}")
    assert siplet("-p", port, "--only", "config") == 1
    text = capsys.readouterr().out
    assert text == "✗ config        sip.address: is missing\n  siplet provision set sip.address\n"


def test_json_is_one_document_without_secrets_whatever_happens(bench, capsys, monkeypatch):
    port = bench.board.port
    assert siplet("-p", port, "--json", "--only", "wifi,relay") == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["ok"] and document["port"] == port
    assert [(one["check"], one["verdict"]) for one in document["checks"]] == [
        ("wifi", "ok"),
        ("relay", "ok"),
        ("relay", "skipped"),
    ]
    assert document["checks"][0]["values"] == {"rssi": -55, "channel": 6, "address": check_parts.HERE}
    assert "✓ wifi" in err and check_parts.WIFI_PASSWORD not in out + err
    before(monkeypatch, "relay", lambda: bench.board.unplug(after=60))
    assert siplet("-p", port, "--json", "--only", "config,relay") == NO_BOARD
    document = json.loads(capsys.readouterr().out)
    assert not document["ok"] and "check the cable" in document["error"] and len(document["checks"]) == 1


def test_the_checks_are_listed_and_a_slip_is_mended(capsys):
    assert siplet("--list") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == list(checks.TABLE)
    assert siplet("--list", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)) == list(checks.TABLE)
    assert siplet("--only", "wify", "--port", "nowhere") == 2
    assert "no check wify: did you mean wifi?" in capsys.readouterr().err


def test_a_port_without_a_board_is_one_line(tmp_path, capsys):
    assert siplet("--port", str(tmp_path / "none")) == NO_BOARD
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1 and "no such port" in err
