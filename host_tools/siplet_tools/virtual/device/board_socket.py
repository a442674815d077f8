# The module `socket` of the virtual board, of the ESP32 port's form: addresses are tuples, names are looked up by
# getaddrinfo() alone, and nothing comes or goes without Wi-Fi. Imports board_network.
# docs.micropython.org, library/socket.
#
# The board has one address of the PC's loopback network, which also stands for "any": several boards can use one port.

import io as _io

import board_network as _network

_real = None
_ENOMEM, _EAGAIN, _ENOTCONN, _EHOSTUNREACH = 12, 11, 107, 113
_ANY = ("", "0.0.0.0")
# lwIP's numbers, which a board has
AF_INET, AF_INET6, SOCK_STREAM, SOCK_DGRAM, SOCK_RAW = 2, 10, 1, 2, 3
IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, SOL_SOCKET = 0, 6, 17, 0xFFF
SO_REUSEADDR, SO_BROADCAST, SO_BINDTODEVICE, IP_ADD_MEMBERSHIP, TCP_NODELAY = 4, 0x20, 0x100B, 3, 1
MSG_PEEK, MSG_DONTWAIT = 1, 8
_OPTIONS = {}  # {(level, option) of lwIP: those of the PC}


def getaddrinfo(host, port, family=0, kind=0, protocol=0, flags=0):
    host = host or "0.0.0.0"
    numeric = all(c in "0123456789." for c in host)
    if not numeric and ":" not in host and not _network.online():
        raise OSError(-202)  # EAI_FAIL of lwIP
    rows = _real.getaddrinfo(host, port, _real.AF_INET, kind or SOCK_STREAM)
    return [(AF_INET, row[1], row[2], host, _tuple(row[4])) for row in rows][:1]


def _tuple(packed):
    parts = _real.sockaddr(packed)
    return (_real.inet_ntop(parts[0], parts[1]), parts[2])


def _packed(address):
    # The PC's form of a tuple; what is packed already is as it is
    if not isinstance(address, tuple):
        return address
    host, port = address[:2]
    if host in _ANY:
        host = _network.own_address()
    return _real.getaddrinfo(host, port)[0][4]


class socket(_io.IOBase):
    """A socket of the PC that is only there while the Wi-Fi is.

    As in the ESP32 port an empty datagram counts as the peer's end: what comes behind it is not read before the next
    bind() or connect().
    """

    def __init__(self, family=2, kind=1, protocol=0, real=None):
        self._stream = kind == SOCK_STREAM
        self._socket = real or _real.socket(_real.AF_INET, kind, protocol)
        self._bound = None
        self._ended = False

    def _check(self):
        if not _network.online():
            raise OSError(_EHOSTUNREACH)

    def bind(self, address):
        address = _packed(address)
        if address != self._bound:  # lwIP does not mind the same once more
            self._socket.bind(address)
            self._bound = address
        self._ended = False

    def connect(self, address):
        self._check()
        address = _packed(address)
        self._ended = False
        self._socket.connect(address)

    def listen(self, *backlog):
        self._socket.listen(*(backlog or (2,)))

    def accept(self):
        real, source = self._socket.accept()
        return socket(real=real), _tuple(source)

    def send(self, data):
        if not _network.online():
            if self._stream:
                raise OSError(_ENOTCONN)
            raise OSError(_EHOSTUNREACH)
        return self._socket.send(data)

    def sendall(self, data):
        self._check()
        return self._socket.sendall(data)

    def sendto(self, data, address):
        self._check()
        return self._socket.sendto(data, _packed(address))

    def recv(self, size):
        return self.recvfrom(size)[0]

    def recvfrom(self, size):
        while not self._ended:
            data, source = self._socket.recvfrom(size)
            if self._stream:
                return data, ("0.0.0.0", 0)
            self._ended = not data
            if _network.online():
                return data, _tuple(source)
        return b"", ("0.0.0.0", 0)

    def read(self, *size):
        return b"" if self._ended else self._socket.read(*size)

    def readinto(self, buffer, *size):
        if self._ended:
            return 0
        count = self._socket.readinto(buffer, *size)
        if not self._stream:
            self._ended = count == 0
            if count and not _network.online():
                return None
        return count

    def readline(self, *size):
        return self._socket.readline(*size)

    def write(self, data, *size):
        if not _network.online():
            raise OSError(_EHOSTUNREACH)
        return self._socket.write(data, *size)

    def setsockopt(self, level, option, value):
        known = _OPTIONS.get((level, option))
        if known is None:  # as the port says it
            print("Warning: lwip.setsockopt() option not implemented")
            return
        if option == IP_ADD_MEMBERSHIP and level == IPPROTO_IP and bytes(value[4:8]) == b"\0\0\0\0":
            value = bytes(value[:4]) + _real.inet_pton(AF_INET, _network.own_address())
        self._socket.setsockopt(*known, value)

    def setblocking(self, flag):
        self._socket.setblocking(flag)

    def settimeout(self, seconds):
        self._socket.settimeout(seconds)

    def makefile(self, *mode):
        return self

    def fileno(self):
        return self._socket.fileno()

    def ioctl(self, request, argument):
        if request == 10:
            return self._socket.fileno()
        if request == 4:
            self._socket.close()
            return 0
        if request == 3:  # what TLS asks for
            return _poll(self._socket, argument)
        return -22

    def close(self):
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()


def _poll(real, flags):
    import select

    poll = select.poll()
    poll.register(real, flags)
    found = poll.poll(0)
    return found[0][1] if found else 0


def set_up(real):
    global _real
    _real = real
    linux = real.SOL_SOCKET == 1
    _OPTIONS[(SOL_SOCKET, SO_REUSEADDR)] = real.SOL_SOCKET, real.SO_REUSEADDR
    _OPTIONS[(SOL_SOCKET, SO_BROADCAST)] = real.SOL_SOCKET, real.SO_BROADCAST
    _OPTIONS[(IPPROTO_TCP, TCP_NODELAY)] = IPPROTO_TCP, 1
    _OPTIONS[(IPPROTO_IP, IP_ADD_MEMBERSHIP)] = IPPROTO_IP, 35 if linux else 12
    _OPTIONS[(IPPROTO_IP, 5)] = IPPROTO_IP, 33 if linux else 10  # IP_MULTICAST_TTL
    _OPTIONS[(IPPROTO_IP, 6)] = IPPROTO_IP, 32 if linux else 9  # IP_MULTICAST_IF
