# asyncio on a clock that jumps: run(coroutine) is asyncio.run(), but a sleep of an hour takes no time, because the
# clock is put forward to the next deadline whenever nobody has anything to do. For stories without sockets.

import asyncio
import sys
import time

_skipped = 0  # ms; the clock of everybody in here is the real one and this


def now():
    """ms, wrapping at 2**30 as siplet.platform.now() does."""
    real = time.ticks_ms() if sys.implementation.name == "micropython" else time.monotonic_ns() // 1000000
    return (real + _skipped) & 0x3FFFFFFF


def _skip(ms):
    global _skipped
    if ms > 0:
        _skipped += ms


def _run_micropython(coroutine):
    core = asyncio.core
    ticks = core.ticks
    core.ticks = lambda: (ticks() + _skipped) & (time.ticks_add(0, -1))
    asyncio.new_event_loop()
    queue = core._io_queue

    class Queue:
        map = queue.map

        def wait_io_event(self, ms):
            _skip(ms)
            queue.wait_io_event(0)

        def remove(self, task):
            queue.remove(task)

    core._io_queue = Queue()
    try:
        return asyncio.run(coroutine)
    finally:
        core.ticks = ticks
        asyncio.new_event_loop()


def _run_cpython(coroutine):
    loop = asyncio.new_event_loop()
    select = loop._selector.select
    begin = loop.time() - _skipped / 1000

    def wait(timeout):
        events = select(0)
        if not events and timeout is None:
            raise RuntimeError("everybody waits for ever")
        if not events and timeout:
            _skip(int(timeout * 1000) + 1)
        return events

    loop._selector.select = wait
    loop.time = lambda: begin + _skipped / 1000
    try:
        return loop.run_until_complete(coroutine)
    finally:
        loop.close()


def run(coroutine):
    """asyncio.run(coroutine) in virtual time; RuntimeError when everybody waits and nothing is due."""
    done = []

    async def whole():
        done.append(await coroutine)

    (_run_micropython if sys.implementation.name == "micropython" else _run_cpython)(whole())
    if not done:
        raise RuntimeError("everybody waits for ever")
    return done[0]
