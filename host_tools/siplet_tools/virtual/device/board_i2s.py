# machine.I2S of the virtual board, in the ESP32 port's form: a ring of DMA blocks of 256 frames that the bus fills or
# plays in real time. Imports board_channel, board_samples. docs.micropython.org, library/machine.I2S.
#
# The microphone hears a file of the PC, the amplifier plays into one: 16 bits, mono, at the rate of the bus, so what
# goes in comes out to the sample. Nothing runs in the background: what the bus has done follows from the time.

import io
import time

import board_channel as _channel
import vfs

try:
    from board_samples_viper import mix, narrow, widen
except SyntaxError:
    from board_samples_plain import mix, narrow, widen

_BLOCK = 256  # sample frames of a DMA buffer
_PIECE = 512  # sample frames that are moved at once
_GET_FILENO, _POLL, _CLOSE = 10, 3, 4
_READ, _WRITE = 1, 4
_EPERM, _EINVAL = 1, 22
_count = 2
_host = None  # the PC's file system, for the room's sound alone
_buses = {}
_says = {}  # {rate: path}
_repeat = False
_said_at = 0
_ear = None  # the file that takes what the amplifier plays
_room = bytearray(2 * _PIECE)
_AIR = 8192  # frames that lie between the amplifier and the microphone, for the room's echo
_LATE = 240  # frames of the way through the air, 5 ms at 48 kHz
_air = None
_gain = 0  # of the echo, in 256ths
_played = bytearray(2 * _PIECE)
_SILENCE = memoryview(bytes(2 * _PIECE))


class I2S(io.IOBase):
    RX, TX = 1, 2
    MONO, STEREO = 0, 1

    def __init__(self, id, *, sck, ws, sd, mode, bits, format, rate, ibuf):
        if not isinstance(id, int) or not 0 <= id < _count:
            raise ValueError("invalid id")
        if id in _buses:
            _buses[id].deinit()
        self._id = id
        self._open = False
        self._text = f"I2S(id={id},\nsck={sck},\nws={ws},\nsd={sd},\n"
        self.init(sck=sck, ws=ws, sd=sd, mode=mode, bits=bits, format=format, rate=rate, ibuf=ibuf)
        _buses[id] = self

    def init(self, *, sck, ws, sd, mode, bits, format, rate, ibuf):
        from machine import Pin

        for pin in (sck, ws, sd):
            Pin(pin)
        if mode not in (I2S.RX, I2S.TX):
            raise ValueError("invalid mode")
        if bits not in (16, 32):
            raise ValueError("invalid bits")
        if format not in (I2S.MONO, I2S.STEREO):
            raise ValueError("invalid format")
        if not isinstance(rate, int) or not isinstance(ibuf, int):
            raise TypeError("can't convert to int")
        self._mode, self._rate, self._words = mode, rate, bits // 16
        self._both = format == I2S.STEREO
        self._size = 2 * self._words * (2 if self._both else 1)
        self._about = f"mode={mode},\nbits={bits}, format={format},\nrate={rate}, ibuf={ibuf})"
        inside = 8 if mode == I2S.RX else self._size
        self._space = (max(2, ibuf // (_BLOCK * inside)) - 1) * _BLOCK  # one block belongs to the bus at any time
        self._ring = bytearray(self._space * self._size if mode == I2S.TX else 0)
        self._view = memoryview(self._ring)
        self._first = self._level = 0  # of the ring, in frames
        self._at = 0  # frames since the start that were read, lost, played or left out
        self._waits = True
        self._handler = None
        self._start = time.ticks_us()
        self._sounded = 0  # frames that the amplifier has made audible, silence too
        self._source = None
        self._open = True
        _channel.tell(f"i2s {self._id} {'hears' if mode == I2S.RX else 'plays'} {rate}")

    def deinit(self):
        if self._open:
            if self._mode == I2S.TX:
                self._play()
            if self._source:
                self._source.close()
                self._source = None
            self._open = False
            self._view = self._ring = None
            _channel.tell(f"i2s {self._id} off")

    def _there(self):
        return time.ticks_diff(time.ticks_us(), self._start) * self._rate // 1000000

    def readinto(self, buffer):
        self._check(I2S.RX, len(buffer))
        wanted = len(buffer) // self._size
        if self._handler:
            self._later(self._read_all, buffer)
            return len(buffer)
        view = memoryview(buffer)
        done = self._read(view, wanted)
        while self._waits and done < wanted:
            time.sleep_ms(1)
            done += self._read(view[done * self._size :], wanted - done)
        return done * self._size

    def _read(self, view, wanted):
        there = self._there() // _BLOCK * _BLOCK
        if there - self._at > self._space:
            self._at = there - self._space  # nobody fetched them in time
        count = min(there - self._at, wanted)
        done = 0
        while done < count:
            piece = min(_PIECE, count - done)
            self._hear(piece)
            widen(_room, view[done * self._size :], piece, self._words, self._both)
            done += piece
            self._at += piece
        return count

    def _hear(self, count):
        # The next count frames of the room into _room
        view = memoryview(_room)[: 2 * count]
        done = 0
        path = _says.get(self._rate)
        if path and (self._source is None or self._said != _said_at):
            self._said = _said_at
            self._source = _host.open(path, "rb")
            self._begin = max(0, time.ticks_diff(_said_at, self._start) * self._rate // 1000000)
        if path:
            if self._at < self._begin:
                done = 2 * min(count, self._begin - self._at)
                self._silence(view[:done])
            while done < len(view):
                n = self._source.readinto(view[done:])
                if not n:
                    if not _repeat or not self._source.seek(0, 1):
                        break
                    self._source.seek(0)
                done += n
        self._silence(view[done:])
        if _gain:
            self._echo(count)

    def _echo(self, count):
        # What the amplifier plays at the time of the next count frames, softer
        for bus in _buses.values():
            if bus._open and bus._mode == I2S.TX and bus._rate == self._rate:
                bus._play()
                ahead = time.ticks_diff(self._start, bus._start) * self._rate // 1000000
                at = self._at + ahead - _LATE
                if 0 <= at and at + count <= bus._sounded <= at + _AIR:
                    mix(_room, _air, count, at & _AIR - 1, _gain)

    @staticmethod
    def _silence(view):
        view[:] = _SILENCE[: len(view)]

    def write(self, buffer):
        self._check(I2S.TX, len(buffer))
        wanted = len(buffer) // self._size
        if self._handler:
            self._later(self._write_all, bytes(buffer))
            return len(buffer)
        view = memoryview(buffer)
        done = self._take(view, wanted)
        while self._waits and done < wanted:
            time.sleep_ms(1)
            done += self._take(view[done * self._size :], wanted - done)
        return done * self._size

    def _take(self, view, wanted):
        self._play()
        # A block is free once it was played to its end
        count = max(0, min(self._space - self._level - self._at % _BLOCK, wanted))
        size, at, done = self._size, (self._first + self._level) % self._space, 0
        while done < count:
            piece = min(count - done, self._space - at)
            self._view[at * size : (at + piece) * size] = view[done * size : (done + piece) * size]
            done += piece
            at = 0
        self._level += count
        return count

    def _play(self):
        due = self._there() - self._at
        self._at += due
        while due and self._level:
            piece = min(due, self._level, self._space - self._first, _PIECE)
            self._sound(self._view[self._first * self._size : (self._first + piece) * self._size], piece)
            self._first = (self._first + piece) % self._space
            self._level -= piece
            due -= piece
        while due:  # the driver sends silence
            piece = min(due, _PIECE)
            self._sound(None, piece)
            due -= piece

    def _sound(self, view, count):
        ear = _ear
        self._sounded += count
        if not ear and not _gain:
            return
        out = memoryview(_played)[: 2 * count]
        if view is None:
            self._silence(out)
        else:
            narrow(view, out, count, self._size // 2, self._words - 1)
        if _gain:
            at = self._sounded - count & _AIR - 1
            first = min(count, _AIR - at)
            _air[2 * at : 2 * (at + first)] = out[: 2 * first]
            _air[: 2 * (count - first)] = out[2 * first :]
        if not ear:
            return
        try:
            ear.write(out)
        except (OSError, ValueError):  # closed in this moment
            pass

    def _check(self, mode, size):
        if not self._open or self._mode != mode:
            raise OSError(_EPERM)
        if size % self._size:
            raise OSError(_EINVAL)

    def irq(self, handler):
        self._handler = handler
        self._waits = True

    def _later(self, function, buffer):
        _channel.add_timer(time.ticks_add(time.ticks_ms(), 1), 0, function, buffer)

    def _read_all(self, buffer):
        handler, self._handler = self._handler, None
        self.readinto(buffer)
        self._handler = handler
        handler(self)

    def _write_all(self, buffer):
        handler, self._handler = self._handler, None
        self.write(buffer)
        self._handler = handler
        handler(self)

    def ioctl(self, request, argument):
        if request == _POLL:
            if argument & (_WRITE if self._mode == I2S.RX else _READ):
                return -_EPERM
            self._waits = False
            if self._mode == I2S.RX:
                return _READ if self._there() // _BLOCK * _BLOCK > self._at else 0
            self._play()
            return _WRITE if self._space - self._level - self._at % _BLOCK > 0 else 0
        if request == _CLOSE:
            self.deinit()
            return 0
        return -_EINVAL

    @staticmethod
    def shift(*, buf, bits, shift):
        size = bits // 8
        for i in range(0, len(buf), size):
            value = int.from_bytes(buf[i : i + size], "little")
            value -= value >> bits - 1 << bits
            value = value << shift if shift >= 0 else value >> -shift
            buf[i : i + size] = (value & (1 << bits) - 1).to_bytes(size, "little")

    def __repr__(self):
        return self._text + self._about


def _sound(text):
    # "say RATE PATH", "repeat 0", "hush", "hear PATH", "deaf", "echo 256THS" from outside
    global _repeat, _said_at, _ear, _air, _gain
    word, _, rest = text.partition(" ")
    if word == "say":
        rate, _, path = rest.partition(" ")
        _says[int(rate)] = path
    elif word == "begin":
        _repeat = rest == "1"
        _said_at = time.ticks_us()
    elif word == "echo":
        _gain = int(rest)
        _air = memoryview(bytearray(2 * _AIR)) if _gain else None
    elif word == "hush":
        _says.clear()
        _said_at = time.ticks_us()
    else:
        former, _ear = _ear, None
        if former:
            former.close()
        if word == "hear":
            _ear = _host.open(rest, "ab")


def set_up(options):
    global _count, _host
    _count = options["buses"]
    _host = vfs.VfsPosix()
    for line in options["sound"]:
        _sound(line)
    _channel.on("sound", _sound)
