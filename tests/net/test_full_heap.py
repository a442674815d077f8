# A call whose sound finds no memory when it is to begin: it has none, and its port is free again when it is over.

import asyncio

from siplet import CallError, Phone
from siplet.audio.null import Null

NEEDS = ("sockets",)
HERE = "127.0.0.1"


def phone(user, complete):
    sound = {"sound.complete": complete}
    return Phone(f"sip:{user}@{HERE}", local_address=HERE, local_port=0, audio=Null(), accept=("open",), sound=sound)


async def test_a_stream_that_cannot_begin_gives_its_port_back():
    for complete in (False, True):
        async with phone("bell", complete) as bell, phone("desk", complete) as desk:
            call = bell.call(f"sip:desk@{HERE}:{desk.local_port}", timeout_ms=500)
            task = asyncio.create_task(call.connect(500))
            other = await desk.incoming(timeout_ms=3000)
            line = call.line
            make = line.stream

            def full(_):
                raise MemoryError

            def stream(call, make=make, full=full):
                made = make(call)
                made.configure = full
                return made

            line.stream = stream
            await other.answer()
            try:
                await task
            except CallError:
                pass
            await call.hangup()
            assert await other.ended(timeout_ms=3000) and line._udp.socket is None and bell.faults == 1
