# From a destination to the address that serves it now, RFC 3263: what Phone asks before it sends to a name.
# May import platform, net.resolver, net.search, limits, ticks.
#
# A destination's targets are found once and kept as long as their records hold. The first is used; one that did not
# answer rests for some minutes, so that the next one serves, and then the best is tried again. It rests across
# look-ups: records that hold for a minute shall not send a caller to a dead server every minute.
#
# The first target is told as soon as it is known, while the others are still looked up: the name servers of a site that
# is down shall not hold up a call to the one that is not.

import asyncio

from siplet import platform
from siplet.limits import DNS_PLACES, DNS_RETURN, DNS_TARGETS, TIMEOUT
from siplet.net.search import Search, default_port, literal
from siplet.ticks import ticks_diff


class _Place:
    # What is known of one destination.

    def __init__(self):
        self.targets = []  # the best first
        self.names = []  # of each target's host
        self.resting = {}  # target: since when
        self.keep = (b"", "")  # name and address of who served before
        self.when = self.ttl = 0
        self.task = None  # as long as it is looked up
        self.waiting = False  # whether somebody was told to wait


class Locator:
    """Where destinations are: (host, port) for UDP, or (host, port, b"TCP" | b"TLS" | b"WS" | b"WSS"), port 0 when none
    was given; host: str, a name or an address.

    on_found(destination), on_failed(destination): called when a look-up that target() began has ended, from a task of
    the locator's own. servers: ["address" or "address:port", ...] of name servers, None: those of the machine.
    families: (4,), (6,), (4, 6) or (6, 4): which addresses may be used, the preferred ones first. transports: those to
    choose from when the destination has none, as NAPTR records say; empty: that is UDP. return_ms: how long a target
    that failed is passed over.
    """

    def __init__(
        self,
        on_found,
        on_failed,
        servers=None,
        now=platform.now,
        random=platform.random,
        families=(4, 6),
        transports=(),
        return_ms=DNS_RETURN,
        resolver=None,
    ):
        if resolver is None:
            from siplet.net.resolver import Resolver

            resolver = Resolver(servers, now, random)
        self.resolver = resolver
        self._on_found = on_found
        self._on_failed = on_failed
        self._now = now
        self._random = random
        self._families = families
        self._transports = transports
        self._return = return_ms
        self._places = {}

    def target(self, destination):
        """(ip, port) to send to now, (ip, port, transport) when the choice was ours and is not UDP.

        None when it is not known yet: a look-up has begun, and on_found or on_failed is called later.
        """
        address = literal(destination[0])
        if address:
            return address, destination[1] or default_port(destination[2] if len(destination) > 2 else b"")
        place = self._places.get(destination)
        if not place or not (place.task or 0 <= ticks_diff(self._now(), place.when) < place.ttl):
            place = self._begin(destination, place)
        target = self._present(place)
        if target is None:
            place.waiting = True
        return target

    def failed(self, destination, target=None):
        """The present target did not answer, or refused to serve (503): pass it over. True when there is another one.

        target: the one that failed, when the caller knows; another one than the present is no news.
        False ends the round: the next look begins at the best again.
        """
        place = self._places.get(destination)
        present = place and self._present(place)
        if not present:
            return bool(place and place.task)
        if target is None or target == present:
            place.resting[present] = self._now()
        if place.task or not self._rests(place, self._present(place)):
            return True
        self._renew(place)
        return False

    def addresses(self, destination):
        """The addresses (str) known at this moment of who serves destination, the best first; asks nobody."""
        address = literal(destination[0])
        place = self._places.get(destination)
        return [address] if address else [target[0] for target in place.targets] if place else []

    def forget(self, destination=None):
        """Look destination (None: everything) up again when it is next asked for: the network may be another one."""
        self.resolver.forget()
        for key, place in self._places.items():
            if destination is None or key == destination:
                self._renew(place)

    def close(self):
        """End all look-ups; nobody is called any more."""
        for place in self._places.values():
            if place.task:
                place.task.cancel()
        self._places.clear()

    # -- inside

    def _rests(self, place, target):
        when = place.resting.get(target)
        return when is not None and 0 <= ticks_diff(self._now(), when) < self._return

    def _present(self, place):
        for target in place.targets:
            if not self._rests(place, target):
                return target
        # All of them rest: the best is as good as any, once it is sure that there are no more
        return place.targets[0] if place.targets and not place.task else None

    def _renew(self, place):
        place.resting.clear()
        place.keep = (b"", "")
        if not place.task:
            place.targets = []
            place.ttl = 0

    def _begin(self, destination, place):
        now = self._now()
        if not place:
            place = _Place()
            if len(self._places) >= DNS_PLACES and not self._make_room(now):
                place.task = asyncio.create_task(self._refuse(destination))
                return place
            self._places[destination] = place
        elif place.targets:
            i = place.targets.index(self._present(place))
            place.keep = place.names[i], place.targets[i][0]
        for target in list(place.resting):
            if not self._rests(place, target):
                del place.resting[target]
        place.targets = []
        place.names = []
        place.when = now
        place.task = asyncio.create_task(self._look_up(destination, place))
        return place

    def _make_room(self, now):
        # the one that was looked up longest ago; never one that is
        idle = [(ticks_diff(now, place.when), key) for key, place in self._places.items() if not place.task]
        if idle:
            del self._places[max(idle)[1]]
        return bool(idle)

    async def _refuse(self, destination):
        self._on_failed(destination)

    async def _look_up(self, destination, place):
        def add(target, name):
            if target not in place.targets:
                place.targets.append(target)
                place.names.append(name)
                if place.waiting and self._present(place):
                    place.waiting = False
                    self._on_found(destination)
            return len(place.targets) < DNS_TARGETS

        search = Search(
            self.resolver, destination, add, place.when, self._random, self._families, self._transports, place.keep
        )
        try:
            await search.run()
        except Exception as error:  # ours: who waits must be told all the same
            platform.print_exception(error)
        place.task = None
        # As long as a transaction at least: its repetitions and its ACK go where it went (RFC 3261 17.1.1.2 and 3)
        place.ttl = max(search.ttl, TIMEOUT) if place.targets else 0
        if place.waiting:
            place.waiting = False
            if place.targets:
                self._on_found(destination)
            else:
                self._on_failed(destination)
