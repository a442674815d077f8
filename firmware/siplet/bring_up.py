# A board from power on to the start of its phone: configuration read, network joined, again and again until it is so.
# Meanwhile Improv is listened to, so that a web installer can say which network that is. May import improv_serial, log
# and the board. Dropped when it is done.

import os
import sys

import micropython

from siplet.errors import LocalError
from siplet.log import log

_CHIPS = ("ESP32", "ESP32S2", "ESP32S3", "ESP32C2", "ESP32C3", "ESP32C5", "ESP32C6")


async def run(load, path):
    """(board, config) once the network is there. load(path) gives the configuration or raises LocalError.

    A configuration that is missing or wrong is told in one line; then its network, if it has one, is joined all the
    same, and Improv is listened to until it names another one. KeyboardInterrupt when somebody wants the prompt.
    """
    from board import Board

    make_station = getattr(Board, "station", None)
    if not make_station:  # a board that is always in its network
        config = load(path)
        board = Board(config)
        await board.start()
        micropython.kbd_intr(3)
        return board, config
    from siplet.improv_serial import Console, Shell, wifi

    shell = None
    while True:
        known = wifi(path)
        config, board = {}, None
        try:
            config = _read(load, path)
            board = Board(config)
        except LocalError as error:
            log(error)
        station = _make(make_station, known)
        if not shell:
            shell = Shell(station, path, _device(station.hostname), Console())
        if not known["network"]:
            if board:
                log("wifi.network: is not set: siplet provision does it, or a web installer (Improv)")
            join = None
        elif board:
            join = board.start
        else:
            join = _joiner(station, known)
        if await shell.listen(join, board is not None):
            break
    micropython.kbd_intr(3)  # the serial line is the prompt's again
    for name in ("station", "siplet.improv_serial", "siplet.improv"):
        sys.modules.pop(name, None)
    return board, config


def _read(load, path):
    try:
        os.stat(path)
    except OSError:
        raise LocalError(
            "config.json is missing: siplet provision makes it; a web installer (Improv) can set the Wi-Fi"
        )
    return load(path)


def _make(make_station, known):
    try:
        return make_station(known["hostname"], known["country_code"])
    except (LocalError, OSError, ValueError) as error:
        log(f"wifi.hostname, wifi.country_code: {error}")
        return make_station()


def _joiner(station, known):
    async def join():
        await station.connect(known["network"], known["password"])
        log(f"wifi {known['network']}, address {station.address}; the configuration is waited for")

    return join


def _device(name):
    """What Improv tells about us."""
    version = ".".join([str(part) for part in sys.implementation.version[:3]])
    words = getattr(sys.implementation, "_machine", "").upper().replace("-", "").split()
    chip = [word for word in words if word in _CHIPS][-1:] or [sys.platform]
    try:
        with open("/siplet.json") as file:
            ours = file.read(2000)
        siplet = ours.split('"siplet"')[1].split('"')[1]
    except (OSError, IndexError):
        siplet = ""
    return "siplet", siplet, chip[0], name, "MicroPython", version
