# The virtual board as tools see it: real mpremote does all that it does with a board; resets, Ctrl-C, boot.py, main.py.

import os
import signal
import threading

import pytest
from siplet_tools.board.link import Link
from siplet_tools.virtual import VirtualBoard, registry
from virtual_parts import Terminal, mpremote

BANNER = b'module with ESP32\r\nType "help()" for more information.\r\n>>> '


@pytest.fixture
def files(board):
    """Where the board's files lie on the PC."""
    return board.settings.files


def write(folder, name, text):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.write(text)


def test_mpremote_runs_code_and_tells_what_it_prints_and_raises(board, tmp_path):
    (tmp_path / "script.py").write_text("print('from a script')\n")
    out = mpremote(board.port, "exec", "a = 20", "+", "eval", "a + 1", "+", "run", "script.py", folder=tmp_path)
    assert out == "21\nfrom a script\n"
    trace = mpremote(board.port, "exec", "1/0", status=1)
    assert "ZeroDivisionError: divide by zero\n" in trace
    trace = mpremote(board.port, "exec", "open('none')", status=1)
    assert 'last):\n  File "<stdin>", line 1, in <module>\nOSError: [Errno 2] ENOENT\n' in trace


def test_files_go_both_ways_whole_folders_too(board, tmp_path):
    away, home = tmp_path / "away", tmp_path / "home"
    (away / "inner").mkdir(parents=True)
    home.mkdir()
    data = bytes(range(256)) * 3 + b"\x03\x04\x1b\n\r\n"
    (away / "a.bin").write_bytes(data)
    (away / "inner" / "b.txt").write_text("text\n")
    mpremote(board.port, "cp", "-r", "away", ":", "+", "cp", "-r", ":away", "home", folder=tmp_path)
    assert (home / "away" / "a.bin").read_bytes() == data
    assert (home / "away" / "inner" / "b.txt").read_text() == "text\n"
    tree = mpremote(board.port, "tree", ":", "+", "ls", ":away", "+", "sha256sum", ":away/a.bin")
    assert "away" in tree and "b.txt" in tree and f"{len(data)} a.bin" in tree
    import hashlib

    assert hashlib.sha256(data).hexdigest() in tree


def test_folders_and_files_are_made_touched_shown_and_removed(board, files):
    out = mpremote(
        board.port, "mkdir", ":x", "+", "touch", ":x/y", "+", "exec", "open('x/z','w').write('hi')", "+", "cat", ":x/z"
    )
    assert out.endswith("hi")
    assert sorted(os.listdir(os.path.join(files, "x"))) == ["y", "z"]
    mpremote(board.port, "rm", ":x/y", "+", "rm", ":x/z", "+", "rmdir", ":x")
    assert os.listdir(files) == ["boot.py"]
    mpremote(
        board.port, "mkdir", ":deep", "+", "mkdir", ":deep/er", "+", "touch", ":deep/er/f", "+", "rm", "-r", ":deep"
    )
    assert os.listdir(files) == ["boot.py"]
    room = mpremote(board.port, "df")
    assert "VfsLfs2" in room and "2097152" in room
    assert "No such file" in mpremote(board.port, "cat", ":none", status=1)


def test_a_module_of_the_pc_is_imported_over_the_line(board, tmp_path):
    (tmp_path / "far.py").write_text("answer = 42\n" + "# filler\n" * 300)
    (tmp_path / "data.bin").write_bytes(bytes(range(256)))
    code = "import far; print(far.answer, open('data.bin', 'rb').read() == bytes(range(256)))"
    assert mpremote(board.port, "mount", ".", "exec", code, folder=tmp_path).endswith("42 True\n")


def test_a_soft_reset_of_mpremote_keeps_main_py_from_running(board, files):
    write(files, "main.py", "open('ran', 'a').write('!')\n")
    write(files, "boot.py", "import sys\nsteps = ['boot']\n")
    assert mpremote(board.port, "soft-reset", "eval", "steps") == "['boot']\n"
    assert "ran" not in os.listdir(files)
    assert mpremote(board.port, "exec", "kept = 1", "+", "resume", "eval", "kept") == "1\n"


def test_reset_runs_boot_py_and_main_py_in_a_clean_name_space(board, files):
    write(files, "boot.py", "first = sorted(globals())\n")
    write(files, "main.py", "import machine\nprint(first, machine.reset_cause(), __file__)\n")
    with Terminal(board.port) as terminal:
        terminal.synchronize()
        terminal.type(b"\x04")
        assert b"MPY: soft reboot\r\n['__file__', '__name__'] 5 main.py\r\nMicroPython v1" in terminal.until(BANNER)
        board.reset()
        told = terminal.until(BANNER)
        assert told.startswith(b"ets Jul 29 2019") and b"rst:0x1 (POWERON_RESET)" in told
        assert b"['__file__', '__name__'] 1 main.py\r\n" in told
        terminal.type(b"machine.reset()\r")
        assert b" 2 main.py\r\n" in terminal.until(BANNER) and b"rst:0xc (SW_CPU_RESET)" in terminal.heard


def test_a_person_at_the_prompt_sees_what_a_board_would_show(board):
    with Terminal(board.port) as terminal:
        terminal.synchronize()
        terminal.type(b"print('a\\nb')\r")
        assert terminal.until(b"b\r\n>>> ") == b"print('a\\nb')\r\na\r\nb\r\n>>> "
        terminal.type(b"import sys\rsys.stdout.buffer.write(b'\\n\\x1b')\r")
        assert terminal.until(b"2\r\n>>> ").endswith(b")\r\n\n\x1b2\r\n>>> ")
        terminal.type(b"\x01")
        assert terminal.until(b"\r\n>") == b"\r\nraw REPL; CTRL-B to exit\r\n>"
        terminal.type(b"print(1)\x04")
        assert terminal.until(b"\x04>") == b"OK1\r\n\x04\x04>"
        terminal.type(b"\x05A\x01")
        assert terminal.read(5) == b"R\x01\x80\x00\x01"  # raw paste, and a window of 128 bytes
        terminal.type(b"print(2)\x04")
        assert terminal.until(b"\x04>") == b"\x042\r\n\x04\x04>"
        terminal.type(b"\x04")
        assert terminal.until(b"\r\n>") == b"OK\r\nMPY: soft reboot\r\nraw REPL; CTRL-B to exit\r\n>"
        terminal.type(b"\x02")
        assert terminal.until(BANNER).startswith(b"\r\nMicroPython v1.")


def test_ctrl_c_stops_main_py_and_what_mpremote_runs(board, files):
    write(
        files, "main.py", "import time\ndef wait():\n    while True:\n        time.sleep_ms(5)\nprint('here')\nwait()\n"
    )
    with Terminal(board.port) as terminal:
        terminal.synchronize()
        terminal.type(b"\x04")
        terminal.until(b"here\r\n")
        terminal.type(b"\x03\x03")
        told = terminal.until(BANNER)
        assert told.startswith(b'Traceback (most recent call last):\r\n  File "main.py", line ')
        assert b"KeyboardInterrupt: \r\n" in told
        terminal.type(b"\x01\x05A\x01")
        terminal.until(b"R\x01\x80\x00\x01")
        terminal.type(b"print('x')\nwhile True: pass\x04")
        terminal.until(b"x\r\n")
        terminal.type(b"\x03")
        assert b"KeyboardInterrupt: \r\n\x04>" in terminal.until(b"\x04>")


def test_a_program_that_forbids_ctrl_c_reads_it(board):
    code = (
        "import micropython, sys; micropython.kbd_intr(-1); print('ready'); "
        "print(sys.stdin.buffer.read(2)); micropython.kbd_intr(3)"
    )
    with Terminal(board.port) as terminal:
        terminal.synchronize()
        terminal.type(b"\x01" + code.encode() + b"\x04")
        terminal.until(b"OKready\r\n")
        terminal.type(b"\x03\x03")
        assert terminal.until(b"\x04>") == b"b'\\x03\\x03'\r\n\x04\x04>"


def test_a_board_that_does_not_read_makes_its_host_wait_and_gets_all_of_it(board):
    with Terminal(board.port) as terminal:
        terminal.synchronize()
        code = (
            b"import sys, time; time.sleep_ms(200); print(sum([len(sys.stdin.buffer.read(1000)) for _ in range(100)]))"
        )
        terminal.type(b"\x01" + code + b"\x04")
        terminal.until(b"OK")
        terminal.type(b"x" * 100000)
        assert terminal.until(b"\x04>") == b"100000\r\n\x04\x04>"


def test_the_end_of_main_py_by_sys_exit_is_a_soft_reset(board, files):
    write(files, "main.py", "import sys\nprint('once more')\nif not 'ran' in __import__('os').listdir():\n"
          "    open('ran', 'w')\n    sys.exit(2)\n")  # fmt: skip
    with Terminal(board.port) as terminal:
        terminal.synchronize()
        board.reset()
        told = terminal.until(BANNER)
    assert told.count(b"once more\r\n") == 2 and told.count(b"MPY: soft reboot\r\n") == 1


def test_a_boot_py_that_raises_leaves_main_py_alone(board, files):
    write(files, "boot.py", "def f():\n    raise ValueError('no')\nf()\n")
    write(files, "main.py", "print('main')\n")
    with Terminal(board.port) as terminal:
        terminal.synchronize()
        board.reset()
        told = terminal.until(BANNER)
    trace = b'  File "boot.py", line 3, in <module>\r\n  File "boot.py", line 2, in f\r\nValueError: no\r\n'
    assert b"Traceback (most recent call last):\r\n" + trace in told and b"main\r\n" not in told


def test_a_board_in_a_boot_loop_says_so_again_and_again(board, files):
    write(files, "main.py", "import machine\nmachine.reset()\n")
    with Terminal(board.port) as terminal:
        board.reset()
        for _ in range(3):
            terminal.until(b"rst:0xc (SW_CPU_RESET)")


@pytest.mark.parametrize(
    "ending, then",
    [
        ("machine.reset()", b"rst:0xc (SW_CPU_RESET)"),
        ("machine.deepsleep(1)", b"rst:0x5 (DEEPSLEEP_RESET)"),
        ("machine.bootloader()", b"waiting for download"),
        ("machine.WDT(timeout=1)\nwhile True: pass", b"rst:0x8 (TG1WDT_SYS_RESET)"),
        ("raise SystemExit", b"MPY: soft reboot"),
    ],
)
def test_what_was_printed_before_a_reset_arrives_to_the_last_byte(board, files, ending, then):
    write(files, "boot.py", f"import machine\nprint('x' * 20000 + 'the reason')\n{ending}\n")
    with Terminal(board.port) as terminal:
        board.reset()
        terminal.until(b"x" * 20000 + b"the reason\r\n")
        terminal.until(then)


def test_a_micropython_that_crashes_is_told_as_a_board_tells_it(board):
    with Terminal(board.port) as terminal:
        terminal.synchronize()
        os.kill(board.child_pid, signal.SIGSEGV)
        terminal.until(b"Guru Meditation Error: Core  0 panic'ed (SIGSEGV")
        assert b"rst:0xc (SW_CPU_RESET)" in terminal.until(BANNER)
    assert board.crashes == 1


def test_ctrl_c_at_any_moment_of_a_start_is_no_crash(tmp_path):
    for i in range(12):
        with VirtualBoard(tmp_path / str(i)) as board, Terminal(board.port) as terminal:
            terminal.type(b"\x03")
            terminal.until(BANNER)
            board.wait_idle()
            assert board.crashes == 0


def test_a_full_file_system_is_full_and_says_how_much_there_is(tmp_path):
    with VirtualBoard(tmp_path / "small", room=64 << 10) as board:
        board.wait_idle()
        code = "f = open('big', 'wb')\nfor _ in range(20): f.write(bytes(4096))\n"
        assert "OSError: 28" in mpremote(board.port, "exec", code, status=1)
        code = "import os; print(os.statvfs('/')[:5], os.stat('big')[6])"
        assert mpremote(board.port, "exec", code) == "(4096, 4096, 16, 0, 0) 53248\n"
        code = "os.remove('big'); print(os.statvfs('/')[3]); open('small', 'w').write('x')"
        assert mpremote(board.port, "exec", "import os", "+", "exec", code) == "13\n"


def test_nothing_of_the_pc_can_be_seen(board):
    code = """
import os, sys, vfs
for path in ('/etc/passwd', '../../../../etc/passwd', '/../../etc', 'boot.py/../../..//etc/hosts'):
    try:
        open(path)
        print(path)
    except OSError:
        pass
print(os.listdir('/..'), os.getcwd(), sys.path, sys.platform, hasattr(vfs, 'VfsPosix'), hasattr(os, 'getenv'))
"""
    out = mpremote(board.port, "exec", code)
    assert out == "['boot.py'] / ['', '.frozen', '/lib'] esp32 False False\n"


def test_one_program_at_a_time_has_the_port(board):
    import fcntl

    with open(board.port, "rb", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert "in use" in mpremote(board.port, "eval", "1", status=1)
    assert mpremote(board.port, "eval", "1") == "1\n"


def test_a_port_whose_last_user_is_just_ending_is_waited_for(board):
    import fcntl

    file = open(board.port, "rb", buffering=0)
    fcntl.flock(file, fcntl.LOCK_EX)
    ending = threading.Timer(0.1, file.close)
    ending.start()
    with Link.open(board.port) as link:
        assert link.value("6 * 7") == 42
    ending.join()


def test_it_is_in_the_registry_while_it_lives_and_its_cable_is_in(tmp_path):
    with VirtualBoard(tmp_path / "one") as board:
        mine = [one for one in registry.running() if one["folder"] == board.settings.folder]
        assert [one["port"] for one in mine] == [board.port] and mine[0]["chip"] == "esp32"
        assert mine[0]["mac"] == board.settings.mac and mine[0]["pid"] == os.getpid()
        board.unplug()
        assert not [one for one in registry.running() if one["folder"] == board.settings.folder]
        board.plug()
        assert [one for one in registry.running() if one["folder"] == board.settings.folder]
    assert not [one for one in registry.running() if one["folder"] == board.settings.folder]
    with open(os.path.join(registry.folder(), "0-stale.json"), "w") as file:
        file.write('{"port": "/dev/none", "pid": 4194304, "folder": "x"}')  # more than any Linux gives out
    assert "x" not in [one["folder"] for one in registry.running()]
    assert not os.path.exists(os.path.join(registry.folder(), "0-stale.json"))
