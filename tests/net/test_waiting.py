# Waiting with a time limit, on the real event loop: a wait that was cancelled leaves no trace in the next one.

NEEDS = ("event_loop",)

import asyncio

from siplet import platform
from siplet.waiting import Waiting


async def test_a_task_that_was_cancelled_while_it_waited_can_wait_again_to_clean_up():
    thing = Waiting()
    story = []

    async def work():
        try:
            await thing.until(lambda: False, 30_000)
        except asyncio.CancelledError:
            story.append("cancelled")
            story.append(await thing.until(lambda: "done" in story, 2000))
            story.append("cleaned up")

    task = asyncio.create_task(work())
    await platform.sleep_ms(10)
    task.cancel()
    await platform.sleep_ms(20)
    assert story == ["cancelled"]
    story.append("done")
    thing.notify()
    await platform.sleep_ms(10)
    assert story == ["cancelled", "done", True, "cleaned up"]


async def test_a_change_is_heard_by_who_began_to_wait_just_before_it_and_by_who_begins_just_after():
    thing = Waiting()
    thing.good = 0

    async def change():
        thing.good = 1
        thing.notify()

    early = asyncio.create_task(thing.until(lambda: thing.good, 5000))
    asyncio.create_task(change())  # noqa: RUF006
    late = asyncio.create_task(thing.until(lambda: thing.good > 1, 5000))
    await platform.sleep_ms(20)
    assert early.done() and not late.done()
    thing.good = 2
    thing.notify()
    assert await early == 1 and await late is True


async def test_the_time_limit_of_a_wait_ends_it_and_everybody_hears_a_change():
    thing = Waiting()
    assert await thing.until(lambda: False, 10) is False
    heard = []

    async def work(number):
        heard.append((number, await thing.until(lambda: thing.good, 1000)))

    thing.good = 0
    tasks = [asyncio.create_task(work(number)) for number in range(3)]
    await platform.sleep_ms(10)
    thing.good = 7
    thing.notify()
    await platform.sleep_ms(10)
    assert sorted(heard) == [(0, 7), (1, 7), (2, 7)]
    assert all(task.done() for task in tasks)
