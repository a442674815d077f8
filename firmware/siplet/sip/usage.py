# What subscriptions, watchers and messages have in common: requests of their own, one at a time, each answered or given
# up, with our credentials where they are asked for (RFC 3261 8.1, 12.2, 22). Imports dialog, header and URI syntax.

from siplet.sip.dialog import Dialog
from siplet.sip.header import param, uri_of
from siplet.sip.uri import Uri


class Usage:
    """A user of requests outside calls.

    status: of the last final answer. call: what the shell keeps for it, told of its events.
    """

    alive = True  # the endpoint forgets it otherwise
    deadline = dialog = call = None
    unacknowledged = None  # for transactions: nothing of it waits for an ACK
    status = 0
    transaction = None

    def __init__(self, endpoint, credentials, local):
        self.endpoint = endpoint
        self.credentials = credentials
        self.user = Uri(uri_of(local)).user
        self.tried = []

    def begin(self):
        """Among the usages, which requests in dialogs find, and among what is taken back before we leave."""
        self.endpoint.usages.append(self)
        self.endpoint.registrations.insert(0, self)

    def part(self):
        """It is over."""
        self.alive = False
        self.deadline = None
        if self in self.endpoint.registrations:
            self.endpoint.registrations.remove(self)

    def outline(self, target, local, hop, kind=Dialog):
        """The Dialog that a first request to target (bytes URI) would make; hop: the URI of our server, or b""."""
        endpoint = self.endpoint
        target = target[: Uri(target).end]
        dialog = kind(endpoint.token(12), local + b";tag=" + endpoint.token(), b"<" + target + b">", target)
        dialog.local_cseq = endpoint.random(1)[0]
        dialog.hop = hop
        if hop and Uri(hop).param(b"lr") is not None:
            dialog.routes = (b"<" + hop + b">",)
        return dialog

    def ask(self, method, now, headers, kind=b"", body=b"", dialog=None):
        """Send a request in dialog, default ours. headers: ((name, value), ...); kind: of the body."""
        again = method, headers, kind, body, dialog
        endpoint = self.endpoint
        dialog = dialog or self.dialog
        uri, routes, hop = dialog.route()
        dialog.local_cseq += 1
        builder = endpoint.begin(method, uri, dialog, dialog.local_cseq, routes, None, hop)
        if method != b"MESSAGE":  # which makes no dialog (RFC 3428 4)
            builder.header(b"Contact", endpoint.contact(self.user, endpoint.destination))
        for name, value in headers:
            builder.header(name, value)
        if self.credentials:
            self.credentials.authorize(builder, method, uri, body)
        if kind:
            builder.body(kind, body)
        self.transaction = endpoint.request(self, method, now)
        self.transaction.again = again

    def on_response(self, transaction, status, response, now):
        """The answer; 408 or 503 without a response when there was none."""
        if transaction is not self.transaction or status < 200:
            return
        self.transaction = None
        known = status in (401, 407) and response and self.credentials
        if known and self.credentials.challenged(response, self.tried):
            method, headers, kind, body, dialog = transaction.again
            self.ask(method, now, headers, kind, body, dialog)
            return
        self.tried = []
        self.status = status
        self.answered(status, response, now)

    def answered(self, status, response, now):
        """The final answer, to what inherits from it."""


def same_event(a, b):
    """Whether two Event values mean the same: package and id (RFC 6665 8.2.1)."""
    return a == b or (package(a) == package(b) and param(a, b"id") == param(b, b"id"))


def package(event):
    """The main part of a value such as Event or Content-Type, without its parameters."""
    i = event.find(b";")
    return event if i < 0 else event[:i].strip()
