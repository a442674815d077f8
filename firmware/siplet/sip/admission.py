# Who may ask something of us: requests outside dialogs are taken from our servers, from an allow list, or from who
# knows a password; strangers are refused, and soon not even that. Loaded unless the phone is open. Imports errors, limits,
# header syntax, ticks; challenge, when passwords are wanted.
#
# What an address says is its own: over UDP it can be forged by who shares the network, and a From by anybody. Passwords
# are the strong form. A stranger learns in a few refusals that somebody is here, and then nothing more: scanners go on.

from siplet.errors import RemoteError
from siplet.limits import STRANGER_MS, STRANGER_TRIES, STRANGERS
from siplet.sip.header import uri_of
from siplet.sip.uri import Uri
from siplet.ticks import ticks_diff


def _number(address):
    # an IPv4 address as an int of two halves: (high, low); None for anything else
    parts = address.split(".")
    if len(parts) != 4:
        return None
    try:
        a, b, c, d = [int(part) for part in parts]
    except ValueError:
        return None
    return a << 8 | b, c << 8 | d


def _in_network(address, network):
    # "192.168.1.0/24"
    base, _, bits = network.partition("/")
    one, other = _number(address), _number(base)
    if one is None or other is None or not bits.isdigit():
        return False
    left = int(bits)
    for i in (0, 1):
        shift = 16 - min(max(left - 16 * i, 0), 16)
        if one[i] >> shift != other[i] >> shift:
            return False
    return True


class Admission:
    """endpoint.admit. servers: callable() -> the addresses (str) of our servers. allow: str each: an address, a network
    "192.168.1.0/24", or a caller "sip:user@host", compared with From. asks: a challenge.Challenge, or None: who is no
    friend by address has to know a password.

    refused, ignored: counts of strangers' requests.
    """

    def __init__(self, servers, allow=(), asks=None):
        self._servers = servers
        self._allow = allow
        self._asks = asks
        self._strangers = []  # [address, refusals, ticks of the last], the latest at the end
        self.refused = self.ignored = 0

    def __call__(self, request, source, now):
        """Returns when the request is welcome. RemoteError(403), (401, answered already), or 0: stay silent."""
        address = source[0]
        if address in self._servers() or self._is_friend(request, address):
            return
        if self._asks and self._asks.knows(request, now):
            return
        stranger = self._stranger(address, now)
        stranger[1] += 1
        stranger[2] = now
        if stranger[1] > STRANGER_TRIES:
            self.ignored += 1
            raise RemoteError(0, "a stranger, again")
        self.refused += 1
        if self._asks and request.method != b"ACK":
            self._asks.ask(request, source, now)
            raise RemoteError(0, "a password is asked for")
        raise RemoteError(403, "not from here")

    def _is_friend(self, request, address):
        for entry in self._allow:
            if entry == address or ("/" in entry and _in_network(address, entry)):
                return True
            if entry[:4] == "sip:" or entry[:5] == "sips:":
                try:
                    caller = Uri(uri_of(request.header(b"from")))
                    known = Uri(entry.encode())
                except RemoteError:
                    continue
                if caller.user == known.user and caller.host.lower() == known.host.lower():
                    return True
        return False

    def _stranger(self, address, now):
        found = None
        for i, stranger in enumerate(self._strangers):
            if stranger[0] == address:
                found = self._strangers.pop(i)
                break
        if found and ticks_diff(now, found[2]) > STRANGER_MS:
            found = None
        if len(self._strangers) >= STRANGERS:
            self._strangers.pop(0)
        self._strangers.append(found or [address, 0, now])
        return self._strangers[-1]
