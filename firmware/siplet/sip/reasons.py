# The phrases of statuses (RFC 3261 21 and the extensions' own). Loaded with the first answer that is no 180 or 200.
# Imports nothing.

# Those that siplet sends, or tells of when no response came
_REASONS = (
    b"100Trying\n181Call Is Being Forwarded\n183Session Progress\n202Accepted\n400Bad Request\n401Unauthorized\n"
    b"403Forbidden\n404Not Found\n405Method Not Allowed\n406Not Acceptable\n408Request Timeout\n410Gone\n"
    b"412Conditional Request Failed\n413Request Entity Too Large\n414Request-URI Too Long\n415Unsupported Media Type\n"
    b"416Unsupported URI Scheme\n420Bad Extension\n421Extension Required\n422Session Interval Too Small\n"
    b"423Interval Too Brief\n480Temporarily Unavailable\n481Call/Transaction Does Not Exist\n482Loop Detected\n"
    b"483Too Many Hops\n486Busy Here\n487Request Terminated\n488Not Acceptable Here\n489Bad Event\n"
    b"491Request Pending\n500Server Internal Error\n501Not Implemented\n503Service Unavailable\n"
    b"505Version Not Supported\n513Message Too Large\n600Busy Everywhere\n603Decline\n604Does Not Exist Anywhere\n"
    b"606Not Acceptable\n"
)


def reason(status):
    """The phrase of a status, b"" for one that siplet does not know."""
    i = 0
    while i < len(_REASONS):
        end = _REASONS.find(b"\n", i)
        if (_REASONS[i] * 10 + _REASONS[i + 1]) * 10 + _REASONS[i + 2] - 5328 == status:
            return _REASONS[i + 3 : end]
        i = end + 1
    return b""
