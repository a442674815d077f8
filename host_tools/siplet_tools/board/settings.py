# A board's configuration on the host: TOML here, JSON there, checked by the firmware's own table. Imports errors,
# firmware, tomlkit.
#
# Both nest by the dots of the keys: [sip] address = "..." is sip.address. A secret may stand in the file, or be named:
#
#     password = { env = "DOOR_PASSWORD" }       from the environment
#     password = { prompt = "SIP password" }     asked for, without an echo

import json
import os

from siplet_tools import firmware
from siplet_tools.errors import USAGE, ToolError

PATH = "/config.json"
MASK = "********"


def table():
    """{key: (kind, default, least, most, help)} of siplet.config."""
    return {row[0]: tuple(row[1:]) for row in firmware.load("config").TABLE}


def is_secret(key):
    """Whether the value of that key is never shown."""
    row = table().get(key)
    return key.rpartition(".")[2] == "password" or bool(row and row[0] in ("secret", "secrets"))


def masked(key, value):
    """value as it may be shown, str."""
    if is_secret(key):
        return MASK if value else "(empty)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def read_toml(path, ask=None):
    """{key: value} of a TOML file, secrets taken from where it says. ask(text): what is typed for a prompt.

    ToolError with the file and its line, or key, for whatever cannot be used.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        with open(path, encoding="utf-8") as file:
            document = tomlkit.parse(file.read()).unwrap()
    except OSError as error:
        raise ToolError(f"{path}: cannot be read ({error.strerror})", USAGE) from None
    except UnicodeDecodeError:
        raise ToolError(f"{path}: is not UTF-8 text", USAGE) from None
    except TOMLKitError as error:
        line = getattr(error, "line", None)
        what = str(error).split(" at line")[0] if not _may_quote(error) else "a value"
        raise ToolError(f"{path}: is not valid TOML" + (f", line {line}: {what}" if line else ""), USAGE) from None
    return {key: _taken(path, key, value, ask) for key, value in flatten(document).items()}


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


def _taken(path, key, value, ask):
    if not isinstance(value, dict):
        return value
    if set(value) == {"env"}:
        found = os.environ.get(str(value["env"]))
        if found is None:
            raise ToolError(f"{path}: {key}: the environment has no {value['env']}", USAGE)
        return found
    if set(value) == {"prompt"}:
        if ask is None:
            raise ToolError(f"{path}: {key}: wants to be typed, and nobody is there to ask", USAGE)
        return ask(str(value["prompt"]))
    raise ToolError(f"{path}: {key}: no such key, or not {{ env = ... }} or {{ prompt = ... }}", USAGE)


def check(flat, name="configuration"):
    """ToolError with the key, when the firmware would not take that configuration."""
    config = firmware.load("config")
    try:
        config.load(nest(flat))
    except config.ConfigError as error:
        raise ToolError(f"{name}: {error}", USAGE) from None


def parse(key, text):
    """The value that a text on the command line stands for, by the key's kind; ToolError."""
    rows = table()
    if key not in rows:
        near = firmware.load("config")._nearest(key)
        raise ToolError(f"{key}: no such key" + (f", did you mean {near}?" if near else ""), USAGE)
    kind, default = rows[key][:2]
    if kind == "bool":
        words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
        if text.lower() not in words:
            raise ToolError(f"{key}: must be true or false", USAGE)
        return words[text.lower()]
    if kind == "int" or kind == "pin":
        try:
            return int(text, 0)
        except ValueError:
            raise ToolError(f"{key}: must be a whole number", USAGE) from None
    if isinstance(default, (tuple, list)) or kind in ("targets", "texts", "secrets", "pins"):
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if kind == "pins":
            return [parse_int(key, part) for part in parts]
        return parts
    return text


def parse_int(key, text):
    try:
        return int(text, 0)
    except ValueError:
        raise ToolError(f"{key}: must be whole numbers with commas between", USAGE) from None


def read_board(link):
    """{key: value} of the board's configuration; {} when it has none. ToolError when what is there is no JSON."""
    data = link.get(PATH)
    if data is None:
        return {}
    try:
        document = json.loads(data)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise ToolError(f"{link.port}: {PATH} on the board is damaged; siplet provision FILE.toml writes it anew")
    return flatten(document)


def write_board(link, flat):
    """Replaces the board's configuration: there is the old one or the new one, never a part; verified."""
    from siplet_tools.board import building, upload

    data = (json.dumps(nest(flat), indent=1, ensure_ascii=False) + "\n").encode()
    link.fresh()
    if upload.upload(link, {PATH: data}).get(PATH) != building.sha256(data):
        raise ToolError(f"{link.port}: the configuration arrived damaged, the old one is still there; try again")
    upload.put_in_place(link, [PATH])


def registers(flat):
    """Whether the first account of that configuration registers anywhere, as firmware/siplet/account.py decides it."""
    wish = flat.get("sip.register")
    return bool(flat.get("sip.password") or flat.get("sip.registrar")) if wish is None else wish


def merged(old, new):
    """new, and what the board has of Wi-Fi when new says nothing of it: Improv may have set it."""
    if any(key.startswith("wifi.") for key in new):
        return dict(new)
    return {**{key: value for key, value in old.items() if key.startswith("wifi.")}, **new}


def differences(old, new):
    """[(key, old, new), ...] sorted; None for what is not there."""
    keys = sorted(set(old) | set(new))
    return [(key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)]
