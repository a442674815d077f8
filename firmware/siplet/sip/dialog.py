# Dialogs: RFC 3261 section 12. What two user agents remember of each other between requests.
# Imports header and URI syntax.

from siplet.errors import RemoteError
from siplet.limits import ROUTES, URI
from siplet.sip.header import lws, param, uri_of
from siplet.sip.uri import Uri


def contact(message, otherwise=b"", name=b"contact"):
    """The URI of a message's Contact, the remote target (12.1.1); `otherwise` when there is none that we can call."""
    value = message.header(name)
    try:
        uri = uri_of(value or b"")
        Uri(uri)
        return uri if len(uri) <= URI else otherwise
    except RemoteError:
        return otherwise


class Dialog:
    """The state of RFC 3261 12: Call-ID, tags, sequence numbers, URIs with tags, remote target, route set.

    local and remote are whole From/To values (bytes, with their tags), as they stand in our requests.
    """

    routes = ()
    hop = b""  # the URI to send to while there are no routes; the target's own place when empty
    local_cseq = 0
    remote_cseq = -1
    confirmed = False
    answer = b""  # to our offer, in a provisional response that came reliably; None: it was changed since, by UPDATE

    def __init__(self, call_id, local, remote, target):
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.local_tag = param(local, b"tag") or b""
        self.remote_tag = param(remote, b"tag") or b""
        self.target = target

    @classmethod
    def from_request(cls, request, tag):
        """The dialog of a UAS (12.1.1): request is the INVITE that came, tag ours."""
        to = request.header(b"to")
        dialog = cls(request.call_id, to + b";tag=" + tag, request.header(b"from"), contact(request))
        dialog.remote_cseq = request.cseq
        if not dialog.target and not request.branch.startswith(b"z9hG4bK"):
            dialog.target = contact(request, b"", b"from")  # RFC 2543 did not ask for a Contact
        if not dialog.target:
            raise RemoteError(400, "Contact: no usable URI")
        dialog.learn_routes(request)
        return dialog

    def fork(self, response):
        """The dialog of a UAC (12.1.2) that this response made; self is the INVITE's outline, which stays as it is."""
        dialog = Dialog(self.call_id, self.local, response.header(b"to"), contact(response, self.target))
        dialog.local_cseq = self.local_cseq
        dialog.learn_routes(response)
        return dialog

    def learn_routes(self, message):
        """Take the route set of an INVITE, or of a response to ours in reverse (12.1.1, 12.1.2)."""
        routes = message.headers(b"record-route")
        if message.status:
            routes.reverse()
        if routes:
            try:
                Uri(b"" if len(routes) > ROUTES else uri_of(routes[0]))  # now, not when the next request must leave
            except RemoteError:
                raise RemoteError(400, "Record-Route: too many, or no URI")
        self.routes = routes

    def matches(self, message):
        """Whether a request (To is us) or a response (From is us) belongs here (12.2.2)."""
        if self.call_id != message.call_id:
            return False
        if message.status:
            return self.local_tag == message.from_tag and self.remote_tag == message.to_tag
        return self.local_tag == message.to_tag and self.remote_tag == message.from_tag

    def check_order(self, request):
        """Refuse a request that was overtaken, or came twice by two ways: RemoteError(500) (12.2.2)."""
        if self.remote_cseq >= 0 and request.cseq <= self.remote_cseq:
            raise RemoteError(500, "CSeq: out of order")

    def refresh(self, message):
        """Target refresh (12.2.1.2, 12.2.2): the Contact of a re-INVITE or of its 2xx becomes the remote target."""
        data = message.data
        i = message.find(b"contact")
        i = lws(data, i, message.end(i))
        i += data[i] == 60  # <
        # What stays is not cut out again
        if not data.startswith(self.target, i) or data[i + len(self.target)] not in b">;\r":
            self.target = contact(message, self.target)

    def route(self):
        """(Request-URI, Route values, URI of the next hop) of a request in this dialog (12.2.1.1)."""
        routes = self.routes
        if not routes:
            return self.target, (), self.hop or self.target
        first = uri_of(routes[0])
        if Uri(first).param(b"lr") is not None:
            return self.target, routes, first
        # A strict router wants itself as Request-URI, and the target last.
        return first, list(routes[1:]) + [b"<" + self.target + b">"], first
