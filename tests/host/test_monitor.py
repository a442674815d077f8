"""siplet monitor on a virtual board: its log, its SIP, where exceptions come from, resets and pulled cables."""

import os
import re
import threading
import time

import pytest
import serial
from siplet_tools import cli
from siplet_tools.board import building, sources
from siplet_tools.commands.monitor import Watch
from siplet_tools.trace_file import Record
from siplet_tools.virtual import VirtualBoard
from siplet_tools.wire import capture
from virtual_parts import Terminal

# Once a byte comes over the line: nothing is lost before somebody listens
WAIT = "import sys\nsys.stdin.read(1)\n"
INVITE = (
    b"INVITE sip:1@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK1\r\nCall-ID: a\r\n"
    b'CSeq: 1 INVITE\r\nAuthorization: Digest username="d", response="secret-hash"\r\nContent-Length: 0\r\n\r\n'
)
RINGING = (
    b"SIP/2.0 180 Ringing\r\nVia: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK1\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n\r\n"
)
SOUND = bytes((128, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4))
RECORDS = [
    b">>> 1300 127.0.0.1:5060 %d\n%s\n" % (len(INVITE), INVITE),
    b"<<< 1320 127.0.0.1:5060 %d\n%s\n" % (len(RINGING), RINGING),
    b"<<r 1340 127.0.0.1:4000 172 12 49152\n%s\n" % SOUND,
]
TALKS = f"""
import sys
print('1.250 echo ready as sip:d@127.0.0.1 at 127.0.0.1:5062')
for record in {RECORDS!r}:
    sys.stdout.buffer.write(record)
print('1.400 \\x1b[2J cleared')
print('the end')
"""


@pytest.fixture
def board(tmp_path):
    with VirtualBoard(tmp_path / "board") as board:
        board.wait_started()
        with Terminal(board.port) as terminal:  # past the moment at which it looks for a main.py
            terminal.synchronize()
        yield board


def install(board, text):
    with open(os.path.join(board.settings.files, "main.py"), "w") as file:
        file.write(text)


@pytest.fixture
def monitor(board, capsys):
    """monitor(text of main.py, *options) -> (exit status, what was shown)."""

    def run(text, *options):
        install(board, text)
        status = cli.main(["monitor", "--port", board.port, "--reset", "--for", "20", *options])
        out, err = capsys.readouterr()
        assert 'Traceback (most recent call last):\n  File "/' not in err
        return status, out

    return run


def test_the_log_has_both_clocks_and_the_messages_are_a_ladder_between_its_lines(monitor):
    status, out = monitor(TALKS, "--until", "the end")
    assert status == 0
    assert re.search(r"^\d\d:\d\d:\d\d +1\.250  echo ready as sip:d@127\.0\.0\.1 at 127\.0\.0\.1:5062$", out, re.M)
    assert re.search(r"^ +0\.000 s │ INVITE sip:1@127\.0\.0\.1 ─+▶│", out, re.M)
    assert re.search(r"^ +0\.020 s │◀─+ 180 Ringing │", out, re.M)
    assert out.index("echo ready") < out.index("INVITE") < out.index("180 Ringing") < out.index("the end")
    assert "\x1b" not in out and "�[2J cleared" in out and "secret-hash" not in out


def test_messages_are_shown_without_their_secrets_and_no_ladder_when_none_is_wanted(monitor):
    out = monitor(TALKS, "--until", "the end", "--messages")[1]
    assert "    CSeq: 1 INVITE\n" in out and 'response="***"' in out and "secret-hash" not in out
    assert "INVITE" not in monitor(TALKS, "--until", "the end", "--no-ladder")[1]


def test_a_capture_has_its_sip_and_the_heads_of_its_rtp_and_a_saved_log_all_of_it(monitor, tmp_path):
    pcap, log = tmp_path / "door.pcap", tmp_path / "door.log"
    out = monitor(TALKS, "--until", "the end", "--pcap", str(pcap), "--save", str(log))[1]
    assert f"✓ {pcap}: 3 packets" in out
    invite, ringing, sound = capture.read(str(pcap))
    assert invite.source == ("127.0.0.1", 5062) and invite.data.startswith(b"INVITE sip:1@127.0.0.1 SIP/2.0\r\n")
    assert ringing.source == ("127.0.0.1", 5060) and round(ringing.time - invite.time, 3) == 0.02
    assert (sound.source[1], sound.target[1], sound.length, len(sound.data)) == (4000, 49152, 172, 12)
    assert b">>> 1300 127.0.0.1:5060" in log.read_bytes()


def test_a_text_that_does_not_come_is_exit_status_1(board, capsys):
    install(board, "print('hello')\n")
    assert cli.main(["monitor", "-p", board.port, "--reset", "--for", "0.6", "--until", "never"]) == 1
    assert "hello" in capsys.readouterr().out


def test_what_an_application_prints_when_nobody_resets_it_is_shown_and_it_goes_on(board, capsys):
    install(board, WAIT + "print('0.100 begun')\nwhile 1:\n time.sleep_ms(20)\n print('0.200 still here')\n")
    install(board, "import time\n" + open(os.path.join(board.settings.files, "main.py")).read())
    board.reset()
    board.wait_started(2)
    with serial.Serial(board.port) as line:
        line.write(b"x")
        line.read_until(b"begun")
    starts = board.starts
    assert cli.main(["monitor", "-p", board.port, "--for", "20", "--until", "still here"]) == 0
    assert "still here" in capsys.readouterr().out and board.starts == starts


class Watching(threading.Thread):
    """siplet monitor in a thread: with Watching(port, capsys) as shown: shown("text") waits until that was shown."""

    def __init__(self, port, *options):
        super().__init__()
        self.port, self.options, self.text = port, options, ""
        self.status = None

    def run(self):
        self.status = cli.main(["monitor", "-p", self.port, "--for", "30", "--until", "the very end", *self.options])

    def shown(self, text, capsys, timeout_s=15):
        deadline = time.monotonic() + timeout_s
        while text not in self.text:
            assert time.monotonic() < deadline, self.text
            time.sleep(0.02)
            self.text += capsys.readouterr().out


def test_a_reset_and_a_pulled_cable_are_told_and_it_goes_on_where_the_board_is_then(board, capsys):
    install(board, WAIT + "print('0.500 begun')\nprint('the very end') if sys.stdin.read(1) == 'q' else 0\n")
    watching = Watching(board.port)
    watching.start()
    watching.shown("the board's log; Ctrl-C ends this", capsys)
    board.reset()
    watching.shown("rst:0x1 (POWERON_RESET)", capsys)
    board.unplug()
    watching.shown("the line is gone; waiting for the board", capsys)
    board.plug()
    watching.shown("the line is there again", capsys)
    board.unplug()
    former = watching.text.count("the line is gone")
    new = board.plug(same=False)
    watching.shown(f"the board is at {new} now", capsys)
    assert former == 1
    install(board, "print('the very end')\n")
    board.reset()
    watching.join(20)
    assert watching.status == 0


def test_a_reset_within_a_message_costs_that_message_alone(monitor):
    half = (
        "import sys, os, machine, time\n"
        "if 'again' in os.listdir('/'):\n os.remove('/again')\n print('0.300 the end')\n"
        "else:\n open('/again', 'w').close()\n print('0.100 first')\n"
        " sys.stdout.buffer.write(b'>>> 120 10.0.0.9:5060 400\\nINVITE sip:half')\n time.sleep_ms(100)\n"
        " machine.reset()\n"
    )
    status, out = monitor(half, "--until", "the end")
    assert status == 0 and "0.100  first" in out and "sip:half" not in out


# --- exceptions ---


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A board with siplet and its doorphone on it, with the numbers of lines."""
    with VirtualBoard(tmp_path_factory.mktemp("deployed") / "board") as board:
        assert cli.main(["deploy", "--lines", "--app", "doorphone", "-p", board.port]) == 0
        yield board


def test_an_exception_in_an_application_is_shown_with_the_lines_of_its_source(deployed, capsys):
    install(deployed, "import asyncio\nfrom apps.doorphone import main\nasyncio.run(main(None, None, {}))\n")
    assert cli.main(["monitor", "-p", deployed.port, "--reset", "--for", "20", "--until", "AttributeError"]) == 0
    lines = capsys.readouterr().out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith('  File "doorphone", line '))
    assert re.fullmatch(
        r"    door = DoorPhone\(\w+, phone, config\)      build/deploy/esp32-x64\S*-py/apps/doorphone\.py:\d+",
        lines[place + 1],
    )
    assert lines[place + 2].endswith(", in __init__   (DoorPhone.__init__)")
    assert "board.log, phone, config" in lines[place + 3] and lines[place + 4].startswith("AttributeError: 'NoneType'")
    number = int(lines[place + 1].rpartition(":")[2])
    with open(os.path.join(building.ROOT, lines[place + 1].split()[-1].rpartition(":")[0])) as file:
        assert file.read().splitlines()[number - 1].strip() in lines[place + 1]


def test_the_manifest_says_whether_there_are_line_numbers_and_without_them_there_are_none(deployed, capsys):
    with open(os.path.join(deployed.settings.files, "siplet.json")) as file:
        assert '"lines": true' in file.read()
    assert cli.main(["deploy", "--app", "doorphone", "-p", deployed.port, "--dry-run"]) == 0
    assert "write  /siplet/phone.mpy" in capsys.readouterr().out


def built(folder):
    """A folder as siplet deploy leaves it."""
    os.makedirs(folder / "siplet" / "net")
    (folder / "names.txt").write_text("_a Phone._play Wav._stop Wav._open\n_b Wav._read\nx y\n")
    (folder / "siplet" / "phone.py").write_text(
        "import gc\n\n\nclass Phone:\n\n    def _a(self):\n        self._b()\n\n"
        "    async def talk(self):\n        return 1 / 0\n\n"
        "class Wav:\n\n    def _a(self):\n        pass\n\ndef alone():\n    raise OSError(5)\n"
    )
    (folder / "siplet" / "net" / "same.py").write_text("pass\n")
    (folder / "siplet" / "same.py").write_text("pass\n")
    return sources.Sources(str(folder))


def test_a_line_of_a_traceback_is_explained_by_number_or_by_its_function(tmp_path):
    known = built(tmp_path)
    where = os.path.relpath(tmp_path / "siplet" / "phone.py", building.ROOT)
    assert known.explain('  File "phone", line 7, in _a') == [
        '  File "phone", line 7, in _a   (Phone._play)',
        f"    self._b()      {where}:7",
    ]
    assert known.explain('  File "phone", line 10, in talk')[1] == f"    return 1 / 0      {where}:10"
    # without line numbers: the definition, or those that it may be
    assert known.explain('  File "phone", line 1, in alone')[1:] == [f"    def alone():      {where}:17"]
    assert known.explain('  File "phone", line 1, in talk')[0].endswith("in talk   (Phone.talk)")
    assert known.explain('  File "phone", line 1, in _a') == [
        '  File "phone", line 1, in _a   (Phone._play, Wav._stop, Wav._open)',
        f"    def _a(self):      {where}:6",
        f"    def _a(self):      {where}:14",
    ]


def test_short_names_in_what_was_raised_are_explained_and_other_lines_are_left_alone(tmp_path):
    known = built(tmp_path)
    raised = "AttributeError: 'Wav' object has no attribute '_b'"
    assert known.explain(raised) == [raised + "   (_b is Wav._read)"]
    assert known.explain("OSError: 28") == ["OSError: 28"]
    for line in ("12.345 talking", "", "File", "phone _a", 'File "phone", line 7, in _a'):
        assert known.explain(line) == []


def test_frames_of_files_that_are_unknown_or_not_compiled_or_two_are_shown_as_they_are(tmp_path):
    known = built(tmp_path)
    for line in (
        '  File "main.py", line 3, in <module>',
        '  File "phone.py", line 7, in _a',
        '  File "same", line 1, in f',
        '  File "../../etc/passwd", line 1, in f',
        '  File "phone", line 999999, in nobody',
    ):
        assert known.explain(line) == [line]
    assert sources.Sources(str(tmp_path / "nothing")).explain('  File "phone", line 7, in _a')


# --- what is in the way ---


def test_a_busy_port_and_none_and_a_file_that_cannot_be_written_are_told(board, tmp_path, capsys):
    with serial.Serial(board.port, exclusive=True):
        assert cli.main(["monitor", "-p", board.port, "--for", "1"]) == 3
    assert "another program" in capsys.readouterr().err
    assert cli.main(["monitor", "-p", "/dev/no-such-port"]) == 3
    assert "there is no such port" in capsys.readouterr().err
    for option in ("--pcap", "--save"):
        assert cli.main(["monitor", "-p", board.port, option, str(tmp_path / "no" / "x")]) == 2
        assert "cannot be written (No such file or directory)" in capsys.readouterr().err


def test_a_board_without_micropython_is_watched_all_the_same(tmp_path, capsys):
    with VirtualBoard(tmp_path / "bare", bare=True) as bare:
        assert cli.main(["monitor", "-p", bare.port, "--for", "20", "--until", "invalid header"]) == 0
    assert "invalid header: 0xffffffff" in capsys.readouterr().out


def test_who_sends_from_many_addresses_does_not_widen_the_ladder(capsys):
    watch = Watch(clock=lambda: 0.0)
    for i in range(1500):
        watch._message(Record(False, i, f"10.0.{i % 250}.1:5060", b"OPTIONS sip:a SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n"))
    assert max(map(len, capsys.readouterr().out.splitlines())) < 260


def test_ctrl_c_ends_it_with_0(board, monkeypatch, capsys):
    def read(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("siplet_tools.board.serial_line.SerialLine.read", read)
    assert cli.main(["monitor", "-p", board.port]) == 0


def test_a_board_without_micropython_is_told_what_it_wants_and_then_left_alone(capsys):
    watch = Watch(clock=lambda: 0.0)
    watch.take(b"invalid header: 0xffffffff\r\n" * 40 + b"rst:0x10 (RTCWDT_RTC_RESET)\r\n")
    watch.close()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 12 and sum("siplet flash" in line for line in lines) == 1 and "rst:0x10" in lines[-1]
