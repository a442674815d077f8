"""The host tools and a firmware that is not ours to shape: MicroPython 1.9 for the micro:bit, on QEMU's UART."""

import json
import os
import subprocess
import sys

import microbit
import pytest
from siplet_tools.board import deploying
from siplet_tools.board.link import BoardError, Link
from siplet_tools.errors import ToolError
from siplet_tools.interpreter import ROOT

sys.path.append(os.path.join(ROOT, "tests", "interop"))

from driver import need


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    need(microbit.missing())
    with microbit.Microbit(tmp_path_factory.mktemp("microbit")) as board:
        yield board


@pytest.fixture
def link(board):
    with Link.open(board.port) as link:
        yield link


def siplet(*arguments, status=0):
    """(standard output, standard error) of that command; AssertionError when it ends with another status."""
    environment = {key: value for key, value in os.environ.items() if key != "SIPLET_PORT"}
    run = subprocess.run(
        [sys.executable, "-m", "siplet_tools", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        stdin=subprocess.DEVNULL,
    )
    assert run.returncode == status and "Traceback" not in run.stderr, run.stdout + run.stderr
    return run.stdout, run.stderr


def test_code_runs_and_values_come_back_through_the_raw_repl_of_2017(link):
    assert link.run("for i in range(3):\n    print(i)") == b"0\r\n1\r\n2\r\n"
    assert not link.transport.use_raw_paste
    assert link.value("(1, -2.5, 'a\\x03\\n', b'\\x04\\xff', None, [{}])") == (
        1,
        -2.5,
        "a\x03\n",
        b"\x04\xff",
        None,
        [{}],
    )
    link.run("x = " + "1 + " * 250 + "1")  # more than its UART holds
    assert link.value("x") == 251


def test_what_it_raises_comes_with_its_traceback_and_the_link_goes_on(link):
    with pytest.raises(BoardError, match="the board raised ZeroDivisionError: division by zero") as caught:
        link.run("def f():\n    1 / 0\nf()")
    assert 'File "<stdin>", line 2, in f' in caught.value.trace
    with pytest.raises(BoardError, match="raised MemoryError"):
        link.run("bytearray(100000)")
    assert link.value("6 * 7") == 42


def test_a_program_that_runs_for_ever_is_interrupted(board):
    with Link.open(board.port) as link:
        link.transport.exec_raw_no_follow("while True:\n    pass")
    with Link.open(board.port) as link:
        assert [link.value(str(i)) for i in range(5)] == [0, 1, 2, 3, 4]


def test_facts_tell_what_it_is_and_leave_out_what_it_does_not_know(link):
    facts = link.facts()
    assert (facts.chip, facts.version, facts.machine) == ("nrf51822", "1.9.2", "micro:bit with nRF51822")
    assert facts.release == (1, 9, 2) and len(facts.mac) == 16 and 1000 < facts.heap_free < 16384
    assert (facts.architecture, facts.mpy_version, facts.flash_size, facts.romfs, facts.siplet) == ("", 0, 0, 0, "")


def test_a_soft_reset_forgets_what_was_there(link):
    link.run("kept = 1")
    link.fresh()
    assert link.value("'kept' in globals()") is False


def test_deploy_refuses_it_before_it_compiles_anything(board, monkeypatch):
    monkeypatch.setattr("siplet_tools.board.building.build", None)
    for options in ({}, {"board": "esp32"}, {"romfs": True}):
        refused = pytest.raises(ToolError, match=r"MicroPython 1\.9\.2 on the board reads no \.mpy files of ours")
        with Link.open(board.port) as link, refused:
            deploying.prepare(link, **options)
    _, told = siplet("deploy", "--port", board.port, status=1)
    assert told.splitlines()[-1].startswith("siplet: MicroPython 1.9.2 on the board") and "siplet flash" in told


def test_boards_asks_the_port_that_is_named(board):
    out, _ = siplet("boards", "--port", board.port)
    assert board.port in out and "nrf51822" in out and "1.9.2" in out and "not there: siplet deploy" in out
    (found,) = json.loads(siplet("boards", "--json", "--port", board.port)[0])["attached"]
    assert found["port"] == board.port and found["facts"]["chip"] == "nrf51822" and found["trouble"] is None
    out, _ = siplet("boards", "--port", board.port + "9")
    assert "there is no such port" in out


def test_the_monitor_shows_what_it_prints(board):
    out, _ = siplet("monitor", "--port", board.port, "--reset", "--until", "soft reboot", "--for", "20")
    assert "soft reboot" in out and "Ctrl-C ends this" in out


def test_provision_ends_with_one_line_and_the_board_goes_on(board):
    _, told = siplet("provision", "show", "--port", board.port, status=1)
    assert told.splitlines()[-1].startswith(f"siplet: {board.port}: the board raised OSError")
    with Link.open(board.port) as link:
        assert link.value("1 + 1") == 2
