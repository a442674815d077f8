# A program of ours in a process of its own, held by lines of JSON over its pipes: puppet.py, pjsua.py, baresip_new.py.
# Imports the standard library and siplet_tools.process.
#
# A command: {"id": 1, "do": "call", ...}; its answer: {"id": 1, "ok": true, ...}, or "ok": false and "error".
# What happens by itself: {"event": "digit", ...}.

import json
import os
import queue
import subprocess
import threading
import time

from siplet_tools.process import ProcessError


class Child:
    """That process; a context manager that closes and ends it. do() gives a command, event() waits for what it tells.

    name: for its log and messages; command, environment: how it is started; first: fields of its command "open".
    """

    def __init__(self, folder, name, command, environment, /, **first):
        os.makedirs(str(folder), exist_ok=True)
        self.name = name
        self._log = open(os.path.join(str(folder), name + ".log"), "w+", encoding="utf-8")
        self._child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._events = []
        self._fresh = threading.Condition()
        self._answers = queue.Queue()
        self._number = 0
        self._closed = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.event("ready")
            self.opened = self.do("open", **first)
        except ProcessError:
            self.stop()
            raise

    def _read(self):
        for line in self._child.stdout:
            self._log.write(line)
            try:
                message = json.loads(line)
            except ValueError:
                continue  # a trace of an exception, kept in the log
            if "id" in message:
                self._answers.put(message)
            else:
                with self._fresh:
                    self._events.append(message)
                    self._fresh.notify_all()
        with self._fresh:
            self._closed = True
            self._fresh.notify_all()
        self._answers.put({"ok": False, "error": f"{self.name} ended"})

    def do(self, verb, timeout_s=40, **fields):
        """Give a command; returns its answer; ProcessError when it failed."""
        self._number += 1
        try:
            self._child.stdin.write(json.dumps(dict(fields, id=self._number, do=verb)) + "\n")
            self._child.stdin.flush()
            answer = self._answers.get(timeout=timeout_s)
        except (OSError, queue.Empty):
            raise ProcessError(f"{self.name} does not answer '{verb}'\n{self.log()}") from None
        if not answer["ok"]:
            raise ProcessError(f"{self.name}: {verb}: {answer['error']}\n{self.log()}")
        return answer

    def event(self, kind, timeout_s=10, **fields):
        """Takes the oldest event of that kind and with those fields, waiting for it; ProcessError if none comes."""
        deadline = time.monotonic() + timeout_s
        with self._fresh:
            while True:
                for event in self._events:
                    if event["event"] == kind and all(event.get(name) == value for name, value in fields.items()):
                        self._events.remove(event)
                        return event
                left = deadline - time.monotonic()
                if left <= 0 or self._closed:
                    raise ProcessError(f"no event {kind} {fields or ''} from {self.name}\n{self.log()}")
                self._fresh.wait(left)

    def digits(self, count, timeout_s=5):
        """The next `count` keys that were pressed at the other side."""
        return "".join(self.event("digit", timeout_s)["digit"] for _ in range(count))

    def events(self, kind):
        """All events of that kind that were not taken yet; they stay."""
        with self._fresh:
            return [event for event in self._events if event["event"] == kind]

    def log(self):
        """The end of what it has printed."""
        self._log.flush()
        with open(self._log.name, encoding="utf-8", errors="replace") as file:
            return "".join("    " + line for line in file.readlines()[-25:])

    def stop(self):
        """Close what it runs (its calls end, its registration is taken back) and the process."""
        if self._child.poll() is None:
            try:
                self.do("close", 5)
                self._child.wait(3)
            except (ProcessError, subprocess.TimeoutExpired):
                self._child.kill()
                self._child.wait()
        self._child.stdin.close()
        self._reader.join(3)  # it writes to the log until the pipe ends
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
