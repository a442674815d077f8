# Being called: the INVITE of a UAS (RFC 3261 sections 13.3 and 9.2). Imports session, answering and what they import.
#
#     INVITE -> 180 at once (again each minute, 13.3.1.1), event `incoming`
#     answer()  -> 2xx, repeated by the session until the ACK is here
#     reject()  -> the given final status;   CANCEL or BYE -> 487;   Expires, or three minutes, over -> 480

from micropython import const

from siplet.errors import LocalError, RemoteError
from siplet.sip import answering
from siplet.sip.dialog import Dialog
from siplet.sip.header import integer
from siplet.sip.session import Session
from siplet.ticks import ticks_add, ticks_diff

_REMIND = const(60000)  # ms; proxies give up on an INVITE that shows no life for three minutes (16.8, timer C)
_PATIENCE = const(180)  # s; a caller that vanished does not ring, and hold a line, for ever


def start(endpoint, request, source, now):
    """Take a new call. Raises RemoteError for the endpoint to refuse the INVITE with; nothing is kept then."""
    kind = Incoming
    if hasattr(endpoint, "reliable") or request.find(b"require"):
        from siplet.sip import reliable

        if reliable.wanted(endpoint, request):
            kind = reliable.Reliable
    kind(endpoint, None, endpoint.credentials, endpoint.user).start(request, source, now)


class Incoming(Session):
    """A call that came. remote: the From value; request: the INVITE."""

    def start(self, request, source, now):
        """Ring. Raises RemoteError for the endpoint to refuse the INVITE with; nothing is kept then."""
        self.state = "ringing"
        accept = (request.header(b"accept") or b"*/*").lower()
        if not (b"application/sdp" in accept or b"*/*" in accept or b"application/*" in accept):
            raise RemoteError(406, "Accept: an answer is application/sdp")
        try:
            expires = min(integer(request.header(b"expires") or b"0", 0xFFFFFFFF), 3600)
        except RemoteError:  # as if it were not there (RFC 4475 3.1.2.4)
            expires = 0
        self._expiry = ticks_add(now, (expires or _PATIENCE) * 1000)
        answering.timing(self, request)
        request.source = self.source = source  # who is trusted is known by it
        endpoint = self.endpoint
        self.dialog = Dialog.from_request(request, endpoint.token())
        host = source[0].encode()
        if not self.dialog.routes and len(source) == 2 and host not in self.dialog.target:
            from siplet.sip.nat import settle

            settle(self.dialog, b"sip:" + host + f":{source[1]}".encode())
        self.media = endpoint.media(self) if endpoint.media else None
        if self.media is None:
            raise RemoteError(486, "all lines busy")
        try:
            # Decided before it rings: a call that cannot be heard is refused, not answered.
            self._sdp = answering.describe(self, request)
            self.invite = endpoint.serve(self, request, source)
            if self.invite is None:
                raise RemoteError(503, "too many transactions")
            self._ring(now, 180, b"", "", None)
        except (RemoteError, LocalError, MemoryError):
            if self.invite:
                self.invite.alive = False
            if self.call is None:  # else it is another's, whose place was to be taken
                self.media.close()
            raise
        self.remote = self.dialog.remote
        endpoint.sessions.append(self)
        endpoint.emit("incoming", self, 0, b"", request)

    def answer(self, now):
        """Take the call: 2xx with our side of the offer/answer. False when it is over already."""
        return self.step("answer", now)

    def reject(self, status, now, reason=b""):
        """Refuse the call with a final status of 300 to 699. False when it is over already."""
        return self.step("hang up", now, status, reason, "local")

    def on_cancel(self, transaction, now):
        """9.2: the INVITE is answered 487 when it still rings."""
        if transaction is self.invite:
            self.step("cancel", now, 487, b"", "cancelled")

    # -- actions of the table

    def _ring(self, now, status, reason, how, message):
        wait = ticks_diff(self._expiry, now)
        if wait <= 0:
            self.step("expired", now, 480, b"", "timeout")
            return
        data = self.invite.data  # what was said before is said again
        if not data:
            builder = self._reply_begin(self.invite.request, self.invite.source, 180)
            builder.header(b"Contact", self.endpoint.contact(self.user, self.invite.destination))
            data = builder.end()
        self.invite.respond(180, data, now)
        self.deadline = ticks_add(now, min(wait, _REMIND))

    def _accept(self, now, status, reason, how, message):
        answering.accept(self, self.invite, self._sdp, now)
        if not self._owed:
            self._tell_media()

    def _refuse(self, now, status, reason, how, message):
        try:
            builder = self._reply_begin(self.invite.request, self.invite.source, status)
            self.invite.respond(status, builder.end(), now)
        finally:  # whatever the caller hears of it
            self._finish(now, status, reason, how, message)
