# A name server on loopback that says what a test wants: the truth late, nonsense, or nothing.

import asyncio
import errno
import socket
import sys

sys.path.append((__file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else "..") + "/unit")

from answers import CNAME, answer, record, word  # noqa: F401  the tests take them from here
from siplet import platform
from siplet.net import dns
from siplet.net.udp import Udp

HERE = "127.0.0.1"
_TRIES = 100  # ports that may be somebody else's, one after the other


def both(address=HERE, udp=Udp):
    """(a Udp of address, a TCP socket of HERE), bound to one port that was free for both.

    Nobody takes the second one's port as long as it is open: who comes is refused, until somebody listens beside it
    with SO_REUSEADDR. OSError when no such port is found.
    """
    left = _TRIES
    while True:
        left -= 1
        one = udp(address)
        other = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(platform.resolve(HERE, one.port))
            return one, other
        except OSError as error:
            other.close()
            one.close()
            if error.errno != errno.EADDRINUSE or not left:
                raise


class NameServer:
    """A context manager with records: {(name, kind): [records]}; a name without any does not exist.

    replies: functions of (number, question) that are used up first, one a question: they return bytes, a list of them,
    or None for silence. always: such a function for all that follow. came: [(name, kind), ...] of the questions;
    streams: what TCP answers, bytes with their length before them, one a connection.
    """

    def __init__(self, records=None, address=HERE):
        self.records = records or {}
        self.udp, self.held = both(address)
        self.address = (f"[{address}]" if ":" in address else address) + f":{self.udp.port}"
        self.place = (address, self.udp.port)
        self.replies = []
        self.always = None
        self.came = []
        self.sources = []
        self.streams = []
        self.server = None

    async def __aenter__(self):
        self.task = asyncio.create_task(self.run())
        return self

    async def __aexit__(self, kind, error, trace):
        self.task.cancel()
        if self.server:
            self.server.close()
            await self.server.wait_closed()
        self.held.close()
        self.udp.close()

    async def run(self):
        while True:
            await platform.sleep_ms(2)
            data = self.udp.datagram(600)
            if data:
                number, question = data[:2], data[12:]
                self.came.append(asked(question))
                self.sources.append((self.udp.source[1], number))
                reply = self.replies.pop(0) if self.replies else self.always or self.say
                said = reply(number, question)
                for one in [said] if isinstance(said, bytes) else said or ():
                    self.udp.send_to(one, self.udp.source)

    def say(self, number, question):
        """What the records say."""
        found = self.records.get(asked(question))
        return answer(question, *(found or ()), number=number, status=3 if found is None else 0)

    async def listen(self, *streams):
        """Answer over TCP as well: each of streams (functions of the question with its number) to one connection."""
        self.streams = list(streams)
        self.server = await asyncio.start_server(self.connected, HERE, self.udp.port)

    async def connected(self, reader, writer):
        size = await reader.readexactly(2)
        data = await reader.readexactly(size[0] << 8 | size[1])
        self.came.append("TCP")
        if self.streams:
            writer.write(self.streams.pop(0)(data[:2], data[12:]))
            await writer.drain()
        else:
            await platform.sleep_ms(5000)
        writer.close()
        await writer.wait_closed()


def framed(data):
    """data as it goes over TCP."""
    return word(len(data)) + data


def asked(question):
    """(name, kind) of a question section."""
    return dns._name(question, 0)[0], question[-3]


def silence(number, question):
    return None
