# Lines of text between the board's simulated parts and whoever plays the world around it, and interrupts: a thread
# waits for lines and timers, so that they come at any time, as on a board. Imports nothing of ours.
#
# MicroPython's unix port has no lock that lets one thread run at a time, and a collection of garbage does not stop the
# other threads. So the thread allocates nothing: it waits, and has the main program do the work between two of its
# steps. A main program that waits in the system, in a read() or poll(), is called by a signal; the one way to send it
# one is a collection, which is safe as long as it waits.

import _thread
import gc
import os
import select
import sys
import time

import micropython

_LOOK_US = 250  # how often the thread looks whether the main program has taken notice ...
_PATIENCE = 12  # ... and how many times before it calls it: one that runs takes notice sooner
_NOTHING = -1  # no timer is due
_system = os.system
_file = _state = None
_poll, _lines = select.poll(), select.poll()  # the thread's, the main program's
_about = bytearray(64)
_hears = {}
_listens = _asked = _serves = False
_due = _NOTHING
timers = []  # [[when in ms, period in ms or 0, function, argument], ...]


def open_(number):
    """number: of the file descriptor."""
    global _file, _state
    _file = open(number, "r+b")  # a number is never looked up in a file system
    try:
        _state = open("/proc/self/stat", "rb")
    except OSError:  # not on Linux
        pass
    for poll in (_poll, _lines):
        poll.register(_file, select.POLLIN)
        poll.ipoll(0)


def tell(line):
    """line: without its end."""
    _file.write(line.encode() + b"\n")


def on(word, function):
    """Has function(the rest of the line) called, as an interrupt, for each line that begins with word."""
    _hears[word] = function


def listen():
    """Begins to take lines; what came before waits."""
    _thread.start_new_thread(_run, ())
    while not _listens:  # a Ctrl-C that met a thread which is just beginning would be the end of MicroPython
        time.sleep_ms(1)


def interrupt(function, argument):
    """Has function(argument) called by the main program, soon: as mp_sched_schedule() of an interrupt."""
    if _serves:
        _call(function, argument)
    else:
        _schedule(function, argument)  # a board loses it, too, when the queue is full


def _schedule(function, argument):
    try:
        micropython.schedule(function, argument)
    except RuntimeError:
        return False
    return True


def add_timer(when, period, function, argument):
    """A row of timers; it is dropped by timers.remove(). when: of ticks_ms()."""
    row = [when, period, function, argument]
    timers.append(row)
    _plan()
    tell("wake")  # an answer ends the wait of the thread
    return row


def _plan():
    global _due
    now = time.ticks_ms()
    _due = time.ticks_add(now, max(0, min([time.ticks_diff(row[0], now) for row in timers]))) if timers else _NOTHING


def _run():
    # The system gives a Ctrl-C to either thread; this one passes it on
    while True:
        try:
            _listen()
        except KeyboardInterrupt:
            _file.write(b"interrupt\n")


def _listen():
    global _listens, _asked
    _listens = True
    while True:
        due = _due
        wait = _NOTHING if due == _NOTHING else max(0, time.ticks_diff(due, time.ticks_ms()))
        for _, event in _poll.ipoll(wait):
            if event & select.POLLHUP:  # whoever played the world is gone
                _system("kill -9 $PPID")
        _asked = True
        asked = waited = 0
        while _asked:
            if not asked:
                asked = _schedule(_serve, None)
            time.sleep_us(_LOOK_US)
            waited += 1
            if waited % _PATIENCE == 0 and _main_waits():
                gc.collect()


def _main_waits():
    # Whether the main program sleeps in the system: "1234 (micropython) S ..."
    if not _state:
        return True
    _state.seek(0)
    _state.readinto(_about)
    return _about[_about.find(b") ") + 2] == 83


def look():
    """What the world has done up to now counts: a pin has its level at once."""
    global _serves
    if _serves:
        return
    _serves = True
    try:
        while _waits():
            line = _file.readline()
            if not line:
                break
            word, _, rest = line.decode().strip().partition(" ")
            if word in _hears:
                _call(_hears[word], rest)
    finally:
        _serves = False


def _waits():
    for _ in _lines.ipoll(0):
        return True
    return False


def _serve(_):
    # In the main program, between two of its steps: the lines that have come, the timers that are due
    global _asked
    try:
        look()
        now = time.ticks_ms()
        for row in list(timers):
            if row in timers and time.ticks_diff(row[0], now) <= 0:
                if row[1]:
                    row[0] = time.ticks_add(row[0], row[1])
                else:
                    timers.remove(row)
                _call(row[2], row[3])
        _plan()
    finally:
        _asked = False


def _call(function, argument):
    try:
        function(argument)
    except Exception as error:
        sys.print_exception(error)
