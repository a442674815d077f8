# After an application on a board has failed: says why, waits, and starts the board anew. May import machine, log and
# platform. Each failure in a row doubles the pause, so that a fault which is there at every start does not keep board
# and servers busy; Ctrl-C in the pause gives the prompt. The number of failures lies in the clock's memory, which
# outlives a reset, but no loss of power.

import time

import machine
import micropython

from siplet import platform
from siplet.log import log
from siplet.ticks import ticks_diff

_FIRST_S = 5
_DOUBLINGS = 6  # 320 s at most
_GOOD_MS = 600000  # who ran that long has not failed at its start
_MARK = b"siplet"  # before the number: the memory holds anything after power came


def run(error):
    """Never returns, but by KeyboardInterrupt: the board is reset."""
    micropython.kbd_intr(3)
    platform.print_exception(error)
    times = 0
    memory = None
    try:
        memory = machine.RTC()
        told = bytes(memory.memory())
        if told[:-1] == _MARK and 0 <= ticks_diff(platform.now(), 0) < _GOOD_MS:
            times = min(told[-1], _DOUBLINGS)
        memory.memory(_MARK + bytes([times + 1]))
    except (AttributeError, OSError, TypeError):  # no such memory
        pass
    pause = _FIRST_S << times
    log(f"starts anew in {pause} s; Ctrl-C gives the prompt instead")
    time.sleep(pause)
    machine.reset()
