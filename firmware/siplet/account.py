# An account: who we are at one server, and whether it knows us. May import errors, platform and the pure core.

from siplet import platform
from siplet.sip.auth import Credentials
from siplet.sip.uri import Uri


class Account:
    """See Phone for the arguments. registration: "off", "registering", "registered", "refreshing", "failed",
    "unregistering"; status: of the registrar's last answer; binding: the sip.register.Registration, None without one.
    """

    registration = "off"
    status = 0
    binding = None

    def __init__(self, address, password=None, user=None, registrar=None, register=None, expires=300, proxy=None):
        self.address = address
        self.aor = address.encode()
        uri = Uri(self.aor)
        self.user = uri.user
        self.domain = uri.host.lower(), uri.port
        self.register = bool(password or registrar) if register is None else register
        registrar = registrar or address.split("@")[-1].split(";")[0]
        if not (registrar.startswith("sip:") or registrar.startswith("sips:")):
            registrar = "sip:" + registrar
        self.registrar = registrar.encode()
        Uri(self.registrar)
        self.proxy = proxy.encode() if proxy else b""
        if proxy:
            Uri(self.proxy)
        self.credentials = Credentials(user or uri.user.decode(), password, platform.random) if password else None
        self.expires = expires

    def serves(self, uri):
        """Whether a Uri is of our domain: who belongs to it is called through our server, with our credentials."""
        return self.register and (uri.host.lower(), uri.port) == self.domain

    def start(self, endpoint, now):
        """Register at endpoint, when that is wanted."""
        if self.register:
            self.binding = endpoint.register(self.registrar, self.aor, self.expires, self.credentials)
            self.binding.account = self
            self.binding.hop = self.proxy
            self.binding.start(now)
