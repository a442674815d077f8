# What each module costs, by itself and joined with others as a board gets them: its size as .mpy, and what its import
# leaves on the heap from .mpy files and from a ROMFS image, on 32 and on 64 bit. Builds what the other sections run.

import ast
import os
import subprocess

from siplet_tools import compiler, interpreter
from siplet_tools.interpreter import ROOT
from table import doing, table

X64 = "build/bench/x64"  # with viper, for the unix port
PLAIN = "build/bench/plain"  # bytecode alone, for the WebAssembly port
BOARD = "build/bench/board"  # joined, with viper
BOARD_PLAIN = "build/bench/board-plain"  # joined, bytecode alone
ESP32 = "build/bench/xtensawin"  # for the sizes
BOARD_ESP32 = "build/bench/board-xtensawin"
# What is on a board in a call of the door phone, the configuration's table dropped
OBJECTS = ("test_call_garbage", "in_call")  # not on a board, and what makes the objects of a call
# What they load and a phone that calls has not: dropped once it is open, or for calls that come in
LOADED = ("siplet.opening", "siplet.sip.invite_server", "siplet.sip.answering")
ROOTS = (*compiler.ALWAYS, "siplet.phone", "main", "apps.doorphone")
GOAL = (64 * 1024, 28 * 1024)  # of a 32-bit heap for the door phone in a call
_sizes = {}


def build():
    """Compiles the firmware for both ports, module by module and joined, and packs each; CompileError, LinkError."""
    plain = [path for path in compiler.sources("firmware") if not path.endswith("_viper.py")]
    _sizes[ESP32] = compiler.compile_tree("xtensawin", ESP32)
    compiler.compile_tree("x64", X64)
    compiler.compile_tree("xtensawin", PLAIN, plain)
    _sizes[BOARD_ESP32] = compiler.compile_board("xtensawin", BOARD_ESP32, "unix")
    compiler.compile_board("x64", BOARD, "unix")
    compiler.compile_board("xtensawin", BOARD_PLAIN, "unix", native=False)
    for folder in (X64, PLAIN, BOARD, BOARD_PLAIN):
        compiler.romfs(folder, folder + ".romfs")


def in_order(folder):
    """The modules of ROOTS with all that they import at their top, each after what it needs; folder: of the sources."""
    found, seen = [], set()

    def visit(name):
        path = os.path.join(ROOT, folder, *name.split("."))
        path = os.path.join(path, "__init__.py") if os.path.isdir(path) else path + ".py"
        if name in seen or not os.path.isfile(path):
            return
        seen.add(name)
        with open(path, encoding="utf-8") as file:
            tree = ast.parse(file.read())
        for node in tree.body:
            for one in node.body if isinstance(node, ast.Try) else [node]:
                if isinstance(one, ast.Import):
                    names = [alias.name for alias in one.names]
                elif isinstance(one, ast.ImportFrom):
                    names = [one.module] + [f"{one.module}.{alias.name}" for alias in one.names]
                else:
                    continue
                for other in names:
                    visit(other)
        if name.rpartition(".")[0]:
            visit(name.rpartition(".")[0])
        found.append(name)

    for root in ROOTS:
        visit(root)
    return found


def alive(command, names, environment=None):
    """{module: bytes} as alive.py or run.mjs prints them."""
    output = subprocess.run([*command, *names], cwd=ROOT, env=environment, capture_output=True, text=True)
    if output.returncode:
        raise OSError(f"{' '.join(command)}: {(output.stdout + output.stderr)[-2000:]}")
    return {name: int(size) for name, size in (line.split() for line in output.stdout.splitlines())}


def measure(x64, plain, sizes, names):
    """[[module, .mpy, and the four columns of heap], ...] of those modules, imported in that order."""
    wasm = ["node", "tests/wasm/run.mjs"]
    unix = interpreter.find()
    environment = {**os.environ, "MICROPYPATH": f"{x64}:.frozen"}
    bytecode = [name for name in names if not name.endswith("_viper")]
    columns = [
        alive([*wasm, f"--firmware={plain}", "--alive"], bytecode),
        alive([*wasm, f"--romfs={plain}.romfs", "--alive"], bytecode),
        alive([unix, "tests/bench/alive.py"], names, environment),
        alive([unix, "tests/bench/from_romfs.py", x64 + ".romfs", "tests/bench/alive.py"], names, environment),
    ]
    rows = []
    for name in names:
        path = name.replace(".", "/")
        size = sizes.get(path + ".mpy") or sizes.get(path + "/__init__.mpy")
        rows.append([name, size, *(column.get(name) for column in columns)])
    return rows


def show():
    doing("the heap after import")
    alone = measure(X64, PLAIN, _sizes[ESP32], [*in_order("firmware"), *LOADED, *OBJECTS])
    objects = ["the objects of a phone registered and in a call", *alone[-1][1:]]
    del alone[-len(OBJECTS + LOADED) :]
    joined = measure(BOARD, BOARD_PLAIN, _sizes[BOARD_ESP32], in_order(BOARD + "-py"))
    both = ["both", None, *(a + b for a, b in zip(total("", joined)[2:], objects[2:]))]
    rows = [*alone, None, total("all of it", alone), None]
    rows += [*joined, None, total("all of it, joined as a board gets it", joined), objects, None]
    rows += [both, ["goal", None, *GOAL, None, None]]
    table(
        "Size for ESP32 (xtensawin) and heap that stays taken after import, in bytes",
        ["module", ".mpy", "32 bit, .mpy", "32 bit, ROMFS", "64 bit, .mpy", "64 bit, ROMFS"],
        rows,
        "Below the first sum: the same modules joined, where siplet.phone holds what is not named any more.\n"
        "32 bit: the WebAssembly port, without viper. 64 bit: the unix port, the image itself not counted.\n"
        "Neither sockets nor tasks are among the objects.",
    )


def total(name, rows):
    return [name, *(sum(row[i] or 0 for row in rows) for i in range(1, 6))]
