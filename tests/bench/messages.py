# Time of what the SIP core does, on the unix port: messages.py KIND N prints the microseconds that each of N takes.
# callgrind counts its instructions (core.py): the difference between two N.

import sys
import time

sys.path[:0] = ["tests/alloc", "/tests/alloc"]  # on the unix port, and in the WebAssembly port's file system

from callee import OFFER, Call, Callee, message  # noqa: E402
from siplet.offer import Negotiation  # noqa: E402
from siplet.sip.builder import Builder  # noqa: E402
from siplet.sip.message import Message  # noqa: E402

phone = Callee()
builder = Builder()
options = message("OPTIONS", 1)
invite = message("INVITE", 1, body=OFFER)


def answer_options():
    phone.receive(options)


def answer_invite():
    """Parse, check, answer the offer and build the 200: no transaction, no dialog."""
    request = Message(invite)
    request.check()
    sdp = Negotiation("10.0.0.9", 5000).answer(request.body)
    builder.reply(request, 200, ("10.0.0.1", 5060), b"tag")
    builder.header(b"Contact", b"<sip:door@10.0.0.9:5060>")
    builder.body(b"application/sdp", sdp)
    builder.end()


kind, count = sys.argv[1], int(sys.argv[2])
step = {"options": answer_options, "invite": answer_invite, "call": Call(phone).run}[kind]
step()
start = time.ticks_us()
for _ in range(count):
    step()
print(time.ticks_diff(time.ticks_us(), start) / count)
