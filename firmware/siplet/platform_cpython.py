# What siplet.platform is on CPython: the same names, and reader. Apart, so that no board's heap holds a word of it.
# Imports the standard library only.
# What MicroPython's stubs do not know is here on purpose.
# pyright: reportAttributeAccessIssue=false

import asyncio
import time
import traceback

__all__ = ("heap_used", "now", "now_us", "print_exception", "readable", "reader", "sleep_ms", "sleep_us", "within")

_MASK = 0x3FFFFFFF


def now():
    """The time in ms, wrapping at 2**30; compare with siplet.ticks.ticks_diff only."""
    return time.monotonic_ns() // 1000000 & _MASK


def now_us():
    """The time in microseconds, wrapping at 2**30, after 18 minutes: ticks_diff holds for 9."""
    return time.monotonic_ns() // 1000 & _MASK


def sleep_us(us):
    """Block for us microseconds: for less than a millisecond only."""
    time.sleep(us / 1000000)


def sleep_ms(ms):
    """await sleep_ms(ms)."""
    return asyncio.sleep(ms / 1000)


def heap_used():
    """0: nobody can tell."""
    return 0


def print_exception(error):
    """Print an exception with its trace."""
    traceback.print_exception(type(error), error, error.__traceback__)


async def readable(sock):
    """await readable(socket): return when a read would find something."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    number = sock.fileno()
    loop.add_reader(number, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(number)


async def within(awaitable, ms):
    """Await an awaitable for ms at most; what it returns, or asyncio.TimeoutError."""
    # Not wait_for: before Python 3.12 it loses a cancellation that comes together with the result.
    task = asyncio.ensure_future(awaitable)
    try:
        await asyncio.wait((task,), timeout=ms / 1000)
        if not task.done():
            raise asyncio.TimeoutError
        return task.result()
    finally:
        task.cancel()


def reader(sock):
    """A socket's readinto as MicroPython has it: recv_into takes one datagram, this reads through their borders."""

    def read(view):
        view = memoryview(view)
        n = 0
        while n < len(view):
            try:
                got = sock.recv_into(view[n:])
            except BlockingIOError:
                return n or None
            n += got
            if not got:
                break
        return n

    return read
