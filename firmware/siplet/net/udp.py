# A UDP socket that never raises for what the network does: it counts and heals. May import siplet.platform only.
#
# Two ways to receive. Unconnected: datagram() and receive_from(), which tell each datagram's source and cost memory for
# it. Connected: receive(), which costs none, but reads *through* datagram borders: the caller splits what it gets.
# An empty datagram closes an ESP32's socket for reading until it is bound or connected again: _heal() does that.

import errno
import select
import socket

from micropython import const

from siplet import platform

_NAMES = const(8)  # resolved names kept; more peers at once than a small phone has
_EMPTIES = const(4)  # empty datagrams healed in one call, so that a flood of them cannot hold the caller
_SHORT = const(1500)  # of a datagram on a heap without a longer piece; a packet of most networks
_LOW = const(49152)  # port 0 takes an even port from here up (the dynamic ports of RFC 6335)


def _closed(_view):
    return None


class Udp:
    """A bound, non-blocking UDP socket.

    address: the local address, "0.0.0.0" for all (an IPv6 one where the interpreter can); port: the local port, 0 to
    take a free one of ports, a range (default: the even ports from 49152). Raises OSError when none can be bound.
    .socket is what platform.readable() waits for. .source is the (host, port) of the last datagram() or receive_from().
    Counters: errors (refused, unreachable, no memory, unresolvable), empty (datagrams without a byte), short (reads for
    which the heap had no piece of the size asked for).
    """

    def __init__(self, address="0.0.0.0", port=0, ports=None):
        self.address = address
        self._family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.errors = self.empty = self.short = 0
        self.source = self.peer = self.socket = self._raw = None
        self._names = {}
        if port:
            self._open(port)
            return
        ports = ports or range(_LOW, 65536, 2)
        left = len(ports)
        start = int.from_bytes(platform.random(2), "big") % left
        while not self.socket:
            left -= 1
            try:
                self._open(ports[start - left])  # below 0 they go on from the end
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not left:
                    raise

    def _prepare(self, sock):
        # Of a socket that is not yet bound; siplet.net.multicast has something to do there
        pass

    def _open(self, port):
        local = platform.resolve(self.address, port)
        sock = socket.socket(self._family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            self._prepare(sock)
            sock.bind(local)
        except OSError:
            sock.close()
            raise
        self.port = port
        self.socket = sock
        self._local = local
        self._remote = None
        # Stored bound methods: looking them up on the socket at each call would cost memory.
        if platform.MICROPYTHON:
            self._read, self._write = sock.readinto, sock.write
            self._poll = select.poll()
            self._poll.register(sock, select.POLLIN)
        else:
            self._read, self._write = platform.reader(sock), sock.send
            self._poll = None

    def close(self):
        """Close the socket; afterwards nothing is sent and nothing comes in."""
        if self.socket:
            self.socket.close()
            self.socket = self._poll = None
            self._read = self._write = _closed

    def reopen(self):
        """Let go of the peer: a new socket on the same port, unconnected. True when that worked.

        The only way on a board, which cannot dissolve a connection; also the cure after the network was gone.
        """
        self.close()
        self.peer = None
        try:
            self._open(self.port)
        except OSError:
            self.errors += 1
            return False
        return True

    # --- sending ---

    def _resolve(self, address):
        found = self._names.get(address)
        if found is None:
            found = platform.resolve(address[0], address[1], self._family)
            if len(self._names) >= _NAMES:
                self._names.clear()
            self._names[address] = found
        return found

    def send_to(self, data, address):
        """Send data to address (host: str, port: int); a name is looked up (which blocks) once and kept.

        True when it was handed to the network; False and one error counted when not. Never raises for the network.
        """
        try:
            self.socket.sendto(data, self._resolve(address))
            return True
        except (OSError, AttributeError):  # AttributeError: closed
            self.errors += 1
            return False

    def forget(self):
        """Look every name up again when it is next used: a server may have moved."""
        self._names.clear()

    def connect(self, address):
        """Send to and receive from address only, by send() and receive(); False when it cannot be resolved."""
        try:
            self._remote = self._resolve(address)
            self.socket.connect(self._remote)
        except (OSError, AttributeError):
            self.errors += 1
            self._remote = None
            return False
        self.peer = address
        return True

    def send(self, view):
        """Send to the connected peer; False and one error counted when it failed. Allocates nothing."""
        try:
            if self._write(view) is not None:
                return True
        except OSError:  # ECONNREFUSED: the peer's port is closed, perhaps for this moment only
            pass
        self.errors += 1
        return False

    # --- receiving ---

    def receive(self, view):
        """Fill view with what the connected peer sent, datagrams glued together; its length, 0 when nothing came.

        Allocates nothing. A call that filled view has cut the last datagram short.
        """
        i = 0
        while i < _EMPTIES:
            try:
                n = self._read(view)
            except OSError as error:
                if error.errno != errno.EAGAIN:
                    self.errors += 1
                return 0
            if n is None:
                return 0
            if n:
                return n
            self._heal()
            i += 1
        return 0

    def datagram(self, size):
        """The next datagram as bytes, cut to size (b"" for an empty one), None when there is none. .source sent it.

        Takes size bytes of heap in one piece for a moment; cut to 1500 bytes where there is no such piece.
        """
        try:
            if self._poll:
                for _ in self._poll.ipoll(0):
                    break
                else:
                    return None
            try:
                data, raw = self.socket.recvfrom(size)
            except MemoryError:  # nothing was taken from the socket yet, and most datagrams are short
                self.short += 1
                data, raw = self.socket.recvfrom(min(size, _SHORT))
            if raw != self._raw:
                self.source = platform.source(raw)
                self._raw = raw
        except (OSError, AttributeError, MemoryError) as error:
            if not isinstance(error, OSError) or error.errno != errno.EAGAIN:
                self.errors += 1
            return None
        if not data:
            self._heal()
        return data

    def receive_from(self, view):
        """Copy the next datagram into view, cut to its length; its size, 0 for an empty one, -1 when there is none."""
        data = self.datagram(len(view))
        if data is None:
            return -1
        n = len(data)
        view[:n] = data
        return n

    def _heal(self):
        self.empty += 1
        try:
            if self._remote is not None:
                self.socket.connect(self._remote)
            else:
                self.socket.bind(self._local)
        except OSError:  # where an empty datagram breaks nothing, a second bind is refused, and needless
            pass
