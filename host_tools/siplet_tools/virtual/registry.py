# Which virtual boards run on this computer: a JSON file for each in a folder of this user's.
# Imports the standard library.

import contextlib
import errno
import json
import os
import shutil
import stat
import tempfile
import threading

SCRATCH = "siplet-virtual-"  # how the names of folders for what a board needs while it runs begin


def folder():
    """The folder of the files; it is made when it is missing, for this user alone."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and os.path.isdir(runtime) and os.access(runtime, os.W_OK):
        path = os.path.join(runtime, "siplet")
    else:
        user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
        path = os.path.join(tempfile.gettempdir(), f"siplet-{user}")
    os.makedirs(path, mode=0o700, exist_ok=True)
    if hasattr(os, "getuid"):
        found = os.lstat(path)
        if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode) or found.st_mode & 0o022:
            # Whoever can write there could pretend to be a board, and be told passwords
            raise PermissionError(errno.EPERM, "belongs to another user, or others may write there: remove it", path)
    return path


def running(unplugged=False):
    """[{"port", "pid", "control", "chip", "mac", "folder"}, ...] of those that live, in the order of their ports.

    unplugged: those as well whose cable is out, with None for the port. control: path of the socket of virtual.control.
    A file whose process has ended is removed.
    """
    found = []
    if os.name == "nt":  # has no pseudo-terminals
        return found
    try:
        names = sorted(os.listdir(folder()))
    except OSError:
        return found
    for name in names:
        if not name.endswith(".json"):
            continue
        path = os.path.join(folder(), name)
        try:
            with open(path, encoding="utf-8") as file:
                entry = json.load(file)
            if _lives(int(entry["pid"])):
                if entry["port"] or unplugged:
                    found.append(entry)
                continue
            _tidy(entry.get("control"))
        except (ValueError, KeyError, TypeError):
            pass  # not ours, or half of one
        except OSError:
            continue
        with contextlib.suppress(OSError):
            os.remove(path)
    return sorted(found, key=lambda entry: entry["port"] or "")


def _tidy(control):
    # What a board that was killed has left
    place = os.path.dirname(str(control))
    if os.path.basename(place).startswith(SCRATCH) and os.path.isdir(place):
        shutil.rmtree(place, ignore_errors=True)


def _lives(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class Entry:
    """The file of one board. name: of the file."""

    def __init__(self, name):
        self._name = name
        self._known = {}
        self._one = threading.Lock()  # a cable may be pulled by two at once
        self._gone = False

    def write(self, **known):
        """Tells others, at once and whole; after remove(), nothing."""
        with self._one:
            if self._gone:
                return
            self._known.update(known)
            path = self._path()
            with open(path + ".new", "w", encoding="utf-8") as file:
                json.dump(self._known, file)
            os.replace(path + ".new", path)

    def remove(self):
        with self._one, contextlib.suppress(OSError):
            self._gone = True
            os.remove(self._path())

    def _path(self):
        return os.path.join(folder(), self._name + ".json")
