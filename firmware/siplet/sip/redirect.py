# Calling where a 3xx points to: RFC 3261 sections 8.1.3.4 and 21.3. Loaded with the first 3xx. Imports header and URI
# syntax and limits.
#
#     300, 301, 302     its Contacts join those that are still to be tried, the best q first
#     anything else     the next of them; none after a 6xx, which speaks for everybody
#     488               what may be offered in another way is, at the same place
#
# Nothing is tried twice, more than REDIRECTS never, and nothing but sip: and sips: URIs; a sips: call stays one. What
# the whole search knows is kept as `again` of the INVITE's transaction, which each INVITE hands on to the next.
#
# Our credentials go only where they are meant for: the call's account decides about a new target as about any other.
# Without one they go to the place that the call first went to, and nowhere else.

from siplet.errors import RemoteError
from siplet.limits import REDIRECTS, URI
from siplet.sip.header import param, uri_of
from siplet.sip.uri import Uri
from siplet.sip.uri_equal import equal


class Search:
    """What one call has tried and will try. waiting: [(q in thousandths, Uri)], the best first; tried: Uris."""

    def __init__(self, session, outline):
        self.first = Uri(outline.target)
        self.way = outline.hop, outline.routes, session.credentials
        self.tried = [self.first]
        self.waiting = []

    def add(self, response):
        """Take the Contacts of a 3xx that we may call."""
        for value in response.headers(b"contact"):
            try:
                q = _thousandths(param(value, b"q"))
                uri = Uri(uri_of(value))
                if uri.end < len(uri.text):  # headers for our request: nothing that a stranger may choose
                    uri = Uri(uri.text[: uri.end])
                method = uri.param(b"method")
            except RemoteError:  # not to be read, or tel:, mailto: ...
                continue
            secure = len(uri.scheme) >= len(self.first.scheme)
            if not secure or (method or b"INVITE") != b"INVITE" or len(uri.text) > URI:
                continue
            i = len(self.waiting)
            while i and self.waiting[i - 1][0] < q:
                i -= 1
            self.waiting.insert(i, (q, uri))

    def next(self, most):
        """The next Uri to call, None without one; most: redirections of this call."""
        while self.waiting and len(self.tried) <= most:
            uri = self.waiting.pop(0)[1]
            if not any(equal(uri, other) for other in self.tried):
                self.tried.append(uri)
                return uri
        return None


def _thousandths(q):
    # 0.123 -> 123; none, or nonsense, is 1
    if not q or q[:1] not in b"01" or not (q[2:] + b"0").isdigit():
        return 1000
    return min(int(q[:1] + (q[2:] + b"000")[:3]), 1000)


def take(session, outline, tried, status, response):
    """A call was refused. True when session is to call again, outline then says where; False when that was all.

    tried: the realms that have challenged the call; a new place may ask again.
    """
    if status == 488 and hasattr(session.media, "insist") and session.media.insist():
        session._sdp = session.media.offer()
        tried.clear()
        return True
    search = session.invite.again or Search(session, outline)
    if status < 303 and response:
        try:
            search.add(response)
        except RemoteError as error:  # more Contacts than anybody needs
            session.endpoint.last_error = error.text
    uri = search.next(getattr(session.endpoint, "redirects", REDIRECTS)) if status < 600 else None
    if uri is None:
        return False
    session.invite.again = search
    outline.target = uri.text
    account = session.account
    if account:
        outline.hop = account.hop if account.serves(uri) else account.proxy
        session.credentials = account.credentials if outline.hop else None
    else:
        known = uri.host.lower() == search.first.host.lower() and uri.port == search.first.port
        outline.hop, outline.routes, session.credentials = search.way if known else (b"", (), None)
    if hasattr(session.media, "goes"):
        try:
            session._sdp = session.media.goes(outline.hop or uri.text)
        except RemoteError as error:
            session.endpoint.last_error = error.text
            return False
    tried.clear()
    session._asked = False  # whoever challenged what came before has had its answer
    return True
