# The tables that make bench prints. Imports the standard library only.

import sys


def number(value):
    """12345 -> "12,345"; text and fractions stay readable; None is blank."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.1f}" if value < 1000 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def table(title, columns, rows, note=""):
    """Prints a table: the first column is text, the others are numbers, right-aligned. A row of None is a rule."""
    cells = [[number(cell) for cell in row] for row in rows if row]
    widths = [max(len(row[i]) for row in [columns, *cells]) for i in range(len(columns))]
    print(f"\n{title}\n")
    print("  " + _line(columns, widths))
    rule = "  " + "-" * (sum(widths) + 3 * (len(widths) - 1))
    print(rule)
    for row in rows:
        print("  " + _line([number(cell) for cell in row], widths) if row else rule)
    for line in note.splitlines():
        print("  " + line)
    sys.stdout.flush()


def _line(cells, widths):
    numbers = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
    return "   ".join([cells[0].ljust(widths[0]), *numbers]).rstrip()


def doing(text):
    """Says on a terminal what takes time; the next line overwrites it."""
    if sys.stderr.isatty():
        print(f"\r\033[K  {text} ...", end="\r", file=sys.stderr, flush=True)
