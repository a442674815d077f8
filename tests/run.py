# All tests, on every interpreter that siplet has to run on, with one table and one verdict. `make test` starts it.
#
#     python tests/run.py [PATTERN]        PATTERN: part of a file's path, or FILE::TEST; nothing runs everything
#
# Runs on CPython. Starts pytest for CPython's share, tests/run_device.py on the 64-bit unix port and, by
# tests/wasm/run.mjs, on the 32-bit WebAssembly port, a process for each file and as many at a time as there are cores;
# then the interop tests, without the others, for they keep time with real peers. With SIPLET_PEERS=required a missing
# peer is a failure.

import glob
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

TESTS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, os.path.join(ROOT, "host_tools"))

from siplet_tools import interpreter  # noqa: E402

LANES = CPYTHON, UNIX, WASM = "CPython", "64-bit", "32-bit"
FOLDERS = {  # which tests run where; the order of the folders is that of the table
    "unit": (CPYTHON, UNIX, WASM),
    "flow": (CPYTHON, UNIX, WASM),
    "net": (CPYTHON, UNIX),
    "alloc": (UNIX, WASM),
    "host": (CPYTHON,),
    "interop": (CPYTHON,),
}
ALONE = "interop"
LIMIT_S = {CPYTHON: 900, UNIX: 120, WASM: 180}  # a run that takes longer hangs; the slowest takes a third of it


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
                if file.startswith(ALONE):
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
        for text in sorted({text for _, _, text in self.skips}):
            names = [f"{file}::{test}" for file, test, why in self.skips if why == text]
            self.say(f"\nNOT RUN ({len(names)}): {text}" + "".join(f"\n    {name}" for name in names))
        passed = sum(result.counts["ok"] for result in self.results.values())
        failed = len(self.failures)
        self.say(f"\n{time.monotonic() - self.start:.0f} s")
        if self.part and not passed and not failed and not self.skips:
            self.say(f"no test in these files has a name that contains {self.part!r}")
        skipped = f", {len(self.skips)} skipped" if self.skips else ""
        self.say(f"{passed} passed, {failed} failed{skipped}")
        return 0 if passed and not failed else 1


def run_pytest(report, files, part):
    """CPython's share of these files in one pytest; the results come through a pipe as they are made."""
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-c", os.path.join(TESTS, "pytest.ini")]
    command += ["--continue-on-collection-errors", *(["-k", part] if part else [])]
    command += [os.path.join(TESTS, file) for file in files]
    env = {**os.environ, "SIPLET_RESULTS": str(writer)}
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, pass_fds=[writer], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(writer)
    timer = threading.Timer(LIMIT_S[CPYTHON], process.kill)
    timer.start()
    output = []
    drain = threading.Thread(target=lambda: output.append(process.stdout.read()))
    drain.start()
    now = None
    with os.fdopen(reader) as pipe:
        for line in pipe:
            event = json.loads(line)
            file = event["file"]
            if now and file != now:
                report.finish(CPYTHON, now)
                report.end(f"{CPYTHON} {now}")
            if file != now:
                now = file
                report.begin(f"{CPYTHON} {now}")
            report.event(CPYTHON, **event)
    process.wait()
    drain.join()
    timer.cancel()
    if now:
        report.end(f"{CPYTHON} {now}")
    if process.returncode not in (0, 1, 5):
        text = f"pytest ended with status {process.returncode}\n{output[0][-4000:]}"
        report.event(CPYTHON, now or files[0], "", "FAIL", text=text)
    for file in files:
        if not report.results[file, CPYTHON].done:
            report.finish(CPYTHON, file)


def run_device(report, lane, command, file, part):
    """One file on a MicroPython; what it prints is read back as results."""
    what = f"{lane} {file}"
    report.begin(what)
    command = [*command, f"tests/{file}"] + ([f"::{part}"] if part else [])
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=interpreter.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=LIMIT_S[lane],
        )  # fmt: skip
        output, status = done.stdout, done.returncode
    except subprocess.TimeoutExpired as error:
        output, status = error.stdout or b"", f"none after {LIMIT_S[lane]} s"
    lines = output.decode(errors="replace").splitlines()
    failed = ended = False
    for i, line in enumerate(lines):
        words = line.split()
        if line.startswith("ok ") and len(words) == 4:
            report.event(lane, file, words[1], "ok", int(words[2]))
        elif line.startswith("FAIL ") and len(words) == 2:
            failed = True
            rest = lines[i + 1 :]
            ends = [n for n, text in enumerate(rest) if text.startswith(("ok ", "FAIL ")) or " passed, " in text]
            report.event(lane, file, words[1], "FAIL", text="\n".join(rest[: ends[0] if ends else None]))
        elif line.startswith("not for this interpreter: needs "):
            report.event(lane, file, "", "not", text=line.split("needs ")[1])
        elif " passed, " in line:
            ended = True
    if not ended or (status and not failed):
        report.event(lane, file, "", "FAIL", text=f"exit status {status}\n" + "\n".join(lines[-40:]))
    report.finish(lane, file)
    report.end(what)


def choose(pattern):
    """The files that match, in the table's order, and the part of a test's name."""
    path, _, part = pattern.partition("::")
    files = []
    for folder in FOLDERS:
        found = sorted(glob.glob(os.path.join(TESTS, folder, "test_*.py")))
        files += [name for name in (os.path.relpath(file, TESTS) for file in found) if path in name]
    return files, part


def describe_wasm():
    """Its name and version; NoInterpreter when node is missing."""
    if not shutil.which("node"):
        raise interpreter.NoInterpreter("the 32-bit tests need node (nodejs.org)")
    with open(os.path.join(TESTS, "wasm", "package.json"), encoding="utf-8") as file:
        version = json.load(file)["dependencies"]["@micropython/micropython-webassembly-pyscript"]
    return f"MicroPython {version.split('-')[0]}, 32 bit (WebAssembly)"


def main(pattern=""):
    files, part = choose(pattern)
    if not files:
        print(f"no test file's name contains {pattern!r}\n0 passed, 0 failed")
        return 1
    unix = interpreter.find()
    device = [unix, "-X", "heapsize=8m", "tests/run_device.py"]  # room for what the tests themselves make
    wasm = ["node", "tests/wasm/run.mjs"]
    report = Report(files, part, os.environ.get("SIPLET_PEERS") == "required")
    names = [f"CPython {platform.python_version()}", interpreter.describe(unix), describe_wasm()]
    report.head(names)

    alone = [file for file in files if file.startswith(ALONE)]
    shared = [file for file in files if CPYTHON in FOLDERS[file.split("/")[0]] and file not in alone]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(run_pytest, report, shared, part)] if shared else []
        for file in files:
            for lane, command in ((UNIX, device), (WASM, wasm)):
                if lane in FOLDERS[file.split("/")[0]]:
                    jobs.append(pool.submit(run_device, report, lane, command, file, part))
    for job in jobs:
        job.result()
    # These wait more than they work, so three go on at a time; what each peer can do is one run, its table at the end
    features = [file for file in alone if "/test_features" in file]
    others = [file for file in alone if file not in features]
    with ThreadPoolExecutor(3) as pool:
        shares = [share for share in (features, others[::2], others[1::2]) if share]
        jobs = [pool.submit(run_pytest, report, share, part) for share in shares]
    for job in jobs:
        job.result()
    return report.close()


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:2]))
    except interpreter.NoInterpreter as error:
        sys.exit(str(error))
