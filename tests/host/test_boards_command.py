"""siplet boards: those that are known, those on a cable, and what is wrong with one that says nothing."""

import json
import os

import pytest
import serial
from serial.tools import list_ports
from siplet_tools import cli
from siplet_tools.virtual import VirtualBoard
from virtual_parts import last_screen, terminal


@pytest.fixture
def board(tmp_path, monkeypatch):
    monkeypatch.setattr(list_ports, "comports", list)  # this PC's own
    with VirtualBoard(tmp_path / "board", mac="020000000001") as board:
        yield board


def attached(capsys, *options):
    """The boards that siplet boards --json tells."""
    assert cli.main(["boards", "--json", *options]) == 0
    return json.loads(capsys.readouterr().out)["attached"]


def test_the_known_boards_and_the_attached_one_are_told_and_it_goes_on(board, capsys):
    with open(os.path.join(board.settings.files, "siplet.json"), "w") as file:
        json.dump({"siplet": "0.1.0", "board": "esp32", "app": "echo"}, file)
    assert cli.main(["boards"]) == 0
    out = capsys.readouterr().out
    assert "esp32s3  ESP32-S3: any board with an ESP32-S3-WROOM-1" in out
    [line] = [line for line in out.splitlines() if line.startswith(board.port)]
    version = board.settings.release[1:]
    assert line.split() == [
        board.port,
        *"virtual board, esp32 esp32 020000000001".split(),
        version,
        *"0.1.0 echo on esp32".split(),
    ]
    starts = board.starts
    [one] = attached(capsys)
    assert (one["port"], one["trouble"], one["facts"]["mac"]) == (board.port, None, "020000000001")
    assert one["facts"]["chip"] == "esp32" and one["facts"]["siplet"] == "0.1.0" and one["facts"]["flash_free"] > 0
    board.wait_started(starts + 1)  # its application was started again


def test_what_usb_tells_is_enough_when_ports_shall_not_be_opened(board, capsys, monkeypatch):
    class Port:
        device, vid, pid, product, description, serial_number = "/dev/ttyACM7", 0x303A, 0x1001, "JTAG", "", "24:6F"

    class Mainboard(Port):
        device, vid = "/dev/ttyS0", None

    monkeypatch.setattr(list_ports, "comports", lambda: [Mainboard, Port])
    starts = board.starts
    usb, virtual = attached(capsys, "--fast")
    assert (usb["port"], usb["what"], usb["usb"]) == ("/dev/ttyACM7", "Espressif USB", "303a:1001")
    assert virtual["virtual"] == board.settings.folder and virtual["facts"] is None and board.starts == starts


def test_a_board_that_cannot_be_asked_stands_there_with_what_is_wrong(board, tmp_path, capsys):
    with (
        VirtualBoard(tmp_path / "bare", bare=True, mac="020000000002") as bare,
        serial.Serial(board.port, exclusive=True),
    ):
        found = {one["port"]: one["trouble"] for one in attached(capsys)}
        assert found[bare.port] == "there is no MicroPython on this board: siplet flash"
        assert "another program" in found[board.port]
        assert cli.main(["boards"]) == 0
        assert "020000000002  there is no MicroPython" in capsys.readouterr().out


def test_no_board_at_all_is_no_error(capsys, monkeypatch):
    monkeypatch.setattr("siplet_tools.board.ports.attached", list)
    assert cli.main(["boards"]) == 0
    assert "none: connect one by USB" in capsys.readouterr().out
    assert attached(capsys) == []


# --- as a person at a terminal sees it ---


def test_a_password_is_typed_without_an_echo_and_colours_and_a_bar_are_there(board, tmp_path):
    door = tmp_path / "door.toml"
    door.write_text('[sip]\naddress = "sip:a@b"\npassword = { prompt = "SIP password" }\n')
    status, shown = terminal(["provision", str(door), "-p", board.port], b"typed-secret\r", b"SIP password: ")
    assert status == 0 and b"typed-secret" not in shown
    assert b"\x1b[32m" in shown and b"settings changed" in shown  # green
    assert b"writing the configuration" in shown and b"\x1b[2K" in shown  # a bar that is wiped away
    with open(os.path.join(board.settings.files, "config.json")) as file:
        assert json.load(file)["sip"]["password"] == "typed-secret"
    status, shown = terminal(
        ["provision", "set", "wifi.password", "-p", board.port], b"air-secret\r", b"wifi.password: "
    )
    assert status == 0 and b"air-secret" not in shown and b"\x1b[32m" in shown


def test_ctrl_c_at_the_prompt_leaves_the_board_as_it_was(board):
    status, shown = terminal(["provision", "set", "sip.password", "-p", board.port], b"half\x03", b"sip.password: ")
    assert status == 130 and b"half" not in shown and b"siplet: stopped" in shown
    assert not os.path.exists(os.path.join(board.settings.files, "config.json"))


def test_an_error_is_one_red_line(board):
    status, shown = terminal(["provision", "set", "sip.adress=x", "-p", board.port])
    assert status == 2
    assert shown == b"\x1b[31msiplet: sip.adress: no such key, did you mean sip.address?\x1b[0m\r\n"


def test_the_log_is_coloured_by_what_it_means(board):
    with open(os.path.join(board.settings.files, "main.py"), "w") as file:
        file.write("print('1.000 registration registered 200')\nprint('2.000 call refused')\nprint('3.000 the end')\n")
    status, shown = terminal(["monitor", "-p", board.port, "--reset", "--for", "20", "--until", "the end"])
    assert status == 0
    assert b"registration registered 200\x1b[0m" in shown and b"\x1b[32m" in shown and b"\x1b[31m" in shown


def test_on_a_narrow_terminal_each_board_has_lines_of_its_own(board):
    status, shown = terminal(["boards", "-p", board.port], columns=40)
    lines = last_screen(shown).splitlines()
    assert status == 0 and max(map(len, lines)) <= 40
    at = lines.index(board.port)
    assert [line.split() for line in lines[at + 1 : at + 4]] == [
        "what virtual board, esp32".split(),
        "chip esp32".split(),
        "MAC 020000000001".split(),
    ]
    at = lines.index("esp32s3")
    assert [line.strip() for line in lines[at + 1 : at + 3]] == [
        "what  ESP32-S3: any board with an",
        "ESP32-S3-WROOM-1",
    ]
