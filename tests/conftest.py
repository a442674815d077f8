# pytest for the tests that run on MicroPython too: paths, coroutine tests, files that are not for CPython. When
# tests/run.py started pytest it reads the results from a pipe, as they come: one JSON object a line.

import asyncio
import inspect
import json
import os
import shutil
import signal
import sys
import tempfile

import pytest

TESTS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(TESTS)
for folder in ("firmware", "host_tools", "host_tools/siplet_tools/shim", "tests", "tests/flow", "tests/unit"):
    if os.path.join(ROOT, folder) not in sys.path:
        sys.path.insert(0, os.path.join(ROOT, folder))

import run_device  # noqa: E402

# The virtual boards of these tests are registered in a folder of their own, so nobody else takes them for his
_registry = tempfile.mkdtemp(prefix="siplet-tests-")
os.environ["XDG_RUNTIME_DIR"] = _registry

# A shell starts what is in its background with Ctrl-C ignored, and so would be all that these tests start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_elsewhere = []
_pipe = os.fdopen(int(os.environ.pop("SIPLET_RESULTS")), "w", buffering=1) if "SIPLET_RESULTS" in os.environ else None


def _tell(path, test, outcome, ms=0, text=""):
    if _pipe:
        path = os.path.relpath(os.path.join(TESTS, path), TESTS)
        print(json.dumps({"file": path, "test": test, "outcome": outcome, "ms": ms, "text": text}), file=_pipe)


class Elsewhere(pytest.Module):
    """A file whose NEEDS say that it is not for CPython: named, not imported."""

    def collect(self):
        return []


def pytest_pycollect_makemodule(module_path, parent):
    missing = run_device.absent(module_path)
    if not missing:
        return None
    _elsewhere.append(f"{module_path.name} needs {', '.join(missing)}")
    _tell(module_path, "", "not", text=", ".join(missing))
    return Elsewhere.from_parent(parent, path=module_path)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        names = pyfuncitem._fixtureinfo.argnames
        asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
        return True
    return None


def pytest_collectreport(report):
    if report.failed:
        _tell(report.nodeid.split("::")[0], "import", "FAIL", text=str(report.longrepr))
    elif report.skipped:
        _tell(report.nodeid.split("::")[0], "all of it", "skip", text=_reason(report))


def pytest_runtest_logstart(nodeid, location):
    path, _, test = nodeid.partition("::")
    _tell(path, test, "start")


def pytest_runtest_logreport(report):
    path, _, test = report.nodeid.partition("::")
    ms = round(report.duration * 1000)
    if report.failed:
        sections = "".join(f"\n--- {name}\n{text}" for name, text in report.sections)
        _tell(path, test, "FAIL", ms, f"{report.longreprtext}{sections}")
    elif report.skipped:
        _tell(path, test, "skip", ms, _reason(report))
    elif report.when == "call":
        _tell(path, test, "ok", ms)


def _reason(report):
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")


def pytest_unconfigure():
    shutil.rmtree(_registry, ignore_errors=True)


def pytest_terminal_summary(terminalreporter):
    for line in _elsewhere:
        terminalreporter.write_line(f"not for CPython: {line}")
