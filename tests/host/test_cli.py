"""The command `siplet` itself: help, nearest words, exit statuses, completion in a real bash, an installation."""

import glob
import os
import random
import re
import subprocess
import sys

import pytest
import tomlkit
from siplet_tools.commands import COMMANDS
from siplet_tools.interpreter import ROOT

TOOLS = os.path.join(ROOT, "host_tools")
# What each command gets beside wrong words, so that none of them waits for a person or a board
WORDS = (
    "--nonsense",
    "-x",
    "--port",
    "/dev/none",
    "--json",
    "--seconds",
    "-1",
    "x" * 5000,
    "\x1b[31m",
    "",
    "--for",
    "0.1",
)
WORDS += (
    "none.toml",
    "--config",
    "--count",
    "99999999999999999999",
    "sip:",
    "--board",
    "esp23",
    "--app",
    "../x",
    "\udcff",
)


def run(*arguments, folder=None, command=None, **environment):
    """The finished process of `python -m siplet_tools ARGUMENTS`, text; AssertionError when it shows a traceback."""
    known = {key: value for key, value in os.environ.items() if key not in ("SIPLET_PORT", "SIPLET_PASSWORD")}
    done = subprocess.run(
        [*(command or [sys.executable, "-m", "siplet_tools"]), *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        stdin=subprocess.DEVNULL,
        cwd=folder,
        env={**known, "PYTHONPATH": TOOLS, **environment},
    )
    assert "Traceback" not in done.stdout + done.stderr, done.stderr
    return done


def test_help_names_every_command_in_the_order_of_a_boards_life():
    told = run("--help")
    assert told.returncode == 0
    assert re.findall(r"(?m)^  (\w+)  ", told.stdout.partition("Commands:")[2].partition("First steps")[0]) == list(
        COMMANDS
    )
    assert run().returncode == 2
    assert run("--version").stdout.startswith("siplet 0.")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_commands_help_has_an_example_that_begins_with_it(name):
    told = run(name, "--help")
    assert told.returncode == 0 and f"  siplet {name}" in told.stdout.partition("Example")[2]


def test_unknown_words_lead_to_the_nearest_command_or_to_help():
    assert run("deplyo").stderr == "siplet: no command deplyo: did you mean deploy?\n"
    assert run("qqqq").stderr == "siplet: no command qqqq: siplet --help lists them\n"
    told = run("deploy", "--romfz")
    assert told.returncode == 2 and "--romfs" in told.stderr and "siplet deploy --help" in told.stderr


def test_exit_statuses_tell_what_is_to_blame(tmp_path):
    assert run("deploy", "--port", "/dev/none").returncode == 3
    assert run("deploy", "--board", "esp23").returncode == 2
    assert run("doctor", "none.pcap", folder=tmp_path).returncode == 2
    assert run("completion", "bash").returncode == 0


def test_wrong_arguments_end_with_one_line_and_never_with_a_traceback(tmp_path):
    dice = random.Random(5060)
    names = [name for name in COMMANDS if name not in ("virtual", "answer", "boards")]
    for _ in range(60):
        words = [dice.choice(WORDS) for _ in range(dice.randrange(1, 5))]
        told = run(dice.choice(names), *words, "--port", "/dev/none", folder=tmp_path)
        last = told.stderr.strip().splitlines()[-1:]
        assert told.returncode in (1, 2, 3), (words, told)
        assert last and "\x1b[31m" not in told.stderr and "\x1b[31m" not in told.stdout, words


def test_bash_completes_commands_and_options(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    siplet = folder / "siplet"
    siplet.write_text(f"#!/bin/sh\nPYTHONPATH='{TOOLS}' exec '{sys.executable}' -m siplet_tools \"$@\"\n")
    siplet.chmod(0o755)
    script = """
        eval "$(siplet completion bash)" || exit 1
        ask() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
            _siplet_completion siplet; echo "${COMPREPLY[@]}"
        }
        ask siplet de; ask siplet deploy --ro; ask siplet completion f
    """
    told = run("-c", script, command=["bash", "--norc"], PATH=f"{folder}:{os.environ['PATH']}")
    assert told.stdout.splitlines() == ["deploy", "--romfs", "fish"], told


def test_the_installed_command_runs_from_any_folder(tmp_path):
    command = [os.path.join(os.path.dirname(sys.executable), "siplet")]
    told = run("--version", command=command, folder=tmp_path, PYTHONPATH="")
    assert told.returncode == 0 and told.stdout.startswith("siplet 0."), told
    told = run("boards", "--fast", command=command, folder=tmp_path, PYTHONPATH="")
    assert told.returncode == 0 and "esp32s3" in told.stdout, told


def test_what_is_packed_is_every_file_that_the_tree_has():
    with open(os.path.join(TOOLS, "pyproject.toml"), encoding="utf-8") as file:
        told = tomlkit.parse(file.read()).unwrap()["tool"]["setuptools"]
    packed = {path for name in told["packages"] for path in glob.glob(os.path.join(TOOLS, *name.split("."), "*.py"))}
    for name, patterns in told["package-data"].items():
        packed.update(path for pattern in patterns for path in glob.glob(os.path.join(TOOLS, name, pattern)))
    there = set(glob.glob(os.path.join(TOOLS, "siplet_tools", "**", "*.py"), recursive=True))
    assert there - packed == set() and len(there) > 80
