# The PC as a board: WAV files for the microphone and the speaker, typed words for the buttons, lines for the relay.
# Any board's board.py offers this same Board. May import siplet's audio, net, platform and log.

import asyncio
import gc
import sys

from siplet import platform
from siplet.log import log


class Board:
    """config: the flat dict of siplet.config. Nothing is opened before start(), which main.py awaits first.

    commands: what may be typed, or sent to the control port: {word: function(argument) -> reply}; main.py adds its own.
    """

    log = staticmethod(log)
    phone = None  # set by main.py once it is open

    def __init__(self, config):
        self._config = config
        self._buttons = {}
        self._relay = Switch("relay")
        self._led = Switch("led")
        self._tasks = []
        self.commands = {"press": self._press, "relay": self._state, "heap": _heap}

    async def start(self):
        """Brings the network up (a PC's is) and begins to take commands. OSError when the control port is taken."""
        port = self._config["control.port"]
        if port:
            from siplet.net.udp import Udp

            self._tasks.append(asyncio.create_task(self._serve(Udp("127.0.0.1", port))))
        self._tasks.append(asyncio.create_task(self._type()))

    def network(self):
        """Our address in the network, str."""
        address = self._config["sip.local_address"]
        if not address:
            from own_address import (
                find_address,
            )  # beside this file; not needed on a small heap that is told its address

            address = find_address()
        if not address:
            address = "127.0.0.1"
            log("no network found, so 127.0.0.1: calls stay on this machine unless sip.local_address is set")
        return address

    def audio(self, kind=None):
        """A new audio object (siplet/audio/null.py): the board's microphone and speaker, or "loop", an echo.

        LocalError with a line for the user when a file cannot be used.
        """
        config = self._config
        if kind == "loop":
            from siplet.audio.loop import Loop

            return Loop()
        if config["audio.play"] or config["audio.record"]:
            from siplet.audio.wav import Wav

            return Wav(config["audio.play"] or None, config["audio.record"] or None, config["audio.repeat"])
        from siplet.audio.null import Null

        return Null()

    def button(self, name="bell"):
        """The Button of that name; the first one asked for is what Enter presses."""
        if name not in self._buttons:
            self._buttons[name] = Button()
        return self._buttons[name]

    def relay(self):
        """The door's relay: on(), off(), value."""
        return self._relay

    def led(self):
        """A lamp: on(), off(), value."""
        return self._led

    def command(self, line):
        """Does what a typed line says; the reply, one line."""
        line = line.strip()
        word, _, argument = line.partition(" ")
        if word in self.commands:
            return self.commands[word](argument.strip())
        if self.phone and word in ("status", "media", "quality"):
            import telling  # beside this file

            return getattr(telling, word)(self.phone)
        return self._press(line)

    def _press(self, name):
        button = self._buttons.get(name or "bell")
        if button is None:
            return f"error: no button or command {name}"
        log("pressed " + (name or "bell"))
        button.press()
        return "ok"

    def _state(self, _argument):
        return "on" if self._relay.value else "off"

    async def _serve(self, udp):
        while True:
            await platform.readable(udp.socket)
            data = udp.datagram(256)
            if data is not None:
                try:
                    reply = self.command(data.decode())
                except UnicodeError:
                    reply = "error: not text"
                udp.send_to((reply + "\n").encode(), udp.source)

    async def _type(self):
        while True:
            try:
                await platform.readable(sys.stdin)
                line = sys.stdin.readline()
            except (OSError, ValueError):  # a closed or a strange standard input
                return
            if not line:
                return
            reply = self.command(line)
            if reply != "ok":
                log(reply)


class Button:
    def __init__(self):
        self._event = asyncio.Event()

    def press(self):
        self._event.set()

    async def pressed(self, timeout_ms=None):
        """Waits for the next press; False when the time is over first. What is pressed while nobody waits is lost."""
        self._event.clear()
        return await platform.wait(self._event, timeout_ms)


class Switch:
    """Something that is on or off, and says so."""

    def __init__(self, name):
        self._name = name
        self.value = False

    def on(self):
        self._set(True)

    def off(self):
        self._set(False)

    def _set(self, value):
        if value != self.value:
            self.value = value
            log(self._name + (" on" if value else " off"))


def _heap(_argument):
    if not platform.MICROPYTHON:
        return "error: no heap to measure on CPython"
    gc.collect()
    return f"heap {gc.mem_alloc()} used {gc.mem_free()} free"
