# siplet_tools.linker: what is joined does what it did before, shown on small modules that CPython runs both ways, and
# on the firmware itself, which MicroPython runs.

import ast
import builtins
import glob
import os
import re
import subprocess
import symtable
import types
from textwrap import dedent

import pytest
import test_main
from siplet.call import Call
from siplet.phone import Phone
from siplet.sip import refusal
from siplet_tools import compiler, interpreter
from siplet_tools.interpreter import ROOT
from siplet_tools.linker import Linker, LinkError


class World:
    """Modules from sources, {dotted name: text}, that import one another and, for the rest, what Python has."""

    def __init__(self, sources):
        self.sources = sources
        self.modules = {}

    def load(self, name):
        if name not in self.modules:
            self.modules[name] = module = types.ModuleType(name)
            module.__builtins__ = {**vars(builtins), "__import__": self._find}
            exec(compile(self.sources[name], name, "exec"), vars(module))
        return self.modules[name]

    def _find(self, name, globals=None, locals=None, names=(), level=0):
        if name not in self.sources:
            return __import__(name, globals, locals, names, level)
        module = self.load(name)
        for inner in names or ():
            if f"{name}.{inner}" in self.sources:
                setattr(module, inner, self.load(f"{name}.{inner}"))
        return module if names else self.load(name.partition(".")[0])


def link(keep=(), public=(), **modules):
    """(sources, those linked) of a package p with these modules; p.root is what the others are joined to."""
    sources = {"p": "", **{f"p.{name}": dedent(text) for name, text in modules.items()}}
    return sources, Linker(sources, ("p",)).link("p.root", [f"p.{name}" for name in keep], public)


def joined(answer, **given):
    """The linked sources, after root's answer() was that one before and afterwards."""
    sources, linked = link(**given)
    assert World(sources).load("p.root").answer() == answer
    assert World(linked).load("p.root").answer() == answer, linked["p.root"]
    return linked


def refused(**given):
    with pytest.raises(LinkError) as error:
        link(**given)
    return str(error.value)


# -- names


def test_two_modules_may_use_the_same_name():
    linked = joined(
        ("a", "b", "root", 12),
        a="""
            class Thing:
                size = 2
            def name():
                return "a"
        """,
        b="""
            class Thing:
                size = 1
            def name():
                return "b"
        """,
        root="""
            from p import a, b
            from p.a import Thing as Other
            from p.b import Thing
            def name():
                return "root"
            def answer():
                return a.name(), b.name(), name(), Thing.size + 10 + b.Thing.size * 3 - Other.size
        """,
    )
    assert set(linked) == {"p", "p.root"}
    assert "import" not in linked["p.root"]


def test_a_local_name_does_not_hide_a_global_one_that_was_renamed():
    joined(
        ((1, [2]), 5),
        a="""
            def run():
                return 1
            def use(run_a=2):
                return run(), [run_a]
        """,
        b="""
            def run():
                return 2
        """,
        root="""
            from p.b import run
            from p.a import use
            def outer():
                run_b = 3
                def inner():
                    return run() + run_b
                return inner()
            def answer():
                return use(), outer()
        """,
    )


def test_a_builtin_is_not_mistaken_for_another_modules_function():
    joined(
        (3, "ours"),
        a="""
            def len(text):
                return "ours"
            def ours():
                return len("abc")
        """,
        root="""
            from p.a import ours
            def answer():
                return len("abc"), ours()
        """,
    )


def test_modules_by_their_name_and_imports_by_another():
    linked = joined(
        (4, 4, 9, 2.0, "b"),
        a="""
            LIMIT = 4
            TABLE = [4]
            def double(x):
                return 2 * x
        """,
        b="""
            import math as m
            from p import a as other
            def last():
                return other.double(m.sqrt(1))
            def b():
                return "b"
        """,
        root="""
            from math import sqrt
            from p import a, b as second
            from p.a import double as twice
            def answer():
                b = twice(int(sqrt(16))) + 1
                return a.LIMIT, a.TABLE[0], b, second.last(), second.b()
        """,
    )
    assert "from math import sqrt" in linked["p.root"] and "import math" in linked["p.root"]


def test_names_are_looked_up_as_python_does():
    """Each of a's names is b's as well, so that all of them are renamed."""
    linked = joined(
        (5, 11, [2, 3], {1: 1}, 7, [0, 2], "x=5", 9, 6, 8),
        a="""
            x = 50
            y = []
            def w():
                return 70
        """,
        b="""
            x = 5
            y = [1, 2]
            z = 6
            def w():
                return 7
            def count():
                global z
                z += 1
                return z - 1
            def nested():
                x = 0
                def w():
                    global x
                    return x
                z = w()
                def more():
                    nonlocal z
                    z += 1
                    return z
                return more() + x + 5
            def caught():
                try:
                    raise ValueError(9)
                except ValueError as x:
                    return x.args[0]
            def results():
                found = [x + 1 for x in y]
                table = {y: y for y in [1]}
                call = lambda: w()
                return x, nested(), found, table, call(), [y for x in [[0], [2]] for y in x], f"x={x}", caught()
            def after(value=w()):
                if x := value:
                    return x + 1
        """,
        root="""
            from p.a import x, y, w
            from p.b import after, count, results
            def answer():
                return (*results(), count(), after())
        """,
    )
    assert linked["p.root"].count("global ") == 2


def test_a_global_that_only_a_function_makes():
    make = """
        def make():
            global made
            made = {}
        def get():
            return made
    """
    joined(
        (1, 2),
        a=make.format(1),
        b=make.format(2),
        root="""
            from p import a, b
            def answer():
                a.make()
                b.make()
                return a.get(), b.get()
        """,
    )


def test_what_a_definitions_header_names_belongs_to_its_surroundings():
    joined(
        (3, "wrapped", 4, 20, 21),
        a="""
            start = 100
            def wrap(function):
                return lambda *arguments: "wrapped"
            class Base:
                half = 4
        """,
        b="""
            def wrap(function):
                return function
            class Base:
                pass
        """,
        root="""
            from p import b
            from p.a import Base, wrap
            begin = 3
            def get(begin=begin):
                return begin
            @wrap
            def wrapped(wrap=1):
                return wrap
            class Thing(Base):
                first = 10
                @b.wrap
                def get(self, more=first):
                    return more + self.first
                @property
                def size(self):
                    return self.get()
                @size.setter
                def size(self, value):
                    self.first = value
            def answer():
                thing = Thing()
                before = thing.size
                thing.size = 11
                return get(), wrapped(), thing.half, before, thing.size
        """,
    )


def test_a_classs_name_that_may_be_the_modules_is_refused():
    text = refused(root="limit = 1\nclass Thing:\n    limit = limit + 1")
    assert text == "p.root: limit in a class may be the class's or the module's"
    assert "limit" in refused(root="limit = 1\nclass Thing:\n    limit = 2\n    def get(self, limit=limit): pass")


def test_functions_in_a_class_do_not_see_its_names():
    joined(
        (1, 2, 1),
        root="""
            limit = 1
            class Thing:
                limit = 2
                class Inner:
                    def get(self):
                        return limit
                def get(self):
                    return limit, self.limit, self.Inner().get()
            def answer():
                return Thing().get()
        """,
    )


def test_what_cannot_be_joined_is_refused_with_the_module_and_the_reason():
    assert (
        refused(a="", root="from p import a\nprint(a)") == "p.root: a stands for a module: only its members can be used"
    )
    assert refused(a="x = []", root="from p import a\na.x = 1") == "p.root: a.x is set from another module"
    assert refused(a="", root="from p.a import *").startswith("p.root: from p.a import *: say which names")
    assert refused(a="", root="import p.a").startswith("p.root: import p.a: say which names")
    assert refused(a="", out="from p import a", root="from p import a").startswith("p.out: p.a is joined")
    assert refused(a="", out="import p.a", root="from p import a").startswith("p.out: import p.a is joined")
    assert refused(a="", out="from p.a import x", root="from p import a") == "p.out: p.a has no x that can be imported"


# -- constants


def test_whole_numbers_become_constants_and_stand_in_modules_outside():
    linked = joined(
        (16, 18, 48, 1, 32),
        a="""
            from micropython import const
            SIZE = const(1 << 4)
            _TWICE = const(SIZE * 2)
        """,
        b="""
            from p import a
            from p.a import SIZE
            MORE = SIZE + 2
            lower = 1
            def three():
                return a.SIZE * 3
        """,
        out="""
            from p.a import SIZE, _TWICE as DOUBLE
            def double():
                return DOUBLE if SIZE else 0
        """,
        root="""
            from p.a import SIZE
            from p.b import MORE, lower, three
            def answer():
                from p.out import double
                return SIZE, MORE, three(), lower, double()
        """,
    )
    root = linked["p.root"].splitlines()
    assert {"_SIZE = const(16)", "_TWICE = const(32)", "_MORE = const(18)"} <= set(root)
    assert root.count("from micropython import const") == 1
    assert linked["p.out"].startswith("SIZE = 16\nDOUBLE = 32\n")


def test_what_may_change_or_is_no_whole_number_is_no_constant():
    linked = joined(
        (2, 3, True, 1.5, 7, 8, 5, 5),
        root="""
            AGAIN = 1
            AGAIN = 2
            SET = 1
            YES = True
            HALF = 1.5
            NONE = None
            ELSE = 7 if NONE is None else 9
            LATE = SET and 8
            ONE = TWO = 5
            def set(value):
                global SET
                SET = value
            def answer():
                set(3)
                return AGAIN, SET, YES, HALF, ELSE, LATE, ONE, TWO
        """,
    )
    assert "const" not in linked["p.root"]


def test_a_local_with_the_name_of_a_constant_stays_itself():
    """MicroPython's compiler would put the constant in its place."""
    linked = joined(
        (4, 2, 3),
        a="""
            _LIMIT = 4
            def limit():
                return _LIMIT
        """,
        root="""
            from p.a import limit
            class Thing:
                _LIMIT = 2
            def other(_LIMIT):
                return _LIMIT
            def answer():
                return limit(), Thing._LIMIT, other(3)
        """,
    )
    assert "_LIMIT_a = const(4)" in linked["p.root"]


# -- imports within try, if and functions


@pytest.mark.parametrize("there", [("fast",), ("slow",), ("fast", "slow")])
def test_a_try_to_import_one_of_ours_is_settled(there):
    linked = joined(
        there[0],
        **{name: f"def run():\n    return '{name}'" for name in there},
        root="""
            try:
                from p.fast import run
            except ImportError:
                from p.slow import run
            def answer():
                return run()
        """,
    )
    assert "try" not in linked["p.root"]


@pytest.mark.parametrize("module, answer", [("math", 2.0), ("no_such_module", "ours")])
def test_a_try_to_import_from_elsewhere_is_left(module, answer):
    linked = joined(
        (answer, 9),
        a="""
            TRIED = 9
            def sqrt(x):
                return "ours"
        """,
        root=f"""
            try:
                from {module} import sqrt
                TRIED = 9
            except ImportError:
                from p.a import sqrt, TRIED
            def answer():
                return sqrt(4), TRIED
        """,
    )
    assert "except ImportError" in linked["p.root"]


def test_what_stands_within_an_if_or_a_try_at_the_top():
    joined(
        ("chosen", "a", 1, "caught", 2),
        a="""
            problem = 1
            def name():
                return "a"
        """,
        root="""
            import sys
            from p.a import name as other, problem as one
            if sys.maxsize:
                import math as maths
                def name():
                    return "chosen"
            else:
                name = other
            try:
                problem = 1 // 0
            except ZeroDivisionError as error:
                problem = "caught"
            def answer():
                return name(), other(), one, problem, int(maths.sqrt(4))
        """,
    )


def test_lazy_imports_of_joined_modules_and_of_those_outside():
    linked = joined(
        (6, 6, "late b", 5, True),
        a="""
            FIVE = 5
            def six():
                return 6
        """,
        b="""
            def six():
                return "b"
        """,
        late="""
            from p.a import six
            from p.b import six as other
            def late():
                return "late " + other()
        """,
        root="""
            from p import b
            from p.a import six as top
            def answer():
                from p import late as module
                from p.a import FIVE, six
                from p.late import late
                return six(), top(), late(), FIVE, module.late is late
        """,
    )
    assert set(linked) == {"p", "p.root", "p.late"}
    assert "p.a" not in linked["p.late"] and "p.b" not in linked["p.late"]


def test_what_is_kept_stays_a_module_with_all_that_it_needs():
    linked = joined(
        (True, "own"),
        keep=["errors"],
        own="""
            def text():
                return "own"
        """,
        errors="""
            from p.own import text
            class Bad(Exception):
                def __init__(self, meaning):
                    self.meaning = meaning
        """,
        a="""
            from p.errors import Bad
            def fail():
                raise Bad("own")
        """,
        root="""
            from p import errors
            from p.a import fail
            from p.own import text
            def answer():
                try:
                    fail()
                except errors.Bad as error:
                    return text() == error.meaning, error.meaning
        """,
    )
    assert set(linked) == {"p", "p.root", "p.errors", "p.own"}
    assert "def __init__(self, meaning)" in linked["p.errors"]


# -- what is shortened


def test_a_class_outside_shares_private_attributes_with_its_joined_base():
    linked = joined(
        ("base own", "other", "base"),
        a="""
            class Base:
                _kind = "base"
                def __init__(self):
                    self._name = self._kind
                def get(self):
                    return self._name
        """,
        b="""
            class Other:
                def __init__(self):
                    self._word = "other"
                    self._more = ""
                def get(self):
                    return self._word + self._more
        """,
        out="""
            from p.a import Base
            class Own(Base):
                def get(self):
                    self._own = " own"
                    return self._name + self._own
        """,
        root="""
            from p.a import Base
            from p.b import Other
            def answer():
                from p.out import Own
                return Own().get(), Other().get(), Base().get()
        """,
    )
    nodes = [node for name in ("p.root", "p.out") for node in ast.walk(ast.parse(linked[name]))]
    private = {node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr[0] == "_"}
    assert private == {"_a", "_b", "_c"}  # the larger family's three; the other one has two of them


def test_attributes_that_somebody_else_may_know_keep_their_names():
    linked = joined(
        (1, 2, 3, 4, 5, False),
        a="""
            from threading import Thread
            _WORDS = b"go:_in_a_list stop:"
            class Thing:
                _default = 4
                def __init__(self):
                    self._by_text = 1
                    self._by_other = 2
                    self._re = 6
                    self._of_method = self._get
                def _get(self, value=_default):
                    return value - 1
                def _in_a_list(self):
                    return 5
                def default(self):
                    return self._default
                def go(self):
                    return getattr(self, _WORDS.split()[0].decode()[3:])()
            class Task(Thread):
                def begun(self):
                    return self._started.is_set()
        """,
        root="""
            import string
            from p.a import Task, Thing
            def answer():
                one = Thing() if string._re else None
                by_text = getattr(one, "_by_text")
                return by_text, one._by_other, one._of_method(), one.default(), one.go(), Task().begun()
        """,
    )
    text = linked["p.root"]
    assert all(name in text for name in ("._by_text", "string._re", "self._re", "def _in_a_list", "._started"))
    assert "._by_other" not in text and "._of_method" not in text  # ours wherever they stand, so one name serves
    assert "_default" not in text and "_get" not in text


def test_private_names_outside_are_shortened_but_for_those_that_others_know():
    linked = joined(
        (10, 2, 3, 4, 1),
        late="""
            _SIZE = [10]
            _WORD = 4
            def _sum(values):
                return sum(values)
            def _found():
                return 3
            def _imported():
                return 2
            def late(_local=1):
                _found_here = _sum(_SIZE)
                return _found_here, _WORD, _local
        """,
        root="""
            def answer():
                from p import late
                from p.late import _imported
                size, word, local = late.late()
                return size, _imported(), getattr(late, "_found")(), word, local
        """,
    )
    text = linked["p.late"]
    assert all(name in text for name in ("def _found", "def _imported", "_found_here"))
    assert not any(name in text for name in ("_SIZE", "_WORD", "_sum"))


def test_what_a_short_name_stands_for_is_told():
    sources = {
        "p": "",
        "p.a": "class Base:\n    def _begin(self): pass\nclass Own(Base):\n    def _begin(self): pass",
        "p.b": "class Other:\n    def __init__(self):\n        self._size = self._get()\n    def _get(self): pass",
        "p.late": "def _help(): pass",
        "p.root": "from p import a, b",
    }
    linker = Linker(sources, ("p",))
    linker.link("p.root", [])
    assert linker.names == {"_a": ["Base._begin", "Other._get", "p.late._help"], "_b": ["Other._size"]}


def test_a_class_body_reads_the_modules_data_not_an_attribute_of_the_same_letter():
    joined(
        ([1], [2], None),
        a="""
            _first = [1]
            _second = [2]
            class Thing:
                _x = _y = _z = None
                first, second = _first, _second
                def get(self):
                    return self.first, self.second, self._x or self._y or self._z
        """,
        root="""
            from p.a import Thing
            def answer():
                return Thing().get()
        """,
    )


def test_arguments_are_shortened_where_nobody_names_them():
    linked = joined(
        (3, 12, [2, 1], 7, "/ab", 5, 2),
        public=["Open", "p.late"],
        a="""
            def plain(first, second):
                return first + second
            def named(width, height=2):
                return width * height
            def backwards(words):
                return [word for word in words][::-1]
            def closing(amount):
                return lambda: amount
            def rebound(problem, path):
                from os import path
                try:
                    raise ValueError(problem)
                except ValueError as problem:
                    return path.join("/", str(problem))
        """,
        late="""
            def late(argument):
                return argument
        """,
        root="""
            from p.a import backwards, closing, named, plain, rebound
            class Open:
                def method(self, argument, other=3):
                    return argument + other
            def answer():
                from p.late import late
                options = {"argument": 3, "other": 2}
                numbers = plain(1, 2), named(4, height=3), backwards([1, 2]), closing(7)()
                return *numbers, rebound("ab", 0), Open().method(**options), late(2)
        """,
    )
    text = linked["p.root"]
    assert (
        "def plain(a, b)" in text and "def named(a, height=2)" in text and "def method(self, argument, other=3)" in text
    )
    assert "def late(argument)" in linked["p.late"]


def test_a_default_of_the_arguments_own_name_belongs_to_the_surroundings():
    joined(
        [0, 1],
        root="""
            def answer():
                found = []
                for item in range(2):
                    def get(item=item):
                        return item
                    found.append(get)
                return [get() for get in found]
        """,
    )


# -- the firmware

BUILD = "build/test_linker"
KNOWN = {"ptr8", "ptr16", "ptr32", "uint"}.union(vars(builtins), ("__file__", "__name__"))  # viper's and Python's


def undefined(text, name):
    """The names that a module's functions read and that nobody defines."""
    todo = [symtable.symtable(text, name, "exec")]
    defined = {symbol.get_name() for symbol in todo[0].get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    read = set()
    while todo:
        table = todo.pop()
        todo += table.get_children()
        top = table.get_type() == "module"
        read |= {one.get_name() for one in table.get_symbols() if one.is_referenced() and (top or one.is_global())}
    return read - defined - KNOWN


@pytest.fixture(scope="module", params=[*compiler.ARCHITECTURES, "plain"])
def board(request):
    """The folder of the firmware as boards of an architecture get it, or as those without viper do."""
    folder = f"{BUILD}/{request.param}"
    native = request.param != "plain"
    assert compiler.compile_board(request.param if native else "xtensawin", folder, "unix", native)["siplet/phone.mpy"]
    return folder


def modules(folder, ending):
    """{dotted name: path} of the files below a folder."""
    paths = glob.glob(os.path.join(ROOT, folder, "**", "*" + ending), recursive=True)
    names = [os.path.relpath(path, os.path.join(ROOT, folder)).removesuffix(ending) for path in paths]
    return {name.replace("/", ".").removesuffix(".__init__"): path for name, path in zip(names, paths)}


def test_the_firmware_is_joined_and_lacks_no_name(board):
    found = modules(board + "-py", ".py")
    assert "siplet.phone" in found and "siplet.sip.message" not in found
    for name, path in found.items():
        with open(path, encoding="utf-8") as file:
            assert not undefined(file.read(), name), name


def test_what_is_loaded_by_a_name_in_a_text_is_not_joined(board):
    there = modules(board, ".mpy")
    names = ["siplet.sip." + name for name in re.findall(r":(\w+)", refusal._METHODS.decode())]
    names += ["siplet." + one.more for one in (Call, Phone)]
    assert names and not set(names).difference(there)


IMPORT_ALL = """
import sys
for name in sys.argv[1:]:
    try:
        __import__(name)
    except ImportError as error:
        if "siplet" in str(error):
            raise
        print(name, "needs a board:", error)
"""


@pytest.mark.parametrize("board", ["x64", "plain"], indirect=True)
def test_micropython_imports_every_module(board, tmp_path):
    script = tmp_path / "import_all.py"
    script.write_text(IMPORT_ALL)
    command = [interpreter.find(), "-X", "heapsize=2m", script, *sorted(modules(board, ".mpy"))]
    environment = {**os.environ, "MICROPYPATH": f"{board}:.frozen"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


STORIES = {
    "taken": test_main.test_somebody_calls_the_echo,
    "made": lambda folder: test_main.test_the_bell_rings_and_a_code_opens_the_door(folder, "rtp"),
}


@pytest.mark.parametrize("board", ["x64", "plain"], indirect=True)
@pytest.mark.parametrize("story", STORIES)
def test_a_call_on_micropython(board, story, monkeypatch, tmp_path):
    monkeypatch.setattr(test_main, "MAIN", os.path.join(ROOT, "tests", "bench", "start.py"))
    path = f"{os.path.join(ROOT, board)}:.frozen"
    monkeypatch.setattr(interpreter, "environment", lambda: {"MICROPYPATH": path})
    STORIES[story](tmp_path)
