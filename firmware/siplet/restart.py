# After an application on a board has ended. May import machine, log and platform.
#
# When it failed: says why, waits, and starts the board anew. Each failure in a row doubles the pause, so that a fault
# which is there at every start does not keep board and servers busy; Ctrl-C in the pause gives the prompt. The number
# of failures lies in the clock's memory, which outlives a reset, but no loss of power.
#
# When somebody interrupted it: that may have been a web installer, whose frames (siplet/improv.py) hold the byte of
# Ctrl-C. What stood before that byte still waits to be read: then the board starts anew as well, and listens to it.

import select
import sys
import time

import machine

from siplet import platform
from siplet.log import log
from siplet.ticks import ticks_diff

_FIRST_S = 5
_DOUBLINGS = 6  # 320 s at most
_GOOD_MS = 600000  # who ran that long has not failed at its start
_MARK = b"siplet"  # before the number: the memory holds anything after power came
_FRAME = b"IMPROV\x01"


def run(error=None):
    """error: what the application failed with; None: it ended, or was interrupted. Returns if the prompt is wanted."""
    if error:
        platform.print_exception(error)
        pause = _next_pause()
        log(f"starts anew in {pause} s; Ctrl-C gives the prompt instead")
        time.sleep(pause)
        machine.reset()
    elif _was_frame():
        log("a web installer is there")
        machine.reset()


def _next_pause():
    times = 0
    try:
        memory = machine.RTC()
        told = bytes(memory.memory())
        if told[:-1] == _MARK and 0 <= ticks_diff(platform.now(), 0) < _GOOD_MS:
            times = min(told[-1], _DOUBLINGS)
        memory.memory(_MARK + bytes([times + 1]))
    except (AttributeError, OSError, TypeError):  # no such memory
        pass
    return _FIRST_S << times


def _was_frame():
    # Takes no more than does not fit: what else was typed is for the prompt
    poll = select.poll()
    poll.register(sys.stdin.buffer, select.POLLIN)
    return all(poll.poll(0) and sys.stdin.buffer.read(1) == bytes([byte]) for byte in _FRAME)
