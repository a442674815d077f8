# From a traceback of compiled code back to its source: what siplet deploy has left below build/. Imports ROOT.
#
# Code that was deployed with --lines names its lines; other code its functions alone, whose definition is shown then.

import ast
import glob
import os
import re

from siplet_tools.interpreter import ROOT

_FRAME = re.compile(r'  File "([^"]{1,200})", line (\d{1,6})(?:, in (\S{1,100}))?$')
_RAISED = re.compile(r"[A-Za-z_.]{1,80}(?:Error|Exception|Exit|Interrupt)\b")
_WORD = re.compile(r"\b_\w{1,80}")
_MOST = 3  # places that are shown when it may be one of several


class Sources:
    """The joined sources of the build that was deployed last, and what the short names in them stand for.

    folder: of those; None: the last one below build/deploy/.
    """

    def __init__(self, folder=None):
        folders = glob.glob(os.path.join(ROOT, "build", "deploy", "*-py"))
        self.folder = folder or (max(folders, key=os.path.getmtime) if folders else None)
        self._names, self._files, self._parsed = {}, {}, {}
        if self.folder:
            self._names = _read_names(os.path.join(self.folder, "names.txt"))
            for path in sorted(glob.glob(os.path.join(self.folder, "**", "*.py"), recursive=True)):
                self._files.setdefault(os.path.basename(path)[:-3], []).append(path)

    def explain(self, line):
        """The lines to show for one of a traceback: itself, and its source when that is known; [] for another line."""
        match = _FRAME.match(line)
        if match:
            path = None if match[1].endswith(".py") else self._find(match[1])  # text on the board is not ours
            return self._frame(line, path, int(match[2]), match[3] or "") if path else [line]
        if _RAISED.match(line):
            short = {name: self._real("", name) for name in _WORD.findall(line)}
            told = ", ".join(f"{name} is {real}" for name, real in short.items() if real)
            return [line + (f"   ({told})" if told else "")]
        return []

    def _frame(self, line, path, number, function):
        text, functions = self._parse(path)
        inside = [one for one in functions if one[0] <= number <= one[1]] if number > 1 else []
        if number > 1 and number <= len(text):
            full = inside[-1][2] if inside else ""
            places = [number]
        else:
            found = [one for one in functions if one[2].rpartition(".")[2] == function]
            full = found[0][2] if len(found) == 1 else ""
            places = [one[0] for one in found[:_MOST]]
        real = self._real(full.rpartition(".")[0], function)
        real = real or (full if "." in full else "")
        lines = [line + (f"   ({real})" if real else "")]
        where = os.path.relpath(path, ROOT)
        return lines + [f"    {text[place - 1].strip()[:160]}      {where}:{place}" for place in places]

    def _real(self, owner, name):
        # What a short name stands for, by the class it belongs to when that is known; "" when it is none
        found = self._names.get(name, [])
        own = [real for real in found if real.rpartition(".")[0] == owner]
        return ", ".join(dict.fromkeys(own or found[: _MOST + 1]))

    def _find(self, name):
        # The file of a traceback's name; None when there is none, or more than one
        stem = os.path.splitext(os.path.basename(name))[0]
        paths = self._files.get(stem, [])
        exact = [path for path in paths if path.endswith(os.path.splitext(name)[0].replace("/", os.sep) + ".py")]
        return (exact or paths)[0] if len(exact or paths) == 1 else None

    def _parse(self, path):
        # ([line, ...], [(first line, last line, "Class.function"), ...]), the inner ones behind the outer ones
        if path not in self._parsed:
            try:
                with open(path, encoding="utf-8") as file:
                    text = file.read()
                functions = list(_functions(ast.parse(text), ""))
            except (OSError, ValueError, SyntaxError):
                text, functions = "", []
            self._parsed[path] = text.splitlines(), functions
        return self._parsed[path]


def _functions(node, owner):
    for child in ast.iter_child_nodes(node):
        name = getattr(child, "name", None)
        if isinstance(child, ast.ClassDef):
            yield from _functions(child, name)
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield child.lineno, child.end_lineno, f"{owner}.{name}" if owner else name
            yield from _functions(child, "")
        else:
            yield from _functions(child, owner)


def _read_names(path):
    try:
        with open(path, encoding="utf-8") as file:
            return {words[0]: words[1:] for words in map(str.split, file) if len(words) > 1}
    except OSError:
        return {}
