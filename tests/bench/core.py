# Garbage, time and instructions of the SIP core and of a 20 ms frame. What runs on MicroPython: garbage.py,
# frame_heap.py, messages.py, frames.py.

import os
import shutil
import subprocess

import modules
from siplet_tools import interpreter
from siplet_tools.interpreter import ROOT
from table import doing, table

# By the beginning of a row's name; bytes on 32 bit
BUDGETS = {"OPTIONS": 1024, "an unknown": 1024, "INFO": 1024, "BYE": 1024, "a whole": 8192, "1,000 frames": 0}


def _run(command):
    environment = {**os.environ, "MICROPYPATH": f"{modules.X64}:.frozen", "PYTHONHASHSEED": "0"}
    output = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if output.returncode:
        raise OSError(f"{' '.join(command)}: {(output.stdout + output.stderr)[-2000:]}")
    return output


def show_garbage():
    doing("garbage")
    node = ["node", "tests/wasm/run.mjs", f"--firmware={modules.PLAIN}", "--heap=8m", "--script"]
    columns = []
    for command in (node, [interpreter.find()]):
        lines = [*_lines([*command, "tests/bench/garbage.py"]), *_lines([*command, "tests/bench/frame_heap.py"])]
        columns.append(dict(line.split("|") for line in lines))
    rows = []
    for name in columns[0]:
        budget = next((size for start, size in BUDGETS.items() if name.startswith(start)), None)
        small, large = (int(column[name]) for column in columns)
        verdict = "" if budget is None else "OVER" if small > budget else "ok"
        rows.append([name, small, large, budget, verdict])
    table(
        "Heap taken, in bytes, what is freed later included",
        ["", "32 bit", "64 bit", "budget, 32 bit", ""],
        rows,
        "From a message's bytes to the answer sent; the datagram's own bytes come on top.",
    )


def _lines(command):
    return _run(command).stdout.splitlines()


SPEED = (  # what, script and arguments, runs for the time, runs for callgrind, instructions at most
    ("a 20 ms frame: encode, send, receive, decode", ["frames.py", "plain"], 5000, (100, 500), None),
    ("the same in siplet.sound's stream, without parts", ["frames.py", "bare"], 5000, (100, 500), None),
    ("with all usual parts, but the canceller and SRTP", ["frames.py", "all"], 5000, (100, 500), 100_000),
    ("20 ms of G.722, encoded and decoded", ["wide.py"], 1000, (24, 72), None),
    ("INVITE parsed, offer answered, 200 built", ["messages.py", "invite"], 2000, (20, 120), None),
    ("OPTIONS in, 200 out, by the endpoint", ["messages.py", "options"], 2000, (20, 120), None),
    ("a whole incoming call: INVITE, 200, ACK, BYE, timers", ["messages.py", "call"], 500, (10, 50), None),
)


def show_speed():
    unix = interpreter.find()
    counted = shutil.which("valgrind")
    rows = []
    for name, (script, *arguments), runs, (few, many), budget in SPEED:
        doing(name)
        command = [unix, f"tests/bench/{script}", *arguments]
        times = [float(_run([*command, str(runs)]).stdout) for _ in range(3)]
        count = None
        if counted:
            each = (many - few) * (2 if script == "frames.py" else 1)  # two streams tick there
            count = round((_instructions(command, many) - _instructions(command, few)) / each)
        verdict = "" if budget is None or count is None else "OVER" if count > budget else "ok"
        rows.append([name, min(times), count, budget, verdict])
    note = "Time: the best of three runs. Instructions: the difference of two runs of different length under callgrind."
    if not counted:
        note += "\nvalgrind is not installed (make peers), so no instructions are counted."
    table("Time and instructions, 64 bit with viper", ["", "microseconds", "instructions", "budget", ""], rows, note)


def _instructions(command, count):
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    for line in _run([*tool, *command, str(count)]).stderr.splitlines():
        if "Collected :" in line:
            return int(line.split()[-1])
    raise OSError("callgrind counted nothing")
