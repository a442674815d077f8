# Two whole phones in a call, with sockets, tasks and the clock of the SIP side: while nobody says anything new, nothing
# is allocated anywhere, not in the stream alone.

NEEDS = ("sockets", "heap_lock")

import asyncio
import gc

from siplet import Phone, platform
from siplet.audio.null import Null

HERE = "127.0.0.1"


def phone(user):
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Null(), accept=("open",))


async def test_a_call_that_is_up_allocates_nothing():
    async with phone("a") as a, phone("b") as b:

        async def answer():
            call = await b.incoming()
            await call.answer()
            await call.ended()

        task = asyncio.create_task(answer())
        async with a.call(f"sip:b@{HERE}:{b.local_port}", timeout_ms=3000) as call:
            await platform.sleep_ms(500)  # the streams have found each other
            received = call.stats.received
            gc.collect()
            gc.disable()
            before = gc.mem_alloc()
            await platform.sleep_ms(1000)
            taken = gc.mem_alloc() - before
            gc.enable()
            assert call.stats.received > received + 40
            assert taken == 0, taken
        await task
