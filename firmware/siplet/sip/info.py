# Keys in INFO requests (RFC 2976): the bodies that phones send without any RFC, both ways. Imports siplet.errors only.
#
#     application/dtmf-relay    Signal=5\r\nDuration=160\r\n      (Cisco's; Asterisk, Linphone and most others take it)
#     application/dtmf          5

from siplet.errors import LocalError

RELAY = b"application/dtmf-relay"
PLAIN = b"application/dtmf"

_KEYS = "0123456789*#ABCD"
_BODY = 256  # bytes; the real ones have 30


def parse(content_type, body):
    """The key that an INFO's body (bytes) presses, a str of "0123456789*#ABCD", or None without one. Raises nothing."""
    kind = content_type.partition(b";")[0].strip().lower()
    if len(body) > _BODY or (kind != PLAIN and kind != RELAY):
        return None
    text = body.upper()
    if kind == RELAY or b"=" in text:  # some send the long form under the short name
        for line in text.replace(b"\r", b"\n").split(b"\n"):
            line = line.strip()
            if line.startswith(b"SIGNAL"):
                text = line[6:].strip()
                if text.startswith(b"="):
                    text = text[1:]
                    break
        else:
            return None
    # One key as a character, or as RFC 4733's event number (some gateways write * as 10); anything else is none
    text = text.strip()
    if len(text) == 2 and text[0] == 49 and 48 <= text[1] <= 53:
        return _KEYS[text[1] - 38]
    if len(text) != 1 or text[0] > 127:
        return None
    key = chr(text[0])
    return key if key in _KEYS else None


def body(digit, ms=160, form=RELAY):
    """(content_type, body) that press digit, one of "0123456789*#ABCD", for ms; form: RELAY or PLAIN."""
    digit = digit.upper()
    if len(digit) != 1 or digit not in _KEYS:
        raise LocalError("not a key")
    if form == PLAIN:
        return PLAIN, digit.encode()
    return RELAY, f"Signal={digit}\r\nDuration={ms}\r\n".encode()
