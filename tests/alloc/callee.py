# A phone's SIP core being called, without a network: what the budgets of garbage and tests/bench share.
# Everything is the same at each call, tags and branches too, so the counts are.

from siplet.offer import Negotiation
from siplet.sip.endpoint import Endpoint
from siplet.ticks import ticks_add

CALLER = ("10.0.0.1", 5060)
OFFER = """v=0
o=- 3344 1 IN IP4 10.0.0.1
s=-
c=IN IP4 10.0.0.1
t=0 0
m=audio 4000 RTP/AVP 8 0 101
a=rtpmap:101 telephone-event/8000
a=ptime:20
"""
_HEAD = """{method} sip:door@10.0.0.9:5060 SIP/2.0
Via: SIP/2.0/UDP 10.0.0.1:5060;rport;branch=z9hG4bK8f2a7b6c{cseq}{method}
Max-Forwards: 70
From: "Reception" <sip:100@10.0.0.1>;tag=a1b2c3
To: <sip:door@10.0.0.9>{to}
Call-ID: 8f2a7b6c@10.0.0.1
CSeq: {cseq} {method}
Contact: <sip:100@10.0.0.1:5060>
User-Agent: Desk phone 1.0
{kind}Content-Length: {size}

"""


def message(method, cseq, tag="", body="", kind="application/sdp"):
    """A request as bytes. tag: the callee's, as text."""
    body = body.replace("\n", "\r\n")
    kind = f"Content-Type: {kind}\n" if body else ""
    to = ";tag=" + tag if tag else ""
    head = _HEAD.format(method=method, cseq=cseq, to=to, kind=kind, size=len(body))
    return (head.replace("\n", "\r\n") + body).encode()


class Media(Negotiation):
    def close(self):
        pass


class Callee:
    """An endpoint whose answers go nowhere."""

    def __init__(self):
        self.sent = 0
        self.now = 1000
        self.session = None
        self.endpoint = Endpoint(self._send, bytes, ("10.0.0.9", 5060), self._media)

    def _send(self, data, destination):
        self.sent += 1

    def _media(self, session):
        return Media("10.0.0.9", 5000)

    def receive(self, data):
        self.endpoint.receive(data, CALLER, self.now)

    def drain(self):
        """Take all events; a call that rings becomes .session."""
        event = self.endpoint.next_event()
        while event:
            if event.kind == "incoming":
                self.session = event.source
            event = self.endpoint.next_event()

    def answer(self):
        self.session.answer(self.now)

    def forget(self):
        """Let a minute and a half pass, after which nothing is left of a call."""
        for _ in range(3):
            self.now = ticks_add(self.now, 33000)
            self.endpoint.handle_timers(self.now)
            self.drain()


class Call:
    """One call to a Callee, again and again. steps, extras: {name: function}; the extras go between "ACK" and "BYE"."""

    def __init__(self, phone):
        self.phone = phone
        invite = message("INVITE", 1, body=OFFER)
        phone.receive(invite)
        phone.drain()
        tag = phone.session.dialog.local_tag.decode()
        ack = message("ACK", 1, tag)
        info = message("INFO", 2, tag, "Signal=5\nDuration=160\n", "application/dtmf-relay")
        reinvite = message("INVITE", 3, tag, OFFER.replace("3344 1", "3344 2"))
        reack = message("ACK", 3, tag)
        bye = message("BYE", 4, tag)
        self.steps = (
            ("INVITE, rings", lambda: phone.receive(invite)),
            ("200 with SDP", phone.answer),
            ("ACK", lambda: phone.receive(ack)),
            ("BYE, answered 200", lambda: phone.receive(bye)),
            ("timers, until all is forgotten", phone.forget),
        )
        self.extras = (
            ("INFO with a key, answered 200", lambda: phone.receive(info)),
            ("re-INVITE, answered 200", lambda: phone.receive(reinvite)),
            ("its ACK", lambda: phone.receive(reack)),
        )
        phone.answer()
        phone.receive(ack)
        phone.receive(bye)
        phone.forget()

    def run(self):
        """A whole call without extras."""
        for _, step in self.steps:
            step()
            self.phone.drain()
