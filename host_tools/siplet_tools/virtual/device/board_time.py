# The module `time` of the virtual board: the ESP32 port's epoch is 2000, and a board without power has forgotten the
# time. Imports board_channel. (board_modules fills in the rest.)

import board_channel as _channel

_EPOCH = 946684800  # of the ESP32 port, in the PC's seconds
_real = None
_offset = 0  # the board's clock less the PC's, in seconds


def time():
    return time_ns() // 1000000000


def time_ns():
    return _real.time_ns() + (_offset - _EPOCH) * 1000000000


def gmtime(seconds=None):
    return tuple(_real.gmtime((time() if seconds is None else seconds) + _EPOCH))[:8]


localtime = gmtime


def mktime(fields):
    return int(_real.mktime(tuple(fields[:6]) + (0, 0, 0))) - _EPOCH  # the supervisor has us in UTC


def set_time(seconds):
    """Sets the board's clock."""
    global _offset
    _offset += seconds - time()
    _channel.tell(f"clock {_offset}")


def set_up(real, options):
    global _real, _offset
    _real = real
    _offset = options["clock"]
