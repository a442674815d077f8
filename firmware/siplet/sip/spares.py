# Several registrars for one account: which of them is asked, and when the first is asked again. Loaded when an account
# names more than one. Imports limits and ticks.

from siplet.limits import DNS_RETURN
from siplet.ticks import ticks_diff

_UNREACHABLE = (408, 500, 502, 503, 504)


class Spares:
    """uris: the registrars' URIs (bytes), the preferred one first. told(uri): called when another one serves."""

    def __init__(self, uris, told):
        self._uris = uris
        self._told = told
        self._at = self._tries = 0
        self._since = 0

    def _take(self, registration, i, now):
        self._at = i
        self._since = now
        uri = self._uris[i]
        registration.hop = uri
        registration.uri = uri.split(b";")[0]
        self._told(uri)

    def failed(self, registration, status, now):
        """A REGISTER was not served: True when the next registrar is to be asked at once, False after all of them."""
        if status not in _UNREACHABLE:
            return False
        self._tries += 1
        self._take(registration, (self._at + 1) % len(self._uris), now)
        if self._tries < len(self._uris):
            return True
        self._tries = 0
        return False

    def refresh(self, registration, now):
        """Before a refresh: after some minutes with another one, the preferred registrar is tried again."""
        self._tries = 0
        if self._at and ticks_diff(now, self._since) >= DNS_RETURN:
            self._take(registration, 0, now)
