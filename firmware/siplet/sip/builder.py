# Writes one SIP message after the other into one buffer that is used again. RFC 3261 sections 7, 8.2.6 and 18.2.1,
# RFC 3581. May import: limits, errors, sip.header; sip.reasons.

from micropython import const

from siplet.errors import LocalError, RemoteError
from siplet.limits import MESSAGE
from siplet.sip.header import lws, run, same, skip, trim

_START = const(1536)  # an INVITE with credentials fits, and is made while the heap is still in one piece
_ROOM = const(640)  # what is left of the buffer for our own headers and body behind those copied from a request
_digit = bytearray(1)  # on its way into a message


def reason(status):
    """The phrase of a status (21), b"" for one that siplet does not know."""
    if status == 200:
        return b"OK"
    if status == 180:
        return b"Ringing"
    from siplet.sip.reasons import reason as other

    return other(status)


class Builder:
    """One message at a time: request(), response() or reply() starts it, end() finishes it.

    LocalError when a part holds a line end (it would smuggle in a header) and when size bytes do not suffice; then
    the message is to be started anew. What end() gave is good until the next start.
    """

    supported = b"100rel, replaces, norefersub, timer"  # the option tags of our Supported; what a Require may ask for
    events = b"refer"  # packages that somebody may subscribe to

    def __init__(self, size=MESSAGE):
        self._size = size
        self._buffer = bytearray(min(size, _START))
        self._n = 0
        self._body = b""

    def _put(self, data):
        n = self._n + len(data)
        if n > len(self._buffer):
            # Most messages fit; one that repeats thirty Vias gets more room, and keeps it
            if n > self._size:
                raise LocalError("message too long")
            larger = bytearray(min(self._size, n + _START))
            larger[: self._n] = self._buffer[: self._n]
            self._buffer = larger
        self._buffer[self._n : n] = data
        self._n = n

    def _digits(self, n):
        if n < 0:
            raise LocalError("number")
        if n > 9:
            self._digits(n // 10)
        _digit[0] = 48 + n % 10
        self._put(_digit)

    def part(self, part):
        """Adds a piece of a header's line: bytes, str or int; line() ends it."""
        if isinstance(part, int):
            self._digits(part)
            return
        if isinstance(part, str):
            part = part.encode()
        if b"\r" in part or b"\n" in part:
            raise LocalError("line end in a header")
        self._put(part)

    def _span(self, data, view, i, end):
        # a stretch of a received message, unfolded; view: of all data, because a slice of it costs 16 bytes
        if data.find(b"\r", i, end) >= 0:
            self._put(data[i:end].replace(b"\r\n", b""))
        elif i < end:
            self._put(view[i:end])

    def request(self, method, uri):
        """Starts a request; method and uri: bytes."""
        if not method or run(method, 0, len(method)) != len(method) or not uri or b" " in uri:
            raise LocalError("request line")
        self._n = 0
        self._body = b""
        self._put(method)
        self._put(b" ")
        self.part(uri)
        self._put(b" SIP/2.0\r\n")

    def response(self, status, phrase=None):
        """Starts a response; phrase: bytes or str, None for the usual one."""
        self._n = 0
        self._body = b""
        self._put(b"SIP/2.0 ")
        self._digits(status)
        self._put(b" ")
        self.part(reason(status) if phrase is None else phrase)
        self._put(b"\r\n")

    def line(self):
        """Ends a header's line."""
        self._put(b"\r\n")

    def header(self, name, *parts):
        """Adds one header of parts (bytes, str or int), one behind the other."""
        self.part(name)
        self._put(b": ")
        for part in parts:
            self.part(part)
        self.line()

    def copy(self, message, name):
        """Adds every line of that header of message, in its order and with the name as it is spelt there."""
        data = message.data
        view = memoryview(data)
        i = message.find(name)
        while i:
            self._span(data, view, data.rfind(b"\n", 0, i) + 1, trim(data, i, message.end(i)))
            self._put(b"\r\n")
            i = message.find(name, i)

    def reply(self, request, status, source=None, tag=b"", reason=None):
        """Starts the response to request with all that 8.2.6 wants copied from it.

        source: (host, port) the request came from, for received and rport of the top Via; tag: for a To that has
        none, never written into a 100. RemoteError(0) when the request cannot be answered: too long or too broken.
        """
        self.response(status, reason)
        data = request.data
        view = memoryview(data)
        try:
            for k in range(5):  # Via, From, To, Call-ID, CSeq, each line with its name as it is spelt there
                i = request.at[k]
                while i:
                    start = data.rfind(b"\n", 0, i) + 1
                    end = request.end(i)
                    if source and k == 0:
                        start = self._top_via(data, view, start, end, source)
                        source = None
                    self._span(data, view, start, trim(data, start, end))
                    if tag and k == 2 and status != 100 and self._untagged(request):
                        self._put(b";tag=")
                        self.part(tag)
                    self._put(b"\r\n")
                    i = 0 if k else request.find(b"via", i)
            if status == 100:
                self.copy(request, b"timestamp")
            if self._n + _ROOM > self._size:
                raise LocalError
        except (LocalError, RemoteError):
            raise RemoteError(0, "unanswerable")

    def _untagged(self, request):
        try:
            return not request.to_tag
        except RemoteError:  # an unclosed quote, say: whatever is put behind it would be a part of it
            return False

    def _top_via(self, data, view, i, end, source):
        # writes name and first value with our own received and rport, theirs left out (RFC 3581 4); returns its end
        stop = skip(data, i, end, b",")
        p = skip(data, i, stop, b";")
        address = source[0].encode()
        rport = False
        host = last = trim(data, i, p)
        while host > i and data[host - 1] > 32:
            host -= 1
        known = data.startswith(address, host) and (host + len(address) == last or data[host + len(address)] == 58)
        while p < stop:
            name = lws(data, p + 1, stop)
            size = run(data, name, stop) - name
            after = skip(data, p + 1, stop, b";")
            port = size == 5 and same(data, name, b"rport")
            if port or (size == 8 and same(data, name, b"received")):
                rport = rport or port
                self._span(data, view, i, p)
                i = after
            p = after
        self._span(data, view, i, trim(data, i, stop))
        if rport or not known:
            self._put(b";received=")
            self._put(address)
        if rport:
            self._put(b";rport=")
            self._digits(source[1])
        return stop

    def body(self, content_type, data):
        """Adds Content-Type; data (bytes) follows when the message ends."""
        self.header(b"Content-Type", content_type)
        self._body = data

    def end(self):
        """Adds Content-Length and the body; returns the finished message as a memoryview."""
        self._put(b"Content-Length: ")
        self._digits(len(self._body))
        self._put(b"\r\n\r\n")
        self._put(self._body)
        return memoryview(self._buffer)[: self._n]
