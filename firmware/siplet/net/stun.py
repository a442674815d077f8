# The Binding method of STUN, RFC 8489 (and 5389): which address and port does the outside see us by? Bytes in and out
# alone: no socket, no clock. Imports ticks.
#
# What is in an answer came over the network: it is believed when it has our transaction's 96 random bits, the magic
# cookie, lengths that fit, and a FINGERPRINT that is right where there is one.

from micropython import const

from siplet.ticks import ticks_add, ticks_diff

PORT = const(3478)
LONGEST = const(548)  # bytes of an answer that is looked at; a datagram that passes every network
REFUSED = const(-1)  # what read() says of an answer that tells no address

_RTO = const(500)  # ms to the second sending; doubles (RFC 8489 6.2.1)
_SENDINGS = const(7)
_LAST = const(16)  # times _RTO after the last one the transaction is over
_ATTRIBUTES = const(32)
_HEAD = const(20)
_COOKIE = b"\x21\x12\xa4\x42"
_MAPPED = const(0x0001)
_XOR_MAPPED = const(0x0020)
_FINGERPRINT = const(0x8028)
_SECRET = const(0x5354554E)
# Those that we pass over although they have to be understood (7.3.1): credentials, and what RFC 3489's servers add
_KNOWN = (0x0002, 0x0003, 0x0004, 0x0005, 0x0006, 0x0008, 0x0009, 0x000A, 0x000B, 0x0014, 0x0015, 0x001C, 0x001E)


def _crc32(data):
    try:
        from binascii import crc32

        return crc32(data) & 0xFFFFFFFF
    except ImportError:  # not every board has it; this takes some ms, each half a minute
        x = 0xFFFFFFFF
        for c in data:
            x ^= c
            for _ in range(8):
                x = x >> 1 ^ (0xEDB88320 if x & 1 else 0)
        return x ^ 0xFFFFFFFF


def fingerprint(data):
    """The 4 bytes of FINGERPRINT's value for the bytes of a message before it, whose length counts it already."""
    return (_crc32(data) ^ _SECRET).to_bytes(4, "big")


def request(transaction):
    """A Binding request, bytes. transaction: 12 random bytes."""
    head = b"\x00\x01\x00\x08" + _COOKIE + transaction
    return head + b"\x80\x28\x00\x04" + fingerprint(head)


def read(data, transaction):
    """(host, port) as the server saw us, REFUSED, or None: these bytes are no answer to that transaction."""
    n = len(data)
    if n < _HEAD or n & 3 or data[2] << 8 | data[3] != n - _HEAD or data[4:8] != _COOKIE or data[8:20] != transaction:
        return None
    kind = data[0] << 8 | data[1]
    if kind not in (0x0101, 0x0111):
        return None
    found = None
    plain = None
    refused = kind == 0x0111
    at = _HEAD
    for _ in range(_ATTRIBUTES):
        if at >= n:
            break
        kind = data[at] << 8 | data[at + 1]
        size = data[at + 2] << 8 | data[at + 3]
        at += 4
        if at + size > n:
            return None
        value = data[at : at + size]
        if kind == _FINGERPRINT:  # the last one
            if size != 4 or at + 4 != n or value != fingerprint(data[: at - 4]):
                return None
        elif kind == _XOR_MAPPED:
            found = found or _address(value, _COOKIE + transaction)
        elif kind == _MAPPED:
            plain = plain or _address(value, bytes(16))
        elif kind < 0x8000 and kind not in _KNOWN:
            refused = True
        at += size + 3 & ~3
    found = found or plain
    return REFUSED if refused or not found else found


def _address(value, mask):
    # (host, port) of a (XOR-)MAPPED-ADDRESS, None when it is none that anybody could send to
    family = value[1] if len(value) > 1 else 0
    if len(value) != (8 if family == 1 else 20) or family not in (1, 2):
        return None
    port = (value[2] ^ mask[0]) << 8 | value[3] ^ mask[1]
    host = bytes([value[4 + i] ^ mask[i] for i in range(len(value) - 4)])
    if not port or host[0] >= (224 if family == 1 else 255) or (family == 1 and not host[0]) or host == bytes(16):
        return None
    if family == 1:
        return "%d.%d.%d.%d" % tuple(host), port
    return ":".join(["%x" % (host[i] << 8 | host[i + 1]) for i in range(0, 16, 2)]), port


class Query:
    """One transaction: when to send request, RFC 8489 6.2.1, until over. random: callable(n) -> n bytes; now: ticks."""

    def __init__(self, random, now):
        self.transaction = random(12)
        self.request = request(self.transaction)
        self.over = False
        self._sent = 0
        self._next = now

    def due(self, now):
        """Whether the request is to be sent now."""
        if self.over or ticks_diff(now, self._next) < 0:
            return False
        if self._sent == _SENDINGS:
            self.over = True
            return False
        self._sent += 1
        self._next = ticks_add(self._next, _RTO << self._sent - 1 if self._sent < _SENDINGS else _RTO * _LAST)
        return True
