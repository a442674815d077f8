# The objects of a phone that is registered and in a call, without sockets and tasks: what alive.py and
# tests/wasm/run.mjs count after the modules. The callee is imported before it, which no phone has.

from siplet.audio.null import Null
from siplet.phone import Phone
from siplet.stream import Stream
from test_call_garbage import CALLER, Callee


class Wire:
    """A Udp that stands still."""

    source = CALLER

    def send(self, view):
        return True

    def send_to(self, view, address):
        return True

    def receive_from(self, view):
        return -1

    def reopen(self):
        return True


wire = Wire()
audio = Null()
phone = Phone("sip:door@10.0.0.9", password="secret", audio=audio)
callee = Callee()
callee.endpoint.register(b"sip:192.0.2.20", b"sip:door@192.0.2.20").start(0)
invite, ack, _ = callee.begin()
callee.receive(invite)
callee.answer()
callee.receive(ack)
stream = Stream(audio, wire, bytes)
stream.configure(callee.session.media.agreed)
stream.tick()
