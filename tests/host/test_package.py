# The lists of files that cannot be wildcards: firmware/package.json, which mip reads, and boards/NAME/board.json.
#
#     python tests/host/test_package.py        writes firmware/package.json anew

import glob
import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PACKAGE = os.path.join(ROOT, "firmware", "package.json")


def files():
    """What belongs to the firmware: the files that git knows; an app that a user saved beside ours is the user's."""
    firmware = os.path.join(ROOT, "firmware")
    try:
        command = ["git", "-C", firmware, "ls-files", "--", "siplet/*.py", "apps/*.py"]
        return sorted(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    except (OSError, subprocess.CalledProcessError):  # not a checkout
        found = [
            path for part in ("siplet", "apps") for path in glob.glob(f"{firmware}/{part}/**/*.py", recursive=True)
        ]
        return sorted(os.path.relpath(path, firmware).replace(os.sep, "/") for path in found)


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def test_mip_installs_every_file_of_the_firmware():
    listed = read(PACKAGE)["urls"]
    wanted = [[path, path] for path in files()]
    assert listed == wanted, "write it anew: python tests/host/test_package.py"


def test_the_version_is_that_of_the_host_tools():
    with open(os.path.join(ROOT, "host_tools", "pyproject.toml"), encoding="utf-8") as file:
        assert f'version = "{read(PACKAGE)["version"]}"' in file.read()


def test_every_board_has_its_files():
    boards = glob.glob(os.path.join(ROOT, "boards", "*", ""))
    assert boards
    for folder in boards:
        board = read(os.path.join(folder, "board.json"))
        assert board["name"] == os.path.basename(folder.rstrip("/"))
        assert "board.py" in map(os.path.basename, board["files"])
        for name in ["README.md", "manifest.py", *board["files"]]:
            assert os.path.exists(os.path.join(folder, name)), name


def test_every_source_of_a_board_is_on_one():
    from siplet_tools import compiler  # not for whom this file writes the lists

    boards = glob.glob(os.path.join(ROOT, "boards", "*", "board.json"))
    used = [path for file in boards for path in compiler.board_files(os.path.basename(os.path.dirname(file)))]
    assert set(used) == set(compiler.sources("boards"))


def test_the_pins_that_a_board_suggests_are_a_right_configuration():
    from siplet import config
    from siplet_tools import compiler

    for path in glob.glob(os.path.join(ROOT, "boards", "*", "board.json")):
        board = read(path)
        assert board["architecture"] in compiler.ARCHITECTURES
        loaded = config.load({"sip": {"address": "sip:a@b"}, **board.get("defaults", {})})
        if board["port"] == "unix":
            continue
        assert not (loaded["board.microphone_pins"] and loaded["board.speaker_pins"]) or board["i2s_buses"] == 2
        driven = [loaded["board.relay_pin"], loaded["board.led_pin"], loaded["board.bell_pin"]]  # the bell is pulled up
        assert set(driven) <= {*board["pins"]["outputs"]}
        inputs = board["pins"]["outputs"] + board["pins"]["inputs_only"]
        assert {*loaded["board.microphone_pins"], *loaded["board.speaker_pins"]} <= set(inputs)


def write():
    package = read(PACKAGE) if os.path.exists(PACKAGE) else {"version": "0.1.0"}
    urls = ",\n".join(f"    {json.dumps([path, path])}" for path in files())
    with open(PACKAGE, "w", encoding="utf-8") as file:
        file.write(f'{{\n  "version": "{package["version"]}",\n  "urls": [\n{urls}\n  ]\n}}\n')


if __name__ == "__main__":
    write()
