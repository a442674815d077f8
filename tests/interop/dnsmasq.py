# dnsmasq as name server for tests: on a port of its own, knowing what it is told and nobody to ask.
# Imports the standard library and siplet_tools.process.

import os
import shutil
import socket

from siplet_tools.process import Process, ProcessError, free_ports, wait_until

PATH = os.environ.get("PATH", "") + ":/usr/sbin"
QUESTION = b"\x47\x11\1\0\0\1\0\0\0\0\0\0\5ready\4test\0\0\1\0\1"


def missing():
    """What has to be installed, as one line; "" when all is there."""
    return "" if shutil.which("dnsmasq", path=PATH) else "dnsmasq is not installed (make peers)"


class Dnsmasq:
    """A running dnsmasq; a context manager that ends it. lines: its configuration, for names below "test".

    server is "ADDRESS:PORT"; all that it says may be believed for ttl seconds.
    """

    def __init__(self, folder, *lines, ttl=60, port=None):
        folder = os.path.abspath(str(folder))
        os.makedirs(folder, exist_ok=True)
        port = port or free_ports()
        self.server = f"127.0.0.1:{port}"
        self._address = ("127.0.0.1", port)
        lines = (
            f"port={port}",
            "listen-address=127.0.0.1",
            "bind-interfaces",
            "no-resolv",
            "no-hosts",
            "no-poll",
            "pid-file=" + os.path.join(folder, "pid"),
            "local=/test/",
            f"local-ttl={ttl}",
            "log-queries",
            "host-record=ready.test,127.0.0.1",
            *lines,
        )
        path = os.path.join(folder, "dnsmasq.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        # --no-daemon: it changes neither its user nor its folder
        command = [shutil.which("dnsmasq", path=PATH), "--no-daemon", "--conf-file=" + path]
        self._process = Process("dnsmasq", command, folder)
        try:
            wait_until(self._is_ready, 10, "an answer", self._process)
        except ProcessError:
            self.stop()
            raise

    def _is_ready(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            try:
                sock.sendto(QUESTION, self._address)
                return sock.recv(600)[:2] == QUESTION[:2]
            except OSError:
                return False

    def questions(self):
        """[(type, name), ...] that it was asked, in this order."""
        found = []
        for line in self._process.output().splitlines():
            if ": query[" in line:
                kind, _, rest = line.split(": query[", 1)[1].partition("] ")
                found.append((kind, rest.split(" ")[0]))
        return [one for one in found if one[1] != "ready.test"]

    def stop(self):
        self._process.stop()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
