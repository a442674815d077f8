# What net/tcp is on CPython: the same names, and the same behaviour of sockets as MicroPython's. No board has it.
# Imports the standard library only.
# What MicroPython's stubs do not know is here on purpose.
# pyright: reportAttributeAccessIssue=false

import asyncio
import os
import socket
import ssl

__all__ = ("Stream", "connected", "readable", "stream", "writable")


class Stream:
    """A non-blocking socket, plain or TLS: readinto() and write() give None when there is nothing to do now."""

    def __init__(self, sock, check=None):
        self.sock = sock
        self.check = check  # of TLS: after the handshake; raises what ends the connection
        self.shaken = not check
        self.other = False  # a write waits for something to read

    def readinto(self, view):
        try:
            return self.sock.recv_into(view)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def write(self, data):
        self.other = False
        try:
            if not self.shaken:
                self.sock.do_handshake()
                self.shaken = True
                if self.check:
                    self.check()
            return self.sock.send(data)
        except ssl.SSLWantReadError:
            self.other = True
        except (BlockingIOError, ssl.SSLWantWriteError):
            pass
        return None

    def close(self):
        self.sock.close()


def stream(sock):
    """What readinto() and write() are called on."""
    return Stream(sock)


def connected(sock):
    """OSError when it could not connect."""
    number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if number:
        raise OSError(number, os.strerror(number))


async def readable(stream):
    """Return when a read would find something."""
    sock = getattr(stream, "sock", stream)
    if hasattr(sock, "pending") and sock.pending():
        await asyncio.sleep(0)
        return
    loop = asyncio.get_running_loop()
    await _ready(sock.fileno(), loop.add_reader, loop.remove_reader)


async def writable(stream):
    """Return when a write would take something, or tell an error."""
    if stream.other:
        await readable(stream)
        return
    loop = asyncio.get_running_loop()
    await _ready(stream.sock.fileno(), loop.add_writer, loop.remove_writer)


async def _ready(number, add, remove):
    ready = asyncio.get_running_loop().create_future()
    add(number, lambda: ready.done() or ready.set_result(None))
    try:
        await ready
    finally:
        remove(number)
