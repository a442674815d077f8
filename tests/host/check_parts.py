# What the tests of `siplet check` share, fixtures among it: a registrar and a name server on loopback, in a thread of
# their own, and the room around a virtual board: its microphone hears its speaker, or something is broken.

import contextlib
import copy
import hashlib
import json
import os
import re
import socket
import threading

import pytest
from siplet_tools.board import checking, deploying
from siplet_tools.board.link import Link
from siplet_tools.virtual import VirtualBoard

HERE = "127.0.0.1"
PASSWORD, WIFI_PASSWORD = "hunter2-sip", "virtual-board"
CONFIG = {
    "wifi": {"network": "siplet", "password": WIFI_PASSWORD},
    "board": {
        "microphone_pins": [26, 25, 33],
        "speaker_pins": [27, 14, 22],
        "bell_pin": 13,
        "relay_pin": 23,
        "led_pin": 2,
    },
    "sip": {"address": f"sip:door@{HERE}", "local_port": 0},
}


class Server:
    """with Server() as server: server.port of UDP at HERE; answer(data) -> bytes or None is asked for each datagram."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HERE, 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self):
        while True:
            data, source = self._socket.recvfrom(4096)
            if data == b"end":
                return
            reply = self.answer(data)
            if reply:
                self._socket.sendto(reply, source)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, error, trace):
        self._socket.sendto(b"end", (HERE, self.port))
        self._thread.join()
        self._socket.close()


class Registrar(Server):
    """Asks for a password once and is content with any answer; status: what it says then, None: it stays silent.

    heard: the messages that came, str.
    """

    def __init__(self, status=200):
        super().__init__()
        self.status = status
        self.heard = []

    def answer(self, data):
        text = data.decode()
        self.heard.append(text)
        if self.status is None:
            return None
        status = self.status if "\r\nAuthorization:" in text else 401
        copied = re.findall(r"(?m)^(?:Via|From|Call-ID|CSeq): .*\r\n", text)
        to = re.search(r"(?m)^To: (.*)\r\n", text)[1] + ";tag=registrar"
        lines = [f"SIP/2.0 {status} Whatever\r\n", *copied, f"To: {to}\r\n"]
        if status == 401:
            lines.append(f'WWW-Authenticate: Digest realm="house", nonce="{len(self.heard)}"\r\n')
        if status == 200:
            lines.append(re.search(r"(?m)^Contact: .*\r\n", text)[0])
            lines.append(re.search(r"(?m)^Expires: .*\r\n", text)[0])
        return "".join([*lines, "Content-Length: 0\r\n\r\n"]).encode()


class Names(Server):
    """A name server that knows the address of pbx.test; silent: it says nothing. RFC 1035."""

    silent = False

    def answer(self, data):
        if self.silent:
            return None
        known = data[12:].startswith(b"\x03pbx\x04test\x00\x00\x01")
        head = data[:2] + (b"\x81\x80" if known else b"\x81\x83") + b"\0\1" + bytes([0, known, 0, 0, 0, 0])
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(HERE)
        return head + data[12:] + (record if known else b"")


# --- what a board's boot.py can do to its parts ---

# The microphone, of 32 bits, hears the speaker, of 16, a part of it, and a little noise of its own
LOOP = """
import machine
from array import array
_queue = array('h')
_hears, _plays, _noise = machine.I2S.readinto, machine.I2S.write, [1]
def write(bus, data):
    done = _plays(bus, data)
    _queue.extend(array('h', bytes(data[:done])))
    return done
def readinto(bus, buffer):
    global _queue
    done = _hears(bus, buffer)
    words = array('h', bytes(buffer[:done]))
    for i in range(done // 4):
        _noise[0] = (_noise[0] * 1103515245 + 12345) & 0x3fffffff
        heard = _queue[i] // {softer} if i < len(_queue) else 0
        words[2 * i + 1] += heard + (_noise[0] >> 16) % {noise} - {noise} // 2
    buffer[:done] = bytes(words)
    _queue = _queue[done // 4:]
    return done
machine.I2S.write, machine.I2S.readinto = write, readinto
"""

# The firmware's clock runs eight times as fast as that of its surroundings, so that its patience is over sooner
QUICK = """
import time
_ticks = time.ticks_ms
time.ticks_ms = lambda: _ticks() * 8
"""

STUCK_RELAY = """
import machine
_value = machine.Pin.value
def value(pin, *new):
    return 0 if repr(pin) == 'Pin(23)' and not new else _value(pin, *new)
machine.Pin.value = value
"""


def loop(softer=4, noise=64):
    """The text of a boot.py: the speaker is heard by the microphone, softer by that factor, over noise."""
    return LOOP.replace("{softer}", str(softer)).replace("{noise}", str(noise))


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """A Bench with siplet on it; its main.py does nothing, for to start and end the application takes its time."""
    with VirtualBoard(tmp_path_factory.mktemp("check") / "board") as board:
        with Link.open(board.port) as link:
            deploying.carry_out(link, deploying.prepare(link, "esp32", "doorphone"))
        bench = Bench(board)
        bench.usual = {name: bench.read(name) for name in ("main.py", "siplet.json")}
        manifest = json.loads(bench.usual["siplet.json"])
        manifest["files"]["/main.py"] = hashlib.sha256(b"").hexdigest()
        bench.write("main.py", "")
        bench.write("siplet.json", manifest)
        yield bench


@pytest.fixture
def bench(deployed):
    """That Bench for one test."""
    with deployed.lent():
        yield deployed


@pytest.fixture
def registrar():
    """A Registrar that accepts."""
    with Registrar() as server:
        yield server


class Bench:
    """A virtual board whose files are written by the test. usual: {name: text} of what deploy had written."""

    def __init__(self, board):
        self.board = board
        self.files = board.settings.files
        self.config = copy.deepcopy(CONFIG)

    @contextlib.contextmanager
    def lent(self):
        """For one test: the board as it should be, and its files and surroundings as they were afterwards."""
        self.config = copy.deepcopy(CONFIG)
        self.configure("sip")
        self.write("boot.py", "")
        names = ("main.py", "siplet.json", "siplet/errors.mpy", "siplet/log.mpy")
        kept = {name: self.read(name, "latin-1") for name in names}
        try:
            yield self
        finally:
            for name, text in kept.items():
                self.write(name, text, "latin-1")
            if self.board.port is None:
                self.board.plug()
            self.board.hush()
            self.board.wifi(True)
            self.board.signal(-55)

    def read(self, name, encoding="utf-8"):
        with open(os.path.join(self.files, name), encoding=encoding, newline="") as file:
            return file.read()

    def write(self, name, text, encoding="utf-8"):
        with open(os.path.join(self.files, name), "w", encoding=encoding, newline="") as file:
            file.write(text if isinstance(text, str) else json.dumps(text))

    def configure(self, group, **values):
        """Changes the configuration."""
        self.config.setdefault(group, {}).update(values)
        self.write("config.json", self.config)

    def account(self, registrar, **values):
        """It has an account at a Registrar."""
        self.configure("sip", password=PASSWORD, registrar=f"{HERE}:{registrar.port}", **values)

    def check(self, *only, **options):
        """[Verdict, ...] of those checks."""
        return list(self.verdicts(*only, **options))

    def verdicts(self, *only, **options):
        with (
            Link.open(self.board.port) as link,
            contextlib.closing(checking.run(link, only, checking.Options(**options))) as found,
        ):
            yield from found

    def one(self, name, **options):
        """The only Verdict of one check."""
        (verdict,) = self.check(name, **options)
        assert verdict.check == name
        return verdict

    @contextlib.contextmanager
    def session(self, **options):
        """A checking.Session."""
        with Link.open(self.board.port) as link:
            try:
                yield checking.Session.open(link, checking.Options(**options))
            finally:
                checking.leave(link)
