# The module `machine` of the virtual board, of the ESP32 port's form: pins that the world around drives and sees,
# reset, the clock, timers. Imports board_channel, board_i2s, board_time. docs.micropython.org, library/machine.

import time as _time

import board_channel as _channel
import board_time as _clock
from board_i2s import I2S  # noqa: F401

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = 1, 2, 3, 4, 5
_INPUT_ONLY = {"esp32": 34}
_options = {}
_pins = {}
_timers = {}
_frequency = 160000000


class Pin:
    """A pin by its number. The world may press it, which is the opposite of its rest, or drive it to a level."""

    IN, OUT, OPEN_DRAIN = 1, 3, 7
    PULL_DOWN, PULL_UP = 1, 2
    IRQ_RISING, IRQ_FALLING = 1, 2
    WAKE_LOW, WAKE_HIGH = 4, 5
    DRIVE_0, DRIVE_1, DRIVE_2, DRIVE_3 = 0, 1, 2, 3

    class board:
        pass

    def __new__(cls, id, *arguments, **names):
        if isinstance(id, Pin):
            self = id
        else:
            if not isinstance(id, int) or id not in _numbers:
                raise ValueError("invalid pin")
            self = _pins.get(id)
            if self is None:
                self = _pins[id] = object.__new__(cls)
                self._set_up(id)
        return self

    def __init__(self, id, *arguments, **names):
        if arguments or names:
            self.init(*arguments, **names)

    def _set_up(self, number):
        self._number = number
        self._mode = Pin.IN
        self._pull = 0
        self._out = 0
        self._world = None  # the level that the world drives
        self._pressed = False
        self._handler = None
        self._trigger = 0
        self._told = None
        self._level = 0

    def init(self, mode=None, pull=-1, *, value=None, drive=None, hold=None):
        if mode is not None and mode & 2 and self._number >= _INPUT_ONLY.get(_options["chip"], 99):
            raise ValueError("pin can only be input")
        if value is not None:
            self._out = 1 if value else 0
        if mode is not None:
            self._mode = mode
        if pull != -1:
            self._pull = pull or 0
        self._changed()

    def _see(self):
        # The level at the pin
        if self._mode & 2 and (self._mode != Pin.OPEN_DRAIN or not self._out):
            return self._out
        idle = 0 if self._pull == Pin.PULL_DOWN else 1 if self._pull == Pin.PULL_UP or self._pressed else 0
        if self._pressed:
            return 1 - idle
        return idle if self._world is None else self._world

    def _changed(self):
        # After whatever may have moved the level
        if self._mode & 2 and self._told != self._out:
            self._told = self._out
            _channel.tell(f"pin {self._number} {self._out}")
        elif not self._mode & 2 and self._told is not None:
            self._told = None
            _channel.tell(f"pin {self._number} -")
        level = self._see()
        former, self._level = self._level, level
        if level != former and self._handler and self._trigger & (1 if level else 2):
            _channel.interrupt(self._handler, self)

    def value(self, *value):
        if not value:
            _channel.look()
            return self._see()
        self._out = 1 if value[0] else 0
        self._changed()
        return None

    __call__ = value

    def on(self):
        self.value(1)

    def off(self):
        self.value(0)

    def toggle(self):
        self.value(1 - self._out)

    def irq(self, handler=None, trigger=3, wake=None):
        _channel.look()
        self._level = self._see()
        self._handler, self._trigger = handler, trigger if handler else 0
        return _Irq(self)

    def __repr__(self):
        return f"Pin({self._number})"


class _Irq:
    def __init__(self, pin):
        self._pin = pin

    def __call__(self):
        if self._pin._handler:
            self._pin._handler(self._pin)

    def trigger(self, *trigger):
        former = self._pin._trigger
        if trigger:
            self._pin._trigger = trigger[0]
        return former


def _world(text):
    # "press 13", "release 13", "drive 13 0", "drive 13 -" from outside
    word, number, *level = text.split(" ")
    if int(number) not in _numbers:
        return
    pin = Pin(int(number))
    if word == "drive":
        pin._world = None if level[0] == "-" else int(level[0])
    else:
        pin._pressed = word == "press"
    pin._changed()


class Timer:
    """Timer(id): 0 to 3 as in hardware; callbacks come as interrupts."""

    ONE_SHOT, PERIODIC = 0, 1

    def __new__(cls, id=-1, **names):
        if not -1 <= id <= 3:
            raise ValueError("invalid Timer number")
        self = _timers.get(id)
        if self is None:
            self = object.__new__(cls)
            self._row = None
            if id >= 0:  # there is one of each; those with -1 are made of software
                _timers[id] = self
        return self

    def __init__(self, id=-1, **names):
        if names:
            self.init(**names)

    def init(self, *, mode=PERIODIC, callback=None, period=-1, freq=0, hard=False):
        self.deinit()
        if freq:
            period = int(1000 / freq)
        self._callback = callback
        self._row = _channel.add_timer(
            _time.ticks_add(_time.ticks_ms(), period), period if mode else 0, self._call, self
        )

    def _call(self, timer):
        if self._row and self._callback:
            self._callback(self)

    def deinit(self):
        if self._row in _channel.timers:
            _channel.timers.remove(self._row)
        self._row = None

    def value(self):
        return _time.ticks_diff(self._row[0], _time.ticks_ms()) if self._row else 0


class RTC:
    """The clock, which keeps its time over resets but not without power."""

    def __init__(self, *id):
        pass

    def datetime(self, *value):
        if not value:
            now = _clock.time_ns()
            y, mo, d, h, m, s, weekday, _ = _clock.localtime(now // 1000000000)[:8]
            return (y, mo, d, weekday, h, m, s, now // 1000 % 1000000)
        y, mo, d, _, h, m, s, _ = value[0]
        _clock.set_time(_clock.mktime((y, mo, d, h, m, s, 0, 0)))
        return None

    def init(self, value):
        self.datetime(value)

    def memory(self, *data):
        global _memory
        if not data:
            return _memory
        _memory = bytes(data[0])
        return None


_memory = b""


class WDT:
    """A watchdog; a board that does not feed it resets."""

    def __init__(self, id=0, timeout=5000):
        if id:
            raise ValueError("invalid WDT id")
        self._timeout = int(timeout)
        self.feed()

    def feed(self):
        _channel.tell(f"watchdog {self._timeout}")


def unique_id():
    return bytes.fromhex(_options["mac"])


def reset():
    _channel.tell("reset")
    _gone()


def bootloader(*timeout):
    _channel.tell("bootloader")
    _gone()


def deepsleep(*ms):
    _channel.tell(f"deepsleep {int(ms[0]) if ms else -1}")
    _gone()


def lightsleep(*ms):
    if not ms:
        _gone()
    _time.sleep_ms(ms[0])


sleep = lightsleep


def _gone():
    while True:  # the power goes at any moment
        try:
            _time.sleep(1)
        except KeyboardInterrupt:
            pass


def soft_reset():
    raise SystemExit


def reset_cause():
    return _options["cause"]


def wake_reason():
    return 0


def freq(*hz):
    global _frequency
    if not hz:
        return _frequency
    if hz[0] not in (20000000, 40000000, 80000000, 160000000, 240000000):
        raise ValueError("frequency must be 20MHz, 40MHz, 80Mhz, 160MHz or 240MHz")
    _frequency = hz[0]
    return None


def disable_irq():
    return 0


def enable_irq(state):
    pass


def set_up(options):
    global _options, _numbers, _frequency
    _options = options
    _numbers = range(options["pins"])
    _frequency = options["frequency"]
    for number, level in options["levels"]:  # a soft reset leaves outputs as they are
        pin = Pin(number)
        pin._mode = Pin.OUT
        pin._out = pin._told = level
    for line in options["held"]:
        _world(line)
    _channel.on("world", _world)
