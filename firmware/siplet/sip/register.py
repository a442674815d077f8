# Registration: RFC 3261 section 10, as a usage of the endpoint. Imports header and URI syntax, limits and ticks.
#
# It lives by its own deadline and knows nothing of calls. Every change of state is an event, so that no registration is
# ever lost in silence. The request names the bare registrar (10.2: no user in the Request-URI; a FRITZ!Box stays silent
# otherwise); one Call-ID and a counting CSeq serve for the whole life (10.2).
#
#     off -> registering -> registered <-> refreshing        failed: waits, then registering again
#                                        (any) -> unregistering -> off

from siplet.errors import LocalError, RemoteError
from siplet.limits import EXPIRES, TIMEOUT
from siplet.sip.dialog import Dialog
from siplet.sip.header import integer, param
from siplet.sip.uri import Uri
from siplet.ticks import ticks_add

_DAY = 86400  # s; no binding is trusted for longer, and ticks_diff reaches 6 days


class Registration:
    """One binding of our Contact at a registrar.

    registrar: bytes sip: URI, its user is left out; aor: bytes sip: URI; expires: s. state: see above; status: of the
    last answer; granted: s, what the registrar gave; failures: in a row.
    """

    state = "off"
    alive = True  # the endpoint forgets it otherwise
    status = granted = failures = 0
    deadline = None
    hop = b""  # the URI of an outbound proxy
    spares = None  # other registrars: a spares.Spares
    lapse = None  # when what was granted ends
    _transaction = None
    _leaving = False  # the REGISTER under way takes the binding back

    def __init__(self, endpoint, registrar, aor, expires, credentials, user):
        uri = Uri(registrar)
        self.uri = registrar if not uri.user else uri.scheme + b":" + registrar[registrar.find(b"@") + 1 :]
        self.endpoint = endpoint
        self.credentials = credentials
        self.user = user or Uri(aor).user
        self.expires = expires or EXPIRES
        value = b"<" + aor + b">"
        self._dialog = Dialog(endpoint.token(12), value + b";tag=" + endpoint.token(), value, self.uri)

    def start(self, now):
        """Register, and stay registered until stop()."""
        if self.state != "off":
            raise LocalError("already registering")
        self.to("registering", 0)
        self.send(now)

    def stop(self, now):
        """Take the binding back (Expires: 0); the state is `off` when the answer is here, or was waited for."""
        if self.state in ("off", "unregistering"):
            return
        self.deadline = None
        self.to("unregistering", 0)
        if self._transaction is not None:
            return  # one REGISTER at a time (10.2): its answer is waited for
        if self.lapse is not None:
            self._leaving = True
            self.send(now)
        else:
            self.to("off", 0)
            self.endpoint.registrations.remove(self)

    def on_time(self, now):
        """Time to refresh, or to try again."""
        if self.spares:
            self.spares.refresh(self, now)
        if self.state == "registered":
            self.to("refreshing", self.status)
        elif self.state == "failed":
            self.to("registering", self.status)
        self.send(now)

    def on_response(self, transaction, status, response, now):
        """The registrar's answer, or 408 / 503 when there was none."""
        if transaction is not self._transaction or status < 200:
            return
        self._transaction = None
        challenge = status in (401, 407) and response and self.credentials
        if challenge and self.credentials.challenged(response, self._tried):
            self.send(now, self._tried)
            return
        if self.state == "unregistering":
            if self._leaving or (status >= 300 and self.lapse is None):
                self.to("off", status)
            else:
                self._leaving = True
                self.send(now)
        elif status < 300:
            self._on_success(status, response, now)
        else:
            self._fail(status, response, now)

    # -- inside, and for register_failure

    def to(self, state, status):
        self.status = status
        if state != self.state:
            self.state = state
            self.alive = state != "off"
            self.endpoint.emit("registration", self, status, b"", state)

    def _fail(self, status, response, now):
        from siplet.sip.register_failure import fail

        fail(self, status, response, now)

    def send(self, now, tried=None):
        self._tried = [] if tried is None else tried
        self.deadline = ticks_add(now, 2 * TIMEOUT)  # should it not even be sent, or its answer not be understood
        dialog = self._dialog
        dialog.local_cseq += 1
        routes = (b"<" + self.hop + b">",) if b";lr" in self.hop else ()
        builder = self.endpoint.begin(b"REGISTER", self.uri, dialog, dialog.local_cseq, routes, None, self.hop)
        builder.header(b"Contact", self.endpoint.contact(self.user, self.endpoint.destination))
        builder.header(b"Supported", b"path")  # RFC 3327: a proxy between us and the registrar may want to be passed
        builder.header(b"Expires", 0 if self.state == "unregistering" else self.expires)
        if self.credentials:
            self.credentials.authorize(builder, b"REGISTER", self.uri)
        self._transaction = self.endpoint.request(self, b"REGISTER", now)

    def _on_success(self, status, response, now):
        granted = min(self._granted(response), _DAY)
        if granted <= 0:
            self._fail(status, response, now)
            return
        self.failures = 0
        self.granted = granted
        self.lapse = ticks_add(now, granted * 1000)
        # Refreshed after 70 to 85 % of what was granted: time for several tries, and a fleet does not refresh at once.
        self.deadline = ticks_add(now, granted * (700 + self.endpoint.random(1)[0] * 150 // 255))
        self.to("registered", status)

    def _granted(self, response):
        # 10.2.4: the expires parameter of our own Contact, else the Expires header, else what we asked for. A server
        # that sees us through a NAT may show another Contact: the only one is ours in any case.
        ours = self.endpoint.host_port
        try:
            values = response.headers(b"contact")
            for value in values:
                seconds = param(value, b"expires")
                if seconds is not None and (len(values) == 1 or (self.user in value and ours in value)):
                    return integer(seconds, 0xFFFFFFFF)
            seconds = response.header(b"expires")
            return self.expires if seconds is None else integer(seconds, 0xFFFFFFFF)
        except RemoteError:
            return self.expires
