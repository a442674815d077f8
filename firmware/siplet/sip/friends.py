# The allow list of callers: by address, by network, by name. Loaded when there is one. Imports errors, header and URI
# syntax.

from siplet.errors import RemoteError
from siplet.sip.header import uri_of
from siplet.sip.uri import Uri


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


class Friends:
    """allow: str each: an address, a network "192.168.1.0/24", or a caller "sip:user@host", compared with From."""

    def __init__(self, allow):
        self._allow = allow

    def __call__(self, request, address):
        """Whether a request from address (str) is welcome."""
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
