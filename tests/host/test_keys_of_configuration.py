# Every key of the configuration's table is used somewhere, and every key that the code asks for stands in the table.

import glob
import os
import re

from siplet import config

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GROUPS = ("sound", "paging", "audio", "control", "log", "wifi", "board", "echo", "doorphone")
# Parts are modules below siplet: their names look like keys
MODULES = [
    "sound." + os.path.basename(path)[:-3]
    for path in glob.glob(os.path.join(ROOT, "firmware", "siplet", "sound", "*.py"))
]


def asked_for():
    """{key: files that name it}, of all that firmware and boards have in quotes."""
    found = {}
    for folder in ("firmware", "boards"):
        for path in glob.glob(os.path.join(ROOT, folder, "**", "*.py"), recursive=True):
            if path.endswith("siplet/config.py"):
                continue
            with open(path, encoding="utf-8") as file:
                text = file.read()
            for key in re.findall(r'"((?:%s)\.[a-z0-9_]+)"' % "|".join(GROUPS), text):
                found.setdefault(key, []).append(os.path.relpath(path, ROOT))
    return found


def test_what_is_asked_for_stands_in_the_table():
    keys = {row[0] for row in config.TABLE}
    strange = {
        key: files for key, files in asked_for().items() if key not in keys and key not in MODULES and key[-2:] != "py"
    }
    assert not strange


def test_what_stands_in_the_table_is_asked_for():
    asked = asked_for()
    keys = [row[0] for row in config.TABLE if row[0].split(".")[0] in GROUPS]
    assert len(keys) > 30
    assert [key for key in keys if key not in asked] == []


def test_defaults_in_the_code_are_those_of_the_table():
    usual = {row[0]: row[2].split()[0] if row[1] == "choice" else row[2] for row in config.TABLE}
    seen = 0
    for path in glob.glob(os.path.join(ROOT, "firmware", "siplet", "**", "*.py"), recursive=True):
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for key, value in re.findall(r'get\("(sound\.[a-z0-9_]+)", ([^()]+)\)', text):
            assert eval(value) == usual[key], (path, key)
            seen += 1
    from siplet.sound.parts import PARTS

    for _, _, key, value, left_out in PARTS:
        assert value == usual[key], key
        rows = [row for row in config.TABLE if row[0] == key]
        config._checked(
            key, rows[0][1], rows[0][2].split() if rows[0][1] == "choice" else rows[0][3], rows[0][4], left_out
        )
        seen += 1
    assert seen > 12


def test_a_board_gets_the_table_without_what_it_tells_a_person():
    from siplet_tools import compiler

    with open(config.__file__, encoding="utf-8") as file:
        names = {}
        exec(compiler.without_help(file.read()), names)
    assert [(*row[:5], "") for row in config.TABLE] == list(names["TABLE"])
    assert names["load"]({"sip": {"address": "sip:a@b"}}) == config.load({"sip": {"address": "sip:a@b"}})
