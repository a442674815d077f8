# Many boards from one CSV and a template: a row a board, by its MAC or in turn. Imports errors, settings, csv.
#
# A column is a key of the configuration (sip.password), `mac`, or a name that the template's texts use: address =
# "sip:{extension}@pbx.example". Everything is checked before the first board is touched. What has been done stands in a
# file beside the CSV, written anew after each board, so that whoever stops can go on.

import csv
import io
import os
import re
import string
import time
from dataclasses import dataclass

from siplet_tools.board import settings
from siplet_tools.errors import USAGE, ToolError

COLUMNS = ("line", "mac", "time", "result", "name", "detail")
_MAC = re.compile(r"[0-9a-f]{12}$")


@dataclass
class Row:
    """line: of the CSV, 2 is the first; mac: 12 hex digits or ""; config: {key: value}."""

    line: int
    mac: str
    config: dict

    @property
    def name(self):
        """What to call it: its SIP address, without a password."""
        return settings.masked("sip.address", self.config["sip.address"])


def normal_mac(text, where):
    """12 hex digits of a MAC in any of its usual forms; ToolError."""
    mac = re.sub(r"[\s:.-]", "", text).lower()
    if mac and not _MAC.match(mac):
        raise ToolError(f"{where}: mac: must be a MAC address such as 24:6f:28:aa:bb:cc, or empty", USAGE)
    return mac


def read(csv_path, template_path, ask=None):
    """[Row, ...], all of them checked by the firmware's table; ToolError that names the line and the column.

    ask: as of settings.read_toml(); None: what has to be typed is not asked for, a word stands in its place.
    """
    template = settings.read_toml(template_path, ask or _stand_in, _protected, template=True)
    columns, lines = _table(csv_path)
    _check_columns(csv_path, template_path, columns, template)
    rows, macs = [], {}
    for line, cells in lines:
        where = f"{csv_path}, line {line}"
        if len(cells) != len(columns):
            raise ToolError(f"{where}: has {len(cells)} columns, the first line {len(columns)}", USAGE)
        values = dict(zip(columns, cells))
        mac = values["mac"] = normal_mac(values.get("mac", ""), where)
        if mac and mac in macs:
            raise ToolError(f"{where}: the MAC {mac} stands in line {macs[mac]} already", USAGE)
        macs[mac] = line
        config = _fill(template, values, where)
        settings.check(config, where)
        rows.append(Row(line, mac, config))
    if not rows:
        raise ToolError(f"{csv_path}: has no row; the first line names the columns", USAGE)
    return rows


def _stand_in(_text):
    return "1"


def _protected(text):
    # A secret that was typed, or is in the environment, is no template
    return text.replace("{", "{{").replace("}", "}}")


def _table(path):
    # ([names of the columns], [(line number, [cell, ...]), ...])
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            text = settings.read_text(path, file)
    except OSError as error:
        raise ToolError(f"{path}: cannot be read ({error.strerror})", USAGE) from None
    except UnicodeDecodeError:
        raise ToolError(f"{path}: is not UTF-8 text; save it as CSV UTF-8", USAGE) from None
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    # Strict: a quote that nobody closes would take the rows below it into its cell
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    found, line = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                found.append((line, [cell.strip() for cell in cells]))
            line = reader.line_num + 1  # a cell in quotes may have several
    except csv.Error:
        raise ToolError(f"{path}, line {line}: is no line of a CSV", USAGE) from None
    return (found[0][1] if found else []), found[1:]


def _check_columns(csv_path, template_path, columns, template):
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise ToolError(f"{csv_path}: the column {min(twice)} is there twice", USAGE)
    known = settings.table()
    used = set()
    for key, value in template.items():
        for text in value if isinstance(value, list) else [value]:
            names = _names(text, f"{template_path}: {key}") if isinstance(text, str) else set()
            missing = names - set(columns)
            if missing:
                raise ToolError(f"{csv_path}: has no column {min(missing)}, which {template_path} uses in {key}", USAGE)
            used |= names
    if "sip.address" not in template and "sip.address" not in columns:
        raise ToolError(f"{csv_path}: has no column sip.address, and {template_path} does not say it either", USAGE)
    for name in columns:
        if name != "mac" and name not in known and name not in used:
            if "." in name:
                raise ToolError(f"{csv_path}: the column {settings.unknown(name)}", USAGE)
            raise ToolError(
                f"{csv_path}: the column {name or '(without a name)'} is no key, and {template_path} does not use it "
                f"as {{{name}}}",
                USAGE,
            )


def _names(text, where):
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        raise ToolError(f"{where}: a single brace; write {{{{ for one that is meant", USAGE) from None


def _fill(template, values, where):
    def one(name, key):
        if name == "mac" and not values[name]:
            raise ToolError(f"{where}: {key} wants the mac, and there is none in this line", USAGE)
        if not values[name]:
            raise ToolError(f"{where}: {name}: is empty, and {key} wants it", USAGE)
        return values[name]

    def filled(value, key):
        if isinstance(value, list):
            return [filled(each, key) for each in value]
        if not isinstance(value, str):
            return value
        # Names alone are replaced, not what Python's format could reach by them
        parts = string.Formatter().parse(value)
        return "".join(text + (one(name, key) if name is not None else "") for text, name, _, _ in parts)

    config = {key: filled(value, key) for key, value in template.items()}
    known = settings.table()
    for name, text in values.items():
        if name in known and text:
            try:
                config[name] = settings.parse(name, text)
            except ToolError as error:
                raise ToolError(f"{where}: {error}", USAGE) from None
    return config


class Results:
    """What has been done, in a CSV of COLUMNS, one entry for each row that a board has had: begun, ok or failed.

    ToolError when the file cannot be read, or is something else.
    """

    def __init__(self, path):
        self.path = path
        self._entries = {}
        try:
            with open(path, newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                entries = list(reader)
        except FileNotFoundError:
            return
        except (OSError, ValueError, csv.Error):
            raise ToolError(f"{path}: is no file of results; name another one with --results", USAGE) from None
        if tuple(reader.fieldnames or ()) != COLUMNS or not all((one["line"] or "").isdigit() for one in entries):
            raise ToolError(f"{path}: is no file of results; name another one with --results", USAGE)
        self._entries = {int(entry["line"]): entry for entry in entries}

    def check(self, rows):
        """ToolError when these are not the rows that it is about."""
        names = {row.line: (row.mac, row.name) for row in rows}
        for line, entry in self._entries.items():
            mac, name = names.get(line, ("", None))
            if name != entry["name"] or (mac and mac != entry["mac"]):
                raise ToolError(
                    f"{self.path}: is about another CSV, in whose line {line} was {entry['name']}; remove it, or name "
                    "another one with --results",
                    USAGE,
                )

    def state(self, row):
        """ "begun", "ok" or "failed"; "" when no board has had that row."""
        return self._entries.get(row.line, {}).get("result", "")

    def left(self, rows):
        """The rows that no board has yet."""
        return [row for row in rows if self.state(row) != "ok"]

    def row_for(self, rows, mac):
        """The Row for a board of that MAC: that which names it, the one that it has had, else the next that nobody had,
        else one that another board did not get to its end. None when no row is left for it.
        """
        for row in rows:
            if row.mac and row.mac == mac:
                return row
        free = [row for row in rows if not row.mac]
        for row in free:
            if mac and self.state(row) and self._entries[row.line]["mac"] == mac:
                return row
        left = self.left(free)
        return next((row for row in left if not self.state(row)), left[0] if left else None)

    def add(self, row, mac, result, detail=""):
        """Writes the file anew; the old one is there until the new one is whole. detail: without secrets."""
        self._entries.pop(row.line, None)
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        cells = (str(row.line), mac, now, result, row.name, " ".join(str(detail).split()))
        self._entries[row.line] = dict(zip(COLUMNS, cells))
        try:
            with open(self.path + ".new", "w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(self._entries.values())
                file.flush()
                os.fsync(file.fileno())
            os.replace(self.path + ".new", self.path)
        except OSError as error:
            raise ToolError(f"{self.path}: cannot be written ({error.strerror})", USAGE) from None
