# Which of our own addresses faces the network. May import siplet.platform only.

import socket

from siplet.platform import MICROPYTHON


def local_address(toward):
    """Our address (str) as a host at `toward` (str, a name or an address) sees it without NAT.

    A board gives its interface's; CPython asks the routing table; the unix port cannot tell: 127.0.0.1, so give it one.
    """
    if not MICROPYTHON:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect((toward, 9))  # nothing is sent
                return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"
    try:
        import network
    except ImportError:
        return "127.0.0.1"
    for interface in (network.WLAN.IF_STA, network.WLAN.IF_AP):
        wlan = network.WLAN(interface)
        if wlan.active():
            return wlan.ipconfig("addr4")[0]
    return "127.0.0.1"
