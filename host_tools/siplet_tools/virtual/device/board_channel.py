# Lines of text between the board's simulated parts and whoever plays the world around it, and interrupts: a thread
# waits for lines and timers, so that they come at any time, as on a board. Imports nothing of ours.

import _thread
import gc
import os
import select
import time

import micropython

_system = os.system
_file = None
_hears = {}
timers = []  # [[when in ms, period in ms or 0, function, argument], ...]


def open_(number):
    """number: of the file descriptor."""
    global _file
    _file = open(number, "r+b")  # a number is never looked up in a file system


def tell(line):
    """line: without its end."""
    _file.write(line.encode() + b"\n")


def on(word, function):
    """Has function(the rest of the line) called, in the thread, for each line that begins with word."""
    _hears[word] = function


def listen():
    """Begins to take lines; what came before waits."""
    _thread.start_new_thread(_listen, ())


def interrupt(function, argument):
    """Has function(argument) called by the main program, soon: as mp_sched_schedule() of an interrupt."""
    try:
        micropython.schedule(function, argument)
    except RuntimeError:  # the queue is full: a board loses it, too
        return
    gc.collect()  # from another thread it signals the main one, which ends a poll() that waits


def add_timer(when, period, function, argument):
    """A row of timers; it is dropped by timers.remove(). when: of ticks_ms()."""
    row = [when, period, function, argument]
    timers.append(row)
    tell("wake")  # an answer ends the wait of the thread
    return row


def _listen():
    poll = select.poll()
    poll.register(_file, select.POLLIN)
    while True:
        wait = -1
        now = time.ticks_ms()
        for row in list(timers):
            left = time.ticks_diff(row[0], now)
            if left <= 0:
                if row[1]:
                    row[0] = time.ticks_add(row[0], row[1])
                    left = max(0, time.ticks_diff(row[0], now))
                elif row in timers:
                    timers.remove(row)
                interrupt(row[2], row[3])
                if not row[1]:
                    continue
            wait = left if wait < 0 else min(wait, left)
        if poll.poll(wait):
            line = _file.readline()
            if not line:  # whoever played the world is gone
                _system("kill -9 $PPID")
            word, _, rest = line.decode().strip().partition(" ")
            if word in _hears:
                _hears[word](rest)
