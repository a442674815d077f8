# Who serves the methods that few phones meet, and what a refusal says: RFC 3261 sections 8.2.1, 20.5, 21.4. Loaded with
# the first such request. Imports errors, limits and reply.

from siplet.errors import RemoteError
from siplet.limits import SESSION_LEAST, WATCH_LEAST
from siplet.sip.reply import ALLOW

# The methods that endpoint and session do not serve themselves, and the module of sip/ that does: loaded when the first
# such request comes. It has outside(endpoint, request, source, now) for requests without a dialog, or
# inside(session, request, source, now) for those in a call's.
# Known methods that we do not take, or not there: 405; whatever else: 501 (8.2.1, 21.5.2).
_METHODS = (
    b" MESSAGE:instant NOTIFY:notify SUBSCRIBE:notifier REFER:refer UPDATE:update PRACK:reliable"
    b" REGISTER: PUBLISH: INFO: BYE: "
)
# What bodies a method may bring, for 415; all others bring SDP
_ACCEPT = {
    b"INFO": b"application/dtmf-relay, application/dtmf",
    b"MESSAGE": b"text/plain",
    b"NOTIFY": b"application/pidf+xml, application/dialog-info+xml, application/simple-message-summary,"
    b" message/sipfrag",
}
EVENTS = b" presence dialog message-summary refer "  # packages of which we take NOTIFYs


def served_by(method, where):
    """The function of that name, "outside" or "inside", that serves a method; RemoteError(405) or (501) without one."""
    i = _METHODS.find(b" " + method + b":") + len(method) + 2
    if i < len(method) + 2:
        raise RemoteError(501, "method not served")
    name = _METHODS[i : _METHODS.find(b" ", i)].decode()
    serve = None
    if name:
        try:
            serve = getattr(__import__("siplet.sip." + name, None, None, (name,)), where, None)
        except ImportError:  # left out of this build
            pass
    if serve is None:
        raise RemoteError(405, "method not served")
    return serve


def _unknown(builder, request):
    # the option tags in Require that our Supported does not name (8.2.2.3)
    known = builder.supported.split(b", ")
    return [tag for tag in request.headers(b"require") if tag.lower() not in known]


def check(builder, request):
    """RemoteError(420) when a request requires what is not in builder.supported."""
    if _unknown(builder, request):
        raise RemoteError(420, "Require: not supported")


def explain(builder, request, status, text=""):
    """Add the headers that a refusal with this status must or should have (20.5, 21.4): Allow, Accept ..."""
    if status == 405 or status == 501:
        builder.header(b"Allow", ALLOW)
    elif status == 415:
        builder.header(b"Accept", _ACCEPT.get(request.method, b"application/sdp"))
        builder.header(b"Accept-Encoding", b"identity")
    elif status == 420:
        builder.header(b"Unsupported", b", ".join(_unknown(builder, request)))
    elif status == 421:
        builder.header(b"Require", b"100rel")
    elif status == 422:
        builder.header(b"Min-SE", SESSION_LEAST)
    elif status == 423:
        builder.header(b"Min-Expires", WATCH_LEAST)
    elif status == 489:
        events = EVENTS if request.method == b"NOTIFY" else b"presence dialog"
        builder.header(b"Allow-Events", events.strip().replace(b" ", b", "))
    elif status == 500:  # at most 10 s by chance (14.2): by the request's own, for it shall hear the same again
        builder.header(b"Retry-After", (request.branch or b"5")[-1] % 11)
    elif status == 503:
        builder.header(b"Retry-After", b"5")
    if text:
        builder.header(b"Warning", b'399 siplet "', text, b'"')
