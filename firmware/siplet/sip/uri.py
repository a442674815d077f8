# The SIP URI: its parts and where it leads. RFC 3261 section 19.1. Comparison and escapes are in uri_equal.py.
# May import: errors, sip.header.

from siplet.errors import RemoteError
from siplet.sip.header import after_host, after_port, bad, number, parameter, run, same, value_at


class Uri:
    """A sip or sips URI, taken apart; every part is bytes as it was written.

    text: the whole; scheme: b"sip" or b"sips"; user: without a password; host: an IPv6 reference keeps its brackets;
    port: 0 when absent; params, end: the offsets in text where the parameters start and where they end, before a "?".
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
        self.scheme = b"sips" if i == 4 else b"sip"
        if i != len(self.scheme) or not same(text, 0, self.scheme):
            raise RemoteError(416, "URI scheme")
        i += 1
        host = text.find(b"@") + 1  # nowhere else may it stand unescaped
        self.user = b""
        if host:
            colon = text.find(b":", i, host)
            self.user = text[i : colon if colon > 0 else host - 1]
            if not self.user:
                raise bad("URI user")
            i = host
        self.end = text.find(b"?", i)
        if self.end < 0:
            self.end = end
        host = after_host(text, i, end)
        self.host = text[i:host]
        self.params = after_port(text, host, self.end)
        self.port = number(text, host + 1, self.params, 65535) if self.params > host else 0
        if self.params > host and not self.port:
            raise bad("URI port")
        parameter(text, self.params, self.end)

    def param(self, name):
        """The value of a URI parameter, b"" for a flag, None when it is not there."""
        i = parameter(self.text, self.params, self.end, name)
        return None if i < 0 else value_at(self.text, i, self.end)

    def destination(self):
        """(host, port) to send to by UDP, (host, port, transport) by b"TCP", b"TLS", b"WS" or b"WSS" (RFC 3263 4.1).

        host: str without brackets; port: 0 for a name without one, which the name's servers decide (4.2).
        """
        host = (self.param(b"maddr") or self.host).strip(b"[]").decode()
        transport = (self.param(b"transport") or b"UDP").upper()
        if len(self.scheme) == 4:
            transport = b"WSS" if transport[:2] == b"WS" else b"TLS"
        port = self.port
        if not port and (":" in host or not host.strip("0123456789.")):
            port = 5061 if transport == b"TLS" else 5060
        return (host, port) if transport == b"UDP" else (host, port, transport)
