# The module `os` of the virtual board: what the PC's lacks. Imports nothing. (board_modules fills in the rest.)

from collections import namedtuple as _namedtuple

_Uname = _namedtuple("uname", ("sysname", "nodename", "release", "version", "machine"))
_uname = None


def uname():
    return _uname


def sync():
    """All that was written is in the flash: files are written through."""


def set_up(options):
    global _uname
    name = options["platform"]
    release = options["release"][1:]
    _uname = _Uname(name, name, release, f"{options['release']} on {options['date']}", options["machine"])
