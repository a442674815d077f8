"""Programs that we start, and end by their own process id: ports for them, their log, waiting until they are ready.

Imports the standard library alone.
"""

import os
import random
import signal
import socket
import subprocess
import time

# Below the range from which Linux hands out ports by itself, so that no stranger takes one between choice and use.
_LOW, _HIGH = 20000, 32000
_taken = set()


class ProcessError(Exception):
    """A program is missing, died or kept us waiting too long; the text says which one and what it printed."""


def free_ports(count=1, host="127.0.0.1"):
    """First of `count` neighbouring ports, even, free for UDP and TCP on `host`, and not given out before."""
    for _ in range(500):
        first = random.randrange(_LOW, _HIGH, 2)
        ports = range(first, first + count)
        if not _taken.intersection(ports) and all(_is_free(host, port) for port in ports):
            _taken.update(ports)
            return first
    raise ProcessError("no free ports between %d and %d" % (_LOW, _HIGH))


def _is_free(host, port):
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as sock:
            try:
                sock.bind((host, port))
            except OSError:
                return False
    return True


def wait_until(check, timeout_s, what, alive=None):
    """Asks `check()` until it returns something true and returns that; ProcessError naming `what` after timeout_s.

    alive: a Process that has to live as long as we wait.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = check()
        if found:
            return found
        if alive is not None and not alive.running:
            raise ProcessError(f"{alive.name} ended while waiting for {what}\n{alive.tail()}")
        if time.monotonic() > deadline:
            raise ProcessError(f"no {what} within {timeout_s} s" + (f"\n{alive.tail()}" if alive is not None else ""))
        time.sleep(0.02)


class Process:
    """A program with its output in a log file and its standard input open; a context manager that ends it.

    name: for messages; command: list of str; folder: where it runs and where NAME.log is written.
    """

    def __init__(self, name, command, folder, environment=None):
        self.name = name
        self.log = os.path.join(str(folder), name + ".log")
        try:
            with open(self.log, "wb") as log:
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    cwd=str(folder),
                    env=None if environment is None else dict(os.environ, **environment),
                    start_new_session=True,  # a group of its own: what it forks is ended with it
                )
        except OSError as error:
            raise ProcessError(f"{command[0]}: {error.strerror}") from None

    @property
    def running(self):
        return self._child.poll() is None

    @property
    def pid(self):
        return self._child.pid

    def output(self):
        """All that it has printed so far."""
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()

    def tail(self, lines=15):
        """The end of its log, for error messages."""
        return "".join("    " + line + "\n" for line in self.output().splitlines()[-lines:])

    def write(self, text):
        """Type `text` to it."""
        try:
            self._child.stdin.write(text.encode())
            self._child.stdin.flush()
        except OSError:
            raise ProcessError(f"{self.name} no longer listens\n{self.tail()}") from None

    def wait(self, timeout_s):
        """Its exit status, once it ends by itself; ProcessError when it does not in time."""
        try:
            return self._child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise ProcessError(f"{self.name} did not end within {timeout_s} s\n{self.tail()}") from None

    def stop(self, timeout_s=3):
        """End it: asked first, killed when it does not listen; returns its exit status."""
        if self.running:
            self._child.terminate()
            try:
                self._child.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
        try:
            os.killpg(self._child.pid, signal.SIGKILL)  # what it forked and left behind
        except (ProcessLookupError, PermissionError):  # nothing, as it should be
            pass
        try:
            self._child.stdin.close()
        except OSError:
            pass  # what we had typed was never read
        return self._child.returncode

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
