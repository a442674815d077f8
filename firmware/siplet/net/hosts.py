# What the machine itself knows about names: its name servers, its hosts file, and its own blocking look-up.
# May import siplet.platform and limits.

from siplet import platform
from siplet.limits import DNS_SERVERS


def _lines(path):
    # the words of each line of a file, without comments; none where there is no such file, as on a board
    try:
        with open(path) as file:
            for line in file:
                yield line.split("#")[0].split()
    except (OSError, ValueError):  # ValueError: it is not text
        pass


def name_servers(path="/etc/resolv.conf"):
    """The addresses (str) of the machine's name servers, three at most; [] when it does not tell."""
    found = [words[1] for words in _lines(path) if len(words) > 1 and words[0] == "nameserver"]
    try:
        import network
    except ImportError:
        return found[:DNS_SERVERS]
    try:
        found.append(network.ipconfig("dns"))
    except (AttributeError, ValueError, OSError):  # before MicroPython 1.23 only the interface tells
        wlan = network.WLAN(network.WLAN.IF_STA)
        if wlan.active():
            found.append(wlan.ifconfig()[3])
    return [address for address in found if address and address != "0.0.0.0"][:DNS_SERVERS]


def addresses(name, path="/etc/hosts"):
    """The addresses (str) that the hosts file has for name (str, lower case); localhost is always known (RFC 6761)."""
    found = [words[0] for words in _lines(path) if name in [word.lower() for word in words[1:]]]
    if not found and (name == "localhost" or name.endswith(".localhost")):
        found = ["127.0.0.1", "::1"]
    return found


def is_local(name):
    """Whether no name server has to know name (str): a host beside us, without a domain or in mDNS's (RFC 6762)."""
    return "." not in name or name.endswith(".local")


async def system(name, family):
    """[the address (str)] that the interpreter's own look-up finds for name (str), or []. Blocks on MicroPython.

    family: 4 or 6.
    """
    try:
        family = platform.socket.AF_INET6 if family == 6 else platform.socket.AF_INET
        if platform.MICROPYTHON:
            raw = platform.resolve(name, 9, family)
        else:
            import asyncio

            raw = await asyncio.get_running_loop().run_in_executor(None, platform.resolve, name, 9, family)
        return [platform.source(raw)[0]]
    except (OSError, AttributeError):  # AttributeError: a port without IPv6, or without sockets
        return []
