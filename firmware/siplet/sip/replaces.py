# One call in the place of another: Replaces (RFC 3891), at the target of an attended transfer, and what the transferor
# puts into Refer-To. Loaded with the first such INVITE. Imports what invite_server imports.

from siplet.errors import RemoteError
from siplet.sip.header import param
from siplet.sip.invite_server import Incoming
from siplet.sip.uri import Uri

_FREE = b"-.!~*'()_"  # besides letters and digits, what stands unescaped in a header of a URI (RFC 3261 25.1)


def target(session, address=b""):
    """The URI that makes who calls it take our place in this call: the far end's, with Replaces as it must read it.

    address: under which we called it, or it called us (URI); b"": its Contact has to do.
    """
    dialog = session.dialog
    text = dialog.call_id + b";to-tag=" + dialog.remote_tag + b";from-tag=" + dialog.local_tag
    escaped = b""
    for c in text:
        one = bytes((c,))
        escaped += one if one.isalpha() or one.isdigit() or one in _FREE else f"%{c:02X}".encode()
    # Whom proxies brought us to may hide behind them: then its address is the way to it, not its Contact
    # (RFC 5589 7.3).
    uri = address if address and dialog.routes else dialog.target
    return uri[: Uri(uri).end] + b"?Replaces=" + escaped


def find(endpoint, request):
    """The Session that a request's Replaces names. RemoteError: 400, 481 none, 486 it is up, 603 it is over."""
    values = request.lines(b"replaces")
    if len(values) != 1 or request.header(b"join"):
        raise RemoteError(400, "Replaces")
    value = values[0]
    call_id = value.split(b";")[0].strip()
    ours = param(value, b"to-tag")
    theirs = param(value, b"from-tag")
    if not ours or theirs is None:
        raise RemoteError(400, "Replaces: both tags are wanted")
    for session in endpoint.sessions:
        dialog = session.dialog
        if not dialog or (dialog.call_id, dialog.local_tag, dialog.remote_tag) != (call_id, ours, theirs):
            continue
        if session.state not in ("up", "proceeding"):
            # A call that rings here cannot be replaced, only one that rings there (RFC 3891 3)
            raise RemoteError(481 if session.state == "ringing" else 603, "Replaces: the call is over")
        if session.state == "up" and param(value, b"early-only") is not None:
            raise RemoteError(486, "Replaces: the call is up already")
        return session
    raise RemoteError(481, "Replaces: no such call")


def take(endpoint, request, source, now):
    """An INVITE with Replaces: it is answered at once, in the place of the call that it names, which ends.

    The new session gets the former one's media and its `call`, what the shell keeps for it: event `replaced`.
    """
    former = find(endpoint, request)
    if hasattr(former.media, "comes"):
        former.media.comes(source)
    media, endpoint.media = endpoint.media, lambda session: former.media
    session = Incoming(endpoint, None, former.credentials, former.user)
    session.call = former.call
    try:
        session.start(request, source, now)
    finally:
        endpoint.media = media
    former.call = None
    former.media = Gone()
    endpoint.emit("replaced", session, 0, b"", former)
    session.answer(now)
    former.hang_up(now)


class Gone:
    """The media of a call whose place was taken: it agrees on nothing any more."""

    agreed = None

    def answer(self, *_):
        """Nothing can be agreed on."""
        raise RemoteError(488, "the call is over")

    offer = accept = answer

    def rejected(self, *_):
        """Nobody's offer."""

    close = rejected
