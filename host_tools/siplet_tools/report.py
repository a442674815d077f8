"""The short report of a call: a table with one column for each end, and the verdict underneath.

Imports the standard library alone. A row is (label, value, value, ...); a value of None prints as a dash.
"""

_PLAIN = str.maketrans(dict.fromkeys("┌┬┐├┼┤└┴┘", "+") | {"─": "-", "│": "|", "–": "-", "✓": "ok:", "✗": "NOT:"})
_BOLD, _GREEN, _RED, _DIM, _RESET = "\033[1m", "\033[32m", "\033[31m", "\033[2m", "\033[0m"


class Report:
    """Collects rows and checks. `ends` are the names over the columns; `title` stands above."""

    def __init__(self, title, ends):
        self._title = title
        self._ends = list(ends)
        self._rows = []
        self.checks = []

    def row(self, label, *values):
        """One line of figures: a value for each end."""
        self._rows.append((label, ["–" if value is None else str(value) for value in values]))

    def rule(self):
        """A line between groups of rows."""
        self._rows.append(None)

    def check(self, good, text):
        """One statement that is true or fails the report; returns `good`."""
        self.checks.append((bool(good), text))
        return good

    @property
    def ok(self):
        """Whether something was checked and every check was good."""
        return bool(self.checks) and all(good for good, _ in self.checks)

    def text(self, colour=False, plain=False):
        """The report as text, for a terminal (`colour`), a file, or (`plain`) whatever knows ASCII alone."""
        rows = [row for row in self._rows if row]
        columns = [[label for label, _ in rows] + [""]]
        for number, end in enumerate(self._ends):
            columns.append([end] + [values[number] for _, values in rows if number < len(values)])
        widths = [max(map(len, column)) for column in columns]

        def paint(code, text):
            return code + text + _RESET if colour else text

        def border(left, middle, right):
            return paint(_DIM, left + middle.join("─" * (width + 2) for width in widths) + right)

        bar = paint(_DIM, "│")
        lines = [paint(_BOLD, self._title), border("┌", "┬", "┐")]
        heads = [f" {end:>{width}} " for end, width in zip(self._ends, widths[1:])]
        lines.append(bar + bar.join([" " * (widths[0] + 2)] + [paint(_BOLD, head) for head in heads]) + bar)
        lines.append(border("├", "┼", "┤"))
        for row in self._rows:
            if row is None:
                lines.append(border("├", "┼", "┤"))
                continue
            label, values = row
            values = values + ["–"] * (len(self._ends) - len(values))
            cells = [f" {label:<{widths[0]}} "] + [f" {value:>{width}} " for value, width in zip(values, widths[1:])]
            lines.append(bar + bar.join(cells) + bar)
        lines.append(border("└", "┴", "┘"))
        for good, text in self.checks:
            lines.append((paint(_GREEN, "✓ ") if good else paint(_RED, "✗ ")) + text)
        text = "\n".join(lines) + "\n"
        return text.translate(_PLAIN) if plain else text


def media_rows(report, *stats):
    """Adds the rows that every call has, from Stream.stats of each end (dictionaries; an end may be None)."""
    for label, key, form in (
        ("packets sent", "sent", "{:.0f}"),
        ("packets received", "received", "{:.0f}"),
        ("lost", "lost", "{:.0f}"),
        ("late", "late", "{:.0f}"),
        ("jitter", "jitter", "{:.1f} ms"),
        ("delay in the jitter buffer", "delay", "{:.0f} ms"),
    ):
        values = [stat.get(key) if stat else None for stat in stats]
        report.row(label, *[None if value is None else form.format(value) for value in values])
