# The SIP URI: its parts and where it leads. RFC 3261 section 19.1. Comparison and escapes are in uri_equal.py.
# May import: errors, sip.header.

from siplet.errors import RemoteError
from siplet.sip.header import after_host, after_port, bad, parameter, run, value_at


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
        self.user = text[i + 1 : host - 1].split(b":", 1)[0] if host else b""
        if not host:
            host = i + 1
        elif not self.user:
            raise bad("URI user")
        i = after_host(text, host, end)
        self.host = text[host:i]
        question = text.find(b"?", i)
        if question < 0:
            question = end
        params = after_port(text, i, question)
        self.port = int(text[i + 1 : params]) if params > i else 0
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
