# Starts siplet on MicroPython and speaks with it from a test: puppet.py, or an application with its configuration.
# Imports the standard library, pytest and siplet_tools.

import json
import os
import queue
import socket
import subprocess
import threading
import time

import pytest
from siplet_tools import interpreter
from siplet_tools.process import Process, ProcessError, free_ports, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SPEECH = os.path.join(ROOT, "tests", "vectors", "speech")
DOOR = os.path.join(SPEECH, "door.wav")
INDOOR = os.path.join(SPEECH, "indoor.wav")


def need(line):
    """Skips the test when `line` says that something is not installed; fails it when SIPLET_PEERS=required."""
    if line:
        if os.environ.get("SIPLET_PEERS") == "required":
            pytest.fail(line, pytrace=False)
        pytest.skip(line)


class Puppet:
    """A siplet phone in a process of its own; a context manager that closes and ends it.

    folder: for its log and trace; the other arguments are those of siplet.phone.Phone, and audio (see puppet.py), auto
    ("answer": answers every call by itself). do() gives a command, event() waits for what it tells.
    """

    def __init__(self, folder, address, python=None, heap=None, **wish):
        os.makedirs(str(folder), exist_ok=True)
        self.trace = os.path.join(str(folder), "puppet.trace")
        self._log = open(os.path.join(str(folder), "puppet.log"), "w+", encoding="utf-8")
        environment = interpreter.environment()
        environment["PYTHONPATH"] = ":".join(os.path.join(ROOT, name) for name in ("firmware", "tests/cpython_shim"))
        command = [python or interpreter.find()] + (["-X", f"heapsize={heap}"] if heap else [])
        self._child = subprocess.Popen(
            command + [os.path.join(HERE, "puppet.py")],
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
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self.event("ready")
            wish.setdefault("local_address", "127.0.0.1")
            wish.setdefault("local_port", 0)
            wish.setdefault("trace", self.trace)
            self.port = self.do("open", address=address, **wish)["port"]
        except ProcessError:
            self.stop()
            raise
        self.uri = f"sip:{address.split(':')[1].split('@')[0]}@127.0.0.1:{self.port}"

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
        self._answers.put({"ok": False, "error": "the puppet ended"})

    def do(self, name, timeout_s=40, **fields):
        """Give a command; returns its answer; ProcessError when it failed."""
        self._number += 1
        try:
            self._child.stdin.write(json.dumps(dict(fields, id=self._number, do=name)) + "\n")
            self._child.stdin.flush()
            answer = self._answers.get(timeout=timeout_s)
        except (OSError, queue.Empty):
            raise ProcessError(f"the puppet does not answer '{name}'\n{self.log()}") from None
        if not answer["ok"]:
            raise ProcessError(f"{name}: {answer['error']}\n{self.log()}")
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
                    raise ProcessError(f"no event {kind} {fields or ''} from the puppet\n{self.log()}")
                self._fresh.wait(left)

    def digits(self, count, timeout_s=5):
        """The next `count` keys that were pressed at the other side."""
        return "".join(self.event("digit", timeout_s)["digit"] for _ in range(count))

    def events(self, kind):
        """All events of that kind that were not taken yet; they stay."""
        with self._fresh:
            return [event for event in self._events if event["event"] == kind]

    def heap(self):
        """Bytes in use on its heap once all of its calls are over and forgotten."""
        used = []
        for _ in range(2):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for size in (0, 1, 40, 400):  # so that the last datagram, which is still at hand, is always the same
                    sock.sendto(b"\r\n" * size, ("127.0.0.1", self.port))
            used.append(self.do("heap")["used"])
        return min(used)

    def log(self):
        self._log.flush()
        with open(self._log.name, encoding="utf-8", errors="replace") as file:
            return "".join("    " + line for line in file.readlines()[-25:])

    def stop(self):
        """Close the phone (its calls end, its registration is taken back) and the process."""
        if self._child.poll() is None:
            try:
                self.do("close", 5)
                self._child.wait(3)
            except (ProcessError, subprocess.TimeoutExpired):
                self._child.kill()
                self._child.wait()
        self._child.stdin.close()
        self._log.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()


class App:
    """An application started by firmware/main.py with a configuration; a context manager that ends it.

    config: as in the JSON file; local address, ports and the trace are filled in.
    """

    def __init__(self, folder, app, config):
        os.makedirs(str(folder), exist_ok=True)
        self.port = free_ports()
        self._control = free_ports()
        low = free_ports(8)
        config = dict(config, app=app, control={"port": self._control}, rtp={"port_low": low, "port_high": low + 7})
        config["sip"] = dict(config["sip"], local_address="127.0.0.1", local_port=self.port)
        path = os.path.join(str(folder), app + ".json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        command = [interpreter.find(), os.path.join(ROOT, "firmware", "main.py"), path]
        self._process = Process(app, command, folder, interpreter.environment())
        self._read = 0
        self.expect(app + " ready")

    def expect(self, text, timeout_s=10):
        """Waits for the next line with `text` in it, after the one found last; returns it."""

        def found():
            lines = self._process.output().splitlines()
            for number in range(self._read, len(lines)):
                if text in lines[number]:
                    self._read = number + 1
                    return lines[number]
            return None

        return wait_until(found, timeout_s, f"line '{text}'", self._process)

    def command(self, text):
        """The reply to a command at its control port."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(3)
            sock.sendto(text.encode(), ("127.0.0.1", self._control))
            return sock.recv(1024).decode().strip()

    def said(self):
        """All that it has printed."""
        return self._process.output()

    def stop(self):
        if self._process.running:
            try:
                self.command("quit")
                self._process.wait(5)
            except (OSError, ProcessError):
                pass  # then it is ended the hard way
        self._process.stop()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
