# The 20 ms task over real sockets: two streams on the loopback, the heap locked, and what strangers and enemies send.

NEEDS = ("sockets",)

import time

from siplet import platform
from siplet.net.udp import Udp
from siplet.stream import Stream

HERE = "127.0.0.1"


class Audio:
    rate = 8000

    def __init__(self, level):
        self.level = level
        self.loud = 0
        self.last = 0

    def start(self):
        pass

    def stop(self):
        pass

    def read(self, frame):
        i = 0
        while i < 320:
            frame[i] = 0
            frame[i + 1] = self.level
            i += 2
        return True

    def write(self, frame):
        self.last = frame[161]
        if self.last:
            self.loud += 1


class Agreement:
    codec = b"PCMA"
    payload_type = 8
    dtmf = 101
    direction = "sendrecv"
    ptime = 20

    def __init__(self, port, address=HERE):
        self.port = port
        self.address = address


class Pair:
    def __init__(self):
        udps = Udp(HERE), Udp(HERE)
        self.a = Stream(Audio(0x10), udps[0], seed)
        self.b = Stream(Audio(0x20), udps[1], seed)
        self.a.configure(Agreement(udps[1].port))
        self.b.configure(Agreement(udps[0].port))

    def ticks(self, n):
        while n:
            self.a.tick()
            self.b.tick()
            n -= 1

    def close(self):
        self.a.udp.close()
        self.b.udp.close()


def seed(n):
    return b"\xa1\xa2\xa3\xa4\xff\xf0\xff\xff\xff\x00"[:n]


def locked(function, a):
    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:  # CPython: the story alone
        function(a)
        return
    heap_lock()
    try:
        function(a)
    finally:
        heap_unlock()


def test_both_ways_without_a_byte():
    pair = Pair()
    pair.ticks(5)
    assert pair.a.udp.peer and pair.b.udp.peer
    locked(pair.ticks, 500)
    for s in (pair.a, pair.b):
        assert s.stats.sent == 505 and s.stats.received >= 503, s.stats.received
        assert s.stats.lost == s.stats.bad == s.stats.foreign == s.stats.duplicate == s.stats.unsent == 0
        assert s.udp.errors == 0 and s.audio.loud >= 490
    assert pair.a.audio.last & 0xF8 == 0x20 and pair.b.audio.last & 0xF8 == 0x10
    pair.close()


def test_waiting_for_a_peer_allocates_nothing():
    udp = Udp(HERE)
    other = Udp(HERE)  # bound, but silent: nothing is refused
    s = Stream(Audio(1), udp, seed)
    s.configure(Agreement(other.port))

    def ticks(n):
        while n:
            s.tick()
            n -= 1

    s.tick()
    locked(ticks, 100)
    assert s.stats.sent == 101 and udp.errors == 0
    udp.close()
    other.close()


class Digits:
    def __init__(self):
        self.heard = bytearray(40)
        self.n = 0

    def take(self, digit):
        self.heard[self.n] = ord(digit)
        self.n += 1


def test_keys_both_ways_without_a_byte():
    pair = Pair()
    at_a, at_b = Digits(), Digits()
    pair.a.on_digit = at_a.take
    pair.b.on_digit = at_b.take
    pair.ticks(5)
    for digit in "12*#":
        assert pair.a.send_digit(digit) and pair.b.send_digit(digit, 60)
    locked(pair.ticks, 80)
    assert at_a.heard[: at_a.n] == at_b.heard[: at_b.n] == b"12*#"
    assert pair.a.stats.lost == 0
    pair.close()


def test_a_pause_glues_packets():
    # b does not look for 100 ms: five packets in one read, and keys among them
    pair = Pair()
    digits = Digits()
    pair.b.on_digit = digits.take
    pair.ticks(5)
    pair.a.send_digit("9", 60)
    for _ in range(10):
        for _ in range(5):
            pair.a.tick()
        time.sleep(0.002)
        locked(lambda b: b.tick(), pair.b)
    assert pair.b.stats.received == 55 and pair.b.stats.lost == 0 and pair.b.stats.bad == 0
    assert digits.heard[: digits.n] == b"9"
    pair.close()


def test_strangers_and_enemies():
    pair = Pair()
    stranger = Udp(HERE)
    to = (HERE, pair.b.udp.port)
    junk = (
        b"",
        b"\x80",
        bytes(11),
        bytes(1480),
        bytes(3000),
        b"\xff" * 600,
        b"INVITE sip:x SIP/2.0\r\n\r\n",
        b"\x80\x08" * 90,
    )
    for data in junk:  # before anybody was heard: the same host, so each is looked at
        assert stranger.send_to(data, to)
    pair.ticks(5)
    assert pair.b.udp.peer == (HERE, pair.a.udp.port)
    bad = pair.b.stats.bad + pair.b.stats.foreign
    assert bad >= 6, bad
    for _ in range(20):  # now connected: the kernel keeps them out
        for data in junk:
            stranger.send_to(data, to)
        pair.ticks(1)
    assert pair.b.stats.bad + pair.b.stats.foreign == bad
    for data in junk:  # the peer itself goes mad
        pair.a.udp.send(data) if data else pair.a.udp.socket.send(data)
        pair.ticks(1)
    assert pair.b.stats.bad + pair.b.stats.foreign > bad and pair.b.udp.empty >= 1
    received = pair.b.stats.received
    pair.ticks(20)
    assert pair.b.stats.received >= received + 19
    assert pair.b.audio.last & 0xF8 == 0x10
    stranger.close()
    pair.close()


def test_peer_gone_and_back():
    pair = Pair()
    pair.ticks(5)
    port = pair.b.udp.port
    pair.b.udp.close()
    for _ in range(20):
        pair.a.tick()
        time.sleep(0.001)
    errors = pair.a.udp.errors
    assert 0 < errors <= 40  # refused, told by ICMP; the call goes on
    udp = Udp(HERE, port)
    b = Stream(Audio(0x40), udp, lambda n: bytes(range(n)))
    b.configure(Agreement(pair.a.udp.port))
    for _ in range(10):
        pair.a.tick()
        b.tick()
    assert b.stats.received >= 8 and pair.a.audio.last & 0xF8 == 0x40
    udp.close()
    pair.a.udp.close()


def test_peer_returns_from_another_port():
    pair = Pair()
    pair.ticks(5)
    pair.b.udp.close()
    b = Stream(Audio(0x40), Udp(HERE), lambda n: bytes(range(n)))
    b.configure(Agreement(pair.a.udp.port))
    for _ in range(170):
        pair.a.tick()
        b.tick()
    assert pair.a.udp.peer == (HERE, b.udp.port)
    assert pair.a.audio.last & 0xF8 == 0x40 and b.stats.received > 5
    b.udp.close()
    pair.a.udp.close()


def test_who_was_the_peer_before_does_not_come_back_by_its_last_packets():
    # After a transfer, or behind one server, the former far end and the new one have the same address
    pair = Pair()
    pair.ticks(5)
    new = Stream(Audio(0x40), Udp(HERE), lambda n: bytes(range(n)))
    new.configure(Agreement(pair.a.udp.port))
    pair.b.tick()
    pair.a.configure(Agreement(new.udp.port))
    for _ in range(3):  # not told yet
        pair.b.tick()
        pair.a.tick()
    for _ in range(10):
        pair.a.tick()
        new.tick()
        pair.b.tick()
    assert pair.a.udp.peer == (HERE, new.udp.port) and pair.a.stats.foreign
    assert pair.a.audio.last & 0xF8 == 0x40 and new.stats.received > 5
    new.udp.close()
    pair.close()


def test_an_address_that_cannot_be_resolved():
    udp = Udp(HERE)
    s = Stream(Audio(1), udp, seed)
    s.configure(Agreement(4000, "no.such.host.invalid"))
    for _ in range(3):
        s.tick()
    assert s.stats.sent == s.stats.unsent == 0 and udp.errors == 0
    udp.close()


async def test_run_keeps_its_deadlines():
    import asyncio

    pair = Pair()
    started = time.time()
    tasks = [asyncio.create_task(s.run()) for s in (pair.a, pair.b)]
    while pair.b.stats.sent < 25:
        await asyncio.sleep(0.01)
    took = time.time() - started
    pair.a.stop()
    pair.b.stop()
    for task in tasks:
        await task
    assert 0.4 < took + 0.05 and pair.a.stats.slips == 0
    assert pair.b.stats.received >= 20 and pair.b.stats.lost == 0
    pair.close()


async def test_the_running_clock_allocates_nothing():
    import asyncio

    try:
        from micropython import heap_lock, heap_unlock
    except ImportError:
        return
    pair = Pair()
    tasks = [asyncio.create_task(s.run()) for s in (pair.a, pair.b)]
    await platform.sleep_ms(100)
    sent = pair.b.stats.sent
    heap_lock()
    i = 0
    while i < 20:
        await platform.sleep_ms(20)
        i += 1
    heap_unlock()
    assert 17 <= pair.b.stats.sent - sent <= 23 and not tasks[0].done() and not tasks[1].done()
    pair.a.stop()
    pair.b.stop()
    for task in tasks:
        await task
    pair.close()
