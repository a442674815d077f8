# From a traceback of compiled code back to its source: what siplet deploy has left below build/. Imports ROOT.

import glob
import os
import re

from siplet_tools.interpreter import ROOT

_FRAME = re.compile(r'  File "([^"]{1,200})", line (\d{1,6})(?:, in (\S{1,100}))?$')


class Sources:
    """The joined sources of the build that was deployed last, and what the short names in them stand for."""

    def __init__(self, folder=None):
        folders = glob.glob(os.path.join(ROOT, "build", "deploy", "*-py"))
        self.folder = folder or (max(folders, key=os.path.getmtime) if folders else None)
        self._names, self._files = {}, {}
        if self.folder:
            self._names = _read_names(os.path.join(self.folder, "names.txt"))
            for path in glob.glob(os.path.join(self.folder, "**", "*.py"), recursive=True):
                self._files.setdefault(os.path.basename(path)[:-3], []).append(path)

    def explain(self, line):
        """The lines to show for one line of a traceback: itself, and its source when that is known; [] for no frame."""
        match = _FRAME.match(line)
        if not match:
            return []
        name, number, function = match[1], int(match[2]), match[3] or ""
        full = self._full_names(function)
        lines = [line + (f"   ({full})" if full else "")]
        path = self._find(name)
        if path and number > 1:
            text = _line_of(path, number)
            if text:
                lines.append(f"    {text}      {os.path.relpath(path, ROOT)}:{number}")
        elif path and function:
            found = _definition(path, function)
            if found:
                lines.append(f"    {found[1]}      {os.path.relpath(path, ROOT)}:{found[0]}")
        return lines

    def _full_names(self, function):
        return ", ".join(self._names.get(function, ())[:4])

    def _find(self, name):
        stem = os.path.basename(name).rpartition(".")[0] or os.path.basename(name)
        paths = self._files.get(stem, [])
        exact = [path for path in paths if path.endswith(name.replace("/", os.sep).removesuffix(".mpy") + ".py")]
        return (exact or paths)[0] if len(exact or paths) == 1 else None


def _read_names(path):
    try:
        with open(path, encoding="utf-8") as file:
            return {words[0]: words[1:] for words in map(str.split, file) if len(words) > 1}
    except OSError:
        return {}


def _line_of(path, number):
    try:
        with open(path, encoding="utf-8") as file:
            for i, line in enumerate(file, 1):
                if i == number:
                    return line.strip()[:160]
    except OSError:
        pass
    return ""


def _definition(path, function):
    # (line number, text) of the one definition of that name; None when there are several
    found = []
    with open(path, encoding="utf-8") as file:
        for i, line in enumerate(file, 1):
            if re.match(rf"\s*(async )?def {re.escape(function)}\(", line):
                found.append((i, line.strip()[:160]))
    return found[0] if len(found) == 1 else None
