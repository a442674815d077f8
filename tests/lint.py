# What can be said of the code without running it: style, form, types, and that it compiles for every family of board.
# `make lint` starts it; it goes on to the end, so that one run shows all there is.

import os
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [os.path.join(ROOT, "host_tools"), os.path.join(ROOT, "tests")]

import typecheck  # noqa: E402
from siplet_tools import compiler  # noqa: E402

RUFF = os.path.join(os.path.dirname(sys.executable), "ruff")


def style():
    return _run(RUFF, "check", "--quiet", ".")


def form():
    return _run(RUFF, "format", "--quiet", "--diff", ".")


def compiled():
    lines = []
    for architecture in compiler.ARCHITECTURES:
        for source in compiler.sources():
            try:
                compiler.compile_file(source, f"build/lint/{architecture}/{source[:-3]}.mpy", architecture)
            except compiler.CompileError as error:
                lines.append(str(error))
    return lines


def types():
    return [f"{file}:{line}: {message}" for file, line, message in typecheck.check(os.path.join(ROOT, ".pyright.json"))]


def long_files():
    """Not a fault yet: tests/host/test_imports.py holds the limit of 400."""
    lengths = {}
    for path in compiler.sources("firmware", "boards", "host_tools"):
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            lengths[path] = len(file.readlines())
    return [f"note: {path} has {n} lines; one noun a file is about 300" for path, n in lengths.items() if n > 300]


def _run(*command):
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.splitlines() or (["failed without a word"] if done.returncode else [])


CHECKS = (
    ("style, ruff check", style),
    ("form, ruff format", form),
    (f"compiled for {', '.join(compiler.ARCHITECTURES)}, mpy-cross", compiled),
    ("types against the ESP32 port's stubs, pyright", types),
)


def main():
    bad = 0
    for name, check in CHECKS:
        start = time.monotonic()
        lines = check()
        verdict = "FAILED" if lines else "ok"
        print(f"{name:70}{verdict:8}{time.monotonic() - start:4.1f} s", *lines, sep="\n", flush=True)
        bad += bool(lines)
    for line in long_files():
        print(line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
