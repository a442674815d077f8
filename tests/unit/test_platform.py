# platform: the clock, chance, waiting with a limit, and tasks that don't die in silence.

NEEDS = ("event_loop",)

import asyncio

from siplet import platform
from siplet.ticks import ticks_diff


def test_clocks_wrap_at_30_bits():
    a, b = platform.now(), platform.now_us()
    platform.sleep_us(900)
    assert 0 <= a < 1 << 30 and 0 <= b < 1 << 30
    assert 900 <= ticks_diff(platform.now_us(), b) < 1000000
    assert 0 <= ticks_diff(platform.now(), a) < 1000


def test_chance():
    assert len(platform.random(7)) == 7 and isinstance(platform.random(1), bytes)
    assert platform.random(16) != platform.random(16)


def test_heap():
    platform.collect()
    assert platform.heap_used() > 0 if platform.MICROPYTHON else platform.heap_used() == 0


async def test_wait():
    event = asyncio.Event()
    assert not await platform.wait(event, 1)
    task = asyncio.create_task(setting(event))
    assert await platform.wait(event, 5000)
    await task
    assert await platform.wait(event, 0) and await platform.wait(event)


async def setting(event):
    await platform.sleep_ms(2)
    event.set()


async def test_a_task_that_dies_is_told():
    told = []

    async def dies():
        raise ValueError("of what")

    platform.install(lambda text, error: told.append(error))
    try:
        task = asyncio.create_task(dies())
        await platform.sleep_ms(1)
        del task
        platform.collect()
        await platform.sleep_ms(1)
    finally:
        asyncio.get_event_loop().set_exception_handler(None)
    assert [type(error) for error in told] == [ValueError]


def test_resolved_addresses():
    assert platform.source(platform.resolve("127.0.0.1", 5060)) == ("127.0.0.1", 5060)
    assert platform.source(platform.resolve("::1", 5060)) == ("::1", 5060)
    for host, port in (("no.such.host.invalid", 1), ("127.0.0.1", 65536), ("127.0.0.1", -1), ("a" * 300, 1), ("\0", 1)):
        try:
            platform.resolve(host, port)
        except OSError:
            continue
        raise AssertionError(host)
