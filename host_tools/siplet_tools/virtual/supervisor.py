# The virtual board's power supply and wiring: one thread that moves bytes between the cable and the firmware, and
# answers what is asked of it. Imports line, child, parts.

import contextlib
import os
import queue
import select
import threading
import time

from siplet_tools.virtual.child import Child
from siplet_tools.virtual.line import Line
from siplet_tools.virtual.parts import Parts

_BARE_S = 0.35  # the ROM's watchdog ends a start without bootloader


class Supervisor(threading.Thread):
    """settings: board.Settings. on_line: called with each line that the board's parts tell, in this thread."""

    def __init__(self, settings, on_line=None):
        super().__init__(name="virtual board", daemon=True)
        self.settings = settings
        self.line = Line(settings.baud)
        self.starts = 0  # of MicroPython
        self.failure = None
        self._on_line = on_line or (lambda line: None)
        self._child = None
        self._cause = 1
        self.parts = Parts(settings)
        self._questions = queue.SimpleQueue()
        self._awake, self._waker = os.pipe()
        os.set_blocking(self._awake, False)
        self._going = True

    def ask(self, function, *arguments):
        """Has function(*arguments) done in the board's thread; returns what it returns or raises what it raises."""
        if threading.current_thread() is self:
            return function(*arguments)
        answer = queue.SimpleQueue()
        self._questions.put((function, arguments, answer))
        os.write(self._waker, b"!")
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

    def _end(self):
        self._going = False

    def run(self):
        try:
            self.power_on()
            while self._going:
                self._turn()
        except BaseException as error:
            self.failure = error
            raise
        finally:
            if self._child:
                self._child.kill()
            self.line.unplug()

    def power_on(self, software=False):
        """A hard reset: by the button or the power, or by machine.reset()."""
        if self._child:
            self._child.kill()
            self._child = None
        self._cause = 2 if software else 1
        self.line.send(self.settings.kind.boot_text(software), time.monotonic())
        self.parts.reset(hard=True)
        self._start(raw=False)

    def tell(self, line):
        """A line of text for the device's side."""
        if self._child:
            self._child.tell(line)

    def _start(self, raw, unread=b""):
        settings = self.settings
        options = {**self.parts.options(), "raw": raw, "cause": self._cause}
        self._child = Child(options, raw, settings.banner, settings.heap)
        self._child.feed(unread)
        self.starts += 1

    def _turn(self):
        now = time.monotonic()
        waiting = [self._awake]
        times = [now + 0.25]
        number = self.line.fileno()
        if number is not None:
            waiting.append(number)
        times.append(self.line.due(now) or now + 0.25)
        if self._child:
            if not self.line.full:
                waiting += self._child.filenos()
            times.append(self._child.due(now))
        with contextlib.suppress(OSError, ValueError):
            select.select(waiting, [], [], max(0, min(times) - now))
        with contextlib.suppress(BlockingIOError):
            while os.read(self._awake, 64):
                pass
        now = time.monotonic()
        arrived = self.line.turn(now)
        if self._child:
            self._child.feed(arrived)
            if not self.line.full:
                sent, told = self._child.turn(now)
                self.line.send(sent, now)
                for line in told:
                    self._hear(line)
                if self._child and self._child.ended:
                    self._soft_reset(now)
        arrived = self.line.turn(now)
        if self._child:
            self._child.feed(arrived)
        while not self._questions.empty():
            self._answer(*self._questions.get())

    def _answer(self, function, arguments, answer):
        try:
            answer.put((function(*arguments), None))
        except Exception as error:
            answer.put((None, error))

    def _hear(self, line):
        if line == "reset":
            self.power_on(software=True)
        elif line == "wake":
            self.tell(line)
        else:
            self.parts.hear(line)
            self._on_line(line)

    def _soft_reset(self, now):
        unread, raw = self._child.unread(), self._child.raw
        self._child.kill()
        self._cause = 5
        self.line.send(b"MPY: soft reboot\r\n", now)
        self.parts.reset(hard=False)
        self._start(raw, unread)
