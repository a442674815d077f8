# Keys in INFO requests (RFC 2976) that go out; info.py shows both forms. May import: errors, sip.info.

from siplet.errors import LocalError
from siplet.sip.info import KEYS, PLAIN, RELAY


def body(digit, ms=160, form=RELAY):
    """(content_type, body) that press digit, one of "0123456789*#ABCD", for ms; form: RELAY or PLAIN."""
    digit = digit.upper()
    if len(digit) != 1 or digit not in KEYS:
        raise LocalError("not a key")
    if form == PLAIN:
        return PLAIN, digit.encode()
    return RELAY, f"Signal={digit}\r\nDuration={ms}\r\n".encode()
