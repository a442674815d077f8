# The shape of the tree: who may import whom, what the pure core must not touch, how long a file may be. Walks the
# import statements of every firmware file; a new module has to be given its place in MAY_IMPORT first.

import ast
import glob
import os

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASE = ("errors", "limits", "ticks")
BELOW_STREAM = ("audio", "media", "net", "offer", "platform", "sdp", "sip", *BASE)

# Module or folder of firmware/siplet -> what of siplet it may import besides its own folder. Nothing imports upward.
MAY_IMPORT = {
    "limits": (),
    "ticks": (),
    "errors": (),
    "sip": BASE,
    "sdp": BASE,
    "offer": ("sdp", *BASE),
    "media": BASE,
    "config": BASE,
    "platform": ("platform_cpython", *BASE),
    "platform_cpython": BASE,
    "net": ("platform", "sip", *BASE),
    "audio": ("media", "platform", *BASE),
    "log": ("platform", *BASE),
    "trace": ("platform", "trace_rtp", *BASE),
    "trace_rtp": ("net",),
    "waiting": ("platform", *BASE),
    "stream": BELOW_STREAM,
    "line": ("stream", *BELOW_STREAM),
    "paging_audio": ("stream", *BELOW_STREAM),
    "paging_speech": ("paging_audio", *BELOW_STREAM),
    "paging": ("paging_audio", "sound", *BELOW_STREAM),
    "sound": ("line", "log", "stream", *BELOW_STREAM),
    "call_more": ("call_transfer", "following", "sound", "texts", *BELOW_STREAM),
    "call_transfer": BELOW_STREAM,
    "following": BELOW_STREAM,
    "hunt": ("waiting", *BELOW_STREAM),
    "phone_more": ("account", "hunt", "paging", "paging_speech", "presence", "texts", "watching", *BELOW_STREAM),
    "markup": BASE,
    "pidf": ("markup", *BASE),
    "dialog_info": ("markup", *BASE),
    "mwi": BASE,
    "texts": ("waiting", *BELOW_STREAM),
    "watching": ("dialog_info", "mwi", "pidf", "waiting", *BELOW_STREAM),
    "presence": ("dialog_info", "pidf", "markup", "waiting", *BELOW_STREAM),
    "account": ("opening", *BELOW_STREAM),
    "guard": BELOW_STREAM,
    "keepalive": BELOW_STREAM,
    "delivery": ("net", "platform", "sip", *BASE),
    "call": ("call_more", "log", "stream", "waiting", *BELOW_STREAM),
    "phone": ("account", "call", "delivery", "line", "opening", "stream", "waiting", *BELOW_STREAM),
    "opening": ("account", "guard", "keepalive", "sound", *BELOW_STREAM),
    "keypad": ("platform", *BASE),
    "bring_up": ("improv_serial", "log", *BASE),
    "improv": BASE,
    "improv_serial": ("improv", "log", "platform", *BASE),
    "restart": ("log", "platform", *BASE),
    "startup": ("bring_up", "config", "log", "phone", "platform", "trace", "trace_rtp", *BASE),
    "__init__": ("call", "phone", *BASE),
}
# Outside the package: an application holds the phone and what its calls raise; a board makes what a phone is given
MAY_IMPORT_OUTSIDE = {
    "firmware/apps": ("__init__", "call", "errors", "keypad", "phone"),
    "firmware/main.py": ("__init__", "config", "log", "phone", "platform", "restart", "startup", *BASE),
    "firmware/manifest.py": (),
    "boards": ("audio", "log", "net", "platform", *BASE),
}
PURE = ("sip", "media", "sdp", "offer", "improv", "markup", "pidf", "dialog_info", "mwi", *BASE)
IMPURE = "_thread asyncio machine network os random select socket ssl sys threading time tls".split()
FILES = sorted(
    os.path.relpath(path, ROOT)
    for folder in ("firmware", "boards")
    for path in glob.glob(os.path.join(ROOT, folder, "**", "*.py"), recursive=True)
    if os.path.basename(path) != "manifest.py"
)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def imports(path):
    """(line, dotted name) of everything that file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(read(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_module = glob.glob(os.path.join(ROOT, "firmware", *inner.split(".")) + "*")
                yield node.lineno, inner if node.module.split(".")[0] == "siplet" and is_module else node.module


def part(name):
    """The module or folder of siplet that a dotted name lies in; None when it is not siplet's."""
    names = name.split(".")
    if names[0] != "siplet":
        return None
    return names[1] if len(names) > 1 else "__init__"


def place(path):
    """(its own part of siplet or None, what it may import)."""
    for outside, allowed in MAY_IMPORT_OUTSIDE.items():
        if path.startswith(outside):
            return None, allowed
    own = part(path.removeprefix("firmware/").removesuffix(".py").replace("/", "."))
    assert own in MAY_IMPORT, f"{path} has no place in the import rule yet"
    return own, MAY_IMPORT[own]


@pytest.mark.parametrize("path", FILES)
def test_nothing_imports_upward(path):
    own, allowed = place(path)
    for line, name in imports(path):
        imported = part(name)
        assert imported in (None, own, *allowed), f"{path}:{line} imports {name}"


@pytest.mark.parametrize("path", [path for path in FILES if place(path)[0] in PURE])
def test_the_core_touches_no_socket_clock_or_machine(path):
    for line, name in imports(path):
        pure = name.split(".")[0] not in IMPURE
        # The viper twins ask sys.implementation whether they can be
        assert pure or (name == "sys" and path.endswith("_viper.py")), f"{path}:{line} imports {name}"


@pytest.mark.parametrize("path", [path for path in FILES if place(path)[0] in PURE])
def test_the_core_asserts_nothing(path):
    """Remote input never meets an assert: optimisation removes it."""
    lines = [node.lineno for node in ast.walk(ast.parse(read(path))) if isinstance(node, ast.Assert)]
    assert not lines, f"{path}: assert in line {lines}"


def test_the_rule_sees_a_wrong_import(monkeypatch):
    """The walk itself: an import inside a function, and one by the package's name, are seen."""
    text = "def f():\n    import socket\n    from siplet import platform\n    from siplet.media.rtp import Packet\n"
    monkeypatch.setitem(globals(), "read", lambda path: text)
    assert [name for _, name in imports("x")] == ["socket", "siplet.platform", "siplet.media.rtp"]


def test_files_are_short():
    """One noun a file. make lint names the ones above 300 lines, before they come here."""
    tools = glob.glob(os.path.join(ROOT, "host_tools", "**", "*.py"), recursive=True)
    limits = [(path, 400) for path in [*FILES, *tools]]
    limits += [(path, 65) for path in FILES if path.startswith("firmware/apps/")] + [("Makefile", 65)]
    too_long = [f"{path} has more than {limit} lines" for path, limit in limits if read(path).count("\n") > limit]
    assert not too_long
