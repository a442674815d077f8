# A board's configuration on the host: TOML here, JSON there, checked by the firmware's own table. Imports errors,
# firmware, tomlkit.
#
# Both nest by the dots of the keys: [sip] address = "..." is sip.address. A secret may stand in the file, or be named:
#
#     password = { env = "DOOR_PASSWORD" }       from the environment
#     password = { prompt = "SIP password" }     asked for, without an echo

import contextlib
import json
import os
import re

from siplet_tools import firmware
from siplet_tools.errors import USAGE, ToolError

PATH = "/config.json"
MASK = "********"
_LARGEST = 4 << 20  # characters of a file of settings: tens of thousands of rows
_PASSWORD = re.compile(r"(?i)(sips?:[^\s:@<>;,\"]*:)[^\s@<>;,\"]*@")


def table():
    """{key: (kind, default, least, most, help)} of siplet.config."""
    return {row[0]: tuple(row[1:]) for row in firmware.load("config").TABLE}


def is_secret(key):
    """Whether the value of that key is never shown: passwords, and the keys that open a door."""
    row = table().get(key)
    return key.rpartition(".")[2] == "password" or bool(row and row[0] in ("secret", "secrets", "digits"))


def shown(key, value):
    """value as a script may see it: secrets as MASK, also those within a SIP URI."""
    if is_secret(key):
        return MASK if value else ""
    if isinstance(value, list):
        return [shown(key, one) for one in value]
    return _PASSWORD.sub(r"\1" + MASK + "@", value) if isinstance(value, str) else value


def masked(key, value):
    """value as a person may see it, str."""
    value = shown(key, value)
    if is_secret(key) and not value:
        return "(empty)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read_toml(path, ask=None, protect=str, template=False):
    """{key: value} of a TOML file, secrets taken from where it says. ask(text): what is typed for a prompt.

    ToolError with the file and its line, or key, for whatever cannot be used; before anything is asked for, when it
    does not depend on the answer. protect(text): done to each text that did not stand in the file. template: its values
    are not checked, for they are not whole.
    """
    import tomlkit
    from tomlkit.exceptions import KeyAlreadyPresent, TOMLKitError

    try:
        with open(path, encoding="utf-8-sig") as file:
            document = tomlkit.parse(read_text(path, file)).unwrap()
    except OSError as error:
        raise ToolError(f"{path}: cannot be read ({error.strerror})", USAGE) from None
    except UnicodeDecodeError:
        raise ToolError(f"{path}: is not UTF-8 text", USAGE) from None
    except KeyAlreadyPresent as error:  # a key is no secret, a value may be
        raise ToolError(f"{path}: is not valid TOML: {error}", USAGE) from None
    except (TOMLKitError, RecursionError) as error:
        line = getattr(error, "line", None)
        what = str(error).split(" at line")[0] if not _may_quote(error) else "a value"
        raise ToolError(f"{path}: is not valid TOML" + (f", line {line}: {what}" if line else ""), USAGE) from None
    flat = flatten(document)
    for key in flat:
        if key not in table():
            raise ToolError(f"{path}: {unknown(key)}", USAGE)
    if not template:
        asked = {key for key, value in flat.items() if _prompts(value)}
        given = {key: _taken(path, key, value, None, str) for key, value in flat.items() if key not in asked}
        check({"sip.address": "sip:to@be.typed", **given} if "sip.address" in asked else given, path)
    return {key: _taken(path, key, value, ask, protect) for key, value in flat.items()}


def read_text(path, file):
    """What is in an open file of settings, str; ToolError when no person has written so much: of a device, for one."""
    text = file.read(_LARGEST + 1)
    if len(text) > _LARGEST:
        raise ToolError(f"{path}: is larger than {_LARGEST >> 20} MB", USAGE)
    return text


def _prompts(value):
    return any(map(_prompts, value)) if isinstance(value, list) else isinstance(value, dict) and "prompt" in value


def _may_quote(error):
    # Some of the parser's words hold the text that it could not read, which may be a password
    return any(mark in str(error) for mark in ('"', "'"))


def flatten(document, prefix=""):
    """{key: value} of nested dicts: what is not a group of the table ends a key."""
    groups = {key.rpartition(".")[0] for key in table()}
    found = {}
    for name, value in document.items():
        key = prefix + str(name)
        if isinstance(value, dict) and (key in groups or any(group.startswith(key + ".") for group in groups)):
            found.update(flatten(value, key + "."))
        else:
            found[key] = value
    return found


def nest(flat):
    """The dict of dicts that siplet.config loads."""
    document = {}
    for key, value in flat.items():
        place = document
        *groups, name = key.split(".")
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value
    return document


def _taken(path, key, value, ask, protect):
    if isinstance(value, list):
        return [_taken(path, key, one, ask, protect) for one in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"env"}:
        found = os.environ.get(str(value["env"]))
        if found is None:
            raise ToolError(f"{path}: {key}: the environment has no {value['env']}", USAGE)
        return protect(found)
    if set(value) == {"prompt"}:
        if ask is None:
            raise ToolError(f"{path}: {key}: wants to be typed, and nobody is there to ask", USAGE)
        return protect(ask(str(value["prompt"])))
    raise ToolError(f"{path}: {key}: must be a value, {{ env = ... }} or {{ prompt = ... }}", USAGE)


def check(flat, name="configuration"):
    """ToolError with the key, when the firmware would not take that configuration."""
    config = firmware.load("config")
    try:
        config.load(nest(flat))
    except config.ConfigError as error:
        raise ToolError(f"{name}: {error}", USAGE) from None


def unknown(key):
    """What is wrong with a key that the table does not have, and the nearest one."""
    near = firmware.load("config")._nearest(key)
    return f"{key}: no such key, " + (f"did you mean {near}?" if near else "siplet provision show --all lists them")


def parse(key, text):
    """The value that a text on the command line or in a CSV stands for, by the key's kind; ToolError."""
    rows = table()
    if key not in rows:
        raise ToolError(unknown(key), USAGE)
    kind = rows[key][0]
    if kind == "bool":
        words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
        if text.lower() not in words:
            raise ToolError(f"{key}: must be true or false", USAGE)
        return words[text.lower()]
    try:
        if kind == "int":
            return int(text, 0)
        if kind == "pins":
            return [int(part, 0) for part in text.split(",") if part.strip()]
    except ValueError:
        numbers = "a whole number" if kind == "int" else "whole numbers with commas between"
        raise ToolError(f"{key}: must be {numbers}", USAGE) from None
    if kind in ("targets", "texts", "secrets"):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


class Damaged(ToolError):
    """What lies on the board as its configuration is none."""


def read_board(link):
    """{key: value} of the board's configuration; {} when it has none. Damaged when what is there is no JSON."""
    data = link.get(PATH)
    if data is None:
        return {}
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    flat = flatten(document) if isinstance(document, dict) else None
    groups = {key.rpartition(".")[0] for key in table()}
    if flat is None or not groups.isdisjoint(flat):  # "sip": 5
        raise Damaged(f"{link.port}: {PATH} on the board is damaged; siplet provision FILE.toml writes it anew")
    return flat


def write_board(link, flat, progress=None):
    """Replaces the board's configuration: there is the old one or the new one, never a part; verified.

    progress(done, total): bytes. ToolError with what to do; a full file system is one.
    """
    from siplet_tools.board import building, upload
    from siplet_tools.board.link import BoardError

    data = (json.dumps(nest(flat), indent=1, ensure_ascii=False) + "\n").encode()
    link.fresh()
    try:
        arrived = upload.upload(link, {PATH: data}, progress).get(PATH) == building.sha256(data)
        if arrived:
            upload.put_in_place(link, [PATH])
            return
    except BoardError as error:
        if "OSError: 28" not in error.trace and "ENOSPC" not in error.trace:
            raise
        _sweep(link)
        raise ToolError(
            f"{link.port}: the board's file system is full, its configuration is the old one; remove files of yours "
            "(mpremote fs rm), then the same again"
        ) from None
    _sweep(link)
    raise ToolError(f"{link.port}: the configuration arrived damaged, the old one is still there; try again")


def _sweep(link):
    # Takes back what has been written so far
    from siplet_tools.board import upload

    with contextlib.suppress(ToolError):  # the next try writes over it
        upload.put_in_place(link, [], [PATH + ".new"])


def registers(flat):
    """Whether the first account of that configuration registers anywhere, as firmware/siplet/account.py decides it."""
    wish = flat.get("sip.register")
    return bool(flat.get("sip.password") or flat.get("sip.registrar")) if wish is None else wish


def merged(old, new, board=""):
    """new, and what it says nothing of: of Wi-Fi what the board has, for Improv may have set it; of pins what it has,
    or the wiring in its boards/NAME/README.md. board: its name.
    """
    from siplet_tools.board import catalog

    wiring = {key: value for key, value in old.items() if key.startswith("board.")}
    if not wiring and board:
        wiring = flatten(catalog.board(board).get("defaults", {}))
    usual = {**wiring, **{key: value for key, value in old.items() if key.startswith("wifi.")}}
    groups = {key.split(".")[0] for key in new}
    return {**{key: value for key, value in usual.items() if key.split(".")[0] not in groups}, **new}


def differences(old, new):
    """[(key, old, new), ...] sorted; None for what is not there."""
    keys = sorted(set(old) | set(new))
    return [(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]
