# SIPp with scenarios of our own: its exit status is the verdict, its error file the explanation.
# Imports the standard library and siplet_tools.

import glob
import os
import shutil

from siplet_tools.process import Process, ProcessError, free_ports, wait_until

TEMPLATES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "templates")


def missing():
    """What has to be installed, as one line; "" when all is there."""
    return "" if shutil.which("sipp") else "sipp is not installed (make peers)"


class Sipp:
    """A running SIPp; a context manager that ends it. verdict() waits for its end and raises when a call failed.

    folder: an empty folder for its files; scenario: name of a template, or its XML (scripts.py); target: "HOST:PORT"
    that it calls, None when it is called; calls: how many; at_once: how many at the same time; port: its own; sockets:
    "t1" for one TCP connection, "tn" for one a call, as SIPp calls them; echo: it sends back what it hears; keys: what
    the scenario's own [words] stand for.
    """

    def __init__(
        self,
        folder,
        scenario,
        target=None,
        user="door",
        calls=1,
        at_once=1,
        timeout_s=60,
        port=None,
        sockets="u1",
        echo=False,
        **keys,
    ):
        self.folder = os.path.abspath(str(folder))
        os.makedirs(self.folder, exist_ok=True)
        self.port = port or free_ports()
        self.uri = f"sip:{user}@127.0.0.1:{self.port}"
        if scenario.startswith("<"):
            text, scenario = scenario, "script"
        else:
            with open(os.path.join(TEMPLATES, scenario + ".xml"), encoding="utf-8") as file:
                text = file.read()
        for name, value in keys.items():
            text = text.replace(f"[{name}]", str(value))
        with open(os.path.join(self.folder, scenario + ".xml"), "w", encoding="utf-8") as file:
            file.write(text)
        media = free_ports(8)
        command = ["sipp", "-nostdin", "-t", sockets, "-i", "127.0.0.1", "-p", str(self.port), "-sf", scenario + ".xml"]
        command += ["-m", str(calls), "-l", str(at_once), "-r", "50", "-timeout", f"{timeout_s}s", "-timeout_error"]
        command += ["-recv_timeout", "5000", "-trace_err", "-s", user, "-cid_str", "%u-%p@%s"]
        command += ["-mp", str(media), "-cp", str(free_ports()), "-max_socket", "1000"]
        command += ["-rtp_echo"] if echo else []
        self._timeout = timeout_s
        self._process = Process("sipp", command + ([target] if target else []), self.folder)
        if sockets.startswith("t") and not target:
            wait_until(self._listens, 5, "listening SIPp", self._process)

    def _listens(self):
        with open("/proc/net/tcp", encoding="utf-8") as file:
            return any(f":{self.port:04X} 00000000:0000 0A" in line for line in file)

    def verdict(self):
        """Waits until all calls are over; ProcessError with what went wrong when one of them failed."""
        status = self._process.wait(self._timeout + 5)
        if status:
            raise ProcessError(f"sipp ended with {status}\n{self.errors()[:3000]}\n{self._process.tail(40)}")

    def errors(self):
        """What it wrote of unexpected messages."""
        text = ""
        for path in glob.glob(os.path.join(self.folder, "*_errors.log")):
            with open(path, encoding="utf-8", errors="replace") as file:
                text += file.read()
        return text

    def output(self):
        return self._process.output()

    def stop(self):
        self._process.stop()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.stop()
