# What the tests came to: the table as it grows, and all that is said after it. run.py tells it. Imports the standard
# library.
#
# A test that keeps time with programs and sockets can fail on a machine that is busy with something else. So what has
# failed in these folders is run once more, alone; when it passes then it has not failed the run, but it is named at the
# end, with its first failure, for it may be a race of ours. A fault that is always there fails twice.

import os
import shutil
import sys
import threading
import time

LANES = CPYTHON, UNIX, WASM = "CPython", "64-bit", "32-bit"
FOLDERS = {  # which tests run where; the order of the folders is that of the table
    "unit": (CPYTHON, UNIX, WASM),
    "flow": (CPYTHON, UNIX, WASM),
    "net": (CPYTHON, UNIX),
    "alloc": (UNIX, WASM),
    "host": (CPYTHON,),
    "interop": (CPYTHON,),
}
REAL = "interop"  # with programs of others: a line a test
IN_TIME = ("net", "host", "interop")
MOST_AGAIN = 4  # tests of CPython that are run once more; where more fail, it is not the machine


class Result:
    """What one file came to on one interpreter. counts: {"ok"|"FAIL"|"skip": n}; missing: what its NEEDS lack there."""

    def __init__(self):
        self.counts = {"ok": 0, "FAIL": 0, "skip": 0}
        self.ms = 0
        self.missing = ""
        self.done = False

    def cell(self):
        if self.missing:
            return "-"
        if self.counts["FAIL"]:
            return f"{self.counts['FAIL']} FAILED"
        return "skipped" if self.counts["skip"] and not self.counts["ok"] else str(self.counts["ok"])


class Report:
    """The table as it grows, and all that is said after it. Threads report to it."""

    def __init__(self, files, part, required):
        self.results = {(file, lane): Result() for file in files for lane in FOLDERS[file.split("/")[0]]}
        self.part = part
        self.required = required
        self.failures = []
        self.unsteady = []
        self.skips = []
        self.running = []
        self.shown = set()
        self.lock = threading.Lock()
        self.start = time.monotonic()
        self.tty = sys.stdout.isatty()
        self.color = self.tty and "NO_COLOR" not in os.environ
        self.width = max((len(file) for file in files), default=0) + 2

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.color else text

    def say(self, line):
        if self.tty:
            print("\r\033[K", end="")
        print(line, flush=True)

    def head(self, names):
        self.say(self.paint(1, "siplet's tests") + " on " + ", ".join(names) + "\n")
        self.say(" " * self.width + "".join(f"{lane:>10}" for lane in LANES))

    def status(self):
        if self.tty and self.running:
            text = f"  {time.monotonic() - self.start:4.0f} s  " + ", ".join(self.running)
            columns = shutil.get_terminal_size().columns
            print("\r\033[K" + self.paint(2, text[: columns - 1]), end="", flush=True)

    def begin(self, what):
        with self.lock:
            self.running.append(what)
            self.status()

    def end(self, what):
        with self.lock:
            self.running.remove(what)
            self.status()

    def event(self, lane, file, test, outcome, ms=0, text=""):
        with self.lock:
            result = self.results[file, lane]
            result.ms += ms
            if outcome == "not":
                result.missing = text
            elif outcome in result.counts:
                missing_peer = outcome == "skip" and "not installed" in text
                if missing_peer and self.required:
                    outcome = "FAIL"
                result.counts[outcome] += 1
                if outcome == "FAIL":
                    self.failures.append((lane, file, test, text))
                if outcome == "skip":
                    self.skips.append((file, test, text))
                if file.startswith(REAL):
                    self.say(
                        self.paint(31 if outcome == "FAIL" else 2, f"    {outcome:6}{test:<84.84}{ms / 1000:6.1f} s")
                    )
                    self.status()

    def finish(self, lane, file):
        """That file is done there; its row is shown when it is done everywhere."""
        with self.lock:
            result = self.results[file, lane]
            if not result.missing and not sum(result.counts.values()) and not self.part:
                result.counts["FAIL"] += 1
                self.failures.append((lane, file, "", "no test ran"))
            result.done = True
            lanes = FOLDERS[file.split("/")[0]]
            if file not in self.shown and all(self.results[file, name].done for name in lanes):
                self.shown.add(file)
                self.say(self.row(file))
                self.status()

    def doubtful(self):
        """[(file, test)] that may be run once more: few, and of those that keep time."""
        found = []
        for lane, file, test, text in self.failures:
            folder = file.split("/")[0]
            again = lane == CPYTHON and folder in IN_TIME and "::" not in test and test not in ("", "import")
            if not again or "not installed" in text:
                return []
            if (file, test) not in found:
                found.append((file, test))
        return found if len(found) <= MOST_AGAIN else []

    def second(self, file, test, passed):
        """How that one did when it was alone."""
        result = self.results[file, CPYTHON]
        mine = [failure for failure in self.failures if failure[1:3] == (file, test)]
        if passed:
            self.failures = [failure for failure in self.failures if failure not in mine]
            self.unsteady += mine
            result.counts["FAIL"] -= len(mine)
            result.counts["ok"] += 1
        self.say(self.paint(33 if passed else 31, f"    {'ok' if passed else 'FAIL':6}{test}, alone"))

    def row(self, file):
        cells, notes, ms = [], [], 0
        for lane in LANES:
            result = self.results.get((file, lane))
            cell = f"{result.cell() if result else '':>10}"
            cells.append(self.paint(31, cell) if result and result.counts["FAIL"] else cell)
            if result:
                ms = max(ms, result.ms)
                if result.missing:
                    notes.append(f"{lane} has no {result.missing}")
        tail = [f"{ms / 1000:.1f} s"] if ms >= 1000 else []
        return (file.ljust(self.width) + "".join(cells) + "   " + self.paint(2, ", ".join(tail + notes))).rstrip()

    def close(self):
        """Failures, missing peers and other skips, and the verdict; the exit status."""
        for lane, file, test, text in self.failures:
            self.say("\n" + self.paint(31, f"FAILED  {lane}  {file}  {test}") + "\n" + text.rstrip())
        for lane, file, test, text in self.unsteady:
            self.say(
                "\n" + self.paint(33, f"UNSTEADY  {lane}  {file}  {test}: ok alone; before") + "\n" + text.rstrip()
            )
        for text in sorted({text for _, _, text in self.skips}):
            names = [f"{file}::{test}" for file, test, why in self.skips if why == text]
            self.say(f"\nNOT RUN ({len(names)}): {text}" + "".join(f"\n    {name}" for name in names))
        passed = sum(result.counts["ok"] for result in self.results.values())
        failed = len(self.failures)
        self.say(f"\n{time.monotonic() - self.start:.0f} s")
        if self.part and not passed and not failed and not self.skips:
            self.say(f"no test in these files has a name that contains {self.part!r}")
        skipped = f", {len(self.skips)} skipped" if self.skips else ""
        alone = len({failure[:3] for failure in self.unsteady})
        unsteady = f", {alone} of them alone only" if alone else ""
        self.say(f"{passed} passed{unsteady}, {failed} failed{skipped}")
        return 0 if passed and not failed else 1
