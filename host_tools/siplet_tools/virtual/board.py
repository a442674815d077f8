# A virtual board in the calling process: start it, press its buttons, pull its cable, listen to it.
# Imports control, names, registry, settings, sound, supervisor.

import contextlib
import os
import shutil
import tempfile
import threading
import time

from siplet_tools.errors import FAILED, ToolError
from siplet_tools.virtual import control, names, registry, sound
from siplet_tools.virtual.settings import Settings
from siplet_tools.virtual.supervisor import Supervisor

_PRESS_MS = 150


class VirtualBoard:
    """with VirtualBoard(folder) as board: board.port is what a host program opens. options: those of Settings.

    on_line: called with each line that the board's parts tell (virtual/parts.py), in the board's own thread.
    """

    def __init__(self, folder, on_line=None, **options):
        self.settings = Settings(str(folder), **options)
        self._told = threading.Condition()
        self._watcher = on_line or (lambda line: None)
        self._supervisor = Supervisor(self.settings, self._hear)
        self._entry = registry.Entry(f"{os.getpid()}-{id(self):x}")
        self._scratch = tempfile.mkdtemp(prefix=registry.SCRATCH)
        self._control = control.Server(self, os.path.join(self._scratch, "control"))
        self._ear = None

    # --- life ---

    def start(self):
        """Power on, cable in. Returns self."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def _start(self):
        settings = self.settings
        fresh = not os.path.exists(settings.files)
        os.makedirs(settings.files, exist_ok=True)
        if settings.bare:
            self._supervisor.flash.make_bare()
        elif fresh:
            self._supervisor.flash.format()
        self._supervisor.line.plug()
        self._control.start()
        self._entry.write(
            port=self.port,
            pid=os.getpid(),
            control=self._control.path,
            chip=settings.chip,
            address=settings.address,
            mac=settings.mac,
            folder=settings.folder,
        )
        self._supervisor.start()

    def stop(self):
        """Power off, for good. OSError when the file of hear() cannot be written."""
        try:
            self._entry.remove()
            self._control.stop()
            self.deaf()
        finally:
            self._supervisor.stop()
            shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, trace):
        self.stop()

    @property
    def running(self):
        """Whether it has power; False after stop(), or when it failed."""
        return self._supervisor.is_alive()

    @property
    def child_pid(self):
        """Of the process that plays MicroPython; None while none does."""
        return getattr(self._supervisor.firmware, "pid", None)

    @property
    def failure(self):
        """Why it stopped by itself, an exception or None."""
        return self._supervisor.failure

    @property
    def state(self):
        """What runs on it: "micropython", "loader", "loop" (nothing to start) or "off" (deep sleep)."""
        return self._supervisor.state

    @property
    def starts(self):
        """How often MicroPython came as far as boot.py, since start()."""
        return self._supervisor.ready

    @property
    def crashes(self):
        """How often the MicroPython that plays the board has crashed, since start(): a fault of the simulation."""
        return self._supervisor.crashes

    def wait(self, check, timeout_s=10, what="change of the virtual board"):
        """What check() returns once that is true; asked again after each line that the board's parts tell.

        ToolError naming `what` after timeout_s.
        """
        deadline = time.monotonic() + timeout_s
        with self._told:
            while True:
                found = check()
                if found:
                    return found
                if not self.running:
                    raise ToolError(f"no {what}: the virtual board has ended ({self.failure or 'power off'})", FAILED)
                if time.monotonic() >= deadline:
                    raise ToolError(f"no {what} within {timeout_s} s", FAILED)
                self._told.wait(0.05)

    def wait_started(self, count=1, timeout_s=10):
        """Waits until MicroPython has come as far as boot.py that many times."""
        return self.wait(lambda: self.starts >= count, timeout_s, "start of MicroPython")

    def wait_idle(self, timeout_s=10):
        """Waits until boot.py and main.py have ended, and the REPL is there."""
        return self.wait(lambda: self._supervisor.parts.idle, timeout_s, "prompt of MicroPython")

    def _hear(self, line):
        if line == "unplugged":  # by cut_after()
            with contextlib.suppress(OSError):
                self._entry.write(port=None)
        with self._told:
            self._told.notify_all()
        self._watcher(line)

    # --- the cable, the power ---

    @property
    def port(self):
        """The path to open; None while the cable is out."""
        return self._supervisor.line.port

    def unplug(self, after=None, direction="both"):
        """The cable out: at once, or once `after` more bytes have passed "in" to the board, "out" of it, or "both"."""
        line = self._supervisor.line
        if after is None:
            self._supervisor.ask(line.unplug)
            self._entry.write(port=None)
        else:
            self._supervisor.ask(line.cut_after, after, direction)

    def plug(self, same=True):
        """The cable in again, at the same path if that is free, else at another one; returns the port."""
        self._supervisor.ask(self._supervisor.line.plug, same)
        self._entry.write(port=self.port)
        return self.port

    @property
    def lost(self):
        """Bytes that came while the board did not read, since MicroPython's last start."""
        return self._supervisor.lost

    def reset(self):
        """The button RESET: a hard reset."""
        self._supervisor.ask(self._supervisor.power_on)

    def enter_loader(self):
        """RESET while BOOT is held: the ROM's loader waits for esptool."""
        self._supervisor.ask(self._supervisor.enter_loader)

    # --- pins: by number, or by the name that the board's configuration has for them ---

    def number(self, name):
        """The pin's number of "bell", "relay", "led" or a number; ToolError when the configuration names none."""
        return names.pin(self.settings, name)

    def press(self, name="bell", ms=_PRESS_MS):
        """Presses a button, for ms milliseconds; None: until release()."""
        pin = self.number(name)
        self._supervisor.ask(self._push, pin, f"press {pin}")
        if ms is not None:
            self._supervisor.ask(self._supervisor.after, ms / 1000, self._push, pin, None)

    def release(self, name="bell"):
        """Lets go of a button."""
        self._supervisor.ask(self._push, self.number(name), None)

    def drive(self, name, level):
        """The world holds a pin at level 0 or 1; None: it no longer does."""
        pin = self.number(name)
        self._supervisor.ask(self._push, pin, None if level is None else f"drive {pin} {level}", "drive")

    def _push(self, pin, line, kind="press"):
        self._supervisor.parts.hold(pin, line)
        self._supervisor.tell("world " + (line or (f"release {pin}" if kind == "press" else f"drive {pin} -")))

    def level(self, name):
        """The level that the board gives to a pin, 0 or 1; None when it is no output."""
        return self._supervisor.parts.levels.get(self.number(name))

    def is_on(self, name):
        """Whether the relay or the LED is on, as its configuration says which level that is."""
        level = self.level(name)
        return level is not None and bool(level) != names.active_low(self.settings, name)

    @property
    def relay(self):
        return self.is_on("relay")

    @property
    def led(self):
        return self.is_on("led")

    # --- the air ---

    def wifi(self, on):
        """The access points of the room on or off."""
        self._supervisor.ask(self._air, "air", on, "on" if on else "off")

    def signal(self, dbm):
        """How strong they are."""
        self._supervisor.ask(self._air, "rssi", dbm, f"rssi {dbm}")

    def _air(self, name, value, line):
        setattr(self._supervisor.parts, name, value)
        self._supervisor.tell("air " + line)

    @property
    def network(self):
        """The name of the network that the board is in, or ""."""
        return self._supervisor.parts.joined

    # --- sound ---

    def say(self, path, repeat=False):
        """The microphone hears a WAV file, from now or from when its bus starts; repeat: again and again."""
        lines = [*sound.prepare(path, self._scratch), f"begin {int(repeat)}"]
        self._supervisor.ask(self._room, lines)

    def echo(self, db):
        """The microphone hears the amplifier, that much softer, after 5 ms; None: it does not."""
        gain = 0 if db is None else max(1, round(256 * 10 ** (-db / 20)))
        self._supervisor.ask(self._reflect, f"echo {gain}")

    def _reflect(self, line):
        self._supervisor.parts.walls = [line]
        self._supervisor.tell("sound " + line)

    def hush(self):
        """Silence in the room."""
        self._supervisor.ask(self._room, [])

    def hear(self, path):
        """What the amplifier plays from now on goes into a WAV file, which deaf() or stop() completes.

        OSError when it cannot be written.
        """
        self.deaf()
        with open(path, "ab"):  # told now, not when all is heard
            pass
        raw = os.path.join(self._scratch, f"heard-{time.monotonic_ns()}.raw")
        self._ear = (raw, str(path))
        self._supervisor.ask(self._listen, f"hear {raw}")

    def deaf(self):
        """Ends hear(); the count of samples heard."""
        if not self._ear:
            return 0
        (raw, path), self._ear = self._ear, None
        if self.running:
            self._supervisor.ask(self._listen, None)
        return sound.finish(raw, path, self._supervisor.parts.played_rate)

    def _room(self, lines):
        self._supervisor.parts.room = lines
        for line in lines or ["hush"]:
            self._supervisor.tell("sound " + line)

    def _listen(self, line):
        self._supervisor.parts.ear = [line] if line else []
        self._supervisor.tell("sound " + (line or "deaf"))
