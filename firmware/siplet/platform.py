# The one place where interpreters differ (boards, MicroPython's unix and WebAssembly ports, CPython): clock, sleep,
# sockets' addresses, asyncio's error door. May import the interpreter's own modules; on CPython platform_cpython.

import asyncio
import gc
import os
import sys
import time

from micropython import const

try:
    import socket
except ImportError:  # the WebAssembly port, which runs tests only
    socket = None

_MASK = const(0x3FFFFFFF)

MICROPYTHON = sys.implementation.name == "micropython"


if MICROPYTHON:

    def now():
        """The time in ms, wrapping at 2**30; compare with siplet.ticks.ticks_diff only. Allocates nothing."""
        return time.ticks_ms() & _MASK

    def now_us():
        """The time in microseconds, wrapping at 2**30, after 18 minutes: ticks_diff holds for 9. Allocates nothing."""
        return time.ticks_us() & _MASK

    sleep_us = time.sleep_us  # blocks: for less than a millisecond only
    sleep_ms = asyncio.sleep_ms  # awaited at once it allocates nothing: asyncio keeps one sleeper for all
    heap_used = gc.mem_alloc  # bytes in use
    print_exception = sys.print_exception  # with its trace

    def readable(sock):
        """await readable(socket): return when a read would find something."""
        yield asyncio.core._io_queue.queue_read(sock)

    async def within(awaitable, ms):
        """await an awaitable for ms at most; asyncio.TimeoutError."""
        try:
            return await asyncio.wait_for_ms(awaitable, ms)
        except asyncio.CancelledError as error:
            # Cancelled from outside: wait_for's own helper task would cancel our next wait, too. Let it hit this one.
            try:
                for _ in range(3):
                    await asyncio.sleep_ms(0)
            except asyncio.CancelledError:
                pass
            raise error

else:
    from siplet.platform_cpython import *  # noqa: F403


if hasattr(os, "urandom"):
    random = os.urandom  # n -> n bytes of the system's randomness
else:  # the WebAssembly port

    def random(n):
        from random import getrandbits

        return bytes([getrandbits(8) for _ in range(n)])


collect = gc.collect  # now, when nobody listens: as a call is set up, and after it ended


async def wait(event, timeout_ms=None):
    """Wait for an asyncio.Event; True when it was set, False when timeout_ms (None: for ever) passed first."""
    if timeout_ms is None or event.is_set():
        await event.wait()
        return True
    try:
        await within(event.wait(), timeout_ms)
    except asyncio.TimeoutError:
        return event.is_set()
    return True


def install(log=None):
    """Make asyncio tell when a task died, which it does not do by itself; call it inside the running loop.

    log: callable(text, exception), default: the trace goes to stderr or the console.
    """

    def handler(_loop, context):
        error = context.get("exception")
        text = str(context.get("message"))
        if log:
            log(text, error)
            return
        print(text)
        if error:
            print_exception(error)

    asyncio.get_event_loop().set_exception_handler(handler)


# --- addresses ---
# A resolved address is what bind(), connect() and sendto() of this interpreter take: packed bytes on the unix port, a
# tuple on boards and CPython. source() turns what recvfrom() tells into the one form that siplet uses.


def resolve(host, port, family=0):
    """The resolved address of host: str and port: int; blocks while a name is looked up; raises OSError."""
    if not socket:
        return host, port
    if not 0 <= port < 65536:
        raise OSError(22)
    family = family or (socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        return socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)[0][-1]
    except (UnicodeError, ValueError, TypeError, IndexError):  # CPython's idna codec, or no address of that family
        raise OSError(22)


def source(raw):
    """(host: str, port: int) of an address that recvfrom() gave; raises nothing."""
    if isinstance(raw, tuple):
        return raw[0], raw[1]
    parts = socket.sockaddr(raw)
    return socket.inet_ntop(parts[0], parts[1]), parts[2]
