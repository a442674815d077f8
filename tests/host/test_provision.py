"""siplet provision on a virtual board: settings go there whole or not at all, and no secret is shown."""

import errno
import json
import os
import pty
import threading
import tty

import pytest
import serial
from siplet_tools import cli
from siplet_tools.board import settings, upload
from siplet_tools.board.link import Link
from siplet_tools.errors import ToolError
from siplet_tools.virtual import VirtualBoard

SECRETS = ("door-secret", "wifi-secret", "4711", "uri-secret")
DOOR = """
app = "echo"
[sip]
address = "sip:door@pbx.local"
password = "door-secret"
proxy = "sip:door:uri-secret@proxy.local;lr"
[wifi]
network = "Attic"
password = "wifi-secret"
[board]
bell_pin = 13
microphone_pins = [26, 25, 33]
[doorphone]
code = "4711"
"""


@pytest.fixture
def board(tmp_path):
    with VirtualBoard(tmp_path / "board") as board:
        yield board


@pytest.fixture
def siplet(board, capsys):
    """siplet("show") -> (exit status, standard output, standard error) of siplet provision show --port ..."""

    def run(*arguments, port=None):
        status = cli.main(["provision", arguments[0], "--port", port or board.port, *arguments[1:]])
        out, err = capsys.readouterr()
        assert not any(secret in out + err for secret in SECRETS)
        assert err.count("siplet: ") <= 1 and "Traceback" not in err
        return status, out, err

    return run


@pytest.fixture
def door(tmp_path):
    path = tmp_path / "door.toml"
    path.write_text(DOOR)
    return str(path)


def config(board):
    """The JSON in the board's file system; None when there is none."""
    try:
        with open(os.path.join(board.settings.files, "config.json"), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def left_over(board):
    return os.path.exists(os.path.join(board.settings.files, "config.json.new"))


def test_a_file_becomes_the_boards_configuration_and_a_second_time_there_is_nothing_to_do(siplet, board, door):
    status, out, _ = siplet("apply", door)
    assert status == 0 and "9 settings changed" in out and "+ sip.password  (********)" in out
    assert config(board)["sip"]["password"] == "door-secret" and config(board)["board"]["microphone_pins"] == [
        26,
        25,
        33,
    ]
    assert siplet("diff", door) == (0, "✓ no difference\n", "")
    status, out, _ = siplet("apply", door)
    assert status == 0 and "nothing to change" in out
    board.wait_started(3)  # the application was started again each time


def test_what_would_change_is_told_before_and_nothing_is_written(siplet, board, door):
    assert siplet("apply", door, "--dry-run")[0] == 0 and config(board) is None
    status, out, _ = siplet("diff", door)
    assert status == 1 and "+ sip.address = sip:door@pbx.local" in out and "+ board.bell_pin = 13" in out
    assert "sip:door:********@proxy.local;lr" in out
    status, out, _ = siplet("diff", door, "--json")
    changes = {row["key"]: row for row in json.loads(out[: out.rindex("}") + 1])["changes"]}
    assert status == 1 and changes["sip.password"]["new"] == "********" and changes["board.bell_pin"]["new"] == 13


def test_single_settings_are_set_and_unset_and_got(siplet, board, door):
    siplet("apply", door)
    status, out, _ = siplet("set", "sip.expires=120", "board.speaker_pins=27,14,22", "sip.compact=yes")
    assert status == 0 and "3 settings changed" in out
    assert config(board)["board"]["speaker_pins"] == [27, 14, 22] and config(board)["sip"]["compact"] is True
    assert siplet("get", "sip.expires")[:2] == (0, "120\n")
    assert siplet("set", "--unset", "sip.expires")[1].splitlines()[0] == "- sip.expires = 120"
    assert siplet("get", "sip.expires")[:2] == (1, "300\n")
    assert siplet("get", "sip.transport")[:2] == (1, "udp\n")
    assert siplet("get", "sip.password")[:2] == (0, "********\n")
    status, out, _ = siplet("set", "app=doorphone", "--json")
    assert json.loads(out) == {"changes": [{"key": "app", "old": "echo", "new": "doorphone"}], "done": True}


def test_what_is_on_the_board_is_shown_with_stars_for_secrets(siplet, door):
    assert "no configuration yet" in siplet("show")[1]
    siplet("apply", door)
    out = siplet("show")[1]
    assert "sip.password" in out and "doorphone.code" in out and out.count("********") == 4
    told = json.loads(siplet("show", "--json")[1])
    assert told["sip.password"] == told["doorphone.code"] == "********" and told["board.microphone_pins"] == [
        26,
        25,
        33,
    ]
    out = siplet("show", "--all")[1]
    assert "seconds for which a registration is asked" in out and "(300)" in out and "(udp)" in out


def test_secrets_come_from_the_environment_or_are_typed(siplet, board, tmp_path, monkeypatch):
    path = tmp_path / "door.toml"
    path.write_text(
        '[sip]\naddress = "sip:a@b"\npassword = { env = "DOOR" }\ncallers = [{ env = "CALLER" }]\n'
        '[wifi]\nnetwork = "x"\npassword = { prompt = "Wi-Fi" }\n'
    )
    asked = []
    monkeypatch.setattr("click.prompt", lambda text, **how: asked.append((text, how["hide_input"])) or "wifi-secret")
    status, _, err = siplet("apply", str(path))
    assert status == 2 and "sip.password: the environment has no DOOR" in err and not asked
    monkeypatch.setenv("DOOR", "door-secret")
    monkeypatch.setenv("CALLER", "me:uri-secret")
    assert siplet("apply", str(path))[0] == 0 and asked == [("Wi-Fi", True)]
    assert config(board)["wifi"]["password"] == "wifi-secret" and config(board)["sip"]["callers"] == ["me:uri-secret"]
    assert siplet("set", "wifi.password")[0] == 0 and asked[1:] == [("wifi.password", True)]
    monkeypatch.setenv("OTHER", "other-secret")
    assert siplet("set", "--env", "sip.password=OTHER")[0] == 0
    assert config(board)["sip"]["password"] == "other-secret"


def test_wifi_and_pins_stay_when_the_file_has_none(siplet, board, door, tmp_path):
    siplet("apply", door)
    path = tmp_path / "other.toml"
    path.write_text('[sip]\naddress = "sip:other@pbx.local"\n')
    assert siplet("apply", str(path))[0] == 0
    there = config(board)
    assert there["wifi"] == {"network": "Attic", "password": "wifi-secret"} and there["board"]["bell_pin"] == 13
    assert there["sip"] == {"address": "sip:other@pbx.local"} and "doorphone" not in there


@pytest.mark.parametrize(
    "arguments, line",
    [
        (("set", "sip.expirs=1"), "sip.expirs: no such key, did you mean sip.expires?"),
        (("set", "sip.password=door-secret"), "sip.password: everybody can read a command line"),
        (("set", "sip.proxy=sip:me:door-secret@pbx.local"), "sip.proxy: everybody can read a command line"),
        (("set", "sip.expires=soon"), "sip.expires: must be a whole number"),
        (("set", "sip.expires=5"), "sip.expires: must be 60 to 86400, not 5"),
        (("set", "sip.compact=perhaps"), "sip.compact: must be true or false"),
        (("set", "board.speaker_pins=1,x"), "board.speaker_pins: must be whole numbers with commas between"),
        (("set", "board.led_pin=13"), "pin 13 is taken by board.bell_pin"),
        (("set", "--env", "sip.password=NO_SUCH"), "the environment has no NO_SUCH"),
        (("set",), "what should be set? siplet provision set KEY=VALUE"),
        (("set", "--unset", "sip.address"), "sip.address: is missing"),
        (("set", "--unset", "nothing"), "nothing: no such key"),
        (("get", "sip.adress"), "did you mean sip.address?"),
        (("apply", "no.toml"), "no.toml: cannot be read (No such file or directory)"),
    ],
)
def test_what_is_wrong_is_one_line_that_says_what_to_do_and_the_board_stays_as_it_was(
    siplet, board, door, arguments, line
):
    siplet("apply", door)
    before = config(board)
    status, _, err = siplet(*arguments)
    assert status == 2 and line in err.splitlines()[-1]
    assert config(board) == before and not left_over(board)


@pytest.mark.parametrize(
    "text, line",
    [
        ("[sip]\nadress = 'sip:a@b'", "sip.adress: no such key, did you mean sip.address?"),
        ("[sip]\naddress = 'sip:a@b'\npassword = door-secret", "is not valid TOML, line 3"),
        ("[sip]\naddress = 'sip:a@b'\npassword = 'door-secret", "is not valid TOML, line 3"),
        ("[sip]\naddress = 'sip:a@b'\naddress = 'sip:a@b'", 'is not valid TOML: Key "address" already exists'),
        ("[sip]\npassword = 'door-secret'", "sip.address: is missing"),
        ("[sip]\naddress = 'sip:a@b'\npassword = 4711", "sip.password: must be a text"),
        ("[sip]\naddress = 'sip:a@b'\npassword = { keyring = 'x' }", "sip.password: must be a value, { env"),
        ("[sip]\naddress = 'sip:a@b'\nexpires = 1999-12-31", "sip.expires: must be a whole number"),
        ("sip = 5", "sip: no such key"),
        ("[wiffi]\nnetwork = 'x'", "wiffi: no such key"),
        ("[doorphone]\ncode = 'door-secret'\n[sip]\naddress = 'sip:a@b'", "doorphone.code: must be of the keys"),
        ("a = " + "[" * 100000, "is not valid TOML"),
        ("\0", "is not valid TOML"),
    ],
)
def test_a_wrong_file_is_told_by_its_key_or_line_before_the_board_is_touched(siplet, board, tmp_path, text, line):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    starts = board.starts
    status, _, err = siplet("apply", str(path))
    assert status == 2 and f"{path}" in err and line in err and err.count("\n") == 1
    assert board.starts == starts and config(board) is None


def test_what_is_no_text_at_all_is_told(siplet, tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_bytes(b"\xff\xfe\x00door-secret")
    assert siplet("apply", str(path))[2] == f"siplet: {path}: is not UTF-8 text\n"
    assert f"'{tmp_path}' is a directory. (siplet provision apply --help)" in siplet("apply", str(tmp_path))[2]


@pytest.mark.parametrize("text", ['{"sip": {"password": "door-secret"', '{"sip": 5}', "[]"])
def test_a_damaged_configuration_on_the_board_is_told_and_written_anew(siplet, board, door, text):
    with open(os.path.join(board.settings.files, "config.json"), "w") as file:
        file.write(text)
    for command in (("show",), ("set", "app=echo"), ("get", "app")):
        status, _, err = siplet(*command)
        assert status == 1 and "is damaged; siplet provision FILE.toml writes it anew" in err
    status, out, _ = siplet("apply", door)
    assert status == 0 and "is damaged: all of it is written anew" in out and config(board)["app"] == "echo"


def test_a_key_of_an_older_siplet_on_the_board_can_be_taken_away(siplet, board):
    with open(os.path.join(board.settings.files, "config.json"), "w") as file:
        json.dump({"sip": {"address": "sip:a@b"}, "old_key": 1}, file)
    status, _, err = siplet("set", "app=echo")
    assert status == 2 and "old_key: no such key" in err
    assert siplet("set", "--unset", "old_key")[0] == 0 and config(board) == {"sip": {"address": "sip:a@b"}}


def test_what_a_board_says_cannot_steer_the_terminal(siplet, board):
    with open(os.path.join(board.settings.files, "config.json"), "w") as file:
        json.dump({"sip": {"address": "sip:\x1b[2J\x9b@b"}}, file)
    for command in (("show",), ("get", "sip.address"), ("show", "--json")):
        out = siplet(*command)[1]
        assert out and "\x1b" not in out and "\x9b" not in out


def test_a_full_file_system_is_said_and_the_old_configuration_stays(tmp_path, capsys, door):
    with VirtualBoard(tmp_path / "board", room=64 * 1024) as board:
        assert cli.main(["provision", door, "-p", board.port]) == 0
        before = config(board)
        with Link.open(board.port) as link:
            link.run("f = open('/big', 'wb')\ntry:\n while 1: f.write(bytes(512))\nexcept OSError:\n pass\nf.close()")
        capsys.readouterr()
        assert cli.main(["provision", "set", "app=doorphone", "-p", board.port]) == 1
        err = capsys.readouterr().err
        assert "the board's file system is full, its configuration is the old one; remove files" in err
        assert config(board) == before and not left_over(board)


def test_what_arrives_damaged_is_noticed_and_not_put_in_place(siplet, board, door, monkeypatch):
    siplet("apply", door)
    before, frames = config(board), upload.frames
    monkeypatch.setattr(upload, "frames", lambda path, data, deflate: frames(path, data[:-1] + b"?", deflate))
    status, _, err = siplet("set", "app=doorphone")
    assert status == 1 and "arrived damaged, the old one is still there; try again" in err
    assert config(board) == before and not left_over(board)


def pulled(board, tell, arguments, after):
    """Pulls the cable that many bytes after the beginning of a command; whether that came to its end all the same."""
    board.unplug(after=after)
    status = cli.main(["provision", *arguments, "--port", board.port])
    out, err = tell.readouterr()
    assert not any(secret in out + err for secret in SECRETS) and "Traceback" not in err
    assert status == 0 or (status == 3 and err.splitlines()[-1].startswith("siplet: /dev/"))
    board.plug()
    return status == 0


def test_a_cable_that_is_pulled_at_any_byte_leaves_the_old_or_the_new_configuration(board, door, tmp_path, capsys):
    other = tmp_path / "other.toml"
    other.write_text(DOOR.replace("echo", "doorphone").replace("4711", "1234567890"))
    cli.main(["provision", door, "--port", board.port])
    first = config(board)
    cli.main(["provision", str(other), "--port", board.port])
    second = config(board)
    left = broken = 0
    for turn, after in enumerate(range(1, 7200, 211)):
        file, old, new = ((door, second, first), (str(other), first, second))[turn % 2]
        if not pulled(board, capsys, ["apply", file], after):
            broken += 1
            there = config(board)
            assert there in (old, new)
            left += there == old
        assert cli.main(["provision", file, "--port", board.port]) == 0
        assert config(board) == new and not left_over(board)
    assert broken > 20 and left > 15  # it was pulled before, while and after it was written


def test_a_cable_that_is_pulled_while_one_setting_is_set_leaves_the_old_or_the_new(board, door, capsys):
    cli.main(["provision", door, "--port", board.port])
    old = config(board)
    broken = 0
    for turn, after in enumerate(range(60, 6600, 433)):
        wanted = 60 + turn
        new = json.loads(json.dumps(old))
        new["sip"]["expires"] = wanted
        if not pulled(board, capsys, ["set", f"sip.expires={wanted}"], after):
            broken += 1
            assert config(board) in (old, new)
        assert cli.main(["provision", "set", f"sip.expires={wanted}", "--port", board.port]) == 0
        assert config(board) == new
        old = new
    assert broken > 8


# --- ports ---


def test_no_board_and_no_such_port_are_told(capsys, siplet, monkeypatch):
    assert siplet("show", port="/dev/no-such-port")[::2] == (
        3,
        "siplet: /dev/no-such-port: there is no such port; siplet boards lists those that are there\n",
    )
    monkeypatch.setattr("siplet_tools.board.ports.attached", list)
    assert cli.main(["provision", "show"]) == 3
    assert capsys.readouterr().err.startswith("siplet: no board: connect one by USB")


def test_a_port_that_another_program_has_is_told_with_its_name(siplet, board):
    with serial.Serial(board.port, exclusive=True):
        status, _, err = siplet("show")
    assert status == 3 and "another program" in err and "end that one first" in err


def test_a_port_that_one_may_not_use_is_told_with_its_group(siplet, board, monkeypatch):
    def refused(*arguments, **names):
        raise serial.SerialException(errno.EACCES, "could not open port: Permission denied")

    monkeypatch.setattr(serial, "Serial", refused)
    monkeypatch.setattr("grp.getgrgid", lambda number: type("Group", (), {"gr_name": "dialout"}))
    status, _, err = siplet("show")
    assert status == 3 and "you may not use it; join its group: sudo usermod -aG dialout" in err


def test_two_boards_have_to_be_told_apart(board, tmp_path, capsys, door):
    with VirtualBoard(tmp_path / "second") as second:
        assert cli.main(["provision", door]) == 3
        err = capsys.readouterr().err
        assert "several boards, say which one with --port" in err and board.port in err and second.port in err


def test_a_board_whose_boot_py_resets_it_for_ever_is_caught_all_the_same(siplet, board):
    with open(os.path.join(board.settings.files, "boot.py"), "w") as file:
        file.write("import machine, time\ntime.sleep_ms(20)\nmachine.reset()\n")
    board.reset()
    board.wait_started(4)
    status, out, _ = siplet("show")
    assert status == 0 and "no configuration yet" in out


class Looping(threading.Thread):
    """A chip that starts, fails and starts again: with Looping() as port."""

    def __enter__(self):
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.over = threading.Event()
        self.start()
        return os.ttyname(self.slave)

    def run(self):
        while not self.over.wait(0.1):
            os.write(self.master, b"rst:0x3 (SW_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nabort() was called\r\n")

    def __exit__(self, kind, error, trace):
        self.over.set()
        self.join()
        os.close(self.master)
        os.close(self.slave)


def test_a_board_that_starts_again_and_again_is_told(siplet, monkeypatch):
    monkeypatch.setattr("siplet_tools.board.link._ENTER_S", 1)
    with Looping() as port:
        status, _, err = siplet("show", port=port)
    assert status == 3 and "the board starts again and again; look: siplet monitor" in err


def test_a_board_without_micropython_is_told(tmp_path, capsys):
    with VirtualBoard(tmp_path / "bare", bare=True) as bare:
        assert cli.main(["provision", "show", "-p", bare.port]) == 3
        assert "there is no MicroPython on this board: siplet flash" in capsys.readouterr().err


def test_a_board_that_stops_in_the_middle_is_told(board, monkeypatch):
    with Link.open(board.port) as link:
        monkeypatch.setattr(upload, "upload", lambda *rest: (_ for _ in ()).throw(ToolError("gone", 3)))
        with pytest.raises(ToolError, match="gone"):
            settings.write_board(link, {"sip.address": "sip:a@b"})
