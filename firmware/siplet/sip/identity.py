# Who calls, and how it wants to be taken, as a server that we trust has written it into the INVITE. Loaded when an
# application asks. Imports errors, header and URI syntax.
#
#     P-Asserted-Identity: "Anna" <sip:100@pbx>            RFC 3325: what the server knows, unlike From
#     Remote-Party-ID: "Anna" <sip:100@pbx>;party=calling  its predecessor, still Cisco's and Asterisk's
#     Diversion: <sip:200@pbx>;reason=user-busy            RFC 5806: who was called before us, the last one first
#     History-Info: <sip:200@pbx?Reason=...>;index=1, ...  RFC 7044: the same, the last one last; the last is ourselves
#     Alert-Info: <http://x>;info=alert-autoanswer;delay=0 no RFC: snom, Yealink, Grandstream and their servers
#     Call-Info: <sip:pbx>;answer-after=0                  no RFC: snom, Cisco
#     Answer-Mode: Auto                                    RFC 5373
#
# Nothing here decides whether the sender is to be trusted; the functions raise nothing for what they cannot read.

from micropython import const

from siplet.errors import RemoteError
from siplet.sip.header import param, run, same, skip, unquote, uri_of

_MOST = const(3600)  # s; whoever wants to be answered later is not to be answered by itself
_WORDS = (b"alert-autoanswer", b"auto-answer", b"autoanswer", b"ringanswer")  # Ring Answer: Polycom's


def _values(request, name):
    try:
        return request.headers(name)
    except RemoteError:
        return []


def _address(value):
    # (URI, display name or b"") of a name-addr or a bare URI; None when it is neither
    try:
        uri = uri_of(value)
        i = skip(value, 0, len(value), b"<")
    except RemoteError:
        return None
    return uri, unquote(value[:i].strip()) if i < len(value) else b""


def asserted(request):
    """(URI, display name) as bytes of who calls, None when no server says it. A sip: URI is taken before a tel: one."""
    found = None
    for value in _values(request, b"p-asserted-identity"):  # two at most: a sip: URI and a tel: one (RFC 3325 9.1)
        address = _address(value)
        if address and (found is None or same(address[0], 0, b"sip")):
            found = address
    if found:
        return found
    for value in _values(request, b"remote-party-id"):
        try:
            party = param(value, b"party")
        except RemoteError:
            continue
        if party is None or party.lower() == b"calling":
            found = found or _address(value)
    return found


def diverted(request):
    """The URI (bytes) that was called before the call was sent on to us, None when it was not, or nobody says."""
    for value in _values(request, b"diversion"):
        address = _address(value)
        if address:
            return address[0]
    values = _values(request, b"history-info")
    if len(values) > 1:
        address = _address(values[-2])
        if address:
            uri = address[0]
            end = uri.find(b"?")  # why it was sent on stands behind it
            return uri[:end] if end > 0 else uri
    return None


def answer_after(request):
    """The seconds after which the caller wants to be answered without anybody's hand, None when it does not."""
    for name in (b"alert-info", b"call-info"):
        for line in request.lines(name):
            seconds = _after(line)
            if seconds is not None:
                return seconds
    mode = request.header(b"answer-mode") or request.header(b"priv-answer-mode") or b""
    return 0 if same(mode, 0, b"auto") and run(mode, 0, len(mode)) == 4 else None


def _after(line):
    # Taken apart by hand: half of those who send it leave out the angle brackets, or the URI altogether
    line = line.lower().replace(b" ", b"").replace(b'"', b"")
    words = line.replace(b",", b";").replace(b"<", b";").replace(b">", b";").split(b";")
    auto = False
    delay = 0
    for word in words:
        key, _, value = word.partition(b"=")
        if key in (b"answer-after", b"delay"):
            if not value.isdigit() or len(value) > 4:
                return None
            delay = int(value)
            auto = auto or key == b"answer-after"
        elif (value if key == b"info" else word) in _WORDS:
            auto = True
    return delay if auto and delay <= _MOST else None
