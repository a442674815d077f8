# Publishing our own state at a server: PUBLISH, RFC 3903 section 4. Imports register and what it imports.
#
# A publication is to a state what a registration is to an address: said again in time, tried again when it failed,
# taken back at the end; so it is one, with another request. An entity-tag names what the server holds: a refresh sends
# the tag alone, a change the tag and the new document, and a tag that the server does not know any more (412) means
# that all is to be said anew.

from siplet.limits import EXPIRES_STATE, TIMEOUT, URI
from siplet.sip.register import Registration
from siplet.ticks import ticks_add

_NOT_SERVED = (403, 404, 405, 415, 489, 501)  # the server does not do this at all: it is asked no more


class Publication(Registration):
    """Our state at a server. aor: whose, bytes URI; hop: the server's URI; event: the package; kind: of the document.

    put(document, now) says it; the server is told again in time until stop(now). Event `publication` for each answer,
    and when it is tried again; data: the state, of which `registered` means that a document is there: held, which is
    `document` unless another one follows.
    """

    call = None  # what the shell keeps for it
    document = b""
    tag = b""  # of what the server holds
    sent = None  # the document in the PUBLISH under way
    held = None  # the one that the server holds

    def __init__(self, endpoint, aor, hop, event, kind, expires=EXPIRES_STATE, credentials=None):
        super().__init__(endpoint, aor, aor, expires, credentials, b"")
        self.uri = aor
        self.hop = hop
        self.event = event
        self.kind = kind

    def put(self, document, now):
        """Publish a document (bytes); one that comes while a PUBLISH is under way follows it."""
        self.document = document
        if self.state == "off" and self not in self.endpoint.registrations:
            self.endpoint.registrations.append(self)
        if self._transaction is None:
            self.to("refreshing" if self.tag else "registering", self.status)
            self.send(now)

    def on_response(self, transaction, status, response, now):
        """The server's answer: what is not the same for a registration is settled here."""
        if transaction is self._transaction:
            if 200 <= status < 300:
                tag = response.header(b"sip-etag") or b""
                self.tag = tag if len(tag) <= URI else b""
                if self.sent is not None:
                    self.held = self.sent
            elif self.state != "unregistering" and (status in _NOT_SERVED or (status == 412 and self.tag)):
                self._transaction = None
                self.tag = b""
                if status == 412:
                    self.send(now)
                else:
                    self.to("off", status)
                return
        super().on_response(transaction, status, response, now)
        if self.state == "registered" and self.held is not self.document and self._transaction is None:
            self.put(self.document, now)

    def to(self, state, status):
        """Another state, or the same once more."""
        self.status = status
        self.state = state
        self.alive = state != "off"
        if not self.alive:
            self.tag = b""
            self.lapse = self.deadline = self.held = self._transaction = None
            self._leaving = False
        self.endpoint.emit("publication", self, status, b"", state)

    def send(self, now, tried=None):
        """The PUBLISH that the state asks for."""
        ends = self.state == "unregistering"
        if ends and not self.tag:  # the server holds nothing that we could name
            self.to("off", self.status)
            return
        self._tried = [] if tried is None else tried
        self.deadline = ticks_add(now, 2 * TIMEOUT)  # as a registration's
        self.sent = None
        dialog = self._dialog
        dialog.local_cseq += 1
        routes = (b"<" + self.hop + b">",) if b";lr" in self.hop else ()
        builder = self.endpoint.begin(b"PUBLISH", self.uri, dialog, dialog.local_cseq, routes, None, self.hop)
        builder.header(b"Event", self.event)
        builder.header(b"Expires", 0 if ends else self.expires)
        if self.tag:
            builder.header(b"SIP-If-Match", self.tag)
        if not ends and not (self.tag and self.held is self.document):
            self.sent = self.document
        if self.credentials:
            self.credentials.authorize(builder, b"PUBLISH", self.uri, self.sent or b"")
        if self.sent is not None:
            builder.body(self.kind, self.sent)
        self._transaction = self.endpoint.request(self, b"PUBLISH", now)
