# A million broken messages at a phone: make bench T=fuzz, as many as MESSAGES=n says otherwise, from SEED=n on. As many
# phones as there are cores share them. What runs on MicroPython: raining.py.

import os
import subprocess

import modules
from siplet_tools import interpreter
from siplet_tools.interpreter import ROOT
from table import doing, table

PHONES = max(1, min(4, os.cpu_count() or 1))


def show():
    count = int(os.environ.get("MESSAGES", "1000000"))
    seed = int(os.environ.get("SEED", "1"))
    doing(f"{count:,} broken messages, which takes minutes")
    environment = {**os.environ, "MICROPYPATH": f"{modules.X64}:.frozen"}
    running = []
    for phone in range(PHONES):
        command = [interpreter.find(), "tests/bench/raining.py", str(seed + phone), str(count // PHONES)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        running.append(subprocess.Popen(command, cwd=ROOT, env=environment, **pipes))
    rows = []
    try:
        for phone, process in enumerate(running):
            output = process.communicate()[0]
            if process.returncode:
                raise OSError(f"phone {phone + 1}:\n{output[-4000:]}")
            lines = [[int(field) for field in line.split("|")] for line in output.splitlines()]
            heaps = [heap for _, heap in lines[:-1]]
            refused, dropped, slowest = lines[-1]
            rows.append([f"phone {phone + 1}", lines[-2][0], refused, dropped, *heaps[1::4], slowest / 1000])
    finally:
        for process in running:
            process.kill()
            process.wait()
    sums = [sum(row[i] for row in rows) for i in (1, 2, 3)]
    rows += [None, ["all", *sums, None, None, None, None]]
    table(
        "Broken messages, between calls, transfers, subscriptions ... of the phone that they hit",
        ["", "messages", "refused", "dropped", "heap at 20 %", "at 60 %", "at 100 %", "slowest, ms"],
        rows,
        "No exception. Heap: bytes alive while the phone is at rest, 64 bit. Each took a call as on its first day\n"
        "after every 2,000. Refused: answered with an error; dropped: too broken, or an answer that nobody waits for.",
    )
