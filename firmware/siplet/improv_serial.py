# Improv Wi-Fi on a board's own serial line, while it starts. May import improv, log and platform.
#
# A frame holds bytes 0x03, which is Ctrl-C to MicroPython. So main.py makes Ctrl-C a byte like others, until this has
# ended, and what is outside of a frame is raised as KeyboardInterrupt here. Bytes are read one by one, so that those
# behind a Ctrl-C reach the prompt: mpremote sends Ctrl-A there.

import asyncio
import json
import os
import select
import sys

from siplet import platform
from siplet.errors import LocalError
from siplet.improv import NO_CONNECTION, OTHER, PROVISIONED, PROVISIONING, READY, Improv
from siplet.log import log
from siplet.ticks import ticks_add, ticks_diff

_LEAST_MS = 1500  # a board that has just started listens for that long at least
_TALK_MS = 10000  # and that long after somebody was heard
_FIRST_MS = 5000  # between two tries to join the network; doubled each time
_MOST_MS = 60000
_STEP_MS = 10
_BYTES = 64  # read in one step; 115 come at 115200 baud, and the driver keeps 256
_ENOENT = 2
WIFI = ("network", "password", "hostname", "country_code")


class Console:
    """The serial line: read() -> a byte as int, None when there is none; write(bytes)."""

    def __init__(self):
        self._poll = select.poll()
        self._poll.register(sys.stdin.buffer, select.POLLIN)

    def read(self):
        if not self._poll.poll(0):
            return None
        data = sys.stdin.buffer.read(1)
        if not data:  # it was closed
            self.read = lambda: None
            return None
        return data[0]

    def write(self, data):
        sys.stdout.buffer.write(data)


class Shell:
    """station: the board's Wi-Fi: connect(name, password), scan(), disconnect(), address; path: the configuration;
    device: of siplet.improv; line: a Console."""

    def __init__(self, station, path, device, line):
        self.improv = Improv(device)
        self._station = station
        self._path = path
        self._line = line
        self._begun = platform.now()
        self._heard = None  # when somebody was heard
        self._attempt = None  # the task that joins by the configuration
        self._job = None  # the one that joins by what Improv said
        self._joined = False
        self._changed = False

    async def listen(self, join, leave=True):
        """Listens, and meanwhile joins the network: join() raises LocalError or OSError when it cannot, and is called
        again after a while; None: there is nothing to join by.

        Returns True when it is joined and nobody talks to us, unless leave is false; False when the configuration has
        changed.
        KeyboardInterrupt when somebody wants the prompt.
        """
        self._joined = self._changed = False
        self._pause = _FIRST_MS
        self._due = platform.now()
        try:
            while True:
                await self._take()
                now = platform.now()
                if self._is_quiet(now) and not self._job:
                    if self._changed:
                        return False
                    if self._joined and leave:
                        return True
                    if join and not self._joined and not self._attempt and ticks_diff(now, self._due) >= 0:
                        self._attempt = asyncio.create_task(self._try(join))
                await platform.sleep_ms(_STEP_MS)
                self._look()
        finally:
            for task in (self._attempt, self._job):
                if task:
                    task.cancel()

    def _is_quiet(self, now):
        # The first try is not kept waiting by a silent line
        if self._heard is not None:
            return ticks_diff(now, self._heard) >= _TALK_MS
        return not self._joined or ticks_diff(now, self._begun) >= _LEAST_MS

    def _look(self):
        # What the driver does by itself is told to who has asked before
        if self.improv.state != PROVISIONING:
            state = PROVISIONED if self._station.address else READY
            if state != self.improv.state:
                self.improv.state = state
                if self._heard is not None:
                    self.improv.tell_state()
                    self._line.write(self.improv.take())

    async def _take(self):
        for _ in range(_BYTES):
            byte = self._line.read()
            if byte is None:
                return
            event = self.improv.receive(byte, platform.now())
            if event:
                if event[0] == "prompt":
                    raise KeyboardInterrupt
                self._heard = platform.now()
                await self._do(*event)
                self._line.write(self.improv.take())

    async def _do(self, what, *told):
        if what == "scan":
            await self._stop_trying()
            try:
                self.improv.networks(self._station.scan())
            except OSError:  # it joins one
                self.improv.networks(())
        elif what == "wifi":
            await self._stop_trying()
            self._job = asyncio.create_task(self._provision(*told))
        elif what == "hostname":
            self.improv.renamed(told[0] if self._save(hostname=told[0]) else "")

    async def _try(self, join):
        try:
            await join()
            self._joined = True
        except (LocalError, OSError) as error:
            log(error)
        finally:
            self._attempt = None
            self._due = ticks_add(platform.now(), self._pause)
            self._pause = min(2 * self._pause, _MOST_MS)

    async def _stop_trying(self):
        # A driver that joins cannot scan, and joins one network at a time
        self._due = platform.now()
        if self._attempt:
            self._attempt.cancel()
        while self._attempt:
            await platform.sleep_ms(_STEP_MS)

    async def _provision(self, name, password):
        error = NO_CONNECTION
        try:
            await self._station.connect(name, password)
            error = 0 if self._save(network=name, password=password) else OTHER
        except (LocalError, OSError) as reason:
            log(reason)
        finally:
            self._job = None
            self._joined = False  # by the configuration: that is another one now
        if error:
            self.improv.failed(error)
        else:
            self._changed = True
            self.improv.provisioned()
        self._heard = platform.now()
        self._line.write(self.improv.take())

    def _save(self, **values):
        try:
            save(self._path, **values)
            return True
        except OSError as error:
            log(f"config.json: cannot be written ({error})")
            return False


def read(path):
    """The configuration's objects, not checked; {} when there are none."""
    try:
        with open(path) as file:
            found = json.load(file)
        return found if isinstance(found, dict) else {}
    except (OSError, ValueError):
        return {}


def wifi(path):
    """{name: text} of wifi.* in it, for each of WIFI; "" for what is not given as it should be."""
    found = read(path)
    group = found.get("wifi")
    group = group if isinstance(group, dict) else {}
    told = {}
    for name in WIFI:
        value = group.get(name, found.get("wifi." + name))
        told[name] = value if isinstance(value, str) else ""
    return told


def save(path, **values):
    """Puts those into wifi of the configuration; all else stays. There is the old file or the new one at any time.

    One that is no JSON is kept beside, with .broken behind its name. OSError when it cannot be written.
    """
    try:
        with open(path) as file:
            json.load(file)
    except ValueError:
        os.rename(path, path + ".broken")
        log("config.json is not valid JSON: it is config.json.broken now")
    except OSError as error:
        if error.errno != _ENOENT:
            raise
    config = read(path)
    group = config.get("wifi")
    config["wifi"] = group = group if isinstance(group, dict) else {}
    for name in values:
        group[name] = values[name]
        config.pop("wifi." + name, None)  # the other way to write it
    with open(path + ".new", "w") as file:
        json.dump(config, file)
    if hasattr(os, "sync"):
        os.sync()
    os.rename(path + ".new", path)
