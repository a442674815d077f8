# A stub resolver, RFC 1035 section 7 and RFC 5452: asks name servers over UDP while everything else goes on, and keeps
# what they said as long as they said. May import platform, net.dns, net.hosts, net.udp, errors, limits, ticks.
#
# A question has a random number and leaves from a random port; both stay while it is repeated, so that a server that is
# slow is still heard when the next one has been asked. What comes from elsewhere, with another number or to another
# question is counted in `strange` and forgotten. A server that refuses, fails or talks nonsense is not asked again for
# this question; no answer from any is no answer, and never kept.

from micropython import const

from siplet import platform
from siplet.errors import RemoteError
from siplet.limits import DNS_ALIASES, DNS_ANSWER, DNS_CACHE, DNS_LOOKUPS, DNS_RETRY, DNS_SERVERS, DNS_TARGETS, DNS_TTL
from siplet.net import dns
from siplet.net.udp import Udp
from siplet.ticks import ticks_add, ticks_diff

_TICK = const(20)  # ms between looks at the socket: less than any name server's answer by radio
_BURST = const(8)  # datagrams taken at one look, so that a flood cannot hold the loop
_PORT = const(53)
_NO_NAME = const(3)  # NXDOMAIN


class Resolver:
    """Asks servers (a list of "address" or "address:port"; None: those of the machine) and keeps their answers.

    retry_ms: how long the first server has until the next is asked. Counters: asked (datagrams and connections),
    strange (answers to nothing that we asked), broken (answers that could not be read, aliases that lead round), and
    last_error, what was wrong with the last one.
    """

    def __init__(self, servers=None, now=platform.now, random=platform.random, retry_ms=DNS_RETRY):
        self._given = servers
        self._now = now
        self._random = random
        self._retry = retry_ms
        self._cache = {}  # (name, kind): (records, when, ttl)
        self._busy = 0
        self.asked = self.strange = self.broken = 0
        self.last_error = ""

    def servers(self):
        """[(host, port), ...] that are asked, in this order; the machine is asked each time, for Wi-Fi changes them."""
        given = self._given
        if given is None:
            from siplet.net.hosts import name_servers

            given = name_servers()
        found = []
        for text in given[:DNS_SERVERS]:
            try:
                found.append(_server(text))
            except (OSError, ValueError):  # a link-local address with its interface, for one
                self.last_error = "name server: " + text
        return found

    def forget(self):
        """Ask anew for everything."""
        self._cache.clear()

    async def find(self, name, kind, deadline):
        """(records, ttl) of name (bytes, lower case) as dns.read() tells them: [] when there are none.

        ttl: ms for which that holds from now on. records is None when no server answered before deadline (ticks).
        """
        kept = self._kept(name, kind)
        if kept:
            return kept
        ttl = DNS_TTL
        alias = name
        for _ in range(DNS_ALIASES):
            answer = await self._ask(alias, kind, deadline)
            if answer is None:
                return None, 0
            _, _, records, seconds, alias = answer
            ttl = min(ttl, seconds)
            if not alias:
                if kind in (dns.SRV, dns.NAPTR):
                    records.sort()  # by what is tried first
                records = records[:DNS_TARGETS]
                if ttl:
                    self._keep(name, kind, records, ttl)
                return records, ttl
        self._complain("aliases that lead round")
        return None, 0

    # -- inside

    def _complain(self, text):
        self.broken += 1
        self.last_error = text

    def _kept(self, name, kind):
        now = self._now()
        for key in list(self._cache):
            _, when, ttl = self._cache[key]
            # Below 0: nobody looked for so long that the ticks went round
            if not 0 <= ticks_diff(now, when) < ttl:
                del self._cache[key]
        if (name, kind) in self._cache:
            records, when, ttl = self._cache[name, kind]
            return records, ttl - ticks_diff(now, when)
        return None

    def _keep(self, name, kind, records, ttl):
        if len(self._cache) >= DNS_CACHE:  # what would be over first makes room
            now = self._now()
            left = [(row[2] - ticks_diff(now, row[1]), key) for key, row in self._cache.items()]
            del self._cache[min(left)[1]]
        self._cache[name, kind] = (records, self._now(), ttl)

    async def _ask(self, name, kind, deadline):
        # what dns.read() tells of the first good answer, or None
        try:
            question = dns.question(name, kind)
        except RemoteError as error:
            self._complain(error.text)
            return None
        while self._busy >= DNS_LOOKUPS:
            if ticks_diff(deadline, self._now()) <= 0:
                return None
            await platform.sleep_ms(_TICK)
        self._busy += 1
        conversation = _Conversation(self, question, self._random(2))
        try:
            return await conversation.hold(self.servers(), self._retry, deadline)
        finally:
            self._busy -= 1
            conversation.close()


class _Conversation:
    # One question, repeated to one server after the other until one of them answers.

    def __init__(self, resolver, question, number):
        self._resolver = resolver
        self._now = resolver._now
        self._question = question
        self._number = number
        self._packet = dns.query(number, question)
        self._sockets = {}  # by whether it is for IPv6
        self._asked = []

    def close(self):
        for udp in self._sockets.values():
            udp.close()

    async def hold(self, servers, wait, deadline):
        while servers:
            for server in list(servers):
                if server not in servers:  # it has answered meanwhile, and failed
                    continue
                if not self._send(server):
                    servers.remove(server)
                    continue
                left = ticks_diff(deadline, self._now())
                until = ticks_add(self._now(), min(wait, left))
                while server in servers and ticks_diff(until, self._now()) > 0:
                    await platform.sleep_ms(_TICK)
                    source, data = self._receive()
                    if data:
                        answer = await self._judge(source, data, deadline)
                        if answer:
                            return answer
                        if source in servers:
                            servers.remove(source)
                if wait >= left and server in servers:
                    return None
            wait *= 2
        return None

    def _send(self, server):
        is_ipv6 = ":" in server[0]
        udp = self._sockets.get(is_ipv6)
        try:
            if not udp:
                udp = Udp("::" if is_ipv6 else "0.0.0.0", ports=range(49152, 65536))
                self._sockets[is_ipv6] = udp
        except OSError:  # no IPv6 here, or no socket is left
            return False
        if server not in self._asked:
            self._asked.append(server)
        self._resolver.asked += 1
        return udp.send_to(self._packet, server)

    def _receive(self):
        # (server, answer) that belongs to our question, or (None, None)
        for udp in self._sockets.values():
            for _ in range(_BURST):
                data = udp.datagram(DNS_ANSWER)
                if data is None:
                    break
                if udp.source in self._asked and dns.belongs(data, self._number, self._question):
                    return udp.source, data
                self._resolver.strange += 1
        return None, None

    async def _judge(self, server, data, deadline):
        # what an answer says, None when it is of no use
        answer = self._read(data)
        if answer and answer[1]:  # cut: TCP brings it whole, else what came whole has to do
            left = ticks_diff(deadline, self._now())
            if left > 0:
                from siplet.net.dns_stream import ask

                self._resolver.asked += 1
                data = await ask(server, self._packet, left)
                whole = data and dns.belongs(data, self._number, self._question) and self._read(data)
                if whole and not whole[1]:
                    return whole
            if not answer[2]:
                return None
        return answer

    def _read(self, data):
        try:
            answer = dns.read(data, self._question)
        except RemoteError as error:
            self._resolver._complain(error.text)
            return None
        return answer if answer[0] in (0, _NO_NAME) else None


def _server(text):
    # (host, port) as the socket will name it when it answers; OSError or ValueError when that is no address
    host, port = text, _PORT
    if text[:1] == "[":
        host, _, rest = text[1:].partition("]")
        port = int(rest[1:] or _PORT)
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        port = int(port)
    if "%" in host or not (":" in host or host.replace(".", "").isdigit()):  # a name: who would tell its address?
        raise ValueError(text)
    return platform.source(platform.resolve(host, port))
