# The objects of a phone that is registered and in a call, without sockets and tasks: what alive.py and
# tests/wasm/run.mjs count after the modules. callee.py is imported before it, which no phone has.

from callee import CALLER, OFFER, Callee, message
from siplet.audio.null import Null
from siplet.phone import Phone
from siplet.stream import Stream


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
callee.endpoint.register(b"sip:10.0.0.1", b"sip:door@10.0.0.9").start(callee.now)
callee.receive(message("INVITE", 1, body=OFFER))
callee.drain()
callee.answer()
callee.receive(message("ACK", 1, callee.session.dialog.local_tag.decode()))
callee.drain()
stream = Stream(audio, wire, bytes)
stream.configure(callee.session.media.agreed)
stream.tick()
