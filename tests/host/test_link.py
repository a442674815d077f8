"""The line to a board: what runs there is never left dead, and a board that talks for ever is left."""

import os
from types import SimpleNamespace

import pytest
from mpremote.transport_serial import SerialTransport
from siplet_tools.board import deploying, link, serial_line, upload
from siplet_tools.board.link import Link
from siplet_tools.board.ports import Attached
from siplet_tools.errors import ToolError
from siplet_tools.virtual import VirtualBoard


@pytest.fixture
def board(tmp_path):
    with VirtualBoard(tmp_path / "board") as board:
        board.wait_idle()
        yield board


def test_ctrl_c_while_the_board_is_interrupted_lets_its_application_start_again(board, monkeypatch):
    with open(os.path.join(board.settings.files, "main.py"), "w") as file:
        file.write("import time\nwhile 1: time.sleep(1)\n")
    board.reset()
    board.wait_started(starts := board.starts + 1)

    def interrupted(transport, *_arguments, **_options):
        transport.serial.write(b"\r\x03\x03\r\x01")
        transport.serial.read_until(b"raw REPL")
        raise KeyboardInterrupt

    monkeypatch.setattr(SerialTransport, "enter_raw_repl", interrupted)
    with pytest.raises(KeyboardInterrupt):
        Link.open(board.port)
    board.wait_started(starts + 1)


def test_a_board_that_does_not_stop_talking_is_left(board, monkeypatch):
    monkeypatch.setattr(link, "_MOST", 20000)
    with Link.open(board.port) as line:
        assert line.run("print('x' * 10000)") == b"x" * 10000 + b"\r\n"
        with pytest.raises(ToolError, match="does not stop talking"):
            line.run("while 1: print('x' * 100)")


def test_an_upload_to_a_board_that_starts_again_and_again_ends():
    says = iter(b"rst:0x10 (RTCWDT_RTC_RESET)\r\n" * 1000)
    serial = SimpleNamespace(write=len, read=lambda _size: bytes([next(says)]))
    line = SimpleNamespace(port="/dev/ttyUSB0", transport=SimpleNamespace(serial=serial))
    with pytest.raises(ToolError, match="/dev/ttyUSB0: the board does not stop talking"):
        upload._send(line, b"x" * 10000, 5000, None)


def test_a_port_is_closed_also_when_its_cable_is_out():
    closed = []

    def broken():
        raise OSError(5, "Input/output error")

    Link(
        "/dev/ttyUSB0", SimpleNamespace(in_raw_repl=True, exit_raw_repl=broken, close=lambda: closed.append(1))
    ).close()
    assert closed == [1]


def test_names_on_the_board_that_are_no_paths_of_ours_are_passed_over():
    told = b"/main.py 5 abcd\r\n/odd\r\nname.py 7 ef01\r\n/siplet/ 0 -\r\n"
    there = deploying.look(SimpleNamespace(run=lambda *_arguments, **_options: told))
    assert there == {"/main.py": (5, "abcd"), "name.py": (7, "ef01"), "/siplet/": (0, "-")}


def test_another_board_with_the_same_serial_number_is_not_taken_for_the_one_whose_cable_is_out(monkeypatch):
    there = [Attached("/dev/ttyUSB0", "CP210x", "10c4:ea60", "0001"), Attached("/dev/ttyUSB1", "", "10c4:ea60", "0001")]
    opened, told = [], []

    class Line(serial_line.SerialLine):
        def _open(self, port):
            opened.append(port)
            return SimpleNamespace(read=self._broken, in_waiting=0, close=lambda: None)

        def _broken(self, _size):
            raise OSError(5, "Input/output error")

    def wait(_seconds):
        there[:] = [there[-1]] if len(opened) == 1 and len(there) == 2 else [*there, back]

    back = Attached("/dev/ttyUSB2", "", "10c4:ea60", "0001")
    monkeypatch.setattr(serial_line.ports, "attached", lambda: list(there))
    line = Line("/dev/ttyUSB0", told=told.append, sleep=wait)
    assert line.read() is None
    assert opened == ["/dev/ttyUSB0", "/dev/ttyUSB2"] and "is at /dev/ttyUSB2 now" in told[-1]
