"""One line for what goes wrong on this computer: a port that is none, a full disk, a terminal that can do little."""

import os
import pty
import subprocess
import sys

import pytest
from siplet_tools import cli


def test_what_is_no_serial_port_is_said_to_be_none(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    for port in (tmp_path, tmp_path / "file", os.devnull):
        for command in (["monitor"], ["provision", "show"]):
            assert cli.main([*command, "--port", str(port)]) == 3
            told = capsys.readouterr().err
            assert f"{port}: is no serial port" in told and told.count("\n") == 1


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
