# The virtual board's flash chip, the commands that play with it, and its end, good or bad.

import glob
import json
import os
import subprocess
import sys
import tempfile

import pytest
from siplet_tools.board.link import Link
from siplet_tools.errors import ToolError
from siplet_tools.process import wait_until
from siplet_tools.virtual import VirtualBoard, control, registry
from siplet_tools.virtual.flash import factory
from virtual_parts import Terminal

ESPTOOL = os.path.join(os.path.dirname(sys.executable), "esptool")


# --- flash ---


def esptool(board, *words):
    command = [ESPTOOL, "--port", board.port, "--before", "no-reset", "--after", "no-reset", *words]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_esptool_erases_the_board_and_brings_it_back_with_its_files(board, tmp_path):
    with open(os.path.join(board.settings.files, "kept.txt"), "w") as file:
        file.write("kept")
    with Link.open(board.port) as link:
        link.transport.exec_raw_no_follow("import machine; machine.bootloader()")
        board.wait(lambda: board.state == "loader", what="loader")
    esptool(board, "read-flash", "0x200000", "0x4000", str(tmp_path / "files.bin"))
    esptool(board, "erase-flash")
    board.reset()
    assert board.state == "loop" and os.listdir(board.settings.files) == ["boot.py"]
    with Terminal(board.port) as terminal:
        terminal.until(b"rst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\ninvalid header: 0xffffffff\r\n")
    (tmp_path / "firmware.bin").write_bytes(factory("esp32", "v1.30.0"))
    esptool(board, "write-flash", "0x1000", str(tmp_path / "firmware.bin"), "0x200000", str(tmp_path / "files.bin"))
    board.reset()
    board.wait_started(2)
    assert board.state == "micropython" and sorted(os.listdir(board.settings.files)) == ["boot.py", "kept.txt"]


def test_a_bare_board_has_nothing_to_start_each_kind_in_its_own_words(tmp_path):
    for chip, words in (
        ("esp32", b"ets Jul 29 2019"),
        ("esp32s3", b"ESP-ROM:esp32s3-"),
        ("esp32c3", b"ESP-ROM:esp32c3-"),
    ):
        with VirtualBoard(tmp_path / chip, chip=chip, bare=True) as board, Terminal(board.port) as terminal:
            terminal.until(words)
            terminal.until(b"invalid header: 0xffffffff\r\n")
            assert board.state == "loop" and not board.starts


# --- by commands ---


def test_commands_play_with_a_board_of_another_process(tmp_path):
    import siplet_tools

    tools = os.path.dirname(os.path.dirname(siplet_tools.__file__))
    command = [sys.executable, "-m", "siplet_tools", "virtual", "--folder", "mine", "--chip", "esp32c3"]
    log = tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONPATH": tools, "PYTHONUNBUFFERED": "1"},
        )
    try:

        def mine():
            return [one for one in registry.running() if one["folder"] == str(tmp_path / "mine")]

        entry = wait_until(mine, 10, "virtual board")[0]
        assert entry["pid"] == process.pid
        with Link.open(entry["port"]) as link:
            assert link.facts().chip == "esp32c3"
            link.run("import machine; relay = machine.Pin(7, machine.Pin.OUT, value=1)")
        assert control.send(entry, "pin 7") == "1"
        assert control.send(entry, "press 4 10") == "pressed 4"
        assert control.send(entry, "status").startswith(f"micropython, port {entry['port']}, network none")
        assert control.send(entry, "wifi off") == control.send(entry, "wifi -70") == "ok"
        for wrong in ("fly", "press 99", "wifi maybe", "say none.wav", "unplug x", "pin", "pin 4 01", "pin 4 2",
                      "unplug -5", "press 4 -1", "hear none/there.wav"):  # fmt: skip
            with pytest.raises(ToolError):
                control.send(entry, wrong)
        assert control.send(entry, "unplug") == "ok" and not mine()
        again = subprocess.run(command, cwd=tmp_path, capture_output=True, env={**os.environ, "PYTHONPATH": tools})
        assert again.returncode == 2 and b"in use by the virtual board whose cable is out" in again.stderr
        assert control.send(entry, "plug").startswith("/dev/")
        process.stdin.write(b"status\n")
        process.stdin.flush()
        wait_until(lambda: b"micropython, port" in log.read_bytes(), 10, "answer to what was typed")
    finally:
        process.terminate()
        status = process.wait(10)
        process.stdin.close()
    assert status == 0 and b"virtual board at /dev/" in log.read_bytes()
    assert not mine() and not os.path.exists(entry["control"])


def test_a_board_whose_supervisor_is_killed_goes_with_it(tmp_path):
    code = """
import sys, time
from siplet_tools.virtual import VirtualBoard
board = VirtualBoard(sys.argv[1]).start()
board.wait_idle()
print(board.child_pid, flush=True)
time.sleep(60)
"""
    import siplet_tools

    tools = os.path.dirname(os.path.dirname(siplet_tools.__file__))
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "orphan")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": tools},
    )
    pid = int(process.stdout.readline())
    left = next(one for one in glob.glob(os.path.join(registry.folder(), "*.json")) if f"{process.pid}-" in one)
    assert alive(pid)
    process.kill()
    process.wait()
    process.stdout.close()
    wait_until(lambda: not alive(pid), 10, "end of the child")
    with open(left, encoding="utf-8") as file:
        scratch = os.path.dirname(json.load(file)["control"])
    assert os.path.isdir(scratch)
    assert str(tmp_path / "orphan") not in [one["folder"] for one in registry.running()]
    assert not os.path.exists(scratch) and not os.path.exists(left)


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return False
    try:  # without /proc
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# --- what goes wrong ---


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_micropython_that_does_not_come_up_is_told_and_not_tried_for_ever(tmp_path, monkeypatch):
    broken = tmp_path / "micropython"
    broken.write_text(
        '#!/bin/sh\ncase "$1" in -c) echo "micropython 1 29 0 True"; exit;; esac\necho "out of luck"\nexit 1\n'
    )
    broken.chmod(0o755)
    monkeypatch.setenv("MICROPYTHON", str(broken))
    with VirtualBoard(tmp_path / "board") as board, pytest.raises(ToolError, match=r"ended .*out of luck"):
        board.wait(lambda: False, 60, "start")
    assert "out of luck" in str(board.failure)


def test_a_board_that_cannot_start_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "siplet").write_text("no folder")
    board = VirtualBoard(tmp_path / "board")
    with pytest.raises(OSError):
        board.start()
    assert not glob.glob(str(tmp_path / "siplet-virtual-*")) and board.port is None
    with pytest.raises(RuntimeError):
        board.reset()


def test_a_recording_that_cannot_be_written_is_told_when_it_begins(board, tmp_path):
    with pytest.raises(OSError):
        board.hear(tmp_path / "none" / "heard.wav")
    board.hear(tmp_path / "heard.wav")
    os.remove(tmp_path / "heard.wav")
    os.mkdir(tmp_path / "heard.wav")
    with pytest.raises(OSError):
        board.stop()
    assert not board.running and board.child_pid is None
