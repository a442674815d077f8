# The smallest heap with which the door phone really works, joined as a board gets it, from .mpy files and from a ROMFS
# image: registered with a real Kamailio, its bell calls a real baresip, speech goes both ways, the code opens the door;
# twice, for a heap that is torn by then is too small. Runs on the 64-bit unix port, whose objects take 1.4 to 2 times
# an ESP32's.

import contextlib
import json
import os
import socket
import tempfile
import time

import kamailio
import modules
from siplet_tools import baresip, interpreter
from siplet_tools.interpreter import ROOT
from siplet_tools.process import Process, ProcessError, free_ports, wait_until
from table import doing, table

CODE = "42"
SPEECH = os.path.join(ROOT, "tests", "vectors", "speech")
BUDGET = 160 * 1024  # of heap, from .mpy files
ROOMY = 1024 * 1024
STEP = 2048
# What it is started from, whether that is an image, sound.complete
FORMS = (
    (".mpy files", False, False),
    ("a ROMFS image", True, False),
    (".mpy files, complete", False, True),
    ("a ROMFS image, complete", True, True),
)
TIMES = 3  # luck decides how torn a heap gets: what works once may be too small all the same


class Door:
    """A door phone as a board runs it: from the .mpy files in that build or from its image, with that heap."""

    def __init__(self, folder, config, heap, romfs, build):
        self.control = config["control"]["port"]
        self.port = config["sip"]["local_port"]
        path = os.path.join(folder, "config.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file)
        command = [interpreter.find(), "-X", f"heapsize={heap}"]
        build = os.path.join(ROOT, build)
        scripts = os.path.join(ROOT, "tests", "bench")
        if romfs:
            command += [os.path.join(scripts, "from_romfs.py"), build + ".romfs", os.path.join(scripts, "start.py")]
        else:
            command += [os.path.join(scripts, "start.py")]
        path_of = {"MICROPYPATH": ".frozen" if romfs else build + ":.frozen"}
        self.process = Process("door", [*command, path], folder, path_of)

    def ask(self, text):
        """What the control port answers."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(1)
            sock.sendto(text.encode(), ("127.0.0.1", self.control))
            return sock.recv(256).decode().strip()

    def wait(self, text, timeout_s, times=1):
        wait_until(lambda: self.process.output().count(text) >= times, timeout_s, text, self.process)

    def heap(self):
        return int(self.ask("heap").split()[1])


def work(door, indoor, calls):
    """Register, talk and open the door that many times; returns the heap used {"registered": n, "in a call": n}."""
    used = {}
    door.wait("registration registered", 4)
    for number in range(1, calls + 1):
        used["registered"] = door.heap()
        door.ask("press bell")
        door.wait("talking", 4, number)
        time.sleep(0.3)
        for key in CODE:
            indoor.command("sndcode", key)
            time.sleep(0.25)
        door.wait("relay on", 3, number)
        used["in a call"] = max(used.get("in a call", 0), door.heap())
        door.ask("hangup")
        door.wait("call ended", 3, number)
        door.wait("relay off", 3, number)
    output = door.process.output()
    if "Error" in output:
        raise ProcessError(output[-1000:])
    door.ask("quit")
    if door.process.wait(4):
        raise ProcessError("the door phone ended badly")
    return used


@contextlib.contextmanager
def house():
    """(Kamailio, baresip) for a door phone: a server, and a phone indoors that answers at once and speaks."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = stack.enter_context(kamailio.Kamailio(os.path.join(folder, "kamailio")))
        options = {"says": os.path.join(SPEECH, "indoor.wav"), "answer": "auto", "dtmf": "rtpevent", "minutes": 10}
        password = kamailio.PASSWORDS["indoor"]
        phone = baresip.Baresip(os.path.join(folder, "baresip"), "indoor", password, server.server, **options)
        yield server, stack.enter_context(phone)


@contextlib.contextmanager
def door_phone(server, indoor, heap=ROOMY, romfs=False, build=modules.BOARD, sound=None):
    """A Door that is starting; its RTP ports are those above .port. sound: as sound.complete."""
    port = free_ports(40)
    config = {
        "app": "doorphone",
        "sip": {
            "address": f"sip:door@{server.server}",
            "password": kamailio.PASSWORDS["door"],
            "local_address": "127.0.0.1",
            "local_port": port,
        },
        "rtp": {"port_low": port + 2, "port_high": port + 38},
        "audio": {"play": os.path.join(SPEECH, "door.wav"), "repeat": True},
        "doorphone": {"targets": [indoor.uri], "code": CODE, "relay_ms": 300},
        "control": {"port": free_ports()},
        "sound": {} if sound is None else {"complete": sound},
    }
    with tempfile.TemporaryDirectory() as folder:
        door = Door(folder, config, heap, romfs, build)
        with door.process:
            yield door


def attempt(server, indoor, heap, romfs, sound=None):
    """What work() returns with that heap; ProcessError or OSError when it does not work."""
    try:
        with door_phone(server, indoor, heap, romfs, sound=sound) as door:
            return work(door, indoor, 2)
    finally:
        # A door phone that broke off leaves a call behind, and keys go to the latest
        for _ in range(4):
            if "(0)" not in indoor.command("listcalls"):
                indoor.command("hangup")


def smallest(try_heap, low, high):
    """The least heap, to STEP, with which try_heap works TIMES times, by halving; low does not work, high does."""
    while high - low > STEP:
        middle = (low + high) // 2 // 1024 * 1024
        try:
            for _ in range(TIMES):
                try_heap(middle)
            high = middle
        except (ProcessError, OSError):
            low = middle
    return high


def missing():
    """Which peer is not installed, as one line; "" when all are there."""
    return kamailio.missing() or baresip.missing()


def show():
    if missing():
        print(f"\nThe door phone's smallest heap: not measured, {missing()}")
        return
    rows = []
    with house() as (server, indoor):
        for name, romfs, sound in FORMS:
            image = os.path.getsize(os.path.join(ROOT, modules.BOARD + ".romfs")) if romfs else 0
            doing(f"the door phone from {name}, with room")
            used = attempt(server, indoor, ROOMY, romfs, sound)
            doing(f"the smallest heap for the door phone from {name}")
            least = smallest(lambda heap: attempt(server, indoor, heap, romfs, sound), used["in a call"], ROOMY)  # noqa: B023
            figures = [used["registered"] - image, used["in a call"] - image, least - image]
            held = not romfs and not sound
            rows.append([name, *figures, BUDGET if held else None, verdict(figures[-1]) if held else ""])
    table(
        "The door phone's heap in bytes, 64 bit",
        ["from", "registered", "in a call", "smallest that works", "budget", ""],
        rows,
        "Complete: with all that makes a call sound well; a heap that is too small for it goes without, by itself.\n"
        f"Used: after a collection. Smallest: -X heapsize, with two whole calls, {TIMES} times. The unix port has no\n"
        "flash: the ROMFS image lies on its heap, and its size is taken off here.",
    )


def verdict(least):
    return "ok" if least <= BUDGET else "OVER"
