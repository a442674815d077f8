"""What a person at a terminal sees of long work: a bar, the lines above it, questions; and what a pipe gets of it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading

import pytest
from siplet_tools import cli, console
from siplet_tools.interpreter import ROOT
from siplet_tools.virtual import VirtualBoard
from virtual_parts import last_screen, terminal

BAR = "━".encode()
PYTHON = [sys.executable, "-c"]
PATH = os.path.join(ROOT, "host_tools")


@pytest.fixture
def board(tmp_path):
    with VirtualBoard(tmp_path / "board") as board:
        board.wait_idle()
        yield board


def test_check_has_a_bar_below_its_verdicts_which_is_gone_at_the_end(board):
    status, shown = terminal(["check", "--no-ask", "-p", board.port])
    assert status == 1  # siplet is not on it
    assert BAR in shown and b"0/13 checks" in shown and b"12/13 checks" in shown
    left = last_screen(shown)
    assert "━" not in left and "checks" not in left
    assert [line.split()[1] for line in left.splitlines() if line and line[0] != " "] == [
        "versions",
        "heap",
        "flash",
        "clock",
        "siplet",
    ]


def test_the_verdicts_go_where_standard_output_goes_and_the_bar_to_the_terminal(board, tmp_path):
    with open(tmp_path / "out", "w+b") as out:
        status, shown = terminal(["check", "--only", "clock", "--no-ask", "-p", board.port], out=out)
        out.seek(0)
        told = out.read()
    assert status == 0 and BAR in shown and b"clock" not in shown
    assert re.fullmatch(rb"! clock +it says 2000-[^\x1b]*", told), told


def test_without_a_terminal_check_is_its_lines_alone(board, capfd):
    assert cli.main(["check", "--only", "clock", "--no-ask", "-p", board.port]) == 0
    out, err = capfd.readouterr()
    assert out.startswith("! clock ") and out.count("\n") == 1 and err == ""


def test_no_bar_is_drawn_while_a_person_is_asked_nor_two_at_once():
    code = """if True:
        import sys, threading, time
        import click
        from siplet_tools import console
        def asked(text, err):
            click.echo("<" + text, err=True)
            time.sleep(0.35)  # three times as long as the bar takes to be drawn again
            click.echo(">", err=True)
            return True
        click.confirm = asked
        with console.progress("outer", unit="checks") as step:
            step(1, 4)
            console.confirm("Did it click?")
            with console.busy("joining [/net]"):
                time.sleep(0.25)
            with console.progress("inner") as inner:
                inner(1, 2)
                time.sleep(0.25)
            step(3, 4)
            time.sleep(0.25)
        console.say("the end")
    """
    status, shown = terminal([code], command=PYTHON)
    assert status == 0, shown
    question = shown.partition(b"<Did it click?")[2].partition(b">")[0]
    assert question and BAR not in question and b"outer" not in question
    assert b"joining [/net]" in shown and b"inner" in shown and b"3/4 checks" in shown
    after = shown.partition(b"inner")[2]
    assert b"outer" in after  # it comes back
    assert last_screen(shown) == "<Did it click?\n>\nthe end\n"


def test_a_call_has_a_bar_with_what_is_heard_and_an_open_end_none_that_fills():
    code = """if True:
        import time
        from siplet_tools.commands import call_options
        from siplet_tools.wire.call_session import Live
        with call_options.live(calls=False) as show:
            time.sleep(0.15)
            show(Live(3.0, 10.0, 150, 1, -24.0))
            time.sleep(0.15)
            show(None)
            show(Live(4.0, 0.0, 200, 0, None))
            time.sleep(0.15)
    """
    status, shown = terminal([code], command=PYTHON)
    assert status == 0 and last_screen(shown) == "", shown
    for text in (
        b"waiting for a call",
        b"150 packets, 1 lost  -24 dBov",
        b"3/10 s",
        b"4 s  200 packets, 0 lost  silence",
    ):
        assert text in shown
    assert b"4/" not in shown


def test_a_bar_fits_into_a_narrow_terminal():
    code = "import time\nfrom siplet_tools import console\nwith console.progress('writing') as step:\n"
    code += " step(100000, 300000)\n time.sleep(0.3)\n console.say('done')"
    shown = terminal([code], command=PYTHON, columns=40)[1]
    assert b"97/292 KB" in shown and last_screen(shown) == "done\n"


def test_what_a_board_says_adds_no_lines_and_steers_no_terminal(capsys):
    console.verdict("ok", "one\ntwo\x1b[2J", "do\nthat")
    console.table(("a", "b"), [("x\ny", "z\x9b2J")])
    assert capsys.readouterr().out == "✓ one two�[2J\n  do that\na    b\nx y  z�2J\n"
    status, shown = terminal(["provision", "a\x1b[2Jb"])
    assert status == 2 and b"\x1b[2J" not in shown and "a�[2Jb: is neither".encode() in shown


def test_a_document_for_a_script_has_such_characters_in_its_own_way(capsys):
    value = {"name": "é\x9b2J\x7f"}
    console.result(value)
    out = capsys.readouterr().out
    assert json.loads(out) == value and "\x9b" not in out and "\x7f" not in out and "é" in out


def test_two_lines_that_a_virtual_board_gets_at_once_are_both_obeyed(tmp_path):
    code = "import sys\nfrom siplet_tools import cli\nsys.exit(cli.main(sys.argv[1:]))"
    process = subprocess.Popen(
        [*PYTHON, code, "virtual", "--folder", str(tmp_path / "board"), "--say", "none"],
        env={**os.environ, "PYTHONPATH": PATH, "XDG_RUNTIME_DIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    patience = threading.Timer(20, process.kill)  # which ends the reading, too
    patience.start()
    try:
        while not process.stdout.readline().startswith(b"Enter presses"):
            assert process.poll() is None
        process.stdin.write(b"wifi off\nwifi on\n")
        process.stdin.flush()
        assert [process.stdout.readline() for _ in range(2)] == [b"ok\n"] * 2
    finally:
        patience.cancel()
        process.terminate()
        process.communicate(timeout=20)


# --- | head, and Ctrl-C ---


def run(*arguments, path=PATH, **options):
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-m", "siplet_tools", *arguments]
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, **options)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["boards", "--fast"], ["check", "--list"], ["deploy", "--help"], ["completion", "bash"]]
)
def test_a_reader_that_is_gone_ends_a_command_silently_with_the_status_of_other_tools(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    process = run(*arguments, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    err = process.communicate(timeout=30)[1]
    assert (process.returncode, err.replace(b"asking the boards ...\n", b"")[:50]) == (141, b"")


def test_a_reader_of_both_streams_that_is_gone_is_the_same(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    process = run("doctor", str(tmp_path / "none.pcap"), stdout=writer, stderr=writer)
    os.close(writer)
    assert process.wait(30) == 141


def test_monitor_ends_silently_when_its_reader_has_seen_enough(board):
    with open(os.path.join(board.settings.files, "main.py"), "w") as file:
        file.write("import time\nwhile 1:\n print('0.100 line')\n time.sleep_ms(20)\n")
    process = run("monitor", "-p", board.port, "--reset", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert b"the board's log" in process.stdout.readline()
    process.stdout.close()
    try:
        assert process.wait(30) == 141 and process.stderr.read() == b""
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_ctrl_c_before_anything_has_begun_is_no_traceback(tmp_path):
    (tmp_path / "click.py").write_text(f"import os\nos.kill(os.getpid(), {int(signal.SIGINT)})\nwhile 1: pass\n")
    process = run("boards", path=os.pathsep.join((str(tmp_path), PATH)), stderr=subprocess.PIPE)
    assert process.communicate(timeout=30)[1] == b"siplet: stopped\n" and process.returncode == 130
