# An account: who we are at one server, and whether it knows us. Imports nothing: what it does once is in
# opening.py.


class Account:
    """address: who we are, a sip: URI. password, user: the account's (user: when it differs from the address's).
    registrar: host[:port] or sip: URI, default: the address's host; spare ones behind commas. register:
    None registers when a password or a registrar is given. expires: s. proxy: the URI of an outbound proxy, with ;lr to
    be named in a Route. transport: "udp", "tcp", "tls", "ws" or "wss" to our server. LocalError or RemoteError for an
    address that is none.

    registration: "off", "registering", "registered", "refreshing", "failed", "unregistering"; status: of the
    registrar's last answer; binding: the sip.register.Registration, None without one; hop: the URI that our
    requests go to.
    """

    registration = "off"
    status = 0
    binding = credentials = None
    register = False
    aor = hop = proxy = b""
    domain = ()

    def __init__(
        self,
        address,
        password=None,
        user=None,
        registrar=None,
        register=None,
        expires=300,
        proxy=None,
        transport=None,
    ):
        from siplet.opening import settle

        settle(self, address, password, user, registrar, register, expires, proxy, transport)

    def serves(self, uri):
        """Whether a Uri is of our domain: who belongs to it is called through our server, with our credentials."""
        return (self.register or self.credentials) and (uri.host.lower(), uri.port) == self.domain

    def move(self, uri):
        """Another of our registrars serves from now on."""
        self.hop = uri

    def start(self, endpoint, now):
        """Register at endpoint, when that is wanted."""
        from siplet.opening import start

        start(self, endpoint, now)
