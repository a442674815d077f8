# Starts siplet on MicroPython and speaks with it from a test: puppet.py, or an application with its configuration.
# Imports the standard library, pytest and siplet_tools.

import json
import os
import socket

import pytest
from child import Child
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


class Puppet(Child):
    """A siplet phone in a process of its own; a context manager that closes and ends it.

    folder: for its log and trace; the other arguments are those of siplet.phone.Phone, and audio (see puppet.py), auto
    ("answer": answers every call by itself). do() gives a command, event() waits for what it tells.
    """

    def __init__(self, folder, address, python=None, heap=None, **wish):
        self.trace = os.path.join(str(folder), "puppet.trace")
        environment = interpreter.environment()
        folders = ("firmware", "host_tools/siplet_tools/shim")
        environment["PYTHONPATH"] = ":".join(os.path.join(ROOT, name) for name in folders)
        command = [python or interpreter.find()] + (["-X", f"heapsize={heap}"] if heap else [])
        wish.setdefault("local_address", "127.0.0.1")
        wish.setdefault("local_port", 0)
        wish.setdefault("trace", self.trace)
        command.append(os.path.join(HERE, "puppet.py"))
        super().__init__(folder, "puppet", command, environment, address=address, **wish)
        self.port = self.opened["port"]
        self.uri = f"sip:{address.split(':')[1].split('@')[0]}@127.0.0.1:{self.port}"

    def heap(self):
        """Bytes in use on its heap once all of its calls are over and forgotten."""
        used = []
        for _ in range(2):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
                for size in (0, 1, 40, 400):  # so that the last datagram, which is still at hand, is always the same
                    sock.sendto(b"\r\n" * size, ("127.0.0.1", self.port))
            used.append(self.do("heap")["used"])
        return min(used)


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
