# Transfer: REFER (RFC 3515) inside a call, as RFC 5589 uses it, with Referred-By (RFC 3892), and without its NOTIFYs
# when that is wanted (RFC 4488). Loaded with the first transfer. Imports what session imports, and uri_equal.
#
#     transferor    refer(session, target, now)     event `transfer` with the new call's status, again and again; the
#                   last is 200 or more: the far end got through or not, or (202) it will not tell
#     transferee    a REFER comes: event `refer`, data: a Referral, which the shell follows or refuses
#     the target    sees an INVITE, with Replaces when it has a call with the transferor: replaces.py

from siplet.errors import LocalError, RemoteError
from siplet.limits import TIMEOUT, URI
from siplet.sip.header import integer, param, same, uri_of
from siplet.sip.uri import Uri
from siplet.sip.uri_equal import unescape
from siplet.ticks import ticks_add

_PATIENCE = 180_000  # ms to get through; a phone rings no longer
_TRIES = 3  # of a request that another one of ours has overtaken
FRAGMENT = b"message/sipfrag;version=2.0"


class _Usage:
    # What the two ends of a transfer have in common: requests in the dialog of the session
    alive = True
    dialog = deadline = unacknowledged = transaction = None
    left = _TRIES

    def __init__(self, session):
        self.endpoint = session.endpoint
        self.session = session
        self.tried = []

    def _send(self, method, now, headers, body=b""):
        session = self.session
        dialog = session.dialog
        uri, routes, hop = dialog.route()
        dialog.local_cseq += 1
        builder = self.endpoint.begin(method, uri, dialog, dialog.local_cseq, routes, None, hop)
        builder.header(b"Contact", self.endpoint.contact(session.user, self.endpoint.destination))
        for name, value in headers:
            builder.header(name, value)
        if session._asked:
            session.credentials.authorize(builder, method, uri, body)
        if body:
            builder.body(FRAGMENT, body)
        self.transaction = transaction = self.endpoint.request(self, method, now)
        transaction.again = headers, body

    def _retry(self, transaction, status, response, now):
        # Whether the same goes out again: a challenge is answered; overtaken on its way it needs another number
        session = self.session
        if status == 500 and response and self.left:
            self.left -= 1
        elif status not in (401, 407) or not response or not session.credentials:
            return False
        elif session.credentials.challenged(response, self.tried):
            session._asked = True
        else:
            return False
        self._send(transaction.method, now, *transaction.again)
        return True


class Transfer(_Usage):
    """Our REFER and what the far end tells of it."""

    def __init__(self, session, target, now):
        super().__init__(session)
        self.deadline = ticks_add(now, _PATIENCE)
        by = b"<" + uri_of(session.dialog.local) + b">"
        self._send(b"REFER", now, ((b"Refer-To", b"<" + target + b">"), (b"Referred-By", by)))

    def on_response(self, transaction, status, response, now):
        """The answer to our REFER."""
        if status < 200 or not self.alive or self._retry(transaction, status, response, now):
            return
        if status >= 300:
            self.tell(status, response.reason if response else b"", True)
            if status in (408, 481):  # the dialog is lost (RFC 3261 12.2.1.2)
                self.session.step("lost", now, status, b"", "lost")
        elif (response.header(b"refer-sub") or b"").lower() == b"false":
            self.tell(status, response.reason, True)

    def tell(self, status, reason, last):
        """The new call has got that far."""
        if self.alive:
            self.alive = not last
            self.endpoint.emit("transfer", self.session, status, reason)

    def on_time(self, now):
        """Nothing was heard of it for too long."""
        self.tell(408, b"", True)


def refer(session, target, now):
    """Ask the far end to call target (bytes URI) instead of us. LocalError when it is not up or being transferred.

    For an attended transfer target is what replaces.target() gives.
    """
    if session.state != "up" or _usage_of(session, Transfer):
        raise LocalError("the call is not up, or is being transferred")
    for c in target:
        if not 32 < c < 127 or c in b'<>"':
            raise LocalError("a URI is wanted")
    transfer = Transfer(session, target, now)
    session.endpoint.usages.append(transfer)
    return transfer


def on_notify(session, request, source, now):
    """A NOTIFY of the event package refer, in the dialog of a call."""
    transfer = _usage_of(session, Transfer)
    if transfer is None:
        raise RemoteError(481, "Event: no transfer was asked for")
    body = request.body
    if not same(request.header(b"content-type") or b"", 0, b"message/sipfrag") or not same(body, 0, b"sip/2.0 "):
        raise RemoteError(400, "Content-Type: a sipfrag with a status line is wanted")
    status = integer(body[8:11], 699)
    state = (request.header(b"subscription-state") or b"").lower()
    end = body.find(b"\n")
    reason = body[12 : end if end > 0 else len(body)].strip()
    session._reply(request, source, now)
    # Some end the subscription with a provisional status: then nothing more will be told
    last = status >= 200 or state.startswith(b"terminated")
    transfer.tell(status if status >= 200 or not last else 202, reason, last)


class Referral(_Usage):
    """A REFER that came. target: the URI to call, without headers; headers: ((name, value), ...) for the INVITE,
    Replaces and Referred-By among them. The shell says how it went with tell(); until then the far end knows of a 100.
    """

    def __init__(self, session, request, target, headers, now):
        super().__init__(session)
        self.target = target
        self.headers = headers
        self.silent = (request.header(b"refer-sub") or b"").lower() == b"false"
        self._said = 0
        self.deadline = ticks_add(now, _PATIENCE)

    def tell(self, status, reason, now):
        """The call to the target has got that far; 200 or more ends it, 2xx with our call to who sent us there."""
        if not self.alive or status == self._said or (status < 200 and self._said > 100):
            return
        self._said = status
        if status >= 200:
            self.deadline = ticks_add(now, 4 * TIMEOUT)  # should that not even be sent
        if self.silent or self.session.state == "ending":  # our BYE says it, and is not to be overtaken
            self._done(now)
            return
        state = b"terminated;reason=noresource" if status >= 200 else b"active;expires=180"
        body = f"SIP/2.0 {status} ".encode() + reason + b"\r\n"
        self._send(b"NOTIFY", now, ((b"Event", b"refer"), (b"Subscription-State", state)), body)

    def on_response(self, transaction, status, response, now):
        """The answer to a NOTIFY of ours; of several on their way only the last one counts."""
        if status < 200 or transaction is not self.transaction or self._retry(transaction, status, response, now):
            return
        self.silent = self.silent or status >= 300
        self._done(now)

    def _done(self, now):
        if self._said >= 200:
            self.alive = False
            if self._said < 300:
                self.session.hang_up(now)

    def on_time(self, now):
        """Nobody has got through, or said so, for too long."""
        if self._said < 200:
            self.tell(408, b"Request Timeout", now)
        else:
            self.alive = False


def inside(session, request, source, now):
    """A REFER in the dialog of a call: 202, and the event `refer`."""
    if session.state not in ("up", "answered"):
        raise RemoteError(491, "REFER: the call is not up")
    if _usage_of(session, Referral):
        raise RemoteError(491, "REFER: another one is being followed")
    values = request.headers(b"refer-to")
    if len(values) != 1:
        raise RemoteError(400, "Refer-To: one is wanted")
    try:
        target = uri_of(values[0])
        uri = Uri(target)
    except RemoteError as error:
        raise RemoteError(error.status, "Refer-To: " + error.text)
    if len(target) > URI:
        raise RemoteError(414, "Refer-To: too long")
    if (uri.param(b"method") or b"INVITE").upper() != b"INVITE":
        raise RemoteError(403, "Refer-To: only calls are made")
    headers = []
    for field in target[uri.end + 1 :].split(b"&"):
        name, _, value = field.partition(b"=")
        if same(name, 0, b"replaces") and len(name) == 8:
            value = unescape(value)
            try:
                known = param(value, b"to-tag") and param(value, b"from-tag")
            except RemoteError:
                known = None
            if not known:
                raise RemoteError(400, "Refer-To: Replaces without tags")
            headers.append((b"Replaces", value))
    by = request.header(b"referred-by")
    if by:
        headers.append((b"Referred-By", by))
    for _, value in headers:
        if b"\r" in value or b"\n" in value or len(value) > URI:
            raise RemoteError(400, "Refer-To: headers that no request can carry")
    transaction = session.endpoint.serve(session, request, source)
    if transaction is None:
        raise RemoteError(503, "too many transactions")
    referral = Referral(session, request, target[: uri.end], headers, now)
    builder = session._reply_begin(request, source, 202)
    builder.header(b"Contact", session.endpoint.contact(session.user, transaction.destination))
    if referral.silent:
        builder.header(b"Refer-Sub", b"false")
    transaction.respond(202, builder.end(), now)
    session.endpoint.usages.append(referral)
    referral.tell(100, b"Trying", now)
    session.endpoint.emit("refer", session, 0, b"", referral)


def _usage_of(session, kind):
    for usage in session.endpoint.usages:
        if isinstance(usage, kind) and usage.session is session and usage.alive:
            return usage
    return None
