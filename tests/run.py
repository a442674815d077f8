# All tests, on every interpreter that siplet has to run on, with one table and one verdict. `make test` starts it.
#
#     python tests/run.py [PATTERN]        PATTERN: part of a file's path, or FILE::TEST; nothing runs everything
#
# Runs on CPython. Starts pytest for CPython's share, tests/run_device.py on the 64-bit unix port and, by
# tests/wasm/run.mjs, on the 32-bit WebAssembly port, a process for each file and as many at a time as there are cores;
# then the interop tests, without the others, for they keep time with real peers, and at last those that compare each
# sample of what was said and heard, one by one. With SIPLET_PEERS=required a missing peer is a failure.

import glob
import json
import os
import platform
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

TESTS = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(TESTS)
sys.path.insert(0, os.path.join(ROOT, "host_tools"))

from results import CPYTHON, FOLDERS, REAL, UNIX, WASM, Report  # noqa: E402
from siplet_tools import interpreter  # noqa: E402

# Files whose tests judge all of a call's sound: a core that has no time for a peer's thread is heard in it
QUIET = (
    "interop/test_srtp.py",
    "interop/test_tshark_media.py",
    "interop/test_wideband.py",
    "interop/test_paging_ffmpeg.py",
    "interop/test_prompts_baresip.py",
    "interop/test_sound_card.py",
    "host/test_up.py",
)
LIMIT_S = {CPYTHON: 1800, UNIX: 120, WASM: 180}  # a run that takes longer hangs; the slowest takes a third of it


def pytest(targets, part, tell):
    """Runs pytest on these files or FILE::TEST; tell(event) gets the results as they are made, through a pipe.

    Returns its exit status and what it printed.
    """
    reader, writer = os.pipe()
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-c", os.path.join(TESTS, "pytest.ini")]
    command += ["--continue-on-collection-errors", *(["-k", part] if part else [])]
    command += [os.path.join(TESTS, target) for target in targets]
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
    with os.fdopen(reader) as pipe:
        for line in pipe:
            tell(json.loads(line))
    process.wait()
    drain.join()
    timer.cancel()
    return process.returncode, output[0]


def run_pytest(report, files, part):
    """CPython's share of these files in one pytest."""
    now = None

    def tell(event):
        nonlocal now
        if event["file"] != now:
            if now:
                report.finish(CPYTHON, now)
                report.end(f"{CPYTHON} {now}")
            now = event["file"]
            report.begin(f"{CPYTHON} {now}")
        report.event(CPYTHON, **event)

    status, output = pytest(files, part, tell)
    if now:
        report.end(f"{CPYTHON} {now}")
    if status not in (0, 1, 5):
        text = f"pytest ended with status {status}\n{output[-4000:]}"
        report.event(CPYTHON, now or files[0], "", "FAIL", text=text)
    for file in files:
        if not report.results[file, CPYTHON].done:
            report.finish(CPYTHON, file)


def run_again(report, files):
    """What failed for want of time, perhaps: one by one, with nothing beside it."""
    tests = report.doubtful()
    if tests:
        report.say(f"\nonce more, alone: {', '.join(test for _, test in tests)}\n")
    passed = {}
    for file, test in tests:
        # What each peer can do is one run of these files, their table at its end
        targets = tuple(filter(is_feature, files)) if is_feature(file) else (f"{file}::{test}",)
        if targets not in passed:
            outcomes = []
            status, _ = pytest(targets, "", outcomes.append)
            passed[targets] = status == 0 and any(event["outcome"] == "ok" for event in outcomes)
        report.second(file, test, passed[targets])


def is_feature(file):
    return "/test_features" in file


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

    real = [file for file in files if file.startswith(REAL)]
    quiet = [file for file in files if file in QUIET]
    shared = [file for file in files if CPYTHON in FOLDERS[file.split("/")[0]] and file not in real + quiet]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(run_pytest, report, shared, part)] if shared else []
        for file in files:
            for lane, command in ((UNIX, device), (WASM, wasm)):
                if lane in FOLDERS[file.split("/")[0]]:
                    jobs.append(pool.submit(run_device, report, lane, command, file, part))
    for job in jobs:
        job.result()
    # These wait more than they work, so three go on at a time
    features = [file for file in real if is_feature(file)]
    others = [file for file in real if file not in features and file not in quiet]
    with ThreadPoolExecutor(3) as pool:
        shares = [share for share in (features, others[::2], others[1::2]) if share]
        jobs = [pool.submit(run_pytest, report, share, part) for share in shares]
    for job in jobs:
        job.result()
    if quiet:
        run_pytest(report, quiet, part)
    run_again(report, files)
    return report.close()


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:2]))
    except interpreter.NoInterpreter as error:
        sys.exit(str(error))
