# The virtual board's power supply and wiring: one thread that moves bytes between the cable and the firmware, and
# answers what is asked of it. Imports line, child, flash, parts, rom.

import contextlib
import queue
import select
import socket
import threading
import time

from siplet_tools.virtual.child import Child
from siplet_tools.virtual.flash import Flash
from siplet_tools.virtual.line import Line
from siplet_tools.virtual.parts import Parts
from siplet_tools.virtual.rom import BootLoop, Download

POWER, SOFTWARE, WATCHDOG, DEEP_SLEEP, SOFT = 1, 2, 3, 4, 5  # reset causes, as machine.reset_cause() tells them
_IDLE_S = 0.25
_PANIC = (
    b"\r\nGuru Meditation Error: Core  0 panic'ed (%s of the MicroPython that plays the board).\r\n\r\nRebooting...\r\n"
)


class Supervisor(threading.Thread):
    """settings: settings.Settings. on_line: called with each line that the board's parts tell, in this thread.

    starts: how often MicroPython was started; ready: how often it came as far as boot.py; crashes: how often it was
    ended by what is nobody's wish.
    """

    def __init__(self, settings, on_line=None):
        super().__init__(name="virtual board", daemon=True)
        self.settings = settings
        self.line = Line(settings.baud)
        self.parts = Parts(settings)
        self.flash = Flash(settings.folder, settings.files, settings.chip, settings.flash_size, settings.release)
        self.starts = self.ready = self.crashes = 0
        self.failure = None
        self._on_line = on_line or (lambda line: None)
        self.firmware = None
        self._chip = None  # the NorFlash that a loader works on
        self._cause = POWER
        self._alarm = None  # (when, the reset that comes then)
        self._later = []  # [(when, function, arguments), ...]
        self._questions = queue.SimpleQueue()
        self._awake, self._waker = socket.socketpair()
        self._awake.setblocking(False)
        self._going = True
        self._words = b""  # the last ones of the firmware
        self._stillborn = 0  # runs of MicroPython in a row that did not reach boot.py

    # --- asked by other threads ---

    def ask(self, function, *arguments):
        """Has function(*arguments) done in the board's thread; returns what it returns or raises what it raises."""
        if threading.current_thread() is self:
            return function(*arguments)
        answer = queue.SimpleQueue()
        self._questions.put((function, arguments, answer))
        with contextlib.suppress(OSError):  # it has just ended
            self._waker.send(b"!")
        while True:
            try:
                value, error = answer.get(timeout=0.5)
                break
            except queue.Empty:
                if not self.is_alive():
                    raise RuntimeError(f"the virtual board has ended: {self.failure}") from None
        if error:
            raise error
        return value

    def stop(self):
        """Power off, cable out."""
        if self.is_alive():
            with contextlib.suppress(RuntimeError):
                self.ask(self._end)
            self.join()
        self.line.unplug()  # it may never have begun
        self._awake.close()
        self._waker.close()

    def _end(self):
        self._going = False

    # --- done in the board's thread ---

    def power_on(self, cause=POWER):
        """A hard reset: by the button or the power, machine.reset(), a watchdog, the end of a deep sleep."""
        self._leave()
        self._cause = cause
        if cause == POWER:
            self.parts.power_off()
        self.parts.reset(hard=True)
        trouble = self.flash.trouble()
        if trouble is not None:
            self.firmware = BootLoop(self.settings.kind.loop_text(trouble))
            return
        self.line.send(self.settings.kind.boot_text(cause), time.monotonic())
        self._start(raw=False)

    def enter_loader(self):
        """A hard reset with the button BOOT held, or machine.bootloader()."""
        unread = self.firmware.unread if isinstance(self.firmware, BootLoop) else b""
        self._leave()
        self.parts.reset(hard=True)
        self._chip = self.flash.open()
        mac = bytes.fromhex(self.settings.mac)
        self.firmware = Download(self.settings.chip, self._chip, mac, unread)

    def after(self, seconds, function, *arguments):
        """Has function(*arguments) done in a while."""
        self._later.append((time.monotonic() + seconds, function, arguments))

    @property
    def lost(self):
        """Bytes that came while the board did not read, and found no room."""
        return getattr(self.firmware, "lost", 0)

    def tell(self, line):
        """A line of text for the device's side."""
        if isinstance(self.firmware, Child):
            self.firmware.tell(line)

    @property
    def state(self):
        """ "micropython", "loader", "loop" (nothing to start) or "off" (deep sleep)."""
        names = {Child: "micropython", Download: "loader", BootLoop: "loop"}
        return names.get(type(self.firmware), "off")

    def run(self):
        try:
            self.power_on()
            while self._going:
                self._turn()
        except BaseException as error:  # whoever waits is told
            self.failure = error
        finally:
            self._leave()
            self.line.unplug()

    def _leave(self):
        self._alarm = None
        if self.firmware:
            self._say(self.firmware.kill(), time.monotonic())  # who resets says why before it
            self.firmware = None
        if self._chip:
            self.flash.close(self._chip)
            self._chip = None
            self.line.to_board.baud = self.line.to_host.baud = self.settings.baud

    def _start(self, raw, unread=b"", run=True):
        options = {**self.parts.options(), "raw": raw, "cause": self._cause, "run": run}
        heap = self.settings.heap + self.flash.mapped  # which has to lie on the heap here
        self.firmware = Child(options, raw, self.settings.banner, heap, self.settings.buffer)
        self.firmware.feed(unread)
        self.starts += 1

    def _turn(self):
        self._wait(time.monotonic())
        now = time.monotonic()
        plugged = self.line.port
        if self._alarm and now >= self._alarm[0]:
            self.power_on(self._alarm[1])
        self.line.held = bool(self.firmware and self.firmware.full)
        self._feed(self.line.turn(now))
        if self.firmware and not self.line.full:
            sent, told = self.firmware.turn(now)
            self._say(sent, now)
            for line in told:
                self._hear(line, now)
            if self.firmware and self.firmware.ended:
                self._soft_reset(now)
        self._feed(self.line.turn(now))
        if plugged and not self.line.port:
            self._on_line("unplugged")
        for row in [row for row in self._later if row[0] <= now]:
            self._later.remove(row)
            row[1](*row[2])
        while not self._questions.empty():
            self._answer(*self._questions.get())

    def _wait(self, now):
        waiting = [self._awake]
        times = [now + _IDLE_S, self.line.due(now) or now + _IDLE_S, *(row[0] for row in self._later)]
        number = self.line.fileno()
        if number is not None:
            waiting.append(number)
        if self._alarm:
            times.append(self._alarm[0])
        if self.firmware and not self.line.full:
            waiting += self.firmware.filenos()
            times.append(self.firmware.due(now))
        with contextlib.suppress(OSError, ValueError):
            select.select(waiting, [], [], max(0, min(times) - now))
        with contextlib.suppress(BlockingIOError):
            while self._awake.recv(64):
                pass

    def _feed(self, arrived):
        if arrived and self.firmware:
            self.firmware.feed(arrived)
            if self.settings.baud and isinstance(self.firmware, Download):
                self.line.to_board.baud = self.line.to_host.baud = self.firmware.baud

    def _say(self, data, now):
        self._words = (self._words + data)[-300:]
        self.line.send(data, now)

    def _answer(self, function, arguments, answer):
        try:
            answer.put((function(*arguments), None))
        except Exception as error:
            answer.put((None, error))

    def _hear(self, line, now):
        word, _, rest = line.partition(" ")
        if word in ("reset", "left"):
            self.power_on(SOFTWARE)
        elif word == "ended":
            self._soft_reset(now)
        elif word == "bootloader":
            self.enter_loader()
        elif word == "watchdog":
            self._alarm = now + int(rest) / 1000, WATCHDOG
        elif word == "deepsleep":
            self._leave()
            if int(rest) >= 0:
                self._alarm = now + int(rest) / 1000, DEEP_SLEEP
        elif word == "wake":
            self.tell(line)
        elif word == "interrupt":  # a Ctrl-C that has met the wrong thread
            self.firmware.interrupt()
        else:
            self.ready += word == "up"
            with contextlib.suppress(ValueError, IndexError):  # made up by what runs there
                self.parts.hear(line)
        self._on_line(line)

    def _soft_reset(self, now):
        former, self.firmware = self.firmware, None
        crashed, stumbled, unread = former.crashed, former.stumbled, former.unread()
        self._say(former.kill(), now)
        self._stillborn = 0 if former.up else self._stillborn + 1
        if self._stillborn > 2:
            raise RuntimeError("MicroPython does not come up: " + self._words.decode("utf-8", "replace"))
        if crashed:
            self.crashes += 1
            self._say(_PANIC % crashed.encode(), now)
            self.power_on(SOFTWARE)
            return
        if not stumbled:  # else a board would just have gone on
            self._cause = SOFT
            self.line.send(b"MPY: soft reboot\r\n", now)
        self.parts.reset(hard=False)
        self._start(former.raw, unread, run=not stumbled)
