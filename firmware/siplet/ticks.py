# Millisecond ticks that wrap, as plain arithmetic: the core is given its time and never reads a clock. Imports nothing.
#
# The period is 2**30, the one of time.ticks_ms() on 32-bit MicroPython (it wraps after 12.4 days). platform.now() masks
# every interpreter's clock to it, so a phone behaves alike everywhere and nothing here leaves the 31-bit small ints.

from micropython import const

_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)


def ticks_add(ticks, delta):
    """The instant delta ms after ticks; 0 <= ticks < 2**30, abs(delta) < 2**29. No sum leaves the small ints."""
    if delta > 0:
        ticks = ticks - _HALF - _HALF  # one after the other: their sum is no small int on 32 bit
    return (ticks + delta) & _MASK


def ticks_diff(a, b):
    """The ms from b to a, negative when a lies before b; exact while they are less than 6.2 days apart."""
    d = (a - b) & _MASK
    return d if d < _HALF else d - _HALF - _HALF
