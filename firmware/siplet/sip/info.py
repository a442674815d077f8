# Keys in INFO requests (RFC 2976) that come in: the bodies that phones send without any RFC. info_body.py writes them.
# May import: sip.header.
#
#     application/dtmf-relay    Signal=5\r\nDuration=160\r\n      (Cisco's; Asterisk, Linphone and most others take it)
#     application/dtmf          5

from siplet.sip.header import lws, run, same, trim

RELAY = b"application/dtmf-relay"
PLAIN = b"application/dtmf"

KEYS = "0123456789*#ABCD"
_BODY = 256  # bytes; the real ones have 30


def parse(content_type, body):
    """The key that an INFO's body (bytes) presses, a str of "0123456789*#ABCD", or None without one. Raises nothing."""
    kind = RELAY if same(content_type, 0, RELAY) else PLAIN
    i = len(kind)
    end = len(body)
    if not same(content_type, 0, kind) or run(content_type, i, len(content_type)) > i or end > _BODY:
        return None
    i = 0
    if kind == RELAY or b"=" in body:  # some send the long form under the short name
        while True:
            mark = lws(body, i, end)
            if same(body, mark, b"signal"):
                mark = lws(body, mark + 6, end)
                if mark < end and body[mark] == 61:
                    break
            i = body.find(b"\n", i) + 1
            if not i:
                return None
        i = mark + 1
        mark = body.find(b"\n", i)
        end = mark if mark > 0 else end
    # One key as a character, or as RFC 4733's event number (some gateways write * as 10); anything else is none
    i = lws(body, i, end)
    end = trim(body, i, end) - i
    if end == 2 and body[i] == 49 and 48 <= body[i + 1] <= 53:
        return KEYS[body[i + 1] - 38]
    if end != 1 or body[i] > 127:
        return None
    key = chr(body[i]).upper()
    return key if key in KEYS else None
