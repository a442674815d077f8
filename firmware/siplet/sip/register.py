# Registration: RFC 3261 section 10, as a usage of the endpoint. Imports header and URI syntax, limits and ticks.
#
# It lives by its own deadline and knows nothing of calls. Every change of state is an event, so that no registration is
# ever lost in silence. The request names the bare registrar (10.2: no user in the Request-URI; a FRITZ!Box stays silent
# otherwise); one Call-ID and a counting CSeq serve for the whole life (10.2).
#
#     off -> registering -> registered <-> refreshing        failed: waits, then registering again
#                                        (any) -> unregistering -> off

from siplet.errors import LocalError, RemoteError
from siplet.limits import EXPIRES, RETRY_BASE, RETRY_REFUSED, RETRY_TOP
from siplet.sip.dialog import Dialog
from siplet.sip.header import integer, param, uri_of
from siplet.sip.uri import Uri
from siplet.ticks import ticks_add, ticks_diff

_DAY = 86400  # s; no binding is trusted for longer, and ticks_diff reaches 6 days
_MENDED_BY_TIME = (408, 480, 500, 502, 503, 504, 600)


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
    _lapse = None  # when what was granted ends
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
        self._to("registering", 0)
        self._send(now)

    def stop(self, now):
        """Take the binding back (Expires: 0); the state is `off` when the answer is here, or was waited for."""
        if self.state in ("off", "unregistering"):
            return
        self.deadline = None
        self._to("unregistering", 0)
        if self._transaction is not None:
            return  # one REGISTER at a time (10.2): its answer is waited for
        if self._lapse is not None:
            self._leaving = True
            self._send(now)
        else:
            self._to("off", 0)
            self.endpoint.registrations.remove(self)

    def on_time(self, now):
        """Time to refresh, or to try again."""
        if self.state == "registered":
            self._to("refreshing", self.status)
        elif self.state == "failed":
            self._to("registering", self.status)
        self._send(now)

    def on_response(self, transaction, status, response, now):
        """The registrar's answer, or 408 / 503 when there was none."""
        if transaction is not self._transaction or status < 200:
            return
        self._transaction = None
        challenge = status in (401, 407) and response and self.credentials
        if challenge and self.credentials.challenged(response, self._tried):
            self._send(now, self._tried)
            return
        if self.state == "unregistering":
            if self._leaving or (status >= 300 and self._lapse is None):
                self._to("off", status)
            else:
                self._leaving = True
                self._send(now)
        elif status < 300:
            self._on_success(status, response, now)
        elif status == 423 and self._lengthen(response):
            self._send(now)
        else:
            self._on_failure(status, response, now)

    # -- inside

    def _to(self, state, status):
        self.status = status
        if state != self.state:
            self.state = state
            self.alive = state != "off"
            self.endpoint.emit("registration", self, status, b"", state)

    def _send(self, now, tried=None):
        self._tried = [] if tried is None else tried
        dialog = self._dialog
        dialog.local_cseq += 1
        routes = (b"<" + self.hop + b">",) if b";lr" in self.hop else ()
        builder = self.endpoint.begin(b"REGISTER", self.uri, dialog, dialog.local_cseq, routes, None, self.hop)
        builder.header(b"Contact", self.endpoint.contact(self.user, self.endpoint.destination))
        builder.header(b"Expires", 0 if self.state == "unregistering" else self.expires)
        if self.credentials:
            self.credentials.authorize(builder, b"REGISTER", self.uri)
        self._transaction = self.endpoint.request(self, b"REGISTER", now)

    def _on_success(self, status, response, now):
        granted = min(self._granted(response), _DAY)
        if granted <= 0:
            self._on_failure(status, response, now)
            return
        self.failures = 0
        self.granted = granted
        self._lapse = ticks_add(now, granted * 1000)
        # Refreshed after 70 to 85 % of what was granted: time for several tries, and a fleet does not refresh at once.
        self.deadline = ticks_add(now, granted * (700 + self.endpoint.random(1)[0] * 150 // 255))
        self._to("registered", status)

    def _granted(self, response):
        # 10.2.4: the expires parameter of our own Contact, else the Expires header, else what we asked for.
        ours = self.endpoint.host_port
        try:
            for value in response.headers(b"contact"):
                seconds = param(value, b"expires")
                uri = Uri(uri_of(value))
                if seconds is not None and uri.user == self.user and ours in uri.text:
                    return integer(seconds, 0xFFFFFFFF)
            seconds = response.header(b"expires")
            return self.expires if seconds is None else integer(seconds, 0xFFFFFFFF)
        except RemoteError:
            return self.expires

    def _lengthen(self, response):
        # 423 (10.2.8): the registrar wants at least Min-Expires. Asked once more only when that is really longer.
        try:
            least = integer(response.header(b"min-expires") or b"", _DAY)
        except RemoteError:
            return False
        if least <= self.expires:
            return False
        self.expires = least
        return True

    def _on_failure(self, status, response, now):
        self.failures += 1
        wait = RETRY_REFUSED
        if status in _MENDED_BY_TIME or status < 300 or status == 423:
            wait = min(RETRY_BASE << min(self.failures - 1, 8), RETRY_TOP)
        # Half of it fixed, half by chance (RFC 5626 4.5): after a power cut the whole house does not call at once.
        wait = wait // 2 + (wait // 2) * self.endpoint.random(1)[0] // 255
        try:
            after = response.header(b"retry-after") if response else None
            if after:
                wait = max(wait, integer(after, _DAY) * 1000)
        except RemoteError:
            pass  # what cannot be read asks for nothing
        if self._lapse is not None and ticks_diff(now, self._lapse) >= 0:
            self._lapse = None
        self.deadline = ticks_add(now, wait)
        self._to("failed", status)
