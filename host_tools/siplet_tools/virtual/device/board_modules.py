# A board's modules in the place of the PC's: what `import sys`, `os`, `machine` ... give on the virtual board.
# Imports its neighbours.

import os
import sys
import time

import vfs

_NOT_OURS = {
    "os": ("getenv", "putenv", "unsetenv", "system", "errno", "sep", "VfsPosix"),
    "sys": ("atexit", "executable"),
    "time": ("clock",),
    "machine": ("PinBase",),
    "vfs": ("VfsPosix",),
}


def _replace(name, new, real=None):
    """Puts module `new` in the place of `name`; it gets all of the real one's that it does not have itself."""
    names = new.__dict__
    if real:
        for key in dir(real):
            if key not in names and key not in _NOT_OURS[name]:
                names[key] = getattr(real, key)
    names["__name__"] = name
    names.pop("__file__", None)
    names.pop("set_up", None)
    sys.modules[name] = new


def install(options):
    """options: of the supervisor. Afterwards an import of these gives a board's."""
    import socket

    import board_air
    import board_esp
    import board_esp32
    import board_i2s
    import board_machine
    import board_network
    import board_os
    import board_socket
    import board_sys
    import board_time
    import board_vfs
    import machine

    board_time.set_up(time, options)
    board_socket.set_up(socket)
    board_air.set_up(options)
    board_network.set_up(options)
    board_i2s.set_up(options)
    board_machine.set_up(options)
    board_esp.set_up(options)
    board_esp32.set_up(options)
    board_os.set_up(options)
    board_sys.set_up(sys, options)
    _replace("time", board_time, time)
    _replace("socket", board_socket)
    _replace("machine", board_machine, machine)
    _replace("network", board_network)
    _replace("esp", board_esp)
    _replace("esp32", board_esp32)
    _replace("os", board_os, os)
    _replace("sys", board_sys, sys)
    _replace("vfs", board_vfs, vfs)
