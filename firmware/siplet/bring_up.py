# A board from power on to the start of its phone: configuration read, network joined, again and again until it is so.
# May import log, platform and the board. Dropped when that is done.

import os

from siplet import platform
from siplet.errors import LocalError
from siplet.log import log

_FIRST_MS = 5000  # between two tries to join the network
_MOST_MS = 60000


async def run(load, path):
    """(board, config) once the network is there. load(path) gives the configuration or raises LocalError.

    A configuration that is missing or wrong is told in one line, once; it is waited for somebody to put it right, by a
    reset or Ctrl-C.
    """
    from board import Board

    while True:
        try:
            os.stat(path)
            config = load(path)
            if config["wifi.network"]:
                board = Board(config)
                await _join(board)
                return board, config
            log("wifi.network: is not set: siplet provision does it")
        except OSError:
            log("config.json is missing: siplet provision makes it")
        except LocalError as error:
            log(error)
        while True:
            await platform.sleep_ms(_MOST_MS)


async def _join(board):
    pause = _FIRST_MS
    while True:
        try:
            await board.start()
            return
        except (LocalError, OSError) as error:
            log(error)
        await platform.sleep_ms(pause)
        pause = min(2 * pause, _MOST_MS)
