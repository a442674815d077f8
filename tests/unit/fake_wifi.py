# A machine and a network without hardware, for boards/esp32: pins that a test moves, a driver that joins networks as
# the ESP32 port's does, and a clock that needs no time. The arguments are those of the stubs.

import asyncio
import sys

FOLDER = __file__.rsplit("/", 1)[0] + "/../../boards/esp32" if "/" in __file__ else "../../boards/esp32"


class Pin:
    IN, OUT, PULL_UP, IRQ_FALLING = 1, 3, 2, 2
    made = {}
    bad = ()  # numbers that the chip lacks

    def __init__(self, id, mode=-1, pull=-1, *, value=None):
        if id in self.bad:
            raise ValueError("invalid pin")
        self.id, self.mode, self.pull = id, mode, pull
        self.level = 1 if value is None else value
        self.handler = None
        Pin.made[id] = self

    def value(self, *level):
        if level:
            self.level = level[0]
        return self.level

    def irq(self, handler, trigger):
        assert trigger == self.IRQ_FALLING
        self.handler = handler

    def move(self, level):
        """The world does."""
        fell = self.level and not level
        self.level = level
        if fell and self.handler:
            self.handler(self)


class Machine:
    Pin = Pin

    def unique_id(self):
        return b"\x24\x6f\x28\x0a\x0b\x0c"


class Wlan:
    """The driver. air: {name: password}; gives: whether there is DHCP; takes: looks at the state until it has ended a
    try; log: what was asked of it."""

    IF_STA, SEC_OPEN, PM_NONE = 0, 0, 0

    def __init__(self, air):
        self.air = air
        self.gives = True
        self.takes = 3
        self.log = []
        self.reason = 0
        self.wanted = None
        self.looks = 0
        self.settings = {}

    def __call__(self, interface):
        assert interface == self.IF_STA
        return self

    def active(self, on):
        self.log.append("active")

    def config(self, *what, **values):
        self.settings.update(values)
        return self.wanted[0] if what == ("ssid",) and self.wanted else ""

    def connect(self, name, key):
        self.log.append("connect " + name)
        self.wanted = name, key
        self.looks = 0

    def disconnect(self):
        self.log.append("disconnect")
        self.wanted = None

    def _fits(self):
        return self.wanted and self.wanted[0] in self.air and (self.air[self.wanted[0]] or None) == self.wanted[1]

    def isconnected(self):
        return bool(self._fits() and self.gives and self.looks > self.takes)

    def status(self, *what):
        if what:
            if not self._fits() or self.looks <= self.takes:
                raise OSError("Wifi Not Connected")
            return -50
        self.looks += 1
        if self.looks <= self.takes:
            return self.reason or 1001  # the last one, however old it is
        if self._fits():
            if self.gives:
                self.reason = 0
            return self.reason or (1010 if self.gives else 1001)
        self.reason = 202 if self.wanted[0] in self.air else 201
        return self.reason

    def ifconfig(self):
        return ("192.0.2.7", "255.255.255.0", "192.0.2.1", "192.0.2.1")

    def scan(self):
        return [
            (b"guests", b"123456", 1, -70, 0, False),
            (b"", b"123457", 1, -30, 3, True),
            (b"Attic", b"123458", 6, -80, 3, False),
            (b"Attic", b"123459", 11, -40, 3, False),
            (b"\xff\xfe", b"123450", 3, -20, 3, False),
        ]


class Network:
    STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010

    def __init__(self, air):
        self.WLAN = Wlan(air)

    def hostname(self, name):
        self.WLAN.log.append("hostname " + name)

    def country(self, code):
        if len(code) != 2:
            raise ValueError("bad country")
        self.WLAN.log.append("country " + code)


class Platform:
    """The clock: who sleeps moves it."""

    def __init__(self):
        self.ms = 0

    def now(self):
        return self.ms

    async def sleep_ms(self, ms):
        self.ms += ms
        await asyncio.sleep(0)

    async def within(self, awaitable, ms):
        task = asyncio.create_task(awaitable)
        for _ in range(20):
            await asyncio.sleep(0)
            if task.done():
                return
        task.cancel()
        self.ms += ms
        raise asyncio.TimeoutError


class ThreadSafeFlag:
    def __init__(self):
        self._event = asyncio.Event()

    def set(self):
        self._event.set()

    def clear(self):
        self._event.clear()

    async def wait(self):
        await self._event.wait()
        self._event.clear()


class Asyncio:
    ThreadSafeFlag = ThreadSafeFlag
    TimeoutError = asyncio.TimeoutError


def load(air=()):
    """(boards/esp32's module board, its module station, the driver), with a clock of their own: board.platform."""
    fakes = {"machine": Machine(), "network": Network(dict(air))}
    names = ("board", "station", "machine", "network")
    former = {name: sys.modules.get(name) for name in names}
    for name in names:
        sys.modules.pop(name, None)
    sys.modules.update(fakes)
    sys.path.insert(0, FOLDER)
    try:
        import board
        import station
    finally:
        sys.path.remove(FOLDER)
        for name in names:
            sys.modules.pop(name, None)
            if former[name]:
                sys.modules[name] = former[name]
    Pin.made, Pin.bad = {}, ()
    board.platform = station.platform = Platform()
    board.asyncio = Asyncio
    board.Board.station = staticmethod(station.Station)
    return board, station, fakes["network"].WLAN
