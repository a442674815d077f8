"""One line for what goes wrong on this computer: a port that is none, a full disk, a terminal that can do little."""

import os
import pty
import subprocess
import sys

import pytest
from siplet_tools import cli
from siplet_tools.virtual import registry
from siplet_tools.virtual.loader_port import LoaderOnPty
from siplet_tools.virtual.nor_flash import NorFlash


def test_what_is_no_serial_port_is_said_to_be_none(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for port in (tmp_path, tmp_path / "file", os.devnull):
        for command in (["monitor"], ["provision", "show"]):
            assert cli.main([*command, "--port", str(port)]) == 3
            told = capsys.readouterr().err
            assert f"{port}: is no serial port" in told.splitlines()[-1] and told.count("\n") <= 2


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError(13, "Denied", "door.pcap")])
def test_a_disk_that_is_full_and_a_file_that_may_not_be_written_are_one_line(capsys, monkeypatch, error):
    def full(*_arguments, **_options):
        raise error

    monkeypatch.setattr("siplet_tools.board.listing.attached", full)
    monkeypatch.setattr("siplet_tools.console.table", full)
    assert cli.main(["boards", "--fast"]) == 1
    line = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    assert capsys.readouterr().err.splitlines()[-1] == f"siplet: {line}"


def test_a_terminal_without_a_cursor_gets_lines_instead_of_a_bar_that_it_cannot_draw():
    code = "from siplet_tools import console\nwith console.progress('looking') as step:\n step(1, 2)"
    master, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "PYTHONPATH": os.pathsep.join(sys.path)}
    try:
        subprocess.run([sys.executable, "-c", code], stderr=terminal, env=environment, timeout=20, check=True)
        assert os.read(master, 1000) == b"looking ...\r\nlooking 50 %\r\n"
    finally:
        os.close(terminal)
        os.close(master)


def test_a_fault_of_siplet_itself_is_one_line_without_what_it_was_about(monkeypatch, capsys):
    def broken():
        raise ValueError("the password is hunter2")

    monkeypatch.setattr("siplet_tools.board.ports.attached", broken)
    monkeypatch.delenv("SIPLET_TRACE", raising=False)
    assert cli.main(["boards"]) == 1
    out, err = capsys.readouterr()
    assert "hunter2" not in out + err and "Traceback" not in err
    assert "a fault of siplet itself, ValueError at test_command_errors.py:" in err and "SIPLET_TRACE=1" in err
    monkeypatch.setenv("SIPLET_TRACE", "1")
    with pytest.raises(ValueError, match="hunter2"):
        cli.main(["boards"])


def test_a_folder_of_virtual_boards_that_others_may_write_is_not_believed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "siplet"
    folder.mkdir(mode=0o700)
    entry = registry.Entry("somebody")
    entry.write(port="/dev/pts/999", pid=os.getpid(), control="", chip="esp32")
    assert [one["port"] for one in registry.running()] == ["/dev/pts/999"]
    folder.chmod(0o777)
    assert registry.running() == []
    assert cli.main(["virtual", "--folder", str(tmp_path / "board")]) == 1
    err = capsys.readouterr().err
    assert "remove it" in err and str(folder) in err


def test_up_ends_with_the_status_of_a_port_that_cannot_be_used(tmp_path, capsys):
    assert cli.main(["up", "--port", str(tmp_path / "ttyNone")]) == 3
    assert "no such port" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["virtual", "--flash-size", "²MB"], "--flash-size: 4MB, 8MB or 16MB"),
        (["virtual", "--address", "127.0.0.²"], "--address: 127.0.0.1 to 127.255.255.254"),
        (["virtual", "--heap", "999999999"], "--heap"),
        (["doctor", "--for", "inf"], "--for"),
        (["monitor", "--for", "nan"], "nan is no number"),
        (["check", "--wait", "nan"], "nan is no number"),
        (["call", "sip:door@127.0.0.1", "--timeout", "nan"], "nan is no number"),
        (["answer", "--from", "300.1.1.1"], "300.1.1.1: is neither an address nor a network"),
        (["flash", "--baud", "1"], "--baud"),
        (["up", "--seconds", "0"], "--seconds"),
        (["provision", "diff", "/dev/zero"], "/dev/zero: is larger than 4 MB"),
        (["provision", "fleet", "/dev/null", "/dev/zero"], "/dev/zero: is larger than 4 MB"),
        (["flash", "--restore", "/dev/zero"], "/dev/zero"),
    ],
)
def test_what_no_command_can_do_is_told_before_it_begins(tmp_path, monkeypatch, capsys, arguments, words):
    with LoaderOnPty("esp32c3", NorFlash(1 << 18), tmp_path) as board:
        monkeypatch.setenv("SIPLET_PORT", board.port)
        assert cli.main(arguments) == 2
    assert words in capsys.readouterr().err
