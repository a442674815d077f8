# siplet itself on this CPython: its configuration's table, its phone. Imports errors and interpreter's ROOT.

import importlib
import os
import sys

from siplet_tools.errors import USAGE, ToolError
from siplet_tools.interpreter import ROOT

FOLDER = os.path.join(ROOT, "firmware")


def load(name):
    """The module siplet.NAME, or siplet.NAME.NAME; ToolError when these tools stand alone, without the firmware."""
    if not os.path.isdir(os.path.join(FOLDER, "siplet")):
        raise ToolError(
            "siplet's firmware is not here: install the tools from a checkout of it, pip install -e host_tools", USAGE
        )
    # `micropython` is a module of MicroPython; for CPython there is one that does nothing
    for folder in (os.path.join(ROOT, "host_tools", "siplet_tools", "shim"), FOLDER):
        if folder not in sys.path:
            sys.path.append(folder)
    return importlib.import_module("siplet." + name)
