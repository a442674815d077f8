# Which servers a destination has, and in which order: the questions of RFC 3263 section 4.2, with RFC 2782's weights.
# May import net.dns, net.hosts, net.naptr, net.resolver, limits, ticks.
#
#     an address             that one
#     in the hosts file      as it says there: the machine's owner has the first word
#     a name with a port     its A or AAAA records
#     a name without         its SRV records by priority and weight, each target's A or AAAA records
#     no SRV records         its A or AAAA records, and the transport's own port
#
# No answer about SRV is taken for none, for a short time: cheap routers drop such questions, and a name that has
# servers and addresses leads to the same host more often than not.

from siplet.limits import DNS_LOOKUP, DNS_NEGATIVE, DNS_RETURN, DNS_TTL
from siplet.net.dns import AAAA, SRV, A
from siplet.net.hosts import addresses, is_local, system
from siplet.ticks import ticks_add

# What a SRV name begins with; for WebSocket RFC 7118 has none
_SERVICES = {b"": b"_sip._udp.", b"TCP": b"_sip._tcp.", b"TLS": b"_sips._tcp."}
_PORTS = {b"TLS": 5061, b"WS": 80, b"WSS": 443}


def literal(host):
    """The address (str) that host is, without brackets; "" when it is a name, or neither."""
    if ":" in host:
        return host.strip("[]")
    if not host.replace(".", "").isdigit():
        return ""
    parts = host.split(".")
    return host if len(parts) == 4 and all(part and len(part) < 4 and int(part) < 256 for part in parts) else ""


def default_port(transport):
    """The port of a transport (b"" is UDP) when nobody says one."""
    return _PORTS.get(transport, 5060)


def order(records, random, keep=b""):
    """SRV records in the order in which to try them, RFC 2782: by priority, and by chance as their weights say.

    random(n): n bytes. keep: a target that comes before its equals: who was served well by it stays.
    """
    left = sorted(records)  # those of weight 0 first, as the method wants them
    found = []
    while left:
        group = [record for record in left if record[0] == left[0][0]]
        total = sum([record[1] for record in group])
        number = int.from_bytes(random(4), "big") & 0x3FFFFFFF
        chosen = group[number % len(group)]
        if total:
            number %= total + 1
            for chosen in group:
                number -= chosen[1]
                if number <= 0:
                    break
        for record in group:
            if keep and record[3] == keep:
                chosen = record
        found.append(chosen)
        left.remove(chosen)
    return found


class Search:
    """One look-up of destination, (host, port) or (host, port, transport); run() it once.

    add(target, name): is given each target as it is found, (ip, port), or (ip, port, transport) when the search chose a
    transport that is not UDP; it returns False when it wants no more. families: (4,), (6,), (4, 6) or (6, 4), the
    preferred one first. transports: to choose from when destination has none; empty: it means UDP. keep: (name,
    address) that served before. ttl: ms for which all that was found holds; good after run().
    """

    def __init__(self, resolver, destination, add, now, random, families=(4, 6), transports=(), keep=(b"", "")):
        self._resolver = resolver
        self._destination = destination
        self._add = add
        self._random = random
        self._families = families
        self._transports = transports
        self._keep = keep
        self._deadline = ticks_add(now, DNS_LOOKUP)
        self._service_deadline = ticks_add(now, DNS_LOOKUP * 2 // 3)
        self.ttl = DNS_TTL

    async def run(self):
        """Ask all that there is to ask; returns nothing, raises nothing for what the network says."""
        host, port = self._destination[:2]
        host = host.lower()
        if host.endswith("."):
            host = host[:-1]
        if host.split(".")[-1].isdigit():  # an address that is none: no domain ends in a number
            return
        transport = self._destination[2] if len(self._destination) > 2 else b""
        name = host.encode()
        if not port and not addresses(host):
            ways = [(transport, _SERVICES.get(transport, b"") + name)]
            if not transport and self._transports:
                from siplet.net.naptr import ways as choose

                ways = await choose(self.find_service, name, self._transports, _SERVICES)
                transport = b"" if b"UDP" in self._transports else self._transports[0]
            closed = False
            for way, service in ways:
                if service != name:
                    offered = await self._servers(way, service)
                    if offered:
                        return
                    closed = closed or offered is False
            if closed:
                return
        await self._addresses(transport, name, port or default_port(transport))

    async def find_service(self, name, kind):
        """Records of name that say where to go on, [] when there are none or nobody answers."""
        records, ttl = await self._resolver.find(name, kind, self._service_deadline)
        self._hold(DNS_NEGATIVE if records is None else ttl)
        return records or []

    def _hold(self, ttl):
        self.ttl = min(self.ttl, ttl)

    async def _servers(self, transport, service):
        # whether SRV records say where the servers of service are; None when there are no such records
        offered = None
        records = await self.find_service(service, SRV)
        for _, _, port, target in order(records, self._random, self._keep[0]):
            offered = bool(target or offered)  # RFC 2782: "." is the word that there is no such service here
            if target and port and not await self._addresses(transport, target, port):
                break
        return offered

    async def _addresses(self, transport, name, port):
        # hands on the addresses of name; False when that is enough
        host = name.decode()
        found = [literal(host)] if literal(host) else addresses(host)
        known = bool(found)
        if known:
            self._hold(DNS_RETURN)
        for family in self._families:
            hits = [address for address in found if (":" in address) == (family == 6)]
            if not known:
                hits, ttl = await self._resolver.find(name, AAAA if family == 6 else A, self._deadline)
                if not hits and (is_local(host) or not self._resolver.servers()):
                    hits, ttl = await system(host, family), DNS_RETURN
                if hits:
                    self._hold(ttl)
            if hits:
                break
        chosen = self._transports and len(self._destination) == 2 and transport not in (b"", b"UDP")
        keep = self._keep[1]
        if keep in (hits or ()):
            hits = [keep] + [address for address in hits if address != keep]
        for address in hits or ():
            target = (address, port, transport) if chosen else (address, port)
            if not self._add(target, name):
                return False
        return True
