# What a maker waits for: a deploy over a line of 115,200 baud, beside mpremote's copy of the same files; how soon
# `siplet --help` is there and each command shows a sign of life, and whether long work has a bar.

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time

from siplet_tools.board import building
from siplet_tools.board.link import Link
from siplet_tools.process import free_ports
from siplet_tools.virtual import VirtualBoard
from siplet_tools.virtual.flash import factory
from table import doing, table

BAUD = 115200
DEPLOY_MOST, AGAIN_MOST_S, HELP_MOST_S, SIGN_MOST_S, BAR_FROM_S = 1.15, 3, 0.3, 1, 2
_BIN = os.path.dirname(sys.executable)
_ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|[\s\x00-\x1f]")
_BAR = "━".encode()


def show():
    with tempfile.TemporaryDirectory() as folder:
        show_deploy(folder)
        show_signs(folder)


def verdict(good):
    return "ok" if good else "MISSED"


class Watched:
    """A command on a terminal of its own. first, silence, took: its first visible character, the longest time without
    another, its end, s; out: all that it printed, bytes. It is ended after most_s, None: once it has shown something.
    """

    def __init__(self, arguments, folder, most_s=300):
        master, slave = pty.openpty()
        import fcntl
        import termios

        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 110, 0, 0))
        environment = {**os.environ, "TERM": "xterm-256color", "XDG_RUNTIME_DIR": folder}
        environment.pop("SIPLET_PORT", None)
        start = time.monotonic()
        run = subprocess.Popen(
            arguments, stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment, start_new_session=True
        )
        os.close(slave)
        self.out, self.first, self.silence, self.ended = b"", None, 0, False
        last = start
        try:
            while time.monotonic() - start < (most_s or 20):
                if select.select([master], [], [], 0.005)[0]:
                    try:
                        data = os.read(master, 65536)
                    except OSError:  # the last one has closed it
                        data = b""
                    self.silence, last = max(self.silence, time.monotonic() - last), time.monotonic()
                    if not data:
                        self.ended = True
                        break
                    self.out += data
                    if self.first is None and _ESCAPES.sub(b"", self.out):
                        self.first = time.monotonic() - start
                        if most_s is None:
                            break
            self.took = time.monotonic() - start
        finally:
            if not self.ended:
                run.send_signal(signal.SIGINT)
            try:
                self.status = run.wait(10)
            except subprocess.TimeoutExpired:
                run.kill()
                self.status = run.wait()
            os.close(master)


def siplet(*arguments):
    return [os.path.join(_BIN, "siplet"), *arguments]


def _timed(arguments, folder):
    start = time.monotonic()
    run = subprocess.run(arguments, cwd=folder, capture_output=True, text=True)
    if run.returncode:
        raise OSError(f"{' '.join(arguments)}: {(run.stdout + run.stderr)[-1500:]}")
    return time.monotonic() - start


def _stamps(files):
    found = {}
    for place, _, names in os.walk(files):
        for name in names:
            found[os.path.join(place, name)] = os.stat(os.path.join(place, name)).st_mtime_ns
    return found


def show_deploy(folder):
    with VirtualBoard(os.path.join(folder, "facts")) as board, Link.open(board.port) as link:
        files = building.build(link.facts(), "esp32", "doorphone")  # compiled before the clock runs
    size = sum(map(len, files.values()))
    ideal = size * 10 / BAUD
    rows = []
    with VirtualBoard(os.path.join(folder, "one"), baud=BAUD) as board:
        board.wait_idle()
        doing("siplet deploy at 115,200 baud")
        first = Watched(siplet("deploy", "--port", board.port), folder)
        before = _stamps(board.settings.files)
        doing("siplet deploy again")
        again = Watched(siplet("deploy", "--port", board.port), folder)
        written = sum(before.get(path) != stamp for path, stamp in _stamps(board.settings.files).items())
        there = {path: _read(board, path) for path in files}
        if first.status or again.status or there != files:
            raise OSError(f"the deploy failed\n{(first.out + again.out).decode('utf-8', 'replace')[-1500:]}")
    tree = os.path.join(folder, "tree")
    for path, data in files.items():
        os.makedirs(os.path.dirname(tree + path), exist_ok=True)
        with open(tree + path, "wb") as file:
            file.write(data)
    copy = [os.path.join(_BIN, "mpremote"), "connect", "PORT", "fs", "cp", "-r", "tree/.", ":"]
    with VirtualBoard(os.path.join(folder, "two"), baud=BAUD) as board:
        board.wait_idle()
        copy[2] = board.port
        doing("mpremote fs cp at 115,200 baud")
        copied = _timed(copy, folder)
        before = _stamps(board.settings.files)
        doing("mpremote fs cp again")
        copied_again = _timed(copy, folder)
        copied_written = sum(before.get(path) != stamp for path, stamp in _stamps(board.settings.files).items())
        if {path: _read(board, path) for path in files} != files:
            raise OSError("mpremote fs cp: not all files are there")
    rows = [
        ["siplet deploy", first.took, first.took / ideal, None, verdict(first.took / ideal <= DEPLOY_MOST)],
        ["the same again", again.took, None, written, verdict(again.took < AGAIN_MOST_S and not written)],
        ["mpremote fs cp -r", copied, copied / ideal, None, ""],
        ["the same again", copied_again, None, copied_written, ""],
    ]
    table(
        f"{len(files)} files, {size:,} bytes, onto an empty board over {BAUD:,} baud: ideally {ideal:.1f} s",
        ["", "seconds", "of the ideal", "files written", "verdict"],
        [[f"{cell:.2f}" if isinstance(cell, float) else cell for cell in row] for row in rows],
        f"Ideal: ten bits for each byte of the files. Aims: {DEPLOY_MOST} of it; {AGAIN_MOST_S} s, no file written.\n"
        "From the start of the program to its end; siplet deflates, and reads each file back for its hash.",
    )


def _read(board, path):
    try:
        with open(board.settings.files + path, "rb") as file:
            return file.read()
    except OSError:
        return None


def show_signs(folder):
    Watched(siplet("--help"), folder)
    times = []
    for _ in range(5):
        doing("siplet --help")
        times.append(Watched(siplet("--help"), folder).took)
    rows = [["--help, best of 5", f"{min(times):.2f}", f"{min(times):.2f}", "", "", verdict(min(times) < HELP_MOST_S)]]
    rows.append(["--help, worst", f"{max(times):.2f}", f"{max(times):.2f}", "", "", verdict(max(times) < HELP_MOST_S)])
    config = os.path.join(folder, "door.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write('app = "doorphone"\n[wifi]\nnetwork = "siplet"\npassword = "virtual-board"\n')
        file.write('[sip]\naddress = "sip:door@127.0.0.1"\nlocal_address = "127.0.0.1"\naccept = ["127.0.0.1"]\n')
        file.write(f"local_port = {free_ports()}\n")
        file.write('[doorphone]\ntargets = ["sip:100@127.0.0.1"]\n')
    image = os.path.join(folder, "ESP32_GENERIC-20300101-v1.30.0.bin")
    with open(image, "wb") as file:
        file.write(factory("esp32", "v1.30.0"))
    with VirtualBoard(os.path.join(folder, "three")) as board:
        board.wait_idle()
        port = ("--port", board.port)
        log = os.path.join(folder, "door.log")
        with open(log, "w", encoding="utf-8") as file:
            file.write("12.345 doorphone ready\n")
        commands = (  # what is run, and for how long at most: None is a command that goes on until Ctrl-C
            (("boards", *port), 60),
            (("flash", *port, "--firmware", image), 90),
            (("deploy", *port, "--romfs"), 60),
            (("provision", "apply", config, *port), 60),
            (("up", *port, "--config", config, "--seconds", "3"), 90),
            (("monitor", *port), None),
            (("check", *port, "--no-ask", "--wait", "3"), 90),
            (("call", *port, "--seconds", "3"), 60),
            (("answer", "--local-port", "0"), None),
            (("doctor", log), 60),
            (("virtual", "--folder", "four"), None),
            (("completion", "bash"), 60),
        )
        runs = []
        for arguments, most_s in commands:
            doing(f"siplet {arguments[0]}")
            runs.append((arguments, most_s, Watched(siplet(*arguments), folder, most_s)))
    for arguments, most_s, run in runs:
        first = f"{run.first:.2f}" if run.first is not None else "never"
        bar = "" if most_s is None or run.took < BAR_FROM_S else "yes" if _BAR in run.out else "no"
        silence = "" if most_s is None else f"{run.silence:.2f}"
        good = run.first is not None and run.first < SIGN_MOST_S and (most_s is None or run.silence < BAR_FROM_S)
        good = good and bar != "no"
        took = "until Ctrl-C" if most_s is None else f"{run.took:.2f}"
        if most_s and run.status not in ((0, 1) if arguments[0] in ("check", "call", "up") else (0,)):
            raise OSError(
                f"siplet {arguments[0]}: exit status {run.status}\n{run.out[-800:].decode('utf-8', 'replace')}"
            )
        rows.append([arguments[0], first, took, silence, bar, verdict(good)])
    table(
        "Seconds until a command shows something on a terminal, and until it ends; the virtual board's line is fast",
        ["siplet ...", "first sign", "its end", "longest silence", "bar", "verdict"],
        rows,
        f"Aims: --help {HELP_MOST_S} s, a first sign {SIGN_MOST_S} s, never {BAR_FROM_S} s without another, and a bar "
        f"where it takes more than {BAR_FROM_S} s.",
    )
