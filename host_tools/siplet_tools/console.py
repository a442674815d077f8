# What a person sees of a command: lines, verdicts, a bar for long work. Imports click; rich where it draws.
#
# With --json standard output holds one JSON document and nothing else; all that is for eyes goes to standard error.
# A bar gives way to each line and each question, and is drawn again below it.

import contextlib
import json
import os
import shutil
import sys
import textwrap
import threading

import click

_state = {"json": False, "bar": None}
_lock = threading.RLock()
MARKS = {"ok": ("✓", "green"), "failed": ("✗", "red"), "note": ("!", "yellow"), "skipped": ("·", None)}


def clean(text):
    """text without characters that could steer a terminal: what boards and networks say is not to be trusted."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in str(text))


def _one_line(text):
    # No stranger adds lines that look like ours
    return clean(text).replace("\n", " ")


def json_mode(on):
    """Whether standard output is for a script alone. The option --json of a command calls it."""
    _state["json"] = on


def _stream():
    return sys.stderr if _state["json"] else sys.stdout


def _write(text, bold=False, colour=None):
    encoding = getattr(_stream(), "encoding", None) or "utf-8"
    text = text.encode(encoding, "replace").decode(encoding)  # a terminal without arrows is no reason to fail
    with aside():
        click.secho(text, fg=colour, bold=bold, err=_state["json"])


def say(text="", colour=None, bold=False):
    """A line for the person."""
    _write(clean(text), bold, colour)


def warn(text):
    """A line on standard error."""
    with aside():
        click.secho("siplet: " + clean(text), fg="yellow", err=True)


def verdict(kind, text, advice=""):
    """A line with a mark in front: kind ok, failed, note or skipped; what to do about it below."""
    mark, colour = MARKS[kind]
    encoding = (getattr(_stream(), "encoding", None) or "utf-8").lower()
    if not encoding.startswith("utf"):
        mark = {"ok": "ok", "failed": "FAILED", "note": "!", "skipped": "-"}[kind]
    _write(f"{mark} {_one_line(text)}", colour=colour)
    if advice:
        _write(f"  {_one_line(advice)}")


def result(value):
    """The document that --json asks for: value, of lists, dicts, texts and numbers."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    # What no terminal should get stands in texts alone, where JSON has another way to write it
    click.echo("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def table(head, rows):
    """Columns as wide as they need to be; on a terminal that is too narrow for them, some lines for each row.

    head: tuple of str; rows: tuples of the same length.
    """
    rows = [tuple(_one_line("" if cell is None else cell) for cell in row) for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    room = shutil.get_terminal_size().columns if _stream().isatty() else None
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [head, *rows]]
    if room is None or max(map(len, lines)) <= room:
        for i, line in enumerate(lines):
            _write(line, bold=not i)
        return
    names = max(map(len, head[1:]), default=0)
    for row in rows:
        _write(row[0], bold=True)
        for name, cell in zip(head[1:], row[1:]):
            first = f"  {name:{names}}  "
            for part in textwrap.wrap(cell, max(room - len(first), 8)):
                _write(first + part)
                first = " " * len(first)


def secret(text):
    """What is typed without an echo."""
    with aside():
        return click.prompt(clean(text), hide_input=True, err=True)


def confirm(text):
    """Whether the person says yes."""
    with aside():
        return click.confirm(clean(text), err=True)


@contextlib.contextmanager
def aside():
    """with aside(): no bar stands on the terminal meanwhile."""
    with _lock:
        bar = _state["bar"]
        shown = bar is not None and bar.hide()
        try:
            yield
        finally:
            if shown:
                bar.draw()


@contextlib.contextmanager
def busy(text):
    """with busy("joining Attic"): the bar that is there tells it meanwhile; without one a bar or a line of its own."""
    bar = _state["bar"]
    if bar is None:
        with progress(text):
            yield
        return
    former = bar.text
    bar.rename(text)
    try:
        yield
    finally:
        bar.rename(former)


class progress:
    """with progress("flashing") as step: step(done, total): a bar on a terminal, a line every 10 % elsewhere.

    unit: of what is counted; lines: False: nothing where no terminal is. The first sign stands there at once, before
    anything is known of the whole.
    """

    def __init__(self, text, unit="bytes", lines=True):
        self.text, self.unit, self.lines = _one_line(text), unit, lines
        self._done, self._total = 0, None
        self._bar = self._task = self._outer = None
        self._tenth = -1

    def __enter__(self):
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            self.lines = False
            with _lock:
                self._outer, _state["bar"] = _state["bar"], self
                if self._outer:
                    self._outer.hide()
                self.draw()
        else:
            self.lines = self.lines or sys.stderr.isatty()
            if self.lines:
                click.echo(f"{self.text} ...", err=True)
        return self.step

    def draw(self):
        """On a terminal: the bar is there."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        texts = [TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[count]}")]
        columns = [texts[0], BarColumn(), texts[1]]
        if self.unit in ("bytes", "s"):  # of the others each takes its own time
            columns.append(TimeRemainingColumn())
        # What is printed meanwhile stays where it was sent to
        self._bar = Progress(
            *columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._task = self._bar.add_task(self.text, total=self._total, completed=self._done, count=self._count())
        self._bar.start()

    def hide(self):
        """The bar is away; whether it was there."""
        bar, self._bar = self._bar, None
        if bar:
            bar.stop()
        return bar is not None

    def rename(self, text):
        """Another text in front of the bar."""
        self.text = _one_line(text)
        with _lock:
            if self._bar:
                self._bar.update(self._task, description=self.text)

    def step(self, done, total):
        """done of total, None: of nobody knows how many; may come as often as it likes."""
        self._done, known, self._total = done, self._total, total
        if self.lines:
            tenth = 10 * done // total if total else self._tenth
            if tenth != self._tenth:
                self._tenth = tenth
                click.echo(f"{self.text} {10 * tenth} %", err=True)
            return
        with _lock:
            if self._bar and known is not None and total is None:  # which no bar of rich's takes back
                self.hide()
                self.draw()
            elif self._bar:
                self._bar.update(self._task, completed=done, total=total, count=self._count())

    def _count(self):
        if not self._total:
            return ""
        if self.unit == "bytes":
            return f"{self._done >> 10}/{self._total >> 10} KB"
        return f"{self._done}/{self._total} {self.unit}"

    def __exit__(self, kind, error, trace):
        with _lock:
            self.hide()
            if _state["bar"] is self:
                _state["bar"] = self._outer
                if self._outer:
                    self._outer.draw()
