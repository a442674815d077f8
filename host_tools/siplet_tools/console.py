# What a person sees of a command: lines, verdicts, a bar for long work. Imports click; rich where it draws.
#
# With --json standard output holds one JSON document and nothing else; all that is for eyes goes to standard error.

import json
import os
import sys

import click

_state = {"json": False, "quiet": False}
MARKS = {"ok": ("✓", "green"), "failed": ("✗", "red"), "note": ("!", "yellow"), "skipped": ("·", None)}


def clean(text):
    """text without characters that could steer a terminal: what boards and networks say is not to be trusted."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in str(text))


def json_mode(on):
    """Whether standard output is for a script alone. The option --json of a command calls it."""
    _state["json"] = on


def _write(text, bold=False, colour=None):
    err = _state["json"]
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    text = text.encode(encoding, "replace").decode(encoding)  # a terminal without arrows is no reason to fail
    click.secho(text, fg=colour, bold=bold, err=err)


def say(text="", colour=None, bold=False):
    """A line for the person."""
    _write(clean(text), bold, colour)


def warn(text):
    """A line on standard error."""
    click.secho("siplet: " + clean(text), fg="yellow", err=True)


def verdict(kind, text, advice=""):
    """A line with a mark in front: kind ok, failed, note or skipped; what to do about it below."""
    mark, colour = MARKS[kind]
    encoding = (getattr(sys.stderr if _state["json"] else sys.stdout, "encoding", None) or "utf-8").lower()
    if not encoding.startswith("utf"):
        mark = {"ok": "ok", "failed": "FAILED", "note": "!", "skipped": "-"}[kind]
    _write(f"{mark} {clean(text)}", colour=colour)
    if advice:
        _write(f"  {clean(advice)}")


def result(value):
    """The document that --json asks for: value, of lists, dicts, texts and numbers."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # What no terminal should get stands in texts alone, where JSON has another way to write it
    click.echo("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def table(head, rows):
    """Columns as wide as they need to be. head: tuple of str; rows: tuples of the same length."""
    rows = [tuple(clean("" if cell is None else cell) for cell in row) for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for i, row in enumerate([head, *rows]):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        _write(line, bold=not i)


class progress:
    """with progress("flashing") as step: step(done, total): a bar on a terminal, a line every 10 % elsewhere.

    The first sign stands there at once, before anything is known of the whole.
    """

    def __init__(self, text, unit="bytes"):
        self.text, self.unit = text, unit
        self._bar = self._task = None
        self._tenth = -1

    def __enter__(self):
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            from rich.console import Console
            from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

            last = (
                DownloadColumn() if self.unit == "bytes" else TextColumn("{task.completed}/{task.total} " + self.unit)
            )
            columns = (TextColumn("{task.description}"), BarColumn(), last, TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task(self.text, total=None)
        else:
            click.echo(f"{self.text} ...", err=True)
        return self.step

    def step(self, done, total):
        """done of total; may come as often as it likes."""
        if self._bar:
            self._bar.update(self._task, completed=done, total=total)
        elif total:
            tenth = 10 * done // total
            if tenth != self._tenth:
                self._tenth = tenth
                click.echo(f"{self.text} {10 * tenth} %", err=True)

    def __exit__(self, kind, error, trace):
        if self._bar:
            self._bar.stop()
