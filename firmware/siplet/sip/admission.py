# Who may ask something of us: requests outside dialogs are taken from our servers, from friends, or from who knows a
# password; strangers are refused, and soon not even that. Imports errors, limits, ticks.
#
# What an address says is its own: over UDP it can be forged by who shares the network, and a From by anybody. Passwords
# are the strong form. A stranger learns in a few refusals that somebody is here, and then nothing more: scanners go on.

from siplet.errors import RemoteError
from siplet.limits import STRANGER_MS, STRANGER_TRIES, STRANGERS
from siplet.ticks import ticks_diff


class Admission:
    """endpoint.admit. servers: callable() -> the addresses (str) of our servers. friends: callable(request, address),
    as friends.Friends, or None. asks: a challenge.Challenge, or None: who is no friend has to know a password.

    refused, ignored: counts of strangers' requests.
    """

    friends = asks = None

    def __init__(self, servers):
        self._servers = servers
        self._strangers = []  # [address, refusals, ticks of the last], the latest at the end
        self.refused = self.ignored = 0

    def __call__(self, request, source, now):
        """Returns when the request is welcome. RemoteError(403), (401, answered already), or 0: stay silent."""
        address = source[0]
        if address in self._servers() or (self.friends and self.friends(request, address)):
            return
        if self.asks and self.asks.knows(request, now):  # who has to be asked first, each time, is no stranger
            self._strangers = [stranger for stranger in self._strangers if stranger[0] != address]
            return
        stranger = self._stranger(address, now)
        stranger[1] += 1
        stranger[2] = now
        if stranger[1] > STRANGER_TRIES:
            self.ignored += 1
            raise RemoteError(0, "a stranger, again")
        self.refused += 1
        if self.asks and request.method != b"ACK":
            self.asks.ask(request, source, now)
            raise RemoteError(0, "a password is asked for")
        raise RemoteError(403, "not from here")

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
