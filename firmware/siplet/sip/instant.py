# Short messages: MESSAGE both ways, RFC 3428, in the dialog of a call or without one. Imports usage and what it
# imports, builder, header, errors, limits.
#
# Who wants messages puts an Inbox among the endpoint's usages: event `message`, data: (the request, the Session in
# whose dialog it came or None). Instant sends one: event `sent` with the final status, 2xx: 200 it is there, 202
# somebody keeps it (section 7). Only text/plain is taken, and no more than a message may carry.

from siplet.errors import LocalError, RemoteError
from siplet.limits import TEXT
from siplet.sip.builder import Builder
from siplet.sip.header import param
from siplet.sip.usage import Usage, package

PLAIN = b"text/plain"


class Inbox:
    """Takes messages until stop()."""

    alive = True
    dialog = deadline = unacknowledged = call = None

    def __init__(self, endpoint):
        self.endpoint = endpoint
        endpoint.usages.append(self)

    def stop(self, now):
        """Take no more."""
        self.alive = False


def outside(endpoint, request, source, now):
    """A message without a dialog."""
    _take(endpoint, None, request, source, now)


def inside(session, request, source, now):
    """A message in the dialog of a call."""
    _take(session.endpoint, session, request, source, now)


def _take(endpoint, session, request, source, now):
    kind = request.header(b"content-type") or b""
    if package(kind).lower() != PLAIN:
        raise RemoteError(415, "Content-Type: only text/plain")
    try:
        param(kind, b"charset")  # whoever reads the message wants to know it
    except RemoteError as error:
        raise RemoteError(400, "Content-Type: " + error.text)
    if request.header(b"content-encoding") not in (None, b"identity"):
        raise RemoteError(415, "Content-Encoding: only identity")
    if len(request.body) > TEXT:
        raise RemoteError(413, "Content-Length: too long")
    for inbox in endpoint.usages:
        if isinstance(inbox, Inbox) and inbox.alive:
            break
    else:
        raise RemoteError(480, "MESSAGE: nobody reads them here")
    # With a transaction, so that a repetition is not read twice
    transaction = endpoint.serve(inbox, request, source)
    if transaction is None:
        raise RemoteError(503, "too many transactions")
    endpoint.builder.reply(request, 200, source, endpoint.token())
    transaction.respond(200, endpoint.builder.end(), now)
    endpoint.emit("message", inbox, 0, b"", (request, session))


class Instant(Usage):
    """One message to target (bytes URI), or in the dialog of session. body: UTF-8, bytes.

    LocalError when the whole of it would be longer than limits.TEXT, RemoteError(400, 416) for a target that is none.
    """

    def __init__(self, endpoint, target, local, body, now, credentials=None, hop=b"", session=None):
        super().__init__(endpoint, credentials, local)
        dialog = session.dialog if session else self.outline(target, local, hop)
        self.ask(b"MESSAGE", now, (), PLAIN, body, dialog)
        endpoint.usages.append(self)

    def ask(self, method, now, headers, kind=b"", body=b"", dialog=None):
        """Not through the large builder: it shall fit into a datagram wherever it goes (section 8)."""
        endpoint = self.endpoint
        builder, endpoint.builder = endpoint.builder, Builder(TEXT)
        try:
            super().ask(method, now, headers, kind, body, dialog)
        except LocalError:
            if not self.tried:
                raise
            self.answered(413, None, now)  # with our credentials it does not
        finally:
            endpoint.builder = builder

    def answered(self, status, response, now):
        """The final answer."""
        self.alive = False
        self.endpoint.emit("sent", self, status, response.reason if response else b"")

    def on_time(self, now):
        """It has no deadline: its transaction has."""

    def stop(self, now):
        """Whether it was taken is not told any more."""
        self.alive = False
