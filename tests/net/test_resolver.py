# The resolver and the locator with name servers on loopback: late, lying, silent and broken ones.

NEEDS = ("sockets", "event_loop")

import asyncio
import errno
import os
import socket

from name_server import CNAME, HERE, NameServer, answer, both, framed, record, silence
from siplet import platform
from siplet.limits import DNS_ALIASES, DNS_CACHE, DNS_LOOKUPS, DNS_NEGATIVE
from siplet.net import hosts
from siplet.net.dns import SRV, A
from siplet.net.locate import Locator
from siplet.net.resolver import Resolver
from siplet.net.udp import Udp
from siplet.ticks import ticks_add, ticks_diff

RETRY = 200
PBX = b"pbx.example"
NOBODY = HERE + ":9"  # the port discard: nobody answers


class Clock:
    """The real clock, set forward by hand."""

    def __init__(self):
        self.shift = 0

    def __call__(self):
        return ticks_add(platform.now(), self.shift)


class Asker(Resolver):
    """A resolver in a hurry. find(name) waits a second and a half at most; .ms is how long the last one took."""

    def __init__(self, *servers):
        self.clock = Clock()
        super().__init__([getattr(server, "address", server) for server in servers], self.clock, retry_ms=RETRY)

    async def find(self, name, kind=A, deadline=None):
        start = platform.now()
        found = await super().find(name, kind, deadline or ticks_add(self._now(), 1500))
        self.ms = ticks_diff(platform.now(), start)
        return found


def address(text="10.0.0.7", ttl=60, owner=b"\xc0\x0c"):
    return record(owner, A, text, ttl)


def known(name=PBX, *texts):
    return {(name, A): [address(text) for text in texts or ("10.0.0.7",)]}


async def test_an_answer_is_kept_as_long_as_it_says():
    async with NameServer(known()) as server:
        asker = Asker(server)
        assert await asker.find(PBX) == (["10.0.0.7"], 60_000)
        asker.clock.shift = 20_000
        records, ttl = await asker.find(PBX)
        assert records == ["10.0.0.7"] and 39_000 < ttl <= 40_000 and len(server.came) == 1
        server.records = known(PBX, "10.0.0.8")
        asker.clock.shift = 60_100
        assert await asker.find(PBX) == (["10.0.0.8"], 60_000) and len(server.came) == 2
        server.records[PBX, A] = [address(ttl=0)]
        asker.forget()
        assert (await asker.find(PBX))[1] == 0
        await asker.find(PBX)
        assert len(server.came) == 4 and asker.asked == 4 and not asker.strange and not asker.broken


async def test_that_there_is_none_is_kept_briefly():
    async with NameServer({(b"empty.example", A): []}) as server:
        asker = Asker(server)
        for name in (PBX, b"empty.example"):
            for _ in range(3):
                records, ttl = await asker.find(name)
                assert records == [] and 0 < ttl <= DNS_NEGATIVE
        assert len(server.came) == 2
        server.records = known()
        asker.clock.shift = DNS_NEGATIVE
        assert (await asker.find(PBX))[0] == ["10.0.0.7"]


async def test_the_cache_is_bounded_and_what_is_over_first_makes_room():
    async with NameServer() as server:
        server.records = {(f"h{i}.example".encode(), A): [address(ttl=1000 - i)] for i in range(40)}
        asker = Asker(server)
        for i in range(40):
            assert (await asker.find(f"h{i}.example".encode()))[0]
            assert len(asker._cache) <= DNS_CACHE
        await asker.find(b"h0.example")
        assert len(server.came) == 40


async def test_a_question_is_repeated_with_its_number_from_its_port_and_the_next_has_others():
    async with NameServer(known()) as server:
        server.replies = [silence, silence]
        asker = Asker(server)
        assert (await asker.find(PBX))[0] == ["10.0.0.7"]
        assert 3 * RETRY <= asker.ms < 3 * RETRY + 800 and len(server.came) == 3
        assert len(set(server.sources)) == 1
        for _ in range(5):
            asker.forget()
            await asker.find(PBX)
        assert len({port for port, _ in server.sources}) > 3 and len({number for _, number in server.sources}) > 3


async def test_the_next_server_is_asked_and_the_first_may_still_answer():
    async with NameServer(known()) as first, NameServer(known(PBX, "10.0.0.8")) as second:
        first.always = silence
        asker = Asker(first, second)
        assert (await asker.find(PBX))[0] == ["10.0.0.8"]
        assert RETRY <= asker.ms < RETRY + 500 and len(first.came) == len(second.came) == 1
        late = []

        def note(number, question):
            late.append((number, question))

        first.replies = [note]
        second.replies = [lambda number, question: first.udp.send_to(first.say(*late[0]), second.udp.source) and None]
        asker.forget()
        assert (await asker.find(PBX))[0] == ["10.0.0.7"]
        assert not asker.strange


async def test_a_server_that_refuses_fails_or_talks_nonsense_is_not_waited_for():
    async with NameServer() as bad, NameServer(known()) as good:
        asker = Asker(bad, good)
        for reply in (
            lambda number, question: answer(question, number=number, status=5),
            lambda number, question: answer(question, number=number, status=2),
            lambda number, question: answer(question, number=number, status=1),
            lambda number, question: answer(question, number=number, counts=(9, 0, 0)),
            lambda number, question: answer(question, record(b"\xc0\x0c", CNAME, PBX), number=number),
            lambda number, question: answer(question, address(owner=b"\xff\xff"), number=number),
        ):
            bad.always = reply
            asker.forget()
            assert (await asker.find(PBX))[0] == ["10.0.0.7"] and asker.ms < RETRY
        assert asker.broken == 3 and asker.last_error and len(bad.came) == len(good.came) == 6
        lonely = Asker(bad)
        assert await lonely.find(PBX) == (None, 0) and lonely.ms < RETRY  # there is nobody else to ask
        bad.always = None
        bad.records = known()
        assert (await lonely.find(PBX))[0]  # and that is not held against it


async def test_silence_ends_in_time():
    async with NameServer() as server:
        server.always = silence
        for asker in (Asker(server), Asker(server, NOBODY, server), Asker(NOBODY)):
            before = len(server.came)
            assert await asker.find(PBX, A, ticks_add(platform.now(), 800)) == (None, 0)
            assert 700 < asker.ms < 1400
            assert len(server.came) - before <= 4 and not asker._cache
        for asker in (Asker(), Asker("dns.example"), Asker("fe80::1%wlan0", "", "1.2.3.4:x")):
            assert await asker.find(PBX) == (None, 0) and asker.ms < RETRY and not asker.asked


async def test_answers_of_strangers_are_counted_and_ignored():
    evil = record(b"\xc0\x0c", A, "6.6.6.6")
    stranger = Udp(HERE)
    async with NameServer(known()) as server:
        asker = Asker(server)

        def lie(number, question):
            stranger.send_to(answer(question, evil, number=number), server.udp.source)  # all right but for the source
            other = bytes((number[0] ^ 1, number[1]))
            return [
                answer(question, evil, number=other),
                answer(b"\3bad" + question[4:], evil, number=number),
                answer(question, evil, number=number)[:20],
                b"",
                b"x",
                number + b"\1\0" + bytes(8) + question,
                server.say(number, question),
            ]

        server.always = lie
        assert (await asker.find(PBX))[0] == ["10.0.0.7"]
        assert asker.strange == 7 and not asker.broken
        # A flood of lies delays the truth, it does not hide it
        server.always = lambda number, question: lie(number, question)[:6] * 10 + [server.say(number, question)]
        asker.forget()
        assert (await asker.find(PBX))[0] == ["10.0.0.7"] and asker.strange > 60
    stranger.close()


async def test_aliases_are_followed_from_answer_to_answer_and_not_round():
    def alias(a, b, ttl=60):
        return {(a, A): [record(b"\xc0\x0c", CNAME, b, ttl)]}

    async with NameServer(known(b"c.example")) as server:
        server.records.update(alias(PBX, b"b.example"))
        server.records.update(alias(b"b.example", b"c.example", 30))
        asker = Asker(server)
        assert await asker.find(PBX) == (["10.0.0.7"], 30_000)
        assert [name for name, _ in server.came] == [PBX, b"b.example", b"c.example"]
        await asker.find(PBX)
        assert len(server.came) == 3
        server.records.update(alias(b"c.example", PBX))
        asker.forget()
        assert await asker.find(PBX) == (None, 0)
        assert len(server.came) == 3 + DNS_ALIASES and asker.broken == 1 and "round" in asker.last_error
        server.records.update(alias(PBX, b"no host\xff"))
        assert await asker.find(PBX) == (None, 0)


def cut(*records):
    return lambda number, question: answer(question, *records, number=number, flags=2)


async def test_an_answer_that_was_cut_comes_whole_over_tcp():
    many = [address(f"10.0.0.{i}") for i in range(8)]
    async with NameServer() as server:
        server.always = cut(*many[:2])
        asker = Asker(server)
        await server.listen(lambda number, question: framed(answer(question, *many, number=number)))
        assert len((await asker.find(PBX))[0]) == 8 and server.came == [(PBX, A), "TCP"]


def test_a_name_server_has_one_port_for_both_that_is_nobody_elses():
    first, reserved = both()
    taken = first.port
    first.close()
    reserved.close()
    other = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    other.bind(platform.resolve(HERE, taken))
    asked = [taken, 0]
    udp, held = both(HERE, lambda address: Udp(address, asked.pop(0)))
    assert asked == [] and udp.port != taken
    thief = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        thief.bind(platform.resolve(HERE, udp.port))
        raise AssertionError("another program got the port")
    except OSError as error:
        assert error.errno == errno.EADDRINUSE
    finally:
        for one in (thief, held, udp, other):
            one.close()


async def test_where_tcp_does_not_help_what_came_whole_has_to_do():
    async with NameServer() as server:
        server.always = cut(address())
        asker = Asker(server)
        assert (await asker.find(PBX))[0] == ["10.0.0.7"]  # nobody listens there
        server.always = cut()
        asker.forget()
        assert await asker.find(PBX) == (None, 0)
        server.always = cut(address())
        await server.listen(
            lambda number, question: framed(answer(question, address("6.6.6.6"), number=b"no")),
            lambda number, question: b"\xff\xff" + bytes(3000),
            lambda number, question: b"\0\x99half",
            lambda number, question: b"",
            lambda number, question: framed(answer(question, address("10.0.0.8"), number=number, flags=2)),
            lambda number, question: framed(answer(question, address(), number=number)[:-1]),
        )
        for _ in range(6):
            asker.forget()
            assert (await asker.find(PBX))[0] == ["10.0.0.7"] and asker.ms < 1000
        asker.forget()
        assert (await asker.find(PBX, A, ticks_add(asker.clock(), 300)))[0] == ["10.0.0.7"]  # it stalls
        assert 250 < asker.ms < 700 and server.came.count("TCP") == 7


async def test_few_ask_at_once_and_all_are_served():
    async with NameServer() as server:
        server.records = {(f"h{i}.example".encode(), A): [address(f"10.0.0.{i}")] for i in range(12)}
        asker = Asker(server)
        most = 0

        async def watch():
            nonlocal most
            while True:
                most = max(most, asker._busy)
                await platform.sleep_ms(1)

        task = asyncio.create_task(watch())
        found = await asyncio.gather(*[asker.find(f"h{i}.example".encode()) for i in range(12)])
        task.cancel()
        assert [records for records, _ in found] == [[f"10.0.0.{i}"] for i in range(12)]
        assert most == DNS_LOOKUPS and not asker._busy
        server.always = silence
        deadline = ticks_add(asker.clock(), 300)
        found = await asyncio.gather(*[asker.find(f"x{i}.example".encode(), A, deadline) for i in range(12)])
        assert found == [(None, 0)] * 12 and asker.ms < 900


async def test_everything_else_goes_on_while_a_name_is_looked_up():
    async with NameServer() as server:
        server.always = silence
        ticks = 0

        async def tick():
            nonlocal ticks
            while True:
                await platform.sleep_ms(20)
                ticks += 1

        task = asyncio.create_task(tick())
        asker = Asker(server)
        await asker.find(PBX, A, ticks_add(asker.clock(), 500))
        task.cancel()
        assert ticks > 15


async def test_a_server_may_have_an_ipv6_address():
    try:
        server = NameServer(known(), "::1")
    except OSError as error:
        print("     no IPv6 on this machine:", error)
        return
    async with server, NameServer(known(PBX, "10.0.0.8")) as other:
        asker = Asker("[0:0::1]" + server.address[5:])
        assert asker.servers() == [server.place]
        assert (await asker.find(PBX))[0] == ["10.0.0.7"]
        server.always = silence
        both = Asker(server, other)
        assert (await both.find(PBX))[0] == ["10.0.0.8"]


class Phone:
    """A locator, and what it tells."""

    def __init__(self, *servers, **options):
        self.told = []
        self.clock = Clock()
        self.locator = Locator(
            lambda destination: self.told.append(True),
            lambda destination: self.told.append(False),
            [server.address for server in servers],
            now=self.clock,
            families=(4,),
            **options,
        )

    async def found(self, destination):
        """The target, None when the look-up failed."""
        target = self.locator.target(destination)
        if target is None:
            while not self.told:
                await platform.sleep_ms(5)
            target = self.locator.target(destination) if self.told.pop() else None
        return target


def provider():
    return NameServer(
        {
            (b"_sip._udp.example.org", SRV): [
                record(b"\xc0\x0c", SRV, (20, 0, 5060, b"b.example.org"), 600),
                record(b"\xc0\x0c", SRV, (10, 0, 5070, b"a.example.org"), 600),
            ],
            (b"a.example.org", A): [address("10.0.0.1", 600)],
            (b"b.example.org", A): [address("10.0.0.2", 600)],
        }
    )


async def test_a_phone_finds_its_servers_fails_over_and_returns():
    async with provider() as server:
        phone = Phone(server, return_ms=60_000)
        there = ("example.org", 0)
        assert await phone.found(there) == ("10.0.0.1", 5070)
        while phone.locator._places[there].task:
            await platform.sleep_ms(5)
        assert phone.locator.addresses(there) == ["10.0.0.1", "10.0.0.2"]
        assert phone.locator.failed(there) and phone.locator.target(there) == ("10.0.0.2", 5060)
        phone.clock.shift = 60_000
        assert phone.locator.target(there) == ("10.0.0.1", 5070)
        assert len(server.came) == 3
        phone.clock.shift = 601_000
        assert phone.locator.target(there) is None
        assert await phone.found(there) == ("10.0.0.1", 5070)
        while phone.locator._places[there].task:
            await platform.sleep_ms(5)
        assert len(server.came) == 6
        assert await phone.found(("no host", 0)) is None and await phone.found(("", 0)) is None
        assert len(server.came) == 6
        phone.locator.close()


async def test_a_closed_locator_leaves_no_socket():
    async with provider() as server:
        server.always = silence
        phone = Phone(server)
        assert phone.locator.target(("example.org", 0)) is None
        while not server.came:
            await platform.sleep_ms(5)
        phone.locator.close()
        await platform.sleep_ms(50)
        assert not phone.told and not phone.locator.resolver._busy
        Udp(HERE, server.sources[0][0]).close()  # its port is free again


async def test_without_a_name_server_the_interpreter_is_asked():
    assert await hosts.system("localhost", 4) == ["127.0.0.1"]
    assert await hosts.system("::1", 6) == ["::1"]
    assert await hosts.system("no.such.host.invalid", 4) == await hosts.system("no.such.host.invalid", 6) == []
    asked = []

    async def system(name, family):
        asked.append((name, family))
        return ["10.0.0.5"] if name == "pbx" else []

    from siplet.net import search

    kept, search.system = search.system, system
    try:
        phone = Phone()
        assert await phone.found(("pbx", 0)) == ("10.0.0.5", 5060)
        assert await phone.found(("other.example.org", 5060)) is None
        assert asked == [("pbx", 4), ("other.example.org", 4)]
        # With one it is asked for names of hosts beside us only: it may block, and knows no more
        async with NameServer() as server:
            phone = Phone(server)
            assert await phone.found(("pbx", 0)) == ("10.0.0.5", 5060)
            assert await phone.found(("other.example.org", 5060)) is None
            assert await phone.found(("pbx.local", 5060)) is None
        assert asked[2:] == [("pbx", 4), ("pbx.local", 4)]
    finally:
        search.system = kept


def test_the_machines_own_files():
    name = "/tmp/siplet-%s.hosts" % "".join("%02x" % b for b in platform.random(6))
    try:
        with open(name, "w") as file:
            file.write("# comment\n\nnameserver 10.0.0.53 # ours\nnameserver\nsearch lan\nnameserver fe80::1%eth0\n")
            file.write("nameserver 10.0.0.54\nnameserver 10.0.0.55\n10.0.0.7\tPBX pbx.lan\n::7 pbx\n10.0.0.8 x#pbx\n")
        assert hosts.name_servers(name) == ["10.0.0.53", "fe80::1%eth0", "10.0.0.54"]
        assert hosts.addresses("pbx", name) == ["10.0.0.7", "::7"] and hosts.addresses("pbx.lan", name) == ["10.0.0.7"]
        assert hosts.addresses("x", name) == ["10.0.0.8"] and hosts.addresses("z", name) == []
        assert hosts.addresses("localhost", name) == ["127.0.0.1", "::1"]
    finally:
        os.remove(name)
    assert hosts.name_servers(name) == [] and hosts.addresses("pbx", name) == []
