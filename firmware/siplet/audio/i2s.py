# A microphone and an amplifier on two I2S buses at 48 or 16 kHz. May import machine, resample, null and platform.
#
# machine.I2S knows three ways: blocking, callbacks, and the one that asyncio's streams use, in which readinto and write
# move what there is at once and return its size. This file uses the third, which a single poll switches on: nothing
# waits, and no callback can get lost in a full scheduler queue. The bus then runs by itself:
#
#   microphone -> DMA blocks -> _in, all there is at each tick -> decimate -> frame
#   frame -> interpolate -> _words -> DMA blocks, as many as fit at each tick -> amplifier
#
# Two clocks meet here, the tick's and the bus's, and a bus moves blocks of 256 frames. So what lies in _in after a tick
# (and in _words) swings by a block; its lowest value of 32 ticks tells the drift. While that is outside of a narrow
# range, one sample a tick is left out or repeated: a delay never grows and a buffer never runs dry by drift. At the
# start, and when it ran dry, four ticks tell where the two clocks met; what the microphone has too much then is left
# out at once.
# The amplifier's blocks are kept full, which is what makes their level known without asking.

import select
from array import array

import machine
from micropython import const

from siplet.audio.null import ALL, Null
from siplet.audio.resample import decimate, gather, interpolate, move, taps
from siplet.errors import LocalError
from siplet.platform import now
from siplet.ticks import ticks_add, ticks_diff

_PAST = const(84)  # sample frames of the bus that the longest filter looks back
_BLOCK = const(256)  # sample frames of one DMA buffer, fixed in the ESP32 port
_PIECES = const(800)  # a second has so many, which are offered to the amplifier one by one: 1.25 ms
_WINDOW = const(32)  # ticks; a whole number of the pattern that 20 ms and a block make together, which is
_PATTERN = const(4)
_STEP = const(64)  # sample frames: 20 ms are a number of blocks and a quarter, so four ticks see all places in a block
_SPARE = const(10)  # samples at 8 kHz that should be left at the lowest point
_ZERO = const(0x8000)  # silence in the resampler's offset samples
_SILENCE = memoryview(bytes(640))


class _Level:
    """How full a buffer is at its lowest, and what to do about it. All in samples at the rate of the call."""

    def tune(self, rate, factor):
        """rate: of the call; factor: the bus runs faster by that."""
        spare = _SPARE * rate // 8000
        self._low = spare + _STEP // factor  # drift can take a step at once
        self._high = self._low + _STEP // factor + spare
        self.reset()

    def reset(self, leaps=False):
        """At a start. leaps: slip() may answer soon, once and with more than one sample."""
        self._ticks = _WINDOW - _PATTERN if leaps else 0
        self._lowest = 1 << 20
        self._known = self._low
        self._leaps = leaps

    def slip(self, level):
        """1: one sample too many is there, -1: too few, 0: well so; called once a tick."""
        if level < self._lowest:
            self._lowest = level
        self._ticks += 1
        if self._ticks == _WINDOW:
            self._known = self._lowest
            self._ticks = 0
            self._lowest = 1 << 20
            if self._leaps and self._known > self._high:
                level = self._known - self._low
                self._known = self._low
                self._leaps = False
                return level
            self._leaps = False
        slip = 1 if self._known > self._high else -1 if self._known < self._low else 0
        self._known -= slip
        return slip


class I2S(Null):
    """mic, speaker: the arguments of machine.I2S that tell the part (id, sck, ws, sd, mck), a dict; None without one.

    Also in mic: bits (16 or 32; 16), right (True: the part sits on the right channel) and gain (0 to 6 doublings); in
    speaker: bits. rate: 48000, or 16000 where a part cannot; LocalError for another. Most ESP32 have two buses,
    C3, C6 and S2 one: a microphone or a speaker.
    Calls are of 8 kHz, or of 16 after tune(16000).
    Counted: underruns (a frame of silence for want of sound), overruns (sound thrown away for want of room).
    """

    rates = (8000, 16000)

    def __init__(self, mic=None, speaker=None, rate=48000):
        if rate not in (16000, 48000):
            raise LocalError("I2S: rate must be 48000 or 16000")
        self._rate = rate
        self._filters = {}
        self._count = count = rate // 50  # sample frames of the bus in 20 ms
        # What the driver holds: 20 ms, 6 more for a task that comes late, and the block that is not complete yet
        self._room = (26 * rate // 1000 // _BLOCK + 2) * _BLOCK
        self._rx = self._tx = None
        self._mic = self._speaker = None
        self.underruns = self.overruns = 0
        if mic:
            self._mic = mic = dict(mic)
            words = mic.setdefault("bits", 16) // 16
            right = mic.pop("right", False)
            self._gain = mic.pop("gain", 0)
            self._stride = words * (2 if right else 1)
            mic["mode"] = machine.I2S.RX
            mic["format"] = machine.I2S.STEREO if right else machine.I2S.MONO
            self._chunk = bytearray(2 * self._stride * _BLOCK)
            self._in = array("H", bytes(2 * (_PAST + 2 * count + _BLOCK)))
            self._heard = _Level()
        if speaker:
            self._speaker = speaker = dict(speaker)
            self._wide = speaker.setdefault("bits", 16) // 16
            speaker["mode"] = machine.I2S.TX
            speaker["format"] = machine.I2S.MONO
            self._out = array("H", b"")
            self._words = bytearray(2 * self._wide * (2 * count + rate // self.rate + _BLOCK))
            size = 2 * self._wide * (rate // _PIECES)
            view = memoryview(self._words)
            self._pieces = [view[i : i + size] for i in range(0, len(view) - size + 1, size)]
            self._said = _Level()
        self.tune(self.rate)

    def tune(self, rate):
        """Frames have 8000 or 16000 samples a second from the next one on. Takes memory the first time."""
        if rate not in self._filters:
            self._filters[rate] = taps(self._rate // rate)
        used = self._filters[rate]
        factor = self._rate // rate
        samples = rate // 50
        history = len(used) // factor - 1
        silence = _SILENCE[: rate // 25]
        # All memory first: the kernels look at no bounds
        if self._speaker and len(self._out) <= history + samples:
            self._out = array("H", bytes(2 * (history + samples + 1)))
        self.rate = rate
        self._samples = samples
        self._factor = factor
        self._taps = used
        self._past = len(used) - factor
        self._history = history
        self._silence = silence
        if self._mic:
            self._heard.tune(rate, factor)
        if self._speaker:
            self._said.tune(rate, factor)
            self._clear()

    def _clear(self):
        self._slip = 0
        for i in range(len(self._out)):
            self._out[i] = _ZERO

    def _open(self, part, flag, size):
        # One more block than is needed: the one that the bus is at. And one byte more: the ports with a ring of bytes
        # keep one free, and would split samples at the border otherwise.
        part = dict(part)
        bus = machine.I2S(part.pop("id"), rate=self._rate, ibuf=(self._room + _BLOCK) * size + 1, **part)
        poll = select.poll()
        poll.register(bus, flag)
        poll.poll(0)  # from here on reads and writes do not wait
        return bus

    def start(self):
        self.stop()
        if self._mic:
            self._fill = self._past
            for i in range(self._fill):
                self._in[i] = _ZERO
            self._heard.reset(True)
            self._rx = self._open(self._mic, select.POLLIN, 8)
        if self._speaker:
            self._clear()
            self._said.reset()
            self._dry = None
            self._tx = self._open(self._speaker, select.POLLOUT, 2 * self._wide)

    def stop(self):
        if self._rx:
            self._rx.deinit()
        if self._tx:
            self._tx.deinit()
        self._rx = self._tx = None

    def _nothing(self, frame):
        frame[ALL] = self._silence
        return False

    def read(self, frame):
        if not self._rx:
            return self._nothing(frame)
        samples = self._in
        while True:
            count = (self._rx.readinto(self._chunk) or 0) // (2 * self._stride)
            excess = self._fill + count - len(samples)
            if excess > 0:
                self.overruns += 1
                self._fill -= excess
                move(samples, excess, self._fill)
            gather(self._chunk, self._stride - 1, self._stride, samples, self._fill, count)
            self._fill += count
            if count < _BLOCK:
                break
        factor = self._factor
        used = self._count
        left = self._fill - self._past - used
        if left < 0:
            self.underruns += 1
            self._heard.reset(True)  # all comes later by now
            return self._nothing(frame)
        decimate(samples, self._taps, frame, factor, self._samples, self._gain)
        slip = factor * self._heard.slip(left // factor)
        if slip <= left:
            used += slip
        self._fill -= used
        move(samples, used, self._fill)
        return True

    def write(self, frame):
        if not self._tx:
            return
        if self._dry is None:
            self._prime()
        elif ticks_diff(now(), self._dry) > 0:
            self.underruns += 1
            self._prime()
        factor = self._factor
        if self._have > self._count + _BLOCK:
            self.overruns += 1
            self._push()
            return
        samples = self._out
        history = self._history
        count = self._samples
        gather(frame, 0, 1, samples, history, count)
        samples[history + count] = samples[history + count - 1]
        count -= self._slip
        wide = self._wide
        interpolate(samples, self._taps, self._words, (self._have + 1) * wide - 1, factor, count, wide)
        move(samples, count, history)
        self._have += count * factor
        self._push()
        self._slip = self._said.slip(self._have // factor)

    def _prime(self):
        # Silence before the next frame, as much as leaves just room for it, so that its end fills the amplifier's
        # blocks.
        piece = self._pieces[0]
        i = len(piece)
        while i:
            i -= 1
            piece[i] = 0
        i = self._room - self._count
        while i > 0:
            self._tx.write(piece)
            i -= self._rate // _PIECES
        self._have = 0

    def _push(self):
        words = 0
        left = self._have * self._wide
        size = self._rate // _PIECES * self._wide
        for piece in self._pieces:
            if left < size:
                break
            count = (self._tx.write(piece) or 0) // 2
            words += count
            left -= count
            if count < size:
                break
        move(self._words, words, left)
        self._have = left // self._wide
        self._dry = ticks_add(now(), self._room * 1000 // self._rate)
