# boards/esp32 on the virtual board, from power on: no configuration, a wrong one, one with Wi-Fi alone, a whole one, an
# application that fails; Improv over the serial line beside real mpremote.

import json
import os
import shutil

import pytest
from siplet_tools import compiler, interpreter
from siplet_tools.virtual import VirtualBoard
from virtual_parts import Terminal, mpremote

WIFI = {"network": "siplet", "password": "virtual-board"}
SIP = {"address": "sip:door@127.0.0.1", "local_port": 0}
PROMPT = b'Type "help()" for more information.\r\n>>> '


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    """The folder of what a board gets."""
    folder = str(tmp_path_factory.mktemp("code") / "esp32")
    compiler.compile_board("x64", folder, "esp32")
    os.remove(os.path.join(folder, "main.mpy"))
    shutil.copy(os.path.join(interpreter.ROOT, "firmware", "main.py"), folder)
    return folder


class Board:
    """A virtual board with siplet on it; terminal: what is typed and read."""

    def __init__(self, folder, code):
        self.virtual = VirtualBoard(folder)
        self.files = self.virtual.settings.files
        shutil.copytree(code, self.files)

    def configure(self, **groups):
        with open(os.path.join(self.files, "config.json"), "w", encoding="utf-8") as file:
            json.dump(groups, file)

    def configuration(self):
        with open(os.path.join(self.files, "config.json"), encoding="utf-8") as file:
            return json.load(file)

    def write(self, name, text):
        with open(os.path.join(self.files, name), "w", encoding="utf-8") as file:
            file.write(text)

    def __enter__(self):
        self.virtual.start()
        self.terminal = Terminal(self.virtual.port)
        return self

    def __exit__(self, *error):
        self.terminal.close()
        self.virtual.stop()


@pytest.fixture
def board(tmp_path, code):
    return Board(tmp_path / "board", code)


def frame(*data):
    made = b"IMPROV\x01\x03" + bytes([len(data), *data])
    return made + bytes([sum(made) & 255])


def settings(name, password):
    data = bytes([len(name)]) + name + bytes([len(password)]) + password
    return frame(1, len(data), *data)


def test_without_configuration_it_says_so_and_waits_for_whoever_comes(board):
    with board:
        board.terminal.until(b"config.json is missing: siplet provision makes it; a web installer (Improv)")
        board.terminal.type(frame(3, 0))
        board.terminal.until(b"IMPROV\x01\x02\x01\x00")
        said = board.terminal.until(b"1.29.0")
        assert b"\x06siplet" in said and b"\x05ESP32" in said and b"\x0bMicroPython" in said
        board.terminal.type(b"\r\x03")  # what mpremote begins with
        board.terminal.until(PROMPT)


def test_mpremote_gets_in_while_a_board_waits(board):
    with board:
        board.terminal.until(b"config.json is missing")
        board.terminal.close()
        assert mpremote(board.virtual.port, "exec", "import os; print('main.py' in os.listdir())") == "True\n"


def test_mpremote_gets_in_while_a_board_starts(board):
    board.configure(wifi=WIFI, sip=SIP)
    with board:
        board.terminal.close()
        for _ in range(3):
            assert mpremote(board.virtual.port, "exec", "print(6 * 7)") == "42\n"
            board.virtual.reset()


def test_a_web_installer_sets_the_wifi_and_the_application_starts(board):
    board.configure(sip=SIP, app="echo")
    with board:
        board.terminal.until(b"wifi.network: is not set")
        board.terminal.type(settings(b"siplet", b"wrong"))
        board.terminal.until(b"IMPROV\x01\x02\x01\x03")
        assert "wifi" not in board.configuration()
        board.terminal.type(settings(b"siplet", b"virtual-board"))
        board.terminal.until(b"IMPROV\x01\x01\x01\x04")
        assert board.configuration() == {"sip": SIP, "app": "echo", "wifi": WIFI}
        board.terminal._serial.timeout = 20
        board.terminal.until(b"echo ready as sip:door@127.0.0.1")
        assert b"virtual-board" not in board.terminal.heard


def test_a_web_installer_finds_a_board_that_is_at_work(board):
    board.configure(wifi=WIFI, sip=SIP)
    with board:
        board.terminal.until(b"nobody can press bell")  # from now on it waits
        board.terminal.type(frame(2, 0))
        board.terminal.until(b"a web installer is there")
        board.terminal.until(b"wifi siplet, address")
        board.terminal.type(frame(2, 0))  # it asks again
        board.terminal.until(b"IMPROV\x01\x01\x01\x04")
        assert board.virtual.starts == 2


def test_wifi_alone_is_joined_and_the_rest_waited_for(board):
    board.configure(wifi=WIFI)
    with board:
        board.terminal.until(b"sip.address: is missing\r\n")
        board.terminal.until(b"the configuration is waited for")
        board.virtual.wait(lambda: board.virtual.network == "siplet")
        assert board.virtual.starts == 1


@pytest.mark.parametrize(
    "groups, line",
    [
        ({"sip": {"adress": "x"}}, b"sip.adress: no such key, did you mean sip.address?"),
        ({"sip": SIP, "board": {"bell_pin": 45}}, b"board.bell_pin: pin 45 cannot be that"),
        ({"sip": SIP, "app": "dorphone"}, b"app: no application dorphone in apps/"),
    ],
)
def test_a_wrong_configuration_is_a_line_and_no_loop(board, groups, line):
    board.configure(wifi=WIFI, **groups)
    with board:
        board.terminal.until(line)
        if b"app" not in line:  # Wi-Fi first: whoever installs it may come by Improv
            board.terminal.type(b"\r\x03")
        board.terminal.until(b">>> ")
        assert board.virtual.starts == 1 and b"Traceback" not in board.terminal.heard


def test_an_application_that_fails_starts_the_board_anew_after_a_pause(board):
    board.configure(wifi=WIFI, sip=SIP, app="broken")
    board.write("apps/broken.py", "async def main(board, phone, config):\n    raise ValueError('a fault')\n")
    with board:
        board.terminal.until(b"ValueError: a fault\r\n")
        board.terminal.until(b"starts anew in 5 s; Ctrl-C gives the prompt instead")
        board.virtual.wait_started(2, timeout_s=20)
        board.terminal.until(b"ValueError: a fault\r\n")
        board.terminal.until(b"; Ctrl-C gives the prompt instead\r\n")
        board.terminal.type(b"\x03")
        board.terminal.until(b">>> ")
        assert board.virtual.starts == 2


def test_an_application_gets_no_password(board):
    board.configure(wifi=WIFI, sip={**SIP, "password": "hunter2", "register": False}, app="tells")
    board.write("apps/tells.py", "async def main(board, phone, config):\n    print('keys', sorted(config), config)\n")
    with board:
        said = board.terminal.until(b">>> ")
    assert b"'app'" in said and b"'doorphone.code'" in said
    for secret in (b"wifi.", b"sip.", b"hunter2", b"virtual-board"):
        assert secret not in said, secret


def test_the_bell_and_the_relay_are_on_the_pins_of_the_configuration(board):
    board.configure(wifi=WIFI, sip=SIP, board={"bell_pin": 13, "relay_pin": 23, "relay_active_low": True})
    with board:
        board.terminal.until(b"doorphone ready")
        assert board.virtual.level("relay") == 1 and not board.virtual.relay
        board.terminal._serial.timeout = 0.5
        for _ in range(10):  # a press before the application waits for one is lost
            board.virtual.press("bell")
            if b"pressed bell" in board.terminal._serial.read_until(b"pressed bell"):
                break
        else:
            raise AssertionError("no press")
        board.terminal._serial.timeout = 10
        board.terminal.type(b"\x03")
        board.terminal.until(b" closed\r\n")
        board.terminal.until(b">>> ")
