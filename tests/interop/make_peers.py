# Makes .venv/peers, the Python environment of the phones from PyPI; `make peers` calls it with .venv's Python.
# Their wheels are not for every Python: when ours is none of theirs, another one that is installed runs them. What
# `siplet call --sound-card` wants goes into .venv itself.

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
VENV = os.path.join(ROOT, ".venv", "peers")
VERSIONS = ("3.11", "3.12")


def version(python):
    """Such as "3.11"; "" when that does not start."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()
    except OSError:
        return ""


def main():
    python = os.path.join(VENV, "bin", "python")
    if version(python) not in VERSIONS:
        shutil.rmtree(VENV, ignore_errors=True)
        candidates = [sys.executable, "/usr/bin/python3", *(f"python{name}" for name in VERSIONS)]
        fit = [name for name in candidates if version(name) in VERSIONS]
        if not fit:
            sys.exit(f"the phones from PyPI need a Python {' or '.join(VERSIONS)}, and there is none")
        subprocess.run([fit[0], "-m", "venv", "--without-pip", VENV], check=True)
    # Debian's Python has no ensurepip, so another one's pip serves: that of .venv, or of the Python that made .venv
    outside = sys.executable
    if subprocess.run([outside, "-m", "pip", "--version"], capture_output=True).returncode:
        outside = sys._base_executable
    options = ["install", "--quiet", "--disable-pip-version-check"]
    pip = [outside, "-m", "pip", "--python", python, *options]
    done = subprocess.run([*pip, "--requirement", os.path.join(HERE, "requirements.txt")])
    tools = os.path.join(ROOT, "host_tools") + "[sound]"
    sound = subprocess.run([outside, "-m", "pip", "--python", sys.executable, *options, "--editable", tools])
    if subprocess.run([*pip, "--requirement", os.path.join(HERE, "measures.txt")]).returncode:
        print("PESQ could not be installed (it wants a C compiler): make bench T=quality needs it", flush=True)
    if sound.returncode:
        sys.exit("sounddevice could not be installed")
    sys.exit("the phones from PyPI could not be installed" if done.returncode else 0)


main()
