# The heap that SIP messages and a whole incoming call take, in bytes, what is freed later included: "NAME|BYTES". Exact
# on the WebAssembly port, which frees nothing meanwhile, and on the unix port as long as no collection comes by. The
# budgets are held by tests/alloc/test_call_garbage.py, whose callee this is.

import sys

sys.path[:0] = ["tests/alloc", "/tests/alloc"]  # on the unix port, and in the WebAssembly port's file system

from test_call_garbage import SDP, TAG, Callee, taken  # noqa: E402

KEY = b"Signal=5\r\nDuration=160\r\n"


def rows(callee):
    """(name, bytes) of requests outside and inside a call, and of the call."""
    for _ in callee.call():
        yield "OPTIONS, answered 200", taken(callee, callee.message(b"OPTIONS", 1))
        yield "an unknown method, answered 501", taken(callee, callee.message(b"DANCE", 1))
        yield "OPTIONS in a call, answered 200", taken(callee, callee.message(b"OPTIONS", 2, tag=TAG))
        info = callee.message(b"INFO", 3, KEY, b"application/dtmf-relay", TAG)
        yield "INFO with a key, answered 200", taken(callee, info)
        yield "re-INVITE, answered 200", taken(callee, callee.message(b"INVITE", 4, SDP, tag=TAG))
        yield "its ACK", taken(callee, callee.message(b"ACK", 4, tag=TAG))
    invite, answer, ack, bye = callee.taken
    yield "INVITE, rings", invite
    yield "200 with SDP", answer
    yield "ACK", ack
    yield "BYE, answered 200", bye
    yield "a whole incoming call: INVITE, 200, ACK, BYE", sum(callee.taken)


callee = Callee()
list(rows(callee))  # what is made at a first use only
for name, size in rows(callee):
    print(f"{name}|{size}")
