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
from dataclasses import dataclass

from siplet_tools.board import settings
from siplet_tools.errors import USAGE, ToolError

COLUMNS = ("line", "mac", "time", "result", "detail")
_MAC = re.compile(r"[0-9a-f]{12}$")


@dataclass
class Row:
    """line: of the CSV, 2 is the first; mac: 12 hex digits or ""; config: {key: value}."""

    line: int
    mac: str
    config: dict


def normal_mac(text, where):
    """12 hex digits of a MAC in any of its usual forms; ToolError."""
    mac = re.sub(r"[\s:.-]", "", text).lower()
    if mac and not _MAC.match(mac):
        raise ToolError(f"{where}: {text!r} is no MAC address, 24:6f:28:aa:bb:cc", USAGE)
    return mac


def read(csv_path, template_path, ask=None):
    """[Row, ...], all of them checked by the firmware's table; ToolError that names the line and the column."""
    template = settings.read_toml(template_path, ask)
    try:
        with open(csv_path, newline="", encoding="utf-8-sig") as file:
            text = file.read()
    except OSError as error:
        raise ToolError(f"{csv_path}: cannot be read ({error.strerror})", USAGE) from None
    except UnicodeDecodeError:
        raise ToolError(f"{csv_path}: is not UTF-8 text; save it as CSV UTF-8", USAGE) from None
    head = text.split("\n", 1)[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    lines = csv.reader(io.StringIO(text), delimiter=delimiter)
    columns = [name.strip() for name in next(lines, [])]
    _check_columns(csv_path, template_path, columns, template)
    rows, macs = [], {}
    for cells in lines:
        line = lines.line_num
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(columns):
            raise ToolError(f"{csv_path}, line {line}: has {len(cells)} columns, the first line {len(columns)}", USAGE)
        values = dict(zip(columns, (cell.strip() for cell in cells)))
        where = f"{csv_path}, line {line}"
        mac = normal_mac(values.pop("mac", ""), where)
        if mac and mac in macs:
            raise ToolError(f"{where}: the MAC {mac} stands in line {macs[mac]} already", USAGE)
        macs[mac] = line
        config = _fill(template, values, where)
        settings.check(config, where)
        rows.append(Row(line, mac, config))
    if not rows:
        raise ToolError(f"{csv_path}: has no row; the first line names the columns", USAGE)
    return rows


def _check_columns(csv_path, template_path, columns, template):
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise ToolError(f"{csv_path}: the column {min(twice)} is there twice", USAGE)
    known = settings.table()
    used = set()
    for key, value in template.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str):
                names = _names(text, f"{template_path}: {key}")
                missing = names - set(columns)
                if missing:
                    raise ToolError(
                        f"{csv_path}: has no column {min(missing)}, which {template_path} uses in {key}", USAGE
                    )
                used |= names
    for name in columns:
        if name != "mac" and name not in known and name not in used:
            settings.parse(name, "") if "." in name else None
            raise ToolError(
                f"{csv_path}: the column {name!r} is no key, and {template_path} does not use it as {{{name}}}", USAGE
            )


def _names(text, where):
    try:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    except ValueError:
        raise ToolError(f"{where}: a single brace; write {{{{ for one that is meant", USAGE) from None


def _fill(template, values, where):
    def filled(value):
        if isinstance(value, list):
            return [filled(one) for one in value]
        if not isinstance(value, str):
            return value
        # Names alone are replaced, not what Python's format could reach by them
        return "".join(
            text + (values[name] if name is not None else "") for text, name, _, _ in string.Formatter().parse(value)
        )

    config = {key: filled(value) for key, value in template.items()}
    known = settings.table()
    for name, text in values.items():
        if name in known and text:
            try:
                config[name] = settings.parse(name, text)
            except ToolError as error:
                raise ToolError(f"{where}: {error}", USAGE) from None
    return config


class Results:
    """What has been done, in a CSV of COLUMNS; the last word on a line counts."""

    def __init__(self, path):
        self.path = path
        self.entries = []
        if os.path.exists(path):
            with open(path, newline="", encoding="utf-8") as file:
                self.entries = [entry for entry in csv.DictReader(file) if entry.get("line", "").isdigit()]

    def done(self):
        """{line: mac} of the rows that a board has."""
        state = {}
        for entry in self.entries:
            if entry["result"] == "ok":
                state[int(entry["line"])] = entry["mac"]
        return state

    def add(self, line, mac, time, result, detail=""):
        """Writes the file anew, the old one is there until the new one is whole. detail: without secrets."""
        self.entries.append(dict(zip(COLUMNS, (str(line), mac, time, result, " ".join(str(detail).split())))))
        with open(self.path + ".new", "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(self.entries)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)


def assign(rows, done, mac):
    """The Row for a board of that MAC: the one that names it, the one that it has, else the next that nobody has.

    done: Results.done(). None when no row is left for it.
    """
    for row in rows:
        if row.mac and row.mac == mac:
            return row
    for row in rows:
        if not row.mac and mac and done.get(row.line) == mac:
            return row
    return next((row for row in rows if not row.mac and row.line not in done), None)


def left(rows, done):
    """The rows that no board has yet."""
    return [row for row in rows if row.line not in done]
