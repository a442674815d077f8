# Keys in INFO requests (RFC 2976): the bodies that phones send without any RFC, both ways. Imports siplet.errors only.
#
#     application/dtmf-relay    Signal=5\r\nDuration=160\r\n      (Cisco's; Asterisk, Linphone and most others take it)
#     application/dtmf          5

from siplet.errors import LocalError

RELAY = b"application/dtmf-relay"
PLAIN = b"application/dtmf"

_KEYS = "0123456789*#ABCD"
_BODY = 256  # what is looked at of a body; the real ones have 30 bytes


def _digit(text):
    # One key as a character, or as RFC 4733's event number (some gateways write * as 10); anything else is none.
    text = text.strip().upper()
    if len(text) == 2 and text[:1] == b"1" and b"0" <= text[1:] <= b"5":
        return _KEYS[10 + text[1] - 48]
    if len(text) != 1 or text[0] > 127:
        return None
    key = chr(text[0])
    return key if key in _KEYS else None


def parse(content_type, body):
    """The key that an INFO's body presses, a str of "0123456789*#ABCD", or None when there is none. Raises nothing."""
    kind = bytes(content_type).split(b";", 1)[0].strip().lower()
    body = bytes(body[:_BODY])
    if kind == PLAIN and b"=" not in body:
        return _digit(body)
    if kind != RELAY and kind != PLAIN:
        return None
    for line in body.replace(b"\r", b"\n").split(b"\n"):
        name, mark, value = line.partition(b"=")
        if mark and name.strip().lower() == b"signal":
            return _digit(value)
    return None


def body(digit, ms=160, form=RELAY):
    """(content_type, body) that press digit, one of "0123456789*#ABCD", for ms; form: RELAY or PLAIN."""
    digit = digit.upper()
    if len(digit) != 1 or digit not in _KEYS:
        raise LocalError("not a key")
    if form == PLAIN:
        return PLAIN, digit.encode()
    return RELAY, f"Signal={digit}\r\nDuration={ms}\r\n".encode()
