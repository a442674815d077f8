# The caller's side of reliable provisional responses: RFC 3262 section 4. Loaded with the first of them.
# Imports errors, limits and header syntax.
#
#     1xx, Require: 100rel, RSeq: n  ->  PRACK, RAck: n and the INVITE's CSeq, in the early dialog of that response
#
# Each early dialog counts for itself, one by one from whatever it begins with. What came before is not acknowledged
# again: the PRACK's own transaction repeats it. What comes too early is dropped, the far end says it again. Our offer
# stood in the INVITE, so a description in such a response is the answer, and a PRACK carries none.

from siplet.errors import RemoteError
from siplet.limits import EARLY_DIALOGS
from siplet.sip.header import integer


def accept(session, fork, response, now):
    """Take a provisional response to session's INVITE that has an RSeq; whether it is to be acted on.

    fork(response, most): the early dialog of the response, None when there are as many. It is acknowledged when it is
    reliable and in order.
    """
    try:
        if b"100rel" not in [tag.lower() for tag in response.headers(b"require")]:
            return True
        number = integer(response.header(b"rseq"), 0xFFFFFFFF)
        dialog = fork(response, EARLY_DIALOGS) if response.to_tag and response.status > 100 else None
    except RemoteError as error:
        session.endpoint.last_error = error.text
        return False
    if not dialog or not number or number != getattr(dialog, "rseq", number - 1) + 1:
        return False
    dialog.rseq = number
    if response.body and (response.header(b"content-type") or b"").lower().startswith(b"application/sdp"):
        dialog.answer = response.body
    Prack(session, dialog, number, response.cseq).send(now)
    return True


class Prack:
    """One PRACK on its way, and again with credentials when it is challenged. What else answers it changes nothing:
    the response stays unacknowledged, and the far end gives the call up (RFC 3262 section 3).
    """

    def __init__(self, session, dialog, number, cseq):
        self.endpoint = session.endpoint
        self._session = session
        self._dialog = dialog
        self._rack = number, b" ", cseq, b" INVITE"
        self._tried = []

    def send(self, now):
        """Send it, with the next CSeq of its dialog."""
        dialog = self._dialog
        session = self._session
        uri, routes, hop = dialog.route()
        dialog.local_cseq += 1
        builder = self.endpoint.begin(b"PRACK", uri, dialog, dialog.local_cseq, routes, None, hop)
        builder.header(b"RAck", *self._rack)
        if session._asked:
            session.credentials.authorize(builder, b"PRACK", uri)
        self.endpoint.request(self, b"PRACK", now)

    def on_response(self, transaction, status, response, now):
        """Its answer, None when there was none."""
        session = self._session
        ours = status in (401, 407) and response and session.alive and session.credentials
        if ours and ours.challenged(response, self._tried):
            session._asked = True
            self.send(now)
