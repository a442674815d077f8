# From a destination to its targets: RFC 3263's order of questions, RFC 2782's weights, failover and return. The name
# servers are a table, the clock is a number.

import asyncio

from siplet.limits import DNS_LOOKUP, DNS_PLACES, DNS_RETURN, DNS_TARGETS, TIMEOUT
from siplet.net.dns import AAAA, NAPTR, SRV, A
from siplet.net.locate import Locator
from siplet.net.search import literal, order
from siplet.ticks import ticks_add, ticks_diff

MINUTE = 60_000


class Names:
    """A resolver that knows a table {(name, kind): (records, ttl in ms)}; what is not in it, nobody has.

    asked: [(name, kind), ...]. hold(names): those are not answered before let_go().
    """

    def __init__(self, table):
        self.table = table
        self.asked = []
        self.held = ()
        self.going = asyncio.Event()
        self.forgotten = 0

    def hold(self, *names):
        self.held = names

    def let_go(self):
        self.held = ()
        self.going.set()

    async def find(self, name, kind, deadline):
        self.asked.append((name, kind))
        self.deadline = deadline
        await asyncio.sleep(0)
        if name in self.held:
            await self.going.wait()
        records, ttl = self.table.get((name, kind), ([], MINUTE))
        return records and list(records), ttl

    def servers(self):
        return [("192.0.2.53", 53)]

    def forget(self):
        self.forgotten += 1


class Seeded:
    """random(n) that is the same at every run."""

    def __init__(self, seed=4711):
        self.state = seed

    def __call__(self, n):
        found = []
        for _ in range(n):
            self.state = (self.state * 16807) % 0x7FFFFFFF
            found.append(self.state >> 8 & 255)
        return bytes(found)


class Phone:
    """Who asks the locator, and notes what it is told."""

    def __init__(self, table, **options):
        self.time = 1000
        self.told = []
        self.names = Names(table)
        options.setdefault("families", (4,))
        self.locator = Locator(
            lambda destination: self.told.append(("found", destination)),
            lambda destination: self.told.append(("failed", destination)),
            now=lambda: self.time,
            random=Seeded(),
            resolver=self.names,
            **options,
        )
        self.target = self.locator.target
        self.failed = self.locator.failed

    def later(self, ms):
        self.time = ticks_add(self.time, ms)

    async def rest(self):
        """Let all look-ups come to their end, or to where they are held."""
        for turn in range(50):
            await asyncio.sleep(0)
            if turn > 3 and not any(place.task for place in self.locator._places.values()):
                break

    async def found(self, destination):
        """The target after a look-up; None when it failed."""
        target = self.target(destination)
        if target:
            return target
        assert not self.told, "told before target() was back"
        await self.rest()
        ((word, what),) = self.told
        assert what == destination
        self.told.clear()
        return self.target(destination) if word == "found" else None

    async def round(self, destination):
        """All targets, one after the other."""
        target = await self.found(destination)
        targets = []
        while target:
            targets.append(target)
            target = self.target(destination) if self.failed(destination) else None
        return targets


def a(name, *addresses, ttl=MINUTE):
    return {(name, A): (list(addresses), ttl)}


def srv(name, *records, ttl=MINUTE):
    return {(name, SRV): (list(records), ttl)}


def table(*parts):
    found = {}
    for part in parts:
        found.update(part)
    return found


# Two servers and one in reserve, as a provider has them
PROVIDER = table(
    srv(
        b"_sip._udp.home.example", (20, 0, 5060, b"c.example"), (10, 0, 5070, b"a.example"), (15, 5, 5060, b"b.example")
    ),
    a(b"a.example", "10.0.0.1"),
    a(b"b.example", "10.0.0.2"),
    a(b"c.example", "10.0.0.3"),
    a(b"home.example", "10.0.0.99"),
)
HERE = ("home.example", 0)


async def test_addresses_are_answered_at_once_and_nobody_is_asked():
    phone = Phone({})
    for destination, expected in (
        (("10.0.0.1", 5070), ("10.0.0.1", 5070)),
        (("10.0.0.1", 0), ("10.0.0.1", 5060)),
        (("10.0.0.1", 0, b"TCP"), ("10.0.0.1", 5060)),
        (("10.0.0.1", 0, b"TLS"), ("10.0.0.1", 5061)),
        (("10.0.0.1", 0, b"WS"), ("10.0.0.1", 80)),
        (("10.0.0.1", 0, b"WSS"), ("10.0.0.1", 443)),
        (("[2001:db8::1]", 5070), ("2001:db8::1", 5070)),
        (("2001:db8::1", 0), ("2001:db8::1", 5060)),
        (("0.0.0.0", 9), ("0.0.0.0", 9)),
    ):
        assert phone.target(destination) == expected
        assert not phone.failed(destination)
        assert phone.locator.addresses(destination) == [expected[0]]
    await phone.rest()
    assert not phone.told and not phone.names.asked


async def test_what_looks_like_an_address_and_is_none_fails_without_a_question():
    phone = Phone({})
    for host in ("256.0.0.1", "10.0.0", "1.2.3.4.5", "0001.2.3.4", "10..0.1", "7", "home.7"):
        assert await phone.found((host, 5060)) is None
        assert await phone.found((host, 0)) is None
    assert not phone.names.asked
    assert literal("10.0.0.255") and not literal("a.b") and not literal("") and not literal("10.0.0.1.")


async def test_a_name_with_a_port_has_addresses_only():
    phone = Phone(PROVIDER)
    assert await phone.found(("home.example", 5062)) == ("10.0.0.99", 5062)
    assert await phone.found(("Home.Example.", 5060, b"TLS")) == ("10.0.0.99", 5060)
    assert phone.names.asked == [(b"home.example", A)] * 2


async def test_a_name_without_a_port_has_servers_by_priority():
    phone = Phone(PROVIDER)
    assert await phone.round(HERE) == [("10.0.0.1", 5070), ("10.0.0.2", 5060), ("10.0.0.3", 5060)]
    assert (b"home.example", A) not in phone.names.asked


async def test_each_transport_has_its_own_records_and_its_own_port():
    for transport, service, port in (
        ((), b"_sip._udp.home.example", 5060),
        ((b"TCP",), b"_sip._tcp.home.example", 5060),
        ((b"TLS",), b"_sips._tcp.home.example", 5061),
        ((b"WS",), None, 80),
        ((b"WSS",), None, 443),
    ):
        phone = Phone(a(b"home.example", "10.0.0.99"))
        assert await phone.found(HERE + transport) == ("10.0.0.99", port)
        assert phone.names.asked == ([(service, SRV)] if service else []) + [(b"home.example", A)]
        if service:
            phone = Phone(table(srv(service, (1, 1, 7000, b"x.example")), a(b"x.example", "10.0.0.7")))
            assert await phone.found(HERE + transport) == ("10.0.0.7", 7000)


async def test_a_dot_says_that_there_is_no_such_service():
    phone = Phone(table(srv(b"_sip._udp.home.example", (0, 0, 0, b"")), a(b"home.example", "10.0.0.99")))
    assert await phone.found(HERE) is None
    assert (b"home.example", A) not in phone.names.asked


async def test_servers_without_addresses_are_passed_over_and_none_at_all_is_a_failure():
    records = (1, 0, 5060, b"gone.example"), (2, 0, 0, b"a.example"), (3, 0, 5061, b"a.example")
    phone = Phone(table(srv(b"_sip._udp.home.example", *records), a(b"a.example", "10.0.0.1")))
    assert await phone.round(HERE) == [("10.0.0.1", 5061)]
    phone = Phone(table(srv(b"_sip._udp.home.example", records[0]), a(b"home.example", "10.0.0.99")))
    assert await phone.found(HERE) is None


async def test_a_target_that_is_an_address_serves():
    phone = Phone(srv(b"_sip._udp.home.example", (1, 0, 5060, b"10.0.0.4")))
    assert await phone.found(HERE) == ("10.0.0.4", 5060)


async def test_silence_about_servers_is_taken_for_none_and_only_for_a_moment():
    phone = Phone(
        table({(b"_sip._udp.home.example", SRV): (None, 0)}, a(b"home.example", "10.0.0.99", ttl=60 * MINUTE))
    )
    assert await phone.found(HERE) == ("10.0.0.99", 5060)
    asked = len(phone.names.asked)
    phone.later(TIMEOUT)
    assert phone.target(HERE) is None
    await phone.rest()
    assert len(phone.names.asked) == asked + 2
    phone = Phone({(b"_sip._udp.home.example", SRV): (None, 0), (b"home.example", A): (None, 0)})
    assert await phone.found(HERE) is None
    assert 0 < ticks_diff(phone.names.deadline, phone.time) <= DNS_LOOKUP


async def test_the_family_that_is_preferred_comes_first_and_the_other_serves():
    both = table(a(b"home.example", "10.0.0.1"), {(b"home.example", AAAA): (["2001:db8::1"], MINUTE)})
    six = {(b"home.example", AAAA): (["2001:db8::1"], MINUTE)}
    there = ("home.example", 5060)
    for names, families, expected in (
        (both, (4, 6), "10.0.0.1"),
        (both, (6, 4), "2001:db8::1"),
        (six, (4, 6), "2001:db8::1"),
        (a(b"home.example", "10.0.0.1"), (6, 4), "10.0.0.1"),
        (six, (4,), None),
        (a(b"home.example", "10.0.0.1"), (6,), None),
    ):
        found = await Phone(names, families=families).found(there)
        assert found == (expected and (expected, 5060)), (families, found)


async def test_localhost_needs_no_name_server():
    phone = Phone({})
    assert await phone.found(("localhost", 5070)) == ("127.0.0.1", 5070)
    assert await phone.found(("LocalHost", 0, b"TLS")) == ("127.0.0.1", 5061)
    assert not phone.names.asked


def shares(records, rounds, place=0):
    """{target: how often it came at that place}."""
    random = Seeded(815)
    counts = {}
    for _ in range(rounds):
        target = order(records, random)[place][3]
        counts[target] = counts.get(target, 0) + 1
    return counts


def test_weights_are_chances():
    records = [(1, 60, 1, b"a"), (1, 30, 1, b"b"), (1, 10, 1, b"c"), (0, 0, 1, b"first"), (2, 65535, 1, b"last")]
    counts = shares(records, 3000, 1)
    # Three standard deviations are 80, 75 and 49
    assert abs(counts[b"a"] - 1800) < 90 and abs(counts[b"b"] - 900) < 85 and abs(counts[b"c"] - 300) < 60, counts
    assert shares(records, 50) == {b"first": 50} and shares(records, 50, 4) == {b"last": 50}
    # After a: 30 to 10
    second = [order(records[:3], Seeded(seed))[:2] for seed in range(1, 2000)]
    second = [two[1][3] for two in second if two[0][3] == b"a"]
    assert 0.70 < second.count(b"b") / len(second) < 0.80


def test_no_weight_is_a_small_chance_and_no_weights_are_equal_ones():
    assert 0 < shares([(1, 0, 1, b"zero"), (1, 40, 1, b"some")], 3000).get(b"zero", 0) < 150  # 1 of 41
    counts = shares([(1, 0, 1, b"a"), (1, 0, 1, b"b"), (1, 0, 1, b"c")], 3000)
    assert min(counts.values()) > 900, counts
    assert order([], Seeded()) == []
    huge = [(1, 65535, 1, b"a"), (1, 65535, 1, b"b")]
    assert min(shares(huge, 2000).values()) > 880


def test_who_served_well_comes_before_its_equals_only():
    records = [(1, 1, 1, b"x"), (2, 90, 1, b"a"), (2, 1, 1, b"b"), (2, 5, 1, b"c"), (3, 0, 1, b"y")]
    for seed in range(1, 50):
        names = [record[3] for record in order(records, Seeded(seed), b"b")]
        assert names[0] == b"x" and names[1] == b"b" and names[4] == b"y" and sorted(names[2:4]) == [b"a", b"c"]


async def test_who_fails_is_passed_over_until_the_best_is_tried_again():
    phone = Phone(
        table(PROVIDER, srv(b"_sip._udp.home.example", *PROVIDER[b"_sip._udp.home.example", SRV][0], ttl=60 * MINUTE))
    )
    phone.names.table.update(a(b"a.example", "10.0.0.1", ttl=60 * MINUTE))
    phone.names.table.update(a(b"b.example", "10.0.0.2", ttl=60 * MINUTE))
    phone.names.table.update(a(b"c.example", "10.0.0.3", ttl=60 * MINUTE))
    assert await phone.found(HERE) == ("10.0.0.1", 5070)
    assert phone.failed(HERE) and phone.target(HERE) == ("10.0.0.2", 5060)
    phone.later(DNS_RETURN - 1)
    assert phone.target(HERE) == ("10.0.0.2", 5060)
    phone.later(1)
    assert phone.target(HERE) == ("10.0.0.1", 5070)  # back
    assert phone.failed(HERE) and phone.failed(HERE) and phone.target(HERE) == ("10.0.0.3", 5060)
    assert not phone.failed(HERE)  # nobody is left
    assert await phone.found(HERE) == ("10.0.0.1", 5070)  # so it begins again
    assert phone.failed(HERE) and phone.target(HERE) == ("10.0.0.2", 5060)


async def test_who_fails_rests_across_look_ups_too():
    phone = Phone(PROVIDER)
    await phone.found(HERE)
    assert phone.failed(HERE)
    phone.later(MINUTE)
    assert await phone.found(HERE) == ("10.0.0.2", 5060)
    asked = len(phone.names.asked)
    phone.later(DNS_RETURN)
    assert await phone.found(HERE) == ("10.0.0.1", 5070)
    assert len(phone.names.asked) == asked + 4


async def test_two_requests_that_fail_at_one_target_skip_one_target():
    phone = Phone(PROVIDER)
    first = await phone.found(HERE)
    assert phone.failed(HERE, first) and phone.failed(HERE, first)
    assert phone.target(HERE) == ("10.0.0.2", 5060)
    assert not phone.failed(("other", 5060)) and not phone.failed(("other", 5060), first)


async def test_an_only_target_that_fails_is_looked_up_again():
    there = ("home.example", 5060)
    phone = Phone(a(b"home.example", "10.0.0.99"))
    assert await phone.found(there) and not phone.failed(there)
    phone.names.table = a(b"home.example", "10.0.0.98")
    assert await phone.found(there) == ("10.0.0.98", 5060)


async def test_the_first_target_does_not_wait_for_the_others():
    phone = Phone(PROVIDER)
    phone.names.hold(b"b.example")
    assert await phone.found(HERE) == ("10.0.0.1", 5070)
    assert phone.failed(HERE)  # there may be another one
    assert phone.target(HERE) is None
    await phone.rest()
    assert not phone.told
    phone.names.let_go()
    assert await phone.found(HERE) == ("10.0.0.2", 5060)
    phone = Phone(PROVIDER)
    phone.names.hold(b"b.example")
    await phone.found(HERE)
    phone.names.table = {}
    assert phone.failed(HERE) and phone.target(HERE) is None
    phone.names.let_go()
    # There was none, and it is told so: the best is tried again rather than nobody
    assert await phone.found(HERE) == ("10.0.0.1", 5070)
    assert not phone.failed(HERE)


async def test_one_look_up_serves_all_who_wait():
    phone = Phone(PROVIDER)
    for _ in range(5):
        assert phone.target(HERE) is None
    await phone.rest()
    assert phone.told == [("found", HERE)] and len(phone.names.asked) == 4


async def test_addresses_are_believed_as_long_as_their_records_say():
    there = ("home.example", 5060)
    phone = Phone(a(b"home.example", "10.0.0.99", ttl=2 * MINUTE))
    assert await phone.found(there)
    phone.later(2 * MINUTE - 1)
    assert phone.target(there) and len(phone.names.asked) == 1
    phone.names.table = a(b"home.example", "10.0.0.98", ttl=0)
    phone.later(1)
    assert phone.target(there) is None
    phone.told.clear()
    await phone.rest()
    assert phone.told == [("found", there)]
    # At least as long as a transaction lasts, or its repetitions would go elsewhere, and every send ask anew
    assert phone.target(there) == ("10.0.0.98", 5060)
    phone.later(TIMEOUT - 1)
    assert phone.target(there) == ("10.0.0.98", 5060) and len(phone.names.asked) == 2
    phone.later(1)
    assert phone.target(there) is None
    # The shortest of all that led there counts
    phone = Phone(table(PROVIDER, a(b"c.example", "10.0.0.3", ttl=TIMEOUT + 1)))
    assert await phone.found(HERE)
    phone.later(TIMEOUT + 1)
    assert phone.target(HERE) is None


async def test_an_answer_is_not_believed_again_when_the_clock_comes_round():
    phone = Phone(a(b"home.example", "10.0.0.99", ttl=1000 * MINUTE))
    there = ("home.example", 5060)
    assert await phone.found(there)
    for days in (1, 3, 7, 9):
        phone.time = ticks_add(ticks_add(1000, days * 43_200_000), days * 43_200_000)
        assert phone.target(there) is None, days
        await phone.rest()
        phone.told.clear()
        phone.locator._places[there].when = 1000  # as if nobody had asked since


async def test_the_same_server_is_kept_when_the_records_are_renewed():
    records = [(10, 10, 5060, f"s{i}.example".encode()) for i in range(6)]
    hosts = [a(f"s{i}.example".encode(), f"10.0.0.{i}") for i in range(6)]
    phone = Phone(table(srv(b"_sip._udp.home.example", *records), *hosts))
    first = await phone.found(HERE)
    seen = set()
    for _ in range(20):
        phone.later(MINUTE)
        assert await phone.found(HERE) == first
        seen.add(await Phone(phone.names.table).found(HERE))
    phone.later(MINUTE)
    phone.names.table = table(
        srv(b"_sip._udp.home.example", *[r for r in records if r[3] != b"s" + first[0][-1:].encode() + b".example"]),
        *hosts,
    )
    assert await phone.found(HERE) not in (first, None)
    # Of several addresses, too, in whatever order the server tells them this time
    there = ("home.example", 5060)
    phone = Phone(a(b"home.example", "10.0.0.1", "10.0.0.2", "10.0.0.3"))
    await phone.found(there)
    phone.later(MINUTE)
    phone.names.table = a(b"home.example", "10.0.0.3", "10.0.0.2", "10.0.0.1")
    assert await phone.round(there) == [("10.0.0.1", 5060), ("10.0.0.3", 5060), ("10.0.0.2", 5060)]


async def test_there_is_a_bound_to_targets_and_to_destinations():
    many = [f"10.0.0.{i}" for i in range(30)]
    phone = Phone(
        table(srv(b"_sip._udp.home.example", (1, 0, 5060, b"a"), (2, 0, 5060, b"b")), a(b"a", *many), a(b"b", *many))
    )
    assert len(await phone.round(HERE)) == DNS_TARGETS
    assert (b"b", A) not in phone.names.asked
    phone = Phone(a(b"home.example", "10.0.0.99"))
    for i in range(50):
        phone.later(10)
        assert await phone.found((f"host{i}.example", 5060)) is None
        assert len(phone.locator._places) <= DNS_PLACES
    assert await phone.found(("home.example", 5060))
    # All are being looked up: one more is refused, and told so later
    phone = Phone(table(*[a(f"h{i}".encode(), "10.0.0.1") for i in range(20)]))
    phone.names.hold(*[f"h{i}".encode() for i in range(20)])
    for i in range(DNS_PLACES + 1):
        assert phone.target((f"h{i}", 5060)) is None
    assert not phone.told
    await phone.rest()
    assert phone.told == [("failed", (f"h{DNS_PLACES}", 5060))]
    phone.names.let_go()
    await phone.rest()
    assert len(phone.told) == DNS_PLACES + 1 and len([1 for word, _ in phone.told if word == "found"]) == DNS_PLACES
    phone.told.clear()
    assert await phone.found((f"h{DNS_PLACES}", 5060))


async def test_what_is_forgotten_is_asked_again():
    phone = Phone(PROVIDER)
    await phone.found(HERE)
    await phone.found(("home.example", 5060))
    assert phone.failed(HERE)
    phone.locator.forget(HERE)
    assert phone.target(("home.example", 5060)) and phone.names.forgotten == 1
    assert await phone.found(HERE) == ("10.0.0.1", 5070)  # also that it had failed
    phone.locator.forget()
    assert phone.target(HERE) is None and phone.target(("home.example", 5060)) is None
    await phone.rest()
    assert len(phone.told) == 2


async def test_a_closed_locator_is_silent():
    phone = Phone(PROVIDER)
    phone.names.hold(b"a.example")
    assert phone.target(HERE) is None
    await phone.rest()
    phone.locator.close()
    phone.names.let_go()
    await phone.rest()
    assert not phone.told


async def test_naptr_chooses_the_transport_when_the_destination_names_none():
    naptr = {
        (b"home.example", NAPTR): (
            [
                (50, 50, b"s", b"sips+d2t", b"", b"_sips._tcp.home.example"),
                (90, 50, b"s", b"sip+d2t", b"", b"_sip._tcp.east.example"),
                (90, 60, b"s", b"sip+d2u", b"", b"_sip._udp.east.example"),
                (10, 50, b"u", b"e2u+sip", b"!^.*$!sip:evil@home.example!", b""),
                (10, 50, b"s", b"sip+d2s", b"", b"_sip._sctp.example"),
            ],
            MINUTE,
        )
    }
    names = table(
        naptr,
        srv(b"_sips._tcp.home.example", (0, 0, 5061, b"a.example")),
        srv(b"_sip._tcp.east.example", (0, 0, 5060, b"b.example")),
        srv(b"_sip._udp.east.example", (0, 0, 5060, b"c.example")),
        a(b"a.example", "10.0.0.1"),
        a(b"b.example", "10.0.0.2"),
        a(b"c.example", "10.0.0.3"),
        a(b"home.example", "10.0.0.99"),
    )
    assert await Phone(names, transports=(b"UDP", b"TCP", b"TLS")).round(HERE) == [("10.0.0.1", 5061, b"TLS")]
    assert await Phone(names, transports=(b"UDP", b"TCP")).found(HERE) == ("10.0.0.2", 5060, b"TCP")
    assert await Phone(names, transports=(b"UDP",)).found(HERE) == ("10.0.0.3", 5060)
    # A port or a transport in the destination leaves nothing to choose
    phone = Phone(names, transports=(b"UDP", b"TCP"))
    assert await phone.found(("home.example", 5060)) == ("10.0.0.99", 5060)
    assert await phone.found(("home.example", 0, b"TLS")) == ("10.0.0.1", 5061)
    assert (b"home.example", NAPTR) not in phone.names.asked


async def test_without_naptr_the_first_transport_that_has_servers_is_taken():
    names = table(
        srv(b"_sip._tcp.home.example", (0, 0, 5070, b"a")), a(b"a", "10.0.0.1"), a(b"home.example", "10.0.0.99")
    )
    both = (b"UDP", b"TCP")
    assert await Phone(names, transports=both).found(HERE) == ("10.0.0.1", 5070, b"TCP")
    names.update(srv(b"_sip._udp.home.example", (0, 0, 0, b"")))  # none of UDP, it says
    assert await Phone(names, transports=both).found(HERE) == ("10.0.0.1", 5070, b"TCP")
    del names[b"_sip._tcp.home.example", SRV]
    assert await Phone(names, transports=both).found(HERE) is None
    del names[b"_sip._udp.home.example", SRV]
    assert await Phone(names, transports=both).found(HERE) == ("10.0.0.99", 5060)
    assert await Phone(names, transports=(b"TLS", b"TCP")).found(HERE) == ("10.0.0.99", 5061, b"TLS")
