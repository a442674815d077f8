# The SIP URI: its parts, where it leads, when two are the same, and %HH escapes. RFC 3261 section 19.1.
# May import: errors, sip.header.

from siplet.errors import RemoteError
from siplet.sip.header import after_host, after_port, bad, parameter, port, run, value_at

_RESERVED = b";/?:@&=+$,"  # escaped or not, these mean different things (19.1.4)


class Uri:
    """A sip or sips URI, taken apart; every part is bytes as it was written.

    scheme: lower case; user: without a password; host: an IPv6 reference keeps its brackets; port: 0 when absent;
    params: b";lr;transport=udp" or b""; headers: what stands behind "?", or b""; text: the whole.
    RemoteError(400) when it cannot be read, RemoteError(416) for another scheme, tel included.
    """

    def __init__(self, text):
        end = len(text)
        for c in text:
            if not 32 < c < 127 or c in b'<>"':
                raise bad("URI")
        i = run(text, 0, end, b"+-.")
        if i == 0 or i == end or text[i] != 58:
            raise bad("URI")
        self.text = text
        self.scheme = text[:i].lower()
        if self.scheme != b"sip" and self.scheme != b"sips":
            raise RemoteError(416, "URI scheme")
        host = text.find(b"@") + 1  # nowhere else may it stand unescaped
        self._user = text[i + 1 : host - 1] if host else b""  # with its password
        self.user = self._user.split(b":", 1)[0]
        if not host:
            host = i + 1
        elif not self.user:
            raise bad("URI user")
        i = after_host(text, host, end)
        self.host = text[host:i]
        question = text.find(b"?", i)
        if question < 0:
            question = end
        self.port = port(text, i, question)
        params = after_port(text, i, question)
        parameter(text, params, question)
        if params > i and not self.port:
            raise bad("URI port")
        self.params = text[params:question]
        self.headers = text[question + 1 :]

    def param(self, name):
        """The value of a URI parameter, b"" for a flag, None when it is not there."""
        i = parameter(self.params, 0, len(self.params), name)
        return None if i < 0 else value_at(self.params, i, len(self.params))

    def destination(self):
        """(host, port) to send to: str without brackets, and the port or the scheme's own one (RFC 3263 4.2)."""
        host = (self.param(b"maddr") or self.host).strip(b"[]")
        return host.decode(), self.port or (5061 if self.scheme == b"sips" else 5060)


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


def equal(a, b):
    """Whether two Uri mean the same by the rules of 19.1.4; a port or transport that one leaves out counts."""
    if a.scheme != b.scheme or a.port != b.port or a.host.lower() != b.host.lower():
        return False
    if unescape(a._user, _RESERVED) != unescape(b._user, _RESERVED):
        return False
    if _pairs(a.headers, b"&") != _pairs(b.headers, b"&"):
        return False
    a = _pairs(a.params, b";")
    b = _pairs(b.params, b";")
    for name in (b"user", b"ttl", b"method", b"maddr", b"transport"):
        if (name in a) != (name in b):
            return False
    return all(name not in b or a[name].lower() == b[name].lower() for name in a)
