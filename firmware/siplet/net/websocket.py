# SIP over WebSocket as client: RFC 7118 over RFC 6455. Bytes in, messages and bytes to send out; no socket, no clock.
# May import errors and limits. A twin of sip/framing.Framer: net/link uses either.
#
# The subprotocol is "sip", one SIP message a WebSocket message, text or binary. What a client sends is masked. No
# extension is offered, so a server may use none. A text frame that is no UTF-8 is left to SIP's own parser.

from binascii import b2a_base64

from micropython import const

from siplet.errors import LocalError, RemoteError
from siplet.limits import MESSAGE

_RESPONSE = const(2048)  # bytes of the answer to the upgrade; proxies and cookies make it 500
_CHUNK = const(256)  # masked at once, as one number: its pieces of heap stay small

_CONTINUATION = const(0)
_TEXT = const(1)
_BINARY = const(2)
_CLOSE = const(8)
_PING = const(9)
_PONG = const(10)

_PROTOCOL = const(1002)  # close: the peer broke the protocol (RFC 6455 7.4.1)
_TOO_BIG = const(1009)


def masked(key, data):
    """bytes or memoryview data xor the 4 bytes of key, over and over (RFC 6455 5.3)."""
    out = bytearray()
    for i in range(0, len(data), _CHUNK):
        piece = data[i : i + _CHUNK]
        n = len(piece)
        mask = (key * (n // 4 + 1))[:n]
        out.extend((int.from_bytes(piece, "big") ^ int.from_bytes(mask, "big")).to_bytes(n, "big"))
    return out


def accept(key):
    """The Sec-WebSocket-Accept that proves that the server has read our key: bytes to bytes (RFC 6455 4.2.2)."""
    from hashlib import sha1

    return b2a_base64(sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())[:-1]


class WebSocket:
    """One connection to a server. request: what to send first.

    host: the Host header's value, str; path: str; LocalError when they cannot be. random(n) -> bytes. The rest as
    Framer has it: receive(), next(), wrap(), ping(), reply(), partial, awaiting, pings, pongs, fault. opened: the
    server has agreed.
    """

    def __init__(self, host, path, random):
        for c in host + path:
            if not "!" <= c <= "~":
                raise LocalError("websocket: a host or path that cannot be")
        self._random = random
        self._key = b2a_base64(random(16))[:-1]
        self.request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {self._key.decode()}\r\nSec-WebSocket-Protocol: sip\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n"
        ).encode()
        self._data = bytearray()  # what has come and is not taken yet
        self._message = None  # what has come of a message in fragments
        self._reply = b""
        self._closed = False
        self.opened = self.awaiting = False
        self.fault = ""
        self.pings = self.pongs = 0

    @property
    def partial(self):
        """Whether something has begun whose end is still to come."""
        return bool(self._data) or self._message is not None

    def receive(self, data):
        """Take the bytes that came, bytes or a memoryview; they are copied."""
        self._data.extend(data)

    def next(self):
        """The next SIP message, bytes; None while none is complete.

        RemoteError when the connection has to be closed, after reply() was sent: broken, refused, or closed by the
        server, which the text tells.
        """
        if self.fault:
            self._data = bytearray()
            self._message = None
            raise RemoteError(400, "websocket: " + self.fault)
        while self._data:
            if not self.opened:
                if not self._open():
                    break
                continue
            frame = self._frame()
            if frame is None:
                break
            message = self._take(*frame)
            if self.fault:
                return self.next()
            if message is not None:
                return message
        if self.fault:
            return self.next()
        return None

    def wrap(self, message):
        """A message as it is sent: bytes or memoryview to a frame."""
        try:
            str(message, "utf-8")
            kind = _TEXT
        except UnicodeError:
            kind = _BINARY
        return self._encode(kind, message)

    def ping(self):
        """What to send to hear whether the server is alive."""
        self.awaiting = True
        return self._encode(_PING, b"")

    def reply(self):
        """What the frames that came want to be answered with, b"" when there were none."""
        reply = self._reply
        self._reply = b""
        return reply

    def close(self, code=1000):
        """The frame that says goodbye; b"" when that was said already."""
        if self._closed or not self.opened:
            return b""
        self._closed = True
        return self._encode(_CLOSE, code.to_bytes(2, "big"))

    # -- the upgrade, RFC 6455 4.1

    def _open(self):
        data = self._data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            if len(data) > _RESPONSE:
                self.fault = "the server's answer has no end"
            return False
        lines = bytes(data[:end]).split(b"\r\n")
        self._cut(end + 4)
        self.fault = self._refusal(lines)
        self.opened = not self.fault
        return self.opened

    def _refusal(self, lines):
        # why the server's answer does not open a connection for SIP, "" when it does
        words = lines[0].split(None, 2)
        if len(words) < 2 or words[0] != b"HTTP/1.1" or words[1] != b"101":
            return "the server answered " + _printable(lines[0])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(b":")
            headers[name.strip().lower()] = value.strip()
        if headers.get(b"upgrade", b"").lower() != b"websocket":
            return "no Upgrade in the answer"
        if b"upgrade" not in headers.get(b"connection", b"").lower():
            return "no Connection in the answer"
        if headers.get(b"sec-websocket-accept") != accept(self._key):
            return "wrong Sec-WebSocket-Accept"
        if headers.get(b"sec-websocket-protocol", b"").lower() != b"sip":
            return "the server does not speak SIP over WebSocket"
        if headers.get(b"sec-websocket-extensions"):
            return "an extension that was not asked for"
        return ""

    # -- frames, RFC 6455 5

    def _encode(self, kind, payload):
        n = len(payload)
        frame = bytearray((0x80 | kind, 0x80 | n) if n < 126 else (0x80 | kind, 0x80 | 126, n >> 8, n & 255))
        key = self._random(4)
        frame.extend(key)
        frame.extend(masked(key, payload))
        return bytes(frame)

    def _frame(self):
        # (first byte, payload) of a frame that is complete, else None; sets fault for one that may not be
        data = self._data
        if len(data) < 2:
            return None
        first, n = data[0], data[1]
        kind = first & 15
        if n & 0x80 or first & 0x70 or (kind > 7 and (n > 125 or not first & 0x80)):
            self._broken("a frame that may not be", _PROTOCOL)
            return None
        start = 2
        if n > 125:
            start = 4 if n == 126 else 10
            if len(data) < start:
                return None
            n = int.from_bytes(data[2:start], "big")
        if n + len(self._message if self._message is not None and kind < 8 else b"") > MESSAGE:
            self._broken("too large", _TOO_BIG)
            return None
        if len(data) < start + n:
            return None
        payload = bytes(data[start : start + n])
        self._cut(start + n)
        return first, payload

    def _take(self, first, payload):
        # what a frame makes of it: a message that is complete, or None
        kind = first & 15
        if kind == _PING:
            self.pings += 1
            self._reply += self._encode(_PONG, payload)
        elif kind == _PONG:
            if self.awaiting:
                self.awaiting = False
                self.pongs += 1
        elif kind == _CLOSE:
            code = int.from_bytes(payload[:2], "big") if len(payload) > 1 else 1000
            self._reply += self.close(code)
            self.fault = f"closed by the server with {code} {_printable(payload[2:])}".strip()
        elif (kind == _CONTINUATION) == (self._message is None) or kind > _BINARY:
            self._broken("a frame that may not be", _PROTOCOL)
        else:
            if kind:
                self._message = bytearray()
            self._message.extend(payload)
            if first & 0x80:
                message = bytes(self._message)
                self._message = None
                if message.strip(b"\r\n"):
                    return message
                if message == b"\r\n\r\n":  # RFC 5626's keep-alive, which some send in frames
                    self.pings += 1
                    self._reply += self._encode(_TEXT, b"\r\n")
        return None

    def _broken(self, text, code):
        self._reply += self.close(code)
        self.fault = text

    def _cut(self, n):
        self._data = self._data[n:]


def _printable(data):
    return "".join([chr(c) for c in data[:80] if 32 <= c < 127])
