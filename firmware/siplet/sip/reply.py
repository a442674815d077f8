# Where answers go, and what every answer of ours says: RFC 3261 sections 8.2.6, 18.2.2; RFC 3581.
# Imports errors and header syntax.

from siplet.errors import RemoteError
from siplet.sip.header import parameter, skip

ALLOW = b"INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE, REFER, NOTIFY, MESSAGE, SUBSCRIBE"


def destination(request, source):
    """Where a response to request must go to: where it came from, by UDP to the port that Via asks for.

    Never to a Via's maddr (18.2.2): it is meant for multicast, and a stranger could aim our answers at others by it.
    """
    if len(source) > 2:
        return source
    data = request.data
    i = request.at[0]
    end = skip(data, i, request.end(i), b",")
    try:
        if parameter(data, skip(data, i, end, b";"), end, b"rport") >= 0:  # as every client of today asks
            return source
    except RemoteError:  # unreadable: request.port knows, and is where the sender of a broken request is told so
        pass
    return source[0], request.port or source[1]


def capabilities(builder):
    """Allow, Accept and Supported, as in 200 to OPTIONS (11.2) and 2xx to INVITE (13.3.1.4); RFC 6665 8.2.2."""
    builder.header(b"Allow", ALLOW)
    builder.header(b"Accept", b"application/sdp, application/dtmf-relay, application/dtmf")
    builder.header(b"Supported", builder.supported)
    builder.header(b"Allow-Events", builder.events)
