# TCP without waiting: sockets that connect and accept, and how to wait for them. May import siplet.platform.
#
# MicroPython's own sockets, TLS ones included, already speak what net/link uses: readinto(view) and write(view) give
# None when there is nothing to do now, readinto 0 at the end. On CPython tcp_cpython makes that of its sockets.

import asyncio
import errno
import socket

from siplet import platform

_LOW = 49152  # port 0 takes one from here up (the dynamic ports of RFC 6335)
_TRIES = 20
_BACKLOG = 4

if platform.MICROPYTHON:
    readable = platform.readable

    def writable(stream):
        """await writable(stream): return when a write would take something, or tell an error."""
        yield asyncio.core._io_queue.queue_write(stream)

    def stream(sock):
        """What readinto() and write() are called on."""
        return sock

    def connected(sock):
        """OSError when it could not connect; where nobody can tell, the first write does."""

else:
    from siplet.net.tcp_cpython import *  # noqa: F403


def connect(address):
    """(socket, (ip, port)) on its way to address (host, port); wait until it is writable. OSError.

    A name as host is looked up, which blocks.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    remote = platform.resolve(address[0], address[1], family)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        _prepare(sock)
        sock.connect(remote)
    except OSError as error:
        if error.errno != errno.EINPROGRESS:
            sock.close()
            raise
    return sock, platform.source(remote)


def listen(host, port):
    """(socket, port) that takes connections at host; port 0: any free one. OSError when it is taken."""
    tries = 1 if port else _TRIES
    while True:
        tries -= 1
        number = port or _LOW + int.from_bytes(platform.random(2), "big") % (65536 - _LOW)
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a restart waits for minutes
            sock.setblocking(False)
            sock.bind(platform.resolve(host, number))
            sock.listen(_BACKLOG)
            return sock, number
        except OSError:
            sock.close()
            if not tries:
                raise


def accept(listener):
    """(socket, (ip, port)) of who wants to connect; OSError, also when nobody does any more."""
    sock, remote = listener.accept()
    try:
        _prepare(sock)
    except OSError:
        sock.close()
        raise
    return sock, platform.source(remote)


def reason(error):
    """An exception of a socket in a few words."""
    text = error.args[-1] if error.args else ""
    return str(errno.errorcode.get(text, text) if isinstance(text, int) else text)


def _prepare(sock):
    sock.setblocking(False)
    if hasattr(socket, "TCP_NODELAY"):  # a message is sent whole: nothing is gained by waiting for more
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
