# Makes the Python environment .venv with the pinned packages, once; `make` calls it with the system's Python.
# Needs the standard library only, and runs far enough on an old Python 3 to say that it is too old.

import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, ".venv")
REQUIREMENTS = os.path.join(ROOT, "host_tools", "requirements.txt")


def main():
    if sys.version_info < (3, 10):
        sys.exit("siplet needs Python 3.10 or newer, this is %d.%d: make PYTHON=python3.12" % sys.version_info[:2])
    python = os.path.join(VENV, "bin", "python")
    # An interpreter of another version, or one that has been uninstalled, can't be repaired in place
    if not works(python, "-c", f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"):
        shutil.rmtree(VENV, ignore_errors=True)
    print(
        f"making .venv with Python {sys.version_info[0]}.{sys.version_info[1]} and its pinned packages ...", flush=True
    )
    pip = [python, "-m", "pip"] if works(python, "-m", "pip", "--version") else create(python)
    install = [*pip, "install", "--quiet", "--disable-pip-version-check"]
    # siplet itself from this checkout, so that .venv/bin/siplet follows every change of it
    tools = ["--no-deps", "--editable", os.path.dirname(REQUIREMENTS)]
    if (
        subprocess.run([*install, "--requirement", REQUIREMENTS]).returncode
        or subprocess.run([*install, *tools]).returncode
    ):
        sys.exit("the packages could not be installed: is there a network, and a package index in pip's configuration?")


def works(*command):
    """Whether that command starts and ends well."""
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def create(python):
    """An empty environment; returns the command that is its pip.

    Debian's python3 comes without ensurepip unless python3-venv is installed; any other pip then serves from outside.
    """
    if works(sys.executable, "-m", "venv", VENV):
        return [python, "-m", "pip"]
    outside = [sys.executable, "-m", "pip", "--python", python]
    if works(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV) and works(*outside, "--version"):
        return outside
    shutil.rmtree(VENV, ignore_errors=True)
    sys.exit("this Python makes no virtual environment: apt install python3-venv (or make PYTHON=another one)")


main()
