"""Who plays in the demo: the door phone on MicroPython, and the two who may answer it indoors.

Imports the other tools, and siplet itself for the indoor phone. All of it stays on 127.0.0.1.
"""

import asyncio
import json
import os
import shutil
import socket
import time

from siplet_tools import interpreter
from siplet_tools.baresip import Baresip
from siplet_tools.process import Process, free_ports

SPEECH = os.path.join(interpreter.ROOT, "tests", "vectors", "speech")
VISITOR = os.path.join(SPEECH, "door.wav")
RESIDENT = os.path.join(SPEECH, "indoor.wav")
CODE = "42"
RELAY_MS = 1500


class DemoError(Exception):
    """The demo cannot go on; one line, and perhaps a log, for whoever watches."""


class DoorPhone:
    """The door phone: firmware/main.py in a MicroPython process, with the PC as its board."""

    def __init__(self, micropython, out, target):
        self.port = free_ports()
        self._control = free_ports()
        low = free_ports(8)
        self.trace = os.path.join(out, "messages.trace")
        self.heard = os.path.join(out, "heard-at-door.wav")
        config = {
            "app": "doorphone",
            "sip": {"address": "sip:door@127.0.0.1", "local_address": "127.0.0.1", "local_port": self.port},
            "rtp": {"port_low": low, "port_high": low + 7},
            "audio": {"play": VISITOR, "record": self.heard},
            "doorphone": {"targets": [target], "code": CODE, "relay_ms": RELAY_MS},
            "log": {"sip": self.trace},
            "control": {"port": self._control},
        }
        path = os.path.join(out, "door.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(config, file, indent=2)
        command = [micropython, os.path.join(interpreter.ROOT, "firmware", "main.py"), path]
        self._process = Process("door", command, out, interpreter.environment())

    def said(self):
        """[(ticks in ms, text), ...]: the lines that it has printed."""
        lines = []
        for line in self._process.output().splitlines():
            clock, _, text = line.partition(" ")
            whole, _, part = clock.partition(".")
            if whole.isdigit() and part.isdigit():
                lines.append((int(whole) * 1000 + int(part), text))
        return lines

    async def expect(self, text, timeout_s):
        """Waits until it has printed a line that begins with `text`; DemoError when it does not, or ends."""
        deadline = time.monotonic() + timeout_s
        while not any(line.startswith(text) for _, line in self.said()):
            if not self._process.running:
                raise DemoError("the door phone ended\n" + self._process.tail())
            if time.monotonic() > deadline:
                raise DemoError(f"the door phone did not say '{text}'\n" + self._process.tail())
            await asyncio.sleep(0.02)

    async def command(self, text):
        """The reply to a command at its control port."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.connect(("127.0.0.1", self._control))
            try:
                await loop.sock_sendall(sock, text.encode())
                return (await asyncio.wait_for(loop.sock_recv(sock, 1024), 2)).decode().strip()
            except (OSError, asyncio.TimeoutError):
                raise DemoError(f"the door phone does not answer '{text}'\n" + self._process.tail()) from None

    async def media(self):
        """The counters of its call as a dictionary."""
        words = (await self.command("media")).split()
        try:
            return {name: float(value) for name, value in zip(words[::2], words[1::2])}
        except ValueError:
            raise DemoError("the door phone has no counters: " + " ".join(words)) from None

    async def heap(self):
        """Bytes in use on its heap."""
        return int((await self.command("heap")).split()[1])

    def stop(self):
        self._process.stop()


class SipletIndoors:
    """The indoor phone: siplet's Phone on this CPython."""

    name = "indoor phone"

    def __init__(self, out):
        from siplet.audio.wav import Wav
        from siplet.phone import Phone

        self.heard = os.path.join(out, "heard-indoors.wav")
        self.port = free_ports()
        self.target = f"sip:indoor@127.0.0.1:{self.port}"
        self._call = None
        self._phone = Phone(
            "sip:indoor@127.0.0.1",
            local_address="127.0.0.1",
            local_port=self.port,
            audio=Wav(RESIDENT, self.heard),
            accept=("127.0.0.1",),
        )

    async def start(self):
        await self._phone.__aenter__()

    async def ring(self, timeout_s):
        self._call = await self._phone.incoming(timeout_ms=int(timeout_s * 1000))
        return self._call is not None

    async def answer(self):
        await self._call.answer()

    async def press(self, keys):
        return await self._call.send_digits(keys, form="info")

    async def hang_up(self):
        await self._call.hangup()

    def media(self):
        return dict(vars(self._call.stats))

    async def close(self):
        if self._phone.endpoint:  # else it never opened
            await self._phone.close()


class BaresipIndoors:
    """The indoor phone: a baresip process. Its driver blocks, so each step has a thread of its own."""

    name = "baresip"

    def __init__(self, out):
        self._folder = os.path.join(out, "baresip")
        shutil.rmtree(self._folder, ignore_errors=True)
        self.heard = os.path.join(out, "heard-indoors.wav")
        self._baresip = Baresip(self._folder, "indoor", says=RESIDENT)
        self.port = self._baresip.port
        self.target = self._baresip.uri

    async def start(self):
        pass  # ready since it was made

    async def ring(self, timeout_s):
        return await asyncio.to_thread(self._baresip.wait_event, "CALL_INCOMING", timeout_s)

    async def answer(self):
        await asyncio.to_thread(self._baresip.command, "accept")
        await asyncio.to_thread(self._baresip.wait_event, "CALL_ESTABLISHED", 5)

    async def press(self, keys):
        for key in keys:
            await asyncio.to_thread(self._baresip.command, "sndcode", key)
            await asyncio.sleep(0.3)
        return True

    async def hang_up(self):
        await asyncio.to_thread(self._baresip.command, "hangup")
        await asyncio.to_thread(self._baresip.wait_event, "CALL_CLOSED", 5)
        shutil.copyfile(self._baresip.heard(), self.heard)

    def media(self):
        return self._baresip.media()

    async def close(self):
        await asyncio.to_thread(self._baresip.stop)
