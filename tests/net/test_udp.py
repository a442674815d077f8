# net/udp on real loopback sockets, and its cure for an ESP32's closed socket on a fake one.

NEEDS = ("sockets",)

import time

from siplet import platform
from siplet.net.udp import Udp

HERE = "127.0.0.1"


def pair():
    a = Udp(HERE)
    b = Udp(HERE)
    return a, b


def settle():
    # Loopback delivers at once, but another thread of the kernel may do it.
    time.sleep(0.005)


def test_free_port_is_even_and_taken():
    a, b = pair()
    assert a.port % 2 == 0 and a.port >= 49152 and b.port != a.port
    try:
        Udp(HERE, a.port)
        raise AssertionError("bound twice")
    except OSError:
        pass
    c = Udp(HERE, ports=range(a.port, a.port + 4, 2))
    assert c.port != a.port
    for u in (a, b, c):
        u.close()


def test_all_ports_taken():
    a = Udp(HERE)
    try:
        Udp(HERE, ports=range(a.port, a.port + 2, 2))
        raise AssertionError("no port was free")
    except OSError:
        pass
    a.close()


def test_source_is_host_and_port():
    a, b = pair()
    assert a.send_to(b"hello", (HERE, b.port))
    settle()
    view = bytearray(16)
    assert b.receive_from(view) == 5
    assert view[:5] == b"hello" and b.source == (HERE, a.port)
    assert b.receive_from(view) == -1
    assert b.datagram(100) is None and b.errors == 0
    a.close()
    b.close()


def test_names_are_resolved_and_kept():
    a, b = pair()
    assert a.send_to(b"x", ("localhost", b.port))
    found = len(a._names)
    assert a.send_to(b"x", ("localhost", b.port))
    assert len(a._names) == found == 1
    for i in range(40):
        a.send_to(b"x", (HERE, 20000 + i))
    assert len(a._names) <= 8
    a.close()
    b.close()


def test_unresolvable_name_is_counted():
    a = Udp(HERE)
    for address in (("no.such.host.invalid", 5060), ("", 5060), (HERE, 70000), ("a" * 300, 5060), ("256.1.1.1.", 1)):
        before = a.errors
        assert not a.send_to(b"x", address)
        assert not a.connect(address)
        assert a.errors == before + 2
    a.close()


def test_oversized_datagram_is_cut_and_hostile_bytes_pass():
    a, b = pair()
    to = (HERE, b.port)
    assert a.send_to(bytes(9000), to)
    assert a.send_to(bytes(range(256)), to)
    assert not a.send_to(bytes(70000), to)  # does not fit a datagram
    assert a.errors == 1
    settle()
    view = bytearray(1500)
    assert b.receive_from(view) == 1500
    assert b.receive_from(view) == 256
    assert b.receive_from(view) == -1
    a.close()
    b.close()


def test_two_datagrams_in_one_read():
    a, b = pair()
    assert a.connect((HERE, b.port)) and b.connect((HERE, a.port))
    assert a.send(b"four") and a.send(b"six six")
    settle()
    view = bytearray(64)
    assert b.receive(view) == 11
    assert view[:11] == b"foursix six"
    assert b.receive(view) == 0 and b.errors == 0
    a.close()
    b.close()


def test_connected_hears_its_peer_only():
    a, b = pair()
    c = Udp(HERE)
    b.connect((HERE, a.port))
    c.send_to(b"stranger", (HERE, b.port))
    settle()
    assert b.receive(bytearray(64)) == 0
    b.reopen()
    assert b.peer is None
    c.send_to(b"stranger", (HERE, b.port))
    settle()
    assert b.receive_from(bytearray(64)) == 8
    for u in (a, b, c):
        u.close()


def test_empty_datagram_connected():
    a, b = pair()
    b.connect((HERE, a.port))
    to = (HERE, b.port)
    view = bytearray(64)
    for _ in range(6):
        a.send_to(b"", to)
    a.send_to(b"after", to)
    settle()
    got = [b.receive(view) for i in range(3)]
    assert 5 in got and b.empty == 6
    a.close()
    b.close()


def test_empty_datagram_unconnected():
    a, b = pair()
    to = (HERE, b.port)
    a.send_to(b"", to)
    a.send_to(b"after", to)
    settle()
    assert b.datagram(64) == b""
    assert b.datagram(64) == b"after"
    assert b.datagram(64) is None
    assert b.empty == 1 and b.errors == 0
    a.close()
    b.close()


class ClosedByPeer:
    # An ESP32's socket: an empty datagram makes every read return 0 until it is bound or connected again.
    def __init__(self):
        self.queue = []
        self.shut = False
        self.cures = []

    def readinto(self, view):
        if self.shut:
            return 0
        if not self.queue:
            return None
        data = self.queue.pop(0)
        self.shut = not data
        view[: len(data)] = data
        return len(data)

    def recvfrom(self, size):
        if self.shut:
            return b"", ("192.0.2.1", 4)
        if not self.queue:
            raise OSError(11, "nothing there")
        data = self.queue.pop(0)
        self.shut = not data
        return data, ("192.0.2.1", 4)

    def connect(self, address):
        self.shut = False
        self.cures.append("connect")

    def bind(self, address):
        self.shut = False
        self.cures.append("bind")

    def close(self):
        pass


def test_esp32_socket_is_healed():
    udp = Udp(HERE)
    udp.close()
    fake = udp.socket = ClosedByPeer()
    udp._read = fake.readinto
    fake.queue = [b"", b"one"]
    assert udp.datagram(64) == b"" and udp.datagram(64) == b"one" and udp.datagram(64) is None
    assert udp.source == ("192.0.2.1", 4)
    assert fake.cures == ["bind"]
    udp.connect(("192.0.2.1", 4))
    fake.queue = [b"", b"two", b""]
    view = bytearray(64)
    assert udp.receive(view) == 3 and udp.receive(view) == 0
    assert fake.cures == ["bind", "connect", "connect", "connect"]
    assert udp.empty == 3


class Ragged:
    # A heap without a piece for more than so many bytes: recvfrom takes it before it looks at the network.
    def __init__(self, room):
        self.room = room
        self.queue = []

    def recvfrom(self, size):
        if size > self.room:
            raise MemoryError
        if not self.queue:
            raise OSError(11, "nothing there")
        return self.queue.pop(0)[:size], ("192.0.2.1", 4)

    def close(self):
        pass


def test_a_ragged_heap_costs_long_datagrams_only():
    udp = Udp(HERE)
    udp.close()
    fake = udp.socket = Ragged(2000)
    fake.queue = [bytes(400), bytes(4000), b"x"]
    assert udp.datagram(4097) == bytes(400) and udp.short == 1 and udp.source == ("192.0.2.1", 4)
    assert udp.datagram(4097) == bytes(1500)  # a message so cut is not valid, and dropped
    fake.room = 5000
    assert udp.datagram(4097) == b"x" and udp.datagram(4097) is None and udp.short == 2 and udp.errors == 0
    fake.queue = [bytes(400)]
    fake.room = 1000
    assert udp.datagram(4097) is None and udp.errors == 1  # none of either size: it waits
    assert udp.datagram(800) == bytes(400) and udp.short == 3


def test_nobody_at_the_port():
    a, b = pair()
    a.connect((HERE, b.port))
    b.close()
    view = bytearray(64)
    sent = 0
    for _ in range(10):
        sent += a.send(b"knock")
        settle()
        assert a.receive(view) == 0
    assert 0 < a.errors < 20  # refused, told by the ICMP answer, and no more than that
    c = Udp(HERE, b.port)  # the peer is back
    sent = a.send(b"x") or a.send(b"x")
    assert sent
    settle()
    assert c.datagram(9) in (b"x", b"knock")
    a.close()
    c.close()


def test_closed_is_silent():
    a = Udp(HERE)
    a.close()
    a.close()
    assert not a.send_to(b"x", (HERE, 9)) and not a.connect((HERE, 9)) and not a.send(b"x")
    assert a.receive(bytearray(9)) == 0 and a.receive_from(bytearray(9)) == -1
    assert a.reopen() and a.send_to(b"x", (HERE, 9))
    a.close()


async def test_readable_and_wait():
    import asyncio

    a, b = pair()

    async def later():
        await platform.sleep_ms(5)
        a.send_to(b"ring", (HERE, b.port))

    task = asyncio.create_task(later())
    await platform.readable(b.socket)
    await task
    assert b.datagram(64) == b"ring"
    event = asyncio.Event()
    assert not await platform.wait(event, 1)
    event.set()
    assert await platform.wait(event, 1) and await platform.wait(event)
    a.close()
    b.close()


def test_clock_is_wrapping_ms():
    from siplet.ticks import ticks_diff

    a = platform.now()
    time.sleep(0.02)
    assert 0 <= a < 1 << 30 and 15 <= ticks_diff(platform.now(), a) < 2000
    assert len(platform.random(7)) == 7 and platform.random(16) != platform.random(16)
