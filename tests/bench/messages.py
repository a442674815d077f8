# Time of what the SIP core does, on the unix port: messages.py KIND N prints the microseconds that each of N takes.
# callgrind counts its instructions (core.py): the difference between two N.

import sys
import time

sys.path[:0] = ["tests/alloc"]

from siplet.offer import Negotiation  # noqa: E402
from siplet.sip.builder import Builder  # noqa: E402
from siplet.sip.message import Message  # noqa: E402
from test_call_garbage import CALLER, Callee  # noqa: E402

callee = Callee()
builder = Builder()
invite, ack, bye = callee.begin()
options = callee.message(b"OPTIONS", 1)


def answer_options():
    callee.receive(options)


def answer_invite():
    """Parse, check, answer the offer and build the 200: no transaction, no dialog."""
    request = Message(invite)
    request.check()
    sdp = Negotiation("192.0.2.7", 40000).answer(request.body)
    builder.reply(request, 200, CALLER, b"tag")
    builder.header(b"Contact", b"<sip:door@192.0.2.7:5060>")
    builder.body(b"application/sdp", sdp)
    builder.end()


def take_call():
    callee.receive(invite)
    callee.answer()
    callee.receive(ack)
    callee.receive(bye)
    callee.endpoint.handle_timers(100000)


kind, count = sys.argv[1], int(sys.argv[2])
step = {"options": answer_options, "invite": answer_invite, "call": take_call}[kind]
step()
start = time.ticks_us()
for _ in range(count):
    step()
print(time.ticks_diff(time.ticks_us(), start) / count)
if callee.endpoint.sessions or callee.endpoint.transactions:
    raise ValueError("something is left of a call")
