# Which pin is the bell, the relay, the lamp: as the board's own configuration says, else as its description does.
# Imports errors, board.catalog.

import json
import os

from siplet_tools.errors import USAGE, ToolError

_NAMES = ("bell", "relay", "led")


def pin(settings, name):
    """The number of a pin by its name or number; ToolError when it has none. settings: settings.Settings."""
    text = str(name)
    if text.isdigit():
        if int(text) not in settings.kind.pins:
            raise ToolError(f"{settings.chip} has no pin {text}", USAGE)
        return int(text)
    if text not in _NAMES:
        raise ToolError(f"no part {text}: {', '.join(_NAMES)} or the number of a pin", USAGE)
    number = _configured(settings).get(text + "_pin", -1)
    if not isinstance(number, int) or number < 0:
        raise ToolError(f"board.{text}_pin is not set in the board's config.json: say the number of the pin", USAGE)
    return number


def active_low(settings, name):
    """Whether that part is on while its pin is low."""
    return bool(_configured(settings).get(f"{name}_active_low", False))


def _configured(settings):
    from siplet_tools.board import catalog

    told = _read(settings, "siplet.json").get("board") or settings.chip
    try:
        usual = catalog.board(told).get("defaults", {}).get("board", {})
    except ToolError:
        usual = {}
    configured = _read(settings, "config.json").get("board")
    return {**usual, **(configured if isinstance(configured, dict) else {})}


def _read(settings, name):
    try:
        with open(os.path.join(settings.files, name), encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
