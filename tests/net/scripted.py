# A far end on a loopback socket that follows a script, for tests of whole phones: Far(script), where script(far,
# message, source) is called with each Message that came; far.say(data, source) answers. answer(), sdp(): by hand.

import asyncio

from siplet import platform
from siplet.net.udp import Udp
from siplet.sip.message import Message

HERE = "127.0.0.1"


def sdp(port, formats=b"8 101"):
    """A description of an audio stream at that port here."""
    return (
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio "
        + str(port).encode()
        + b" RTP/AVP "
        + formats
        + b"\r\na=rtpmap:101 telephone-event/8000\r\n"
    )


def answer(request, status, tag=b"far", extra=b"", body=b""):
    """A response to a request, bytes."""
    lines = [b"SIP/2.0 " + str(status).encode() + b" Whatever"]
    lines += [b"Via: " + via for via in request.headers(b"via")]
    to = request.header(b"to")
    if tag and b";tag=" not in to:
        to += b";tag=" + tag
    lines += [b"From: " + request.header(b"from"), b"To: " + to, b"Call-ID: " + request.call_id]
    lines += [b"CSeq: " + str(request.cseq).encode() + b" " + request.cseq_method]
    if extra:
        lines.append(extra)
    if body:
        lines.append(b"Content-Type: application/sdp")
    lines += [b"Content-Length: " + str(len(body)).encode(), b"", b""]
    return b"\r\n".join(lines) + body


def polite(far, message, source):
    """A script: INVITEs ring, and are taken back; whatever else is asked is fine."""
    if message.method == b"INVITE":
        far.invite = message
        far.source = source
        far.say(answer(message, 180, extra=far.contact), source)
    elif message.method and message.method != b"ACK":
        far.say(answer(message, 200), source)
        if message.method == b"CANCEL":
            far.say(answer(far.invite, 487), source)


class Far:
    """`async with Far(script) as far`. got: the Messages that came; port; contact: a Contact header of its own."""

    def __init__(self, script=None):
        self.udp = Udp(HERE)
        self.port = self.udp.port
        self.contact = b"Contact: <sip:far@127.0.0.1:" + str(self.port).encode() + b">"
        self.got = []
        self.script = script

    async def __aenter__(self):
        self._task = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, kind, error, trace):
        self._task.cancel()
        self.udp.close()

    def uri(self, user="far"):
        return f"sip:{user}@{HERE}:{self.port}"

    def methods(self):
        return [message.method.decode() for message in self.got]

    def say(self, data, to):
        self.udp.send_to(data, to)

    async def _listen(self):
        while True:
            await platform.readable(self.udp.socket)
            data = self.udp.datagram(4097)
            if data:
                message = Message(data)
                self.got.append(message)
                if self.script:
                    self.script(self, message, self.udp.source)


async def soon(condition, ms=2000):
    """Wait until condition() is true, at most ms; its value."""
    for _ in range(ms // 5):
        value = condition()
        if value:
            return value
        await platform.sleep_ms(5)
    return condition()
