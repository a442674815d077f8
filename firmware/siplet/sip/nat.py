# Far ends behind a NAT: a Contact with a private address, told by a public one, cannot be reached from here (RFC 5626
# section 1, RFC 3581). Loaded when a Contact is not where its message came from. Imports URI syntax.

from siplet.errors import RemoteError
from siplet.sip.uri import Uri


def _is_private(host):
    # whether an IPv4 literal (bytes) is of RFC 1918, RFC 6598 or link-local; None when it is no such literal
    parts = host.split(b".")
    if len(parts) != 4 or not all(part.isdigit() for part in parts):
        return None
    a, b = int(parts[0]), int(parts[1])
    if a == 172 or a == 100:
        return 16 <= b < 32 if a == 172 else 64 <= b < 128
    return a in (10, 127) or (a, b) in ((192, 168), (169, 254))


def settle(dialog, seen):
    """Let requests of a dialog without routes go where its messages came from, the URI seen, when that alone can be."""
    try:
        if _is_private(Uri(dialog.target).host) and _is_private(Uri(seen).host) is False:
            dialog.hop = seen
    except RemoteError:
        pass
