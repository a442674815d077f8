# Runs test files on MicroPython: the unix port, the WebAssembly port (tests/wasm/run.mjs), or a board over serial. What
# an interpreter may lack stands in FEATURES, which tests/conftest.py asks for CPython. Imports nothing of siplet.
#
#     micropython tests/run_device.py tests/unit/test_uri.py ... [::part_of_a_test's_name]
#
# Prints a line for each test, and "N passed, N failed" last. Exit status 1 when one failed, or when none ran although
# no file said that it is not for this interpreter.

import gc
import sys
import time

import micropython

OK = "ok   "
FAIL = "FAIL "
NOT = "not for this interpreter: needs "


def _sockets():
    import socket

    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close()


def _event_loop():
    import asyncio

    asyncio.run  # noqa: B018  the WebAssembly port's asyncio is JavaScript's and has none


def _viper():
    import array

    # Real viper, on real memory: CPython's shim and the ports without a native emitter both fail here
    exec("import micropython\n@micropython.viper\ndef f(p: ptr16) -> int:\n    return p[0]\n", globals())
    if globals()["f"](array.array("H", [4711])) != 4711:
        raise RuntimeError


def _heap_lock():
    micropython.heap_lock()
    micropython.heap_unlock()


def _md5():
    import hashlib

    hashlib.md5  # noqa: B018


def _sha1():
    import hashlib

    hashlib.sha1  # noqa: B018


def _cpython():
    if sys.implementation.name != "cpython":
        raise RuntimeError


# What a test file's NEEDS may name; the probe raises where it is missing
FEATURES = {
    "sockets": _sockets,  # UDP and TCP
    "event_loop": _event_loop,  # asyncio.run, streams, the poll loop (a coroutine test alone does not need it)
    "viper": _viper,  # @micropython.viper
    "heap_lock": _heap_lock,  # micropython.heap_lock: a proof that nothing is allocated
    "md5": _md5,  # hashlib.md5
    "sha1": _sha1,  # hashlib.sha1, which WebSocket's upgrade asks for
    "cpython": _cpython,  # processes, threads, the whole standard library
}


def absent(path):
    """The names in that file's one-line `NEEDS = (...)` that this interpreter lacks; KeyError for one nobody knows.

    The file is read, not imported: what it needs may fail at its import, or at its compilation.
    """
    names = []
    with open(path) as file:
        for line in file:
            if line.startswith("NEEDS"):
                words = line.split('"')
                for i in range(1, len(words), 2):
                    try:
                        FEATURES[words[i]]()
                    except (ImportError, AttributeError, SyntaxError, NameError, RuntimeError):
                        names.append(words[i])
                break
    return names


def _print_exception(error):
    if hasattr(sys, "print_exception"):
        sys.print_exception(error)
    else:
        import traceback

        traceback.print_exception(error)


def _unlock():
    # A test that failed under heap_lock left it locked; not every port has heap_locked() to ask
    while hasattr(micropython, "heap_unlock"):
        try:
            bytearray(64)
            return
        except MemoryError:
            micropython.heap_unlock()


class Run:
    """All tests of some files, one after the other. passed, failed, elsewhere: how many tests, tests and files."""

    def __init__(self, paths, part=""):
        self.paths = paths
        self.part = part
        self.passed = self.failed = self.elsewhere = 0

    def steps(self):
        """Generator: yields each coroutine that a test made, for the caller to run, who sends back its exception."""
        for path in self.paths:
            print(path)
            try:
                missing = absent(path)
                if missing:
                    print(NOT + ", ".join(missing))
                    self.elsewhere += 1
                    continue
                names, module = self._load(path)
            except Exception as error:
                self._fail("import", error)
                continue
            for name in names:
                yield from self._one(name, getattr(module, name))
            if not names and not self.part:
                self._fail("import", ValueError(f"no test function in {path}"))
        print(f"{self.passed} passed, {self.failed} failed")

    def _load(self, path):
        folder, _, name = path.rpartition("/")
        name = name[:-3]
        sys.path.insert(0, folder or ".")
        try:
            sys.modules.pop(name, None)
            module = __import__(name)
        finally:
            sys.path.pop(0)
        # Helper modules beside it are found later, too: a test may import inside a function
        if folder not in sys.path:
            sys.path.append(folder)
        return self._names(path, module), module

    def _names(self, path, module):
        # In the file's order, so that a story is read as it was written; a module's dict is unordered on MicroPython
        names = []
        with open(path) as file:
            for line in file:
                if line.startswith("async def test_"):
                    line = line[6:]
                if line.startswith("def test_"):
                    name = line[4 : line.find("(")]
                    if name in names:
                        raise ValueError(f"two tests are named {name}")
                    if self.part in name:
                        names.append(name)
        if not self.part and len(names) != len([n for n in dir(module) if n.startswith("test_")]):
            raise ValueError("a test function is not defined at the start of a line")
        return names

    def _one(self, name, test):
        gc.collect()
        start = time.time_ns() if not hasattr(time, "ticks_ms") else time.ticks_ms()
        try:
            made = test()
            if hasattr(made, "send"):
                error = yield made
                if error:
                    raise error
        except Exception as error:
            self._fail(name, error)
            _unlock()
            return
        if hasattr(time, "ticks_ms"):
            ms = time.ticks_diff(time.ticks_ms(), start)
        else:
            ms = (time.time_ns() - start) // 1_000_000
        self.passed += 1
        print(OK, name, ms, "ms")

    def _fail(self, name, error):
        # Perhaps under heap_lock still: nothing is allocated here, and the next MemoryError would take this one's place
        print(FAIL, name)
        _print_exception(error)
        self.failed += 1

    def good(self):
        return not self.failed and bool(self.passed or self.elsewhere or self.part)


def run(paths, part=""):
    """Runs them all where asyncio.run exists; returns the Run."""
    import asyncio

    result = Run(paths, part)
    steps = result.steps()
    error = None
    try:
        while True:
            coroutine = steps.send(error)
            error = None
            try:
                asyncio.new_event_loop()
                asyncio.run(coroutine)
            except Exception as raised:
                error = raised
    except StopIteration:
        return result


async def run_async(paths, part=""):
    """The same inside a running loop, for the WebAssembly port: there only an await gives JavaScript its turn."""
    import asyncio

    result = Run(paths, part)
    steps = result.steps()
    error = None
    try:
        while True:
            coroutine = steps.send(error)
            error = None
            try:
                await coroutine
            except Exception as raised:
                error = raised
            await asyncio.sleep(0)
    except StopIteration:
        return result


if __name__ == "__main__":
    arguments = sys.argv[1:]
    part = arguments.pop()[2:] if arguments and arguments[-1].startswith("::") else ""
    if not run(arguments, part).good():
        sys.exit(1)
