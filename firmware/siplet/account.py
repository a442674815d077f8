# An account: who we are at one server, and whether it knows us. May import errors, platform and the pure core.

from siplet import platform
from siplet.sip.auth import Credentials
from siplet.sip.uri import Uri


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
    binding = None

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
        self.address = address
        self.aor = address.encode()
        uri = Uri(self.aor)
        self.user = uri.user
        self.domain = uri.host.lower(), uri.port
        self.register = bool(password or registrar) if register is None else register
        registrar = registrar or address.split("@")[-1].split(";")[0]
        tail = ";transport=" + transport if transport and transport != "udp" else ""
        self.registrars = []  # the URIs by which they are reached
        for one in registrar.split(","):
            one = one.strip()
            if not (one.startswith("sip:") or one.startswith("sips:")):
                one = "sip:" + one
            self.registrars.append((one + tail).encode())
            Uri(self.registrars[-1])
        self.registrar = self.registrars[0][: len(self.registrars[0]) - len(tail)]
        self.hop = (proxy + tail).encode() if proxy else self.registrars[0]
        Uri(self.hop)
        self.proxy = self.hop if proxy else b""
        self.credentials = Credentials(user or uri.user.decode(), password, platform.random) if password else None
        self.expires = expires

    def serves(self, uri):
        """Whether a Uri is of our domain: who belongs to it is called through our server, with our credentials."""
        return (self.register or self.credentials) and (uri.host.lower(), uri.port) == self.domain

    def move(self, uri):
        """Another of our registrars serves from now on."""
        self.hop = uri

    def start(self, endpoint, now):
        """Register at endpoint, when that is wanted."""
        if self.register:
            self.binding = endpoint.register(self.registrar, self.aor, self.expires, self.credentials)
            self.binding.account = self
            self.binding.hop = self.hop
            if len(self.registrars) > 1:
                from siplet.sip.spares import Spares

                self.binding.spares = Spares(self.registrars, self.move)
            self.binding.start(now)
