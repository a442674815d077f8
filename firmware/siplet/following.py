# Being transferred, as a phone does it (RFC 5589): what a REFER asks for is called beside the call, and takes its place
# when that is up; the application's Call goes on with somebody else. Loaded with the first REFER. May import platform,
# errors and the pure core.
#
# Who sent us there may hang up at once (an unattended transfer): then the call rings, like any that we make, until the
# new one is answered or not. Each of the two has an offer and an answer of its own; the port is the same.

import asyncio

from siplet import platform
from siplet.errors import LocalError, RemoteError
from siplet.offer import Agreement, Negotiation
from siplet.sip.endpoint import Event
from siplet.sip.header import uri_of
from siplet.sip.replaces import Gone

_PATIENCE = 180_000  # ms; as long as the far end was told that it would hear of it (refer.py)


class _Follower:
    # Takes the events of both sessions. session: the new one; farewell: the Event with which who sent us hung up
    stream = True  # whose port it is closes it
    session = farewell = media = None
    done = False

    def __init__(self, call, referral, text):
        self.call = call
        self.text = text
        self.referral = referral
        self.former = call.session
        self.former.call = self

    async def watch(self):
        """Who hangs up needs nobody else either, and nobody rings for ever."""
        await self.call.until(lambda: self.done or self.call.state == "ended", _PATIENCE)
        if not self.done:
            self.session.hang_up(platform.now())
            self.call.phone.pump()

    def on_event(self, event):
        """Take an Event of one of the sessions."""
        kind = event.kind
        if event.source is self.session:
            self._on_new(event)
        elif kind == "replaced" and event.data is self.session:
            self.session = event.source
            if self.farewell:
                self.call.session = event.source
        elif kind == "replaced":  # who sent us on is not at the other end any more: nobody else is needed
            event.source.call = self.call
            self.call.on_event(event)
            self.session.hang_up(platform.now())
        elif kind == "ended" and event.data == "remote":
            self._alone(event)
        else:
            self.call.on_event(event)
            if kind == "ended" and self.call.stream is None:
                self.call.line.close()

    def _alone(self, event):
        call = self.call
        self.farewell = event
        call.session = self.session
        call.state = "ringing"
        agreed = call.line.agreed
        if call.stream:
            address, port, codec, payload_type, dtmf, _, ptime = agreed
            call.stream.configure(Agreement(address, port, codec, payload_type, dtmf, "inactive", ptime))
        call.notify()

    def _on_new(self, event):
        call = self.call
        now = platform.now()
        if event.kind == "ringing":
            self.referral.tell(event.status, event.reason, now)
        elif event.kind == "media":
            self.media = event
        elif event.kind == "answered":
            self.done = True
            self._move()
            if self.media:
                call.on_event(self.media)
            # Who was put on hold meanwhile is gone
            call.on_event(Event("changed", self.session, 200, b"", call.line.direction))
            call.on_event(event)
            self.referral.tell(200, b"OK", now)
        elif event.kind == "ended":
            self.done = True
            self.referral.tell(event.status if event.status >= 300 else 487, event.reason, now)
            if self.former.call is self:
                self.former.call = call
            elif self.farewell and call.state != "ended":
                call.on_event(self.farewell or event)
                if call.stream is None:
                    call.line.close()

    def _move(self):
        # the new session carries the call from now on
        call = self.call
        session = self.session
        for name, value in session.media.__dict__.items():  # the offer and the answer that are in force now
            setattr(call.line, name, value)
        session.media = call.line
        if not self.farewell:
            self.former.call = None
            self.former.media = Gone()
        call.session = session
        session.call = call
        call.remote = self.text(uri_of(session.dialog.remote))


def follow(call, referral, text):
    """Call where a refer.Referral points to, for the far end of this call. text(bytes) -> str."""
    phone = call.phone
    now = platform.now()
    try:
        account, target, hop = phone.route(text(referral.target), call.account)
        credentials = account.credentials if hop else None
        routes = (b"<" + hop + b">",) if b";lr" in hop else ()
        me = b"<" + account.aor + b">"
        number = platform.random(2)
        number = (number[0] << 8 | number[1]) + 1
        if hasattr(call.line, "again"):
            media = call.line.again(number, hop or target)
        else:
            media = Negotiation(phone.local_address, call.line._port, phone.codecs, session_id=number)
        media.direction = call.line.direction
        session = phone.endpoint.invite(target, me, media, now, credentials, hop, routes, referral.headers)
        session.account = account
        session.call = follower = _Follower(call, referral, text)
        follower.session = session
        asyncio.create_task(follower.watch())  # noqa: RUF006  the call keeps who waits for it
    except RemoteError as error:
        referral.tell(error.status or 400, b"Bad Refer-To", now)
    except LocalError:
        referral.tell(400, b"Bad Refer-To", now)
