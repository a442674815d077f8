# What SRTP costs: instructions and heap of a packet, and the heap of its modules. What runs on MicroPython:
# srtp_packets.py.

import os
import shutil

import core
import modules
from siplet_tools import interpreter
from table import doing, table

SCRIPT = "tests/bench/srtp_packets.py"
LOADED = ("siplet.media.aes", "siplet.media.sha1", "siplet.media.srtp", "siplet.sound.security", "siplet.sound.srtp")


def show():
    doing("SRTP")
    unix = interpreter.find()
    wasm = ["node", "tests/wasm/run.mjs", f"--firmware={modules.PLAIN}", "--heap=8m", "--script"]
    heap = []
    for command in (wasm, [unix]):
        lines = core._run([*command, SCRIPT, "heap"]).stdout.splitlines()
        heap.append({name: float(value) for name, value in (line.split("|") for line in lines)})
    counts = {}
    if shutil.which("valgrind"):
        for name in ("nothing", "protect", "unprotect", "control"):
            command = [unix, SCRIPT, name]
            counts[name] = round((core._instructions(command, 300) - core._instructions(command, 100)) / 200)
    rows = []
    for title, name, less in (
        ("a packet of 20 ms sent: 160 bytes, a tag of 80 bits", "protect", "nothing"),
        ("the same, heard", "unprotect", "protect"),
        ("a report of 80 bytes, sent and heard", "control", ""),
    ):
        count = counts[name] - counts.get(less, 0) if counts else None
        rows.append([title, count, heap[0][name], heap[1][name]])
    note = "Instructions on 64 bit, with viper; heap in bytes a packet, what is freed later included."
    table("SRTP", ["", "instructions", "32 bit", "64 bit"], rows, note)
    environment = {**os.environ, "MICROPYPATH": f"{modules.X64}:.frozen"}
    names = ["siplet.phone", "siplet.sip.redirect", "siplet.sound.parts", *LOADED]
    taken = modules.alive([unix, "tests/bench/alive.py"], names, environment)
    rows = [[name, taken[name]] for name in LOADED]
    rows += [None, ["all", sum(taken[name] for name in LOADED)]]
    note = "All but the last are loaded with the first call that may have keys."
    table("Heap of its modules, in bytes", ["", "64 bit, .mpy"], rows, note)
