# Asks a name server for destinations as a phone would, on MicroPython or CPython, for test_dns.py.
#
#     asker.py SERVER[,SERVER] HOST:PORT[:TRANSPORT] ...
#
# SERVER: address:port; TRANSPORT: TCP, TLS, WS or WSS, or * where the records shall choose of UDP, TCP and TLS.
# Prints a line of JSON for each destination: all its targets, the best first, and the milliseconds until the first.

import asyncio
import json
import sys

from siplet import platform
from siplet.net.locate import Locator
from siplet.ticks import ticks_diff


async def ask(servers, text):
    """[[ip, port(, transport)], ...] and the ms."""
    told = []
    host, port, transport = (text + ":").split(":")[:3]
    chosen = (b"UDP", b"TCP", b"TLS") if transport == "*" else ()
    locator = Locator(told.append, lambda destination: told.append(None), servers, families=(4, 6), transports=chosen)
    destination = (host, int(port), transport.encode()) if transport and not chosen else (host, int(port))
    start = platform.now()
    target = locator.target(destination)
    while target is None and not told:
        await platform.sleep_ms(5)
    ms = ticks_diff(platform.now(), start)
    found = []
    if target or told.pop():
        while not told:
            target = locator.target(destination)
            if target is None:  # the next one is still looked up
                while not told:
                    await platform.sleep_ms(5)
                if told.pop() is None:
                    break
                continue
            found.append([part if not isinstance(part, bytes) else part.decode() for part in target])
            if not locator.failed(destination):
                break
    locator.close()
    return found, ms


async def main(servers, texts):
    for text in texts:
        found, ms = await ask(servers, text)
        print(json.dumps({"targets": found, "ms": ms}))


asyncio.run(main(sys.argv[1].split(","), sys.argv[2:]))
