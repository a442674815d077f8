# The boards that siplet knows: boards/NAME/board.json. Imports errors and interpreter's ROOT.

import difflib
import glob
import json
import os

from siplet_tools.errors import USAGE, ToolError
from siplet_tools.interpreter import ROOT


def boards():
    """{name: what its board.json says, a dict with name, title, port, architecture, files ...}, sorted by name."""
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "boards", "*", "board.json"))):
        try:
            with open(path, encoding="utf-8") as file:
                board = json.load(file)
            found[board["name"]] = board
        except (OSError, ValueError, KeyError, TypeError):
            raise ToolError(f"{os.path.relpath(path)}: is not a board's description, JSON with a name", USAGE) from None
    return found


def board(name):
    """One of boards(); ToolError that lists them, or the nearest, when it is unknown."""
    known = boards()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(known)
    raise ToolError(f"no board {name}: {hint}", USAGE)


def fitting(facts):
    """The name of the board for an attached one that nobody named: by its chip, None when there is none."""
    return next((name for name, board in boards().items() if facts.chip in (name, board.get("chip"))), None)
