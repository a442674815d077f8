# A UDP socket that belongs to a multicast group, to hear it or to speak to it. RFC 1112. May import udp and platform.
#
# A group's listener is bound to the group's own address: what others send to this port at our address is not for it.
# The membership hangs on the socket, so a socket that is opened anew joins again.

import socket

from micropython import const

from siplet.errors import LocalError
from siplet.net.udp import Udp

_IP = const(0)  # IPPROTO_IP; what boards do not name is lwIP's or Linux's number
_TTL = const(1)  # pages stay in the house


def _option(name, linux, lwip):
    if hasattr(socket, name):
        return getattr(socket, name)
    return linux if getattr(socket, "IP_ADD_MEMBERSHIP", linux) == 35 else lwip


def _packed(address):
    return bytes([int(part) for part in address.split(".")])


def group(text):
    """(address, port) of "224.0.1.75:10000". LocalError: no IPv4 multicast address with a port."""
    address, _, port = text.partition(":")
    parts = address.split(".")
    if (
        len(parts) != 4
        or not all(part.isdigit() and int(part) < 256 for part in parts)
        or not 224 <= int(parts[0]) < 240
    ):
        raise LocalError(text + ": a multicast group is wanted, such as 224.0.1.75:10000")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise LocalError(text + ": a port is wanted behind the group, such as 224.0.1.75:10000")
    return address, int(port)


class Listener(Udp):
    """Hears a group. interface: our own address, str, "0.0.0.0" for the usual one. Raises OSError."""

    def __init__(self, address, port, interface="0.0.0.0"):
        self._member = _packed(address) + _packed(interface)
        super().__init__(address, port)

    def _open(self, port):
        super()._open(port)
        try:
            self.socket.setsockopt(_IP, _option("IP_ADD_MEMBERSHIP", 35, 3), self._member)
        except OSError:
            self.close()
            raise

    def _prepare(self, sock):
        # Several phones of one PC may hear one group
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


class Speaker(Udp):
    """Speaks to a group from any free port of ports. interface: as above; ttl: how many routers may carry it on."""

    def __init__(self, interface="0.0.0.0", ports=None, ttl=_TTL):
        self._ttl = ttl
        self._interface = interface
        super().__init__(interface, 0, ports)

    def _open(self, port):
        super()._open(port)
        try:
            if self._interface != "0.0.0.0":
                self.socket.setsockopt(_IP, _option("IP_MULTICAST_IF", 32, 6), _packed(self._interface))
            if self._ttl != _TTL:
                self.socket.setsockopt(_IP, _option("IP_MULTICAST_TTL", 33, 5), self._ttl)
        except OSError:
            self.close()
            raise
