# What each module costs: its size as .mpy, and what its import leaves on the heap from .mpy files and from a ROMFS
# image, on 32 and on 64 bit. Builds what the other sections run.

import ast
import os
import subprocess

from siplet_tools import compiler, interpreter
from siplet_tools.interpreter import ROOT
from table import doing, table

X64 = "build/bench/x64"  # with viper, for the unix port
PLAIN = "build/bench/plain"  # bytecode alone, for the WebAssembly port
BOARDS = "build/bench/boards/unix/board.mpy"
# What is on a board in a call of the door phone, the configuration's table dropped
OBJECTS = ("test_call_garbage", "in_call")  # not on a board, and what makes the objects of a call
ROOTS = ("siplet.phone", "main", "apps.doorphone")
GOAL = (64 * 1024, 28 * 1024)  # of a 32-bit heap for the door phone in a call
_sizes = {}


def build():
    """Compiles the firmware twice and packs both; raises CompileError."""
    _sizes.update(compiler.compile_tree("xtensawin", "build/bench/xtensawin"))
    plain = [path for path in compiler.sources("firmware") if not path.endswith("_viper.py")]
    for folder, architecture, files in ((X64, "x64", None), (PLAIN, "xtensawin", plain)):
        compiler.compile_tree(architecture, folder, files)
        compiler.compile_file("boards/unix/board.py", f"{folder}/board.mpy", architecture)
        compiler.romfs(folder, folder + ".romfs")
    # On a PC main looks for the board beside firmware/, not in the root
    os.makedirs(os.path.dirname(os.path.join(ROOT, BOARDS)), exist_ok=True)
    os.replace(os.path.join(ROOT, X64, "board.mpy"), os.path.join(ROOT, BOARDS))


def in_order():
    """The modules of ROOTS with all that they import at their top, each after what it needs."""
    found, seen = [], set()

    def visit(name):
        path = os.path.join(ROOT, "firmware", *name.split("."))
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


def show():
    names = [*in_order(), *OBJECTS]
    plain = [name for name in names if not name.endswith("_viper")]
    wasm = ["node", "tests/wasm/run.mjs"]
    unix = interpreter.find()
    environment = {**os.environ, "MICROPYPATH": f"{X64}:.frozen"}
    doing("the heap after import")
    columns = [
        alive([*wasm, f"--firmware={PLAIN}", "--alive"], plain),
        alive([*wasm, f"--romfs={PLAIN}.romfs", "--alive"], plain),
        alive([unix, "tests/bench/alive.py"], names, environment),
        alive([unix, "tests/bench/from_romfs.py", X64 + ".romfs", "tests/bench/alive.py"], names, environment),
    ]
    rows = []
    for name in names[: -len(OBJECTS)]:
        path = name.replace(".", "/")
        size = _sizes.get(path + ".mpy") or _sizes[path + "/__init__.mpy"]
        rows.append([name, size, *(column.get(name) for column in columns)])
    code = ["all of it", *(sum(row[i] or 0 for row in rows) for i in range(1, 6))]
    objects = ["the objects of a phone registered and in a call", None, *(column["in_call"] for column in columns)]
    both = ["both", None, *(code[i] + objects[i] for i in range(2, 6))]
    rows += [None, code, objects, None, both, ["goal", None, *GOAL, None, None]]
    table(
        "Size for ESP32 (xtensawin) and heap that stays taken after import, in bytes",
        ["module", ".mpy", "32 bit, .mpy", "32 bit, ROMFS", "64 bit, .mpy", "64 bit, ROMFS"],
        rows,
        "32 bit: the WebAssembly port, without viper. 64 bit: the unix port, the image itself not counted.\n"
        "Neither sockets nor tasks are among the objects.",
    )
