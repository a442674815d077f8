# When two SIP URIs are the same, and the %HH escapes that this takes. RFC 3261 sections 19.1.2 and 19.1.4.
# May import: sip.header. Apart from uri.py, because a phone that only calls and is called does without it.

from siplet.sip.header import run

_RESERVED = b";/?:@&=+$,"  # escaped or not, these mean different things (19.1.4)


def _hex(c):
    return c - 48 if 48 <= c <= 57 else (c | 32) - 87 if 97 <= c | 32 <= 102 else -1


def unescape(text, keep=b""):
    """text with each %HH as the byte it stands for, except those in keep; what is no escape stays as it is."""
    if b"%" not in text:
        return text
    out = bytearray()
    i = 0
    while i < len(text):
        c = text[i]
        if c == 37 and i + 2 < len(text) and (high := _hex(text[i + 1])) >= 0 and (low := _hex(text[i + 2])) >= 0:
            if high * 16 + low in keep:
                out.extend(text[i : i + 3].upper())
            else:
                out.append(high * 16 + low)
            i += 2
        else:
            out.append(c)
        i += 1
    return bytes(out)


def escape(text):
    """text as the user part of a SIP URI: whatever may not stand there becomes %HH (25.1, user)."""
    out = bytearray()
    for c in text:
        if run((c,), 0, 1, b"-_.!~*'()&=+$,;?/"):
            out.append(c)
        else:
            out.extend(b"%")
            out.append(b"0123456789ABCDEF"[c >> 4])
            out.append(b"0123456789ABCDEF"[c & 15])
    return bytes(out)


def _pairs(text, separator):
    found = {}
    for item in text.split(separator):
        name, _, value = item.partition(b"=")
        if name:
            found[unescape(name, _RESERVED).lower()] = unescape(value, _RESERVED)
    return found


def _userinfo(uri):
    # the user with its password
    text = uri.text[len(uri.scheme) + 1 :]
    return unescape(text[: text.find(b"@") + 1], _RESERVED)


def equal(a, b):
    """Whether two Uri mean the same by the rules of 19.1.4; a port or transport that one leaves out counts."""
    if a.scheme != b.scheme or a.port != b.port or a.host.lower() != b.host.lower():
        return False
    if _userinfo(a) != _userinfo(b):
        return False
    if _pairs(a.text[a.end + 1 :], b"&") != _pairs(b.text[b.end + 1 :], b"&"):
        return False
    a = _pairs(a.text[a.params : a.end], b";")
    b = _pairs(b.text[b.params : b.end], b";")
    for name in (b"user", b"ttl", b"method", b"maddr", b"transport"):
        if (name in a) != (name in b):
            return False
    return all(name not in b or a[name].lower() == b[name].lower() for name in a)
