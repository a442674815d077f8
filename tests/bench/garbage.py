# The heap that SIP messages and a whole incoming call take, in bytes, what is freed later included: "NAME|BYTES". Exact
# on the WebAssembly port, which frees nothing meanwhile, and on the unix port as long as no collection comes by.

import gc
import sys

sys.path[:0] = ["tests/alloc", "/tests/alloc"]  # on the unix port, and in the WebAssembly port's file system

from callee import Call, Callee, message  # noqa: E402

phone = Callee()


def taken(step, *arguments):
    """The bytes that a step and the fetching of its events take."""
    if sys.platform != "webassembly":  # there it only notes that a collection is due, and that takes heap
        gc.collect()
    before = gc.mem_alloc()
    step(*arguments)
    phone.drain()
    return gc.mem_alloc() - before


def rows():
    yield "OPTIONS, answered 200", taken(phone.receive, message("OPTIONS", 1))
    yield "an unknown method, answered 501", taken(phone.receive, message("DANCE", 1))
    call = Call(phone)
    whole = 0
    for name, step in call.steps:
        if name.startswith("BYE"):
            for extra, between in call.extras:
                yield extra, taken(between)
        size = taken(step)
        whole += size
        yield name, size
    yield "a whole incoming call, without re-INVITE and INFO", whole


list(rows())  # what is made at a first use only
for name, size in rows():
    print(f"{name}|{size}")
