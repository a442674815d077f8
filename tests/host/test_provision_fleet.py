"""siplet provision fleet: one CSV and a template, a row for each board, whatever comes in between."""

import csv
import json
import os
import signal
import subprocess
import sys

import pytest
from siplet_tools import cli
from siplet_tools.board import fleet, ports
from siplet_tools.errors import ToolError
from siplet_tools.process import wait_until
from siplet_tools.virtual import VirtualBoard

TEMPLATE = """
app = "echo"
[sip]
address = "sip:{extension}@pbx.local"
password = { env = "FLEET" }
[wifi]
network = "Attic"
password = "wifi-secret"
hostname = "door-{extension}"
[doorphone]
targets = ["sip:1@pbx.local", "sip:{extension}9@pbx.local"]
"""
SECRETS = ("wifi-secret", "fl{}t-secret", "row-secret")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FLEET", "fl{}t-secret")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "template.toml").write_text(TEMPLATE)
    return tmp_path


@pytest.fixture
def boards(folder, monkeypatch):
    """Three boards with MACs 02...01 to 02...03, found in that order whatever their ports are called."""
    told = ports.attached
    monkeypatch.setattr(ports, "attached", lambda: sorted(told(), key=lambda one: one.serial_number))
    made = [VirtualBoard(folder / f"board{i}", mac=f"02000000000{i}") for i in (1, 2, 3)]
    for board in made:
        board.start()
    yield made
    for board in made:
        board.stop()


@pytest.fixture
def run(folder, capsys):
    """run(*arguments) -> (exit status, standard output, standard error) of siplet provision fleet template.toml ..."""

    def run(*arguments):
        status = cli.main(["provision", "fleet", "template.toml", *arguments])
        out, err = capsys.readouterr()
        results = "".join(path.read_text() for path in folder.glob("*.results.csv"))
        assert not any(secret in out + err + results for secret in SECRETS)
        return status, out, err

    return run


def address(board):
    """The SIP address that a board has; None without a configuration."""
    try:
        with open(os.path.join(board.settings.files, "config.json"), encoding="utf-8") as file:
            return json.load(file)["sip"]["address"]
    except FileNotFoundError:
        return None


def results(folder, name="doors"):
    """{line: (result, mac)} of the file of results."""
    with open(folder / f"{name}.results.csv", newline="") as file:
        return {int(row["line"]): (row["result"], row["mac"]) for row in csv.DictReader(file)}


def test_each_board_gets_the_row_of_its_mac_or_the_next(folder, boards, run):
    (folder / "doors.csv").write_text("mac,extension,sip.expires\n,201,\n02:00:00:00:00:02,202,120\n,203,\n")
    status, out, _ = run("doors.csv")
    assert status == 0 and "3 rows, all of them good; 0 done, 3 to do" in out and "all 3 boards are done" in out
    assert [address(board) for board in boards] == [f"sip:{i}@pbx.local" for i in (201, 202, 203)]
    with open(os.path.join(boards[1].settings.files, "config.json")) as file:
        there = json.load(file)
    assert there["sip"]["password"] == "fl{}t-secret" and there["sip"]["expires"] == 120
    assert there["doorphone"]["targets"] == ["sip:1@pbx.local", "sip:2029@pbx.local"]
    assert results(folder) == {i + 1: ("ok", f"02000000000{i}") for i in (1, 2, 3)}
    assert run("doors.csv")[1].startswith("3 rows, all of them good; 3 done, 0 to do")


def test_a_dry_run_tells_who_would_be_whom_and_touches_nothing(folder, boards, run):
    (folder / "doors.csv").write_text("extension;mac;sip.password\n201;;row-secret\n202;020000000002;row-secret\n")
    status, out, _ = run("doors.csv", "--dry-run")
    assert status == 0 and "line 2  next board  sip:201@pbx.local" in out
    assert "line 3  020000000002  sip:202@pbx.local" in out
    assert not any(map(address, boards)) and not (folder / "doors.results.csv").exists()


def test_a_csv_of_a_spreadsheet_with_semicolons_and_a_mark_before_it_is_read(folder, boards, run):
    text = '\ufeffextension;mac;doorphone.code\r\n"201";02-00-00-00-00-01;1234\r\n\r\n202;0200.0000.0002;\r\n'
    (folder / "doors.csv").write_bytes(text.encode())
    assert run("doors.csv")[0] == 0
    assert [address(board) for board in boards] == ["sip:201@pbx.local", "sip:202@pbx.local", None]


def test_a_board_for_which_no_row_is_left_is_told_and_the_others_are_waited_for(folder, boards, run, monkeypatch):
    (folder / "doors.csv").write_text("mac,extension\n020000000002,202\n02000000000f,20f\n")
    told, looks = ports.attached, []

    def attached():
        looks.append(1)
        if len(looks) > 6:
            raise KeyboardInterrupt
        return told()

    monkeypatch.setattr(ports, "attached", attached)
    status, out, err = run("doors.csv")
    assert status == 130 and "plug in the next board (Ctrl-C stops; the same command goes on)" in out
    assert out.count("no row is left for this board") == 2 and "stopped" in err
    assert results(folder) == {2: ("ok", "020000000002")}
    assert [address(board) for board in boards] == [None, "sip:202@pbx.local", None]


def test_a_cable_that_is_pulled_costs_that_board_another_try_and_it_gets_the_same_row(folder, boards, run, monkeypatch):
    (folder / "doors.csv").write_text("extension\n201\n202\n203\n")
    told = ports.attached
    boards[0].unplug(after=4500)

    def attached():
        if boards[0].port is None and address(boards[2]):  # all others had their turn
            boards[0].plug()
        return told()

    monkeypatch.setattr(ports, "attached", attached)
    status, out, _ = run("doors.csv")
    assert status == 0 and "✗ line 2: /dev/" in out
    assert [address(board) for board in boards] == [f"sip:{i}@pbx.local" for i in (201, 202, 203)]
    assert results(folder)[2] == ("ok", "020000000001")


def test_who_was_begun_when_it_was_stopped_gets_the_same_row_again(folder, boards, run):
    (folder / "doors.csv").write_text("extension\n201\n202\n203\n")
    (folder / "doors.results.csv").write_text(
        "line,mac,time,result,name,detail\n"
        "3,020000000001,2026-01-01 10:00:00,begun,sip:202@pbx.local,\n"
        "2,020000000009,2026-01-01 10:00:00,ok,sip:201@pbx.local,\n"
    )
    status, out, _ = run("doors.csv")
    assert status == 0 and "1 done, 2 to do" in out
    assert [address(board) for board in boards] == ["sip:202@pbx.local", "sip:203@pbx.local", None]


def test_ctrl_c_stops_it_and_the_same_command_goes_on(folder, boards):
    (folder / "doors.csv").write_text(
        "extension,sip.password\n" + "".join(f"{i},row-secret\n" for i in range(201, 205))
    )
    command = [sys.executable, "-m", "siplet_tools", "provision", "fleet", "template.toml", "doors.csv"]
    paths = [path for path in sys.path if path.endswith(("host_tools", "firmware", "shim"))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    with open(folder / "out.txt", "w+") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=environment)
        try:
            wait_until(lambda: "plug in the next" in (folder / "out.txt").read_text(), 20, "three boards")
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 130
        finally:
            process.kill()
            process.wait()
    text = (folder / "out.txt").read_text()
    assert "row-secret" not in text and text.rstrip().endswith("siplet: stopped")
    assert len(results(folder)) == 3
    with VirtualBoard(folder / "board4", mac="020000000004") as fourth:
        for board in boards:
            board.unplug()
        assert cli.main(["provision", "fleet", "template.toml", "doors.csv"]) == 0
        assert address(fourth) == "sip:204@pbx.local"


@pytest.mark.parametrize(
    "text, line",
    [
        (
            "extension,mac\n201,020000000001\n202,02:00:00:00:00:01\n",
            "doors.csv, line 3: the MAC 020000000001 stands in",
        ),
        ("mac\n020000000001\n", "doors.csv: has no column extension, which template.toml uses in sip.address"),
        (
            "extension,sip.pasword\n201,row-secret\n",
            "doors.csv: the column sip.pasword: no such key, did you mean sip.pass",
        ),
        (
            "extension,floor\n201,2\n",
            "doors.csv: the column floor is no key, and template.toml does not use it as {floor}",
        ),
        ("extension,extension\n1,2\n", "doors.csv: the column extension is there twice"),
        ("extension,sip.expires\n201,120\n202,5\n", "doors.csv, line 3: sip.expires: must be 60 to 86400, not 5"),
        ("extension,sip.compact\n201,perhaps\n", "doors.csv, line 2: sip.compact: must be true or false"),
        ("extension,board.led_pin,board.bell_pin\n201,5,5\n", "doors.csv, line 2: board.led_pin: pin 5 is taken"),
        ("extension,mac\n201,row-secret\n", "doors.csv, line 2: mac: must be a MAC address"),
        ("extension,mac\n201\n", "doors.csv, line 2: has 1 columns, the first line 2"),
        (
            'extension,sip.password\n201,"row\nsecret"\n202,x\n',
            "doors.csv, line 2: sip.password: must be text without control",
        ),
        ('extension,sip.password\n201,"row-secret\n202,x\n', "doors.csv, line 2: is no line of a CSV"),
        (
            "extension,sip.password\n201,x\n,row-secret\n",
            "doors.csv, line 3: extension: is empty, and sip.address",
        ),
        ("extension\n", "doors.csv: has no row; the first line names the columns"),
        ("", "doors.csv: has no column extension"),
        ("extension,\n201,2\n", "doors.csv: the column (without a name) is no key"),
        ("extension\n2 0 1\n", "doors.csv, line 2: sip.address: must be a SIP URI"),
        (
            "extension,sip.password\n201," + "row-secret" * 20 + "\n",
            "line 2: sip.password: must have 0 to 128 characters",
        ),
    ],
)
def test_what_is_wrong_in_a_csv_is_one_line_with_its_number_and_no_board_is_touched(folder, run, text, line):
    (folder / "doors.csv").write_text(text)
    status, out, err = run("doors.csv")
    assert status == 2 and line in err and err.count("\n") == 1 and not out
    assert not (folder / "doors.results.csv").exists()


@pytest.mark.parametrize(
    "key, line",
    [
        (
            'address = "sip:{extension@pbx"',
            "template.toml: sip.address: a single brace; write {{ for one that is meant",
        ),
        ('adress = "sip:{extension}@pbx"', "template.toml: sip.adress: no such key, did you mean sip.address?"),
        ('address = "sip:{extension}@pbx"\nuser = "{mac}"', "has no column mac, which template.toml uses in sip.user"),
        ('user = "{extension}"', "doors.csv: has no column sip.address, and template.toml does not say it either"),
    ],
)
def test_what_is_wrong_in_a_template_is_told_by_its_key(folder, run, key, line):
    (folder / "template.toml").write_text("[sip]\n" + key)
    (folder / "doors.csv").write_text("extension\n201\n")
    assert run("doors.csv") == (2, "", f"siplet: {line}\n") or line in run("doors.csv")[2]


def test_files_that_are_none_are_told(folder, run):
    assert run("none.csv")[2] == "siplet: none.csv: cannot be read (No such file or directory)\n"
    (folder / "doors.csv").write_bytes(b"extension\n\xff\xfe\n")
    assert run("doors.csv")[2] == "siplet: doors.csv: is not UTF-8 text; save it as CSV UTF-8\n"
    (folder / "doors.csv").write_text("extension\n201\n")
    (folder / "doors.results.csv").write_text("hello\nworld\n")
    assert "is no file of results; name another one with --results" in run("doors.csv")[2]


def test_results_of_another_csv_are_noticed_before_boards_get_the_wrong_rows(folder, boards, run):
    (folder / "doors.csv").write_text("extension\n201\n202\n203\n")
    assert run("doors.csv")[0] == 0
    (folder / "doors.csv").write_text("extension\n200\n201\n202\n203\n")
    status, _, err = run("doors.csv")
    assert status == 2 and "is about another CSV, in whose line 2 was sip:201@pbx.local" in err


def test_a_line_of_several_lines_counts_where_it_begins(folder):
    (folder / "doors.csv").write_text('extension,"sip.user"\n"201","a"\n\n202,"b\nc"\n')
    with pytest.raises(ToolError, match=r"line 4: sip\.user: must be text without control characters"):
        fleet.read("doors.csv", "template.toml")
