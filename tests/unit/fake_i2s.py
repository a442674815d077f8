# A machine.I2S without hardware: the DMA blocks of the ESP32 port, the byte ring of the others, and a clock that a test
# moves. The arguments are those of the ESP32 stubs, so a wrong one is a TypeError here as there.

import sys

BLOCK = 256  # sample frames of one DMA buffer


class Clock:
    """us: the time; every bus runs by it, faster by ppm parts in a million."""

    def __init__(self):
        self.us = 0
        self.ppm = 0

    def now(self):
        return self.us // 1000

    def frames(self, since, rate):
        return (self.us - since) * rate * (1000000 + self.ppm) // 1000000000000


class WouldBlock(Exception):
    """The real one would have waited here."""


class I2S:
    RX, TX, MONO, STEREO = 1, 2, 0, 1
    clock = Clock()
    hears = (
        None  # function(n) -> the sample (16 bits) that sample frame n of the microphone brings; None: not filled in
    )
    ring = False  # True: a ring of ibuf - 1 bytes, as on the other ports
    buses = []

    def __init__(self, id, *, sck, ws, sd, mck=None, mode, bits, format, rate, ibuf):
        assert id in (0, 1) and mode in (self.RX, self.TX) and bits in (16, 32) and format in (self.MONO, self.STEREO)
        self.mode, self.bits, self.format, self.rate = mode, bits, format, rate
        self.polled = False
        self.open = True
        self.start = self.clock.us
        self.size = bits // 8 * (2 if format == self.STEREO else 1)  # bytes of a sample frame for the application
        inside = 8 if mode == self.RX else self.size  # and in the driver
        # One of the DMA buffers belongs to the bus at any time
        self.room = (ibuf - 1) // inside if self.ring else (ibuf // (BLOCK * inside) - 1) * BLOCK
        assert self.room >= BLOCK
        self.at = 0  # RX: sample frames read or lost; TX: played, or left out for want of any
        self.lost = 0  # RX: those that nobody fetched in time
        self.gaps = 0  # TX: those left out
        self.waiting = []  # TX: written, not yet played: (samples or None, how many)
        self.level = 0  # TX: sample frames in it
        self.played = None  # TX: a list to collect what is heard; None stands for a gap
        I2S.buses.append(self)

    def deinit(self):
        self.open = False

    def _there(self):
        frames = self.clock.frames(self.start, self.rate)
        return frames if self.ring else frames // BLOCK * BLOCK

    def readinto(self, buf):
        assert self.open and self.mode == self.RX and len(buf) % self.size == 0
        there = self._there()
        if there - self.at > self.room:
            self.lost += there - self.at - self.room
            self.at = there - self.room
        n = min(there - self.at, len(buf) // self.size)
        if n < len(buf) // self.size and not self.polled:
            raise WouldBlock
        if I2S.hears:
            self._fill(buf, n)
        self.at += n
        return n * self.size

    def _fill(self, buf, n):
        wanted = (
            1 if self.format == self.STEREO else 0
        )  # the channel; the other one carries rubbish, as the low half does
        i = 0
        for k in range(self.at, self.at + n):
            for channel in range(wanted + 1):
                value = I2S.hears(k) if channel == wanted else 12345
                for word in (0x5A5A, value)[2 - self.bits // 16 :]:
                    buf[i] = word & 255
                    buf[i + 1] = word >> 8 & 255
                    i += 2

    def run(self):
        """TX: play up to now."""
        due = self.clock.frames(self.start, self.rate) - self.at
        self.at += due
        while due and self.waiting:
            samples, n = self.waiting.pop(0)
            if n > due:
                self.waiting.insert(0, (samples[due:] if samples else None, n - due))
                n = due
            if samples and self.played is not None:
                self.played.extend(samples[:n])
            self.level -= n
            due -= n
        self.gaps += due
        if self.played is not None:
            self.played.extend([None] * due)

    def write(self, buf):
        assert self.open and self.mode == self.TX
        self.run()
        # A DMA block is free once it was played to its end
        free = self.room - self.level - (0 if self.ring else self.at % BLOCK)
        n = max(0, min(free, len(buf) // self.size))
        if n < len(buf) // self.size and not self.polled:
            raise WouldBlock
        samples = None
        if self.played is not None:
            samples = []
            for i in range(self.size - 2, n * self.size, self.size):
                value = buf[i] | buf[i + 1] << 8
                samples.append(value - (value >> 15 << 16))
        if n:
            self.waiting.append((samples, n))
            self.level += n
        return n * self.size


class Poll:
    """select.poll(), which switches a bus to reads and writes that do not wait."""

    def register(self, bus, flag):
        assert flag == (Select.POLLIN if bus.mode == I2S.RX else Select.POLLOUT)  # the driver refuses the other one
        self.bus = bus

    def poll(self, timeout):
        assert timeout == 0
        self.bus.polled = True
        return []


class Select:
    POLLIN, POLLOUT, poll = 1, 4, Poll


class Machine:
    pass


Machine.I2S = I2S


def load():
    """siplet.audio.i2s on this fake, with a fresh clock; returns (the module, the clock)."""
    former = sys.modules.get("machine")
    sys.modules["machine"] = Machine
    try:
        from siplet.audio import i2s
    finally:
        if former is None:
            del sys.modules["machine"]
        else:
            sys.modules["machine"] = former
    I2S.clock = Clock()
    I2S.hears = None
    I2S.ring = False
    I2S.buses = []
    i2s.machine = Machine
    i2s.select = Select
    i2s.now = I2S.clock.now
    return i2s, I2S.clock
