# Whole SIP messages out of a stream of bytes: RFC 3261 18.3 and 7.5; its keep-alives: RFC 5626 3.5.1. Pure.
# May import errors, limits and sip.header.
#
# Content-Length alone says where a message ends. One that is missing, conflicting, no number or too large ends the
# stream, for what follows cannot be read any more; the head is handed up all the same, as a message that is answered
# with 400 (RFC 4475 3.1.2.3 and 3.3.9: an error in answer, then the connection is closed).
#
# Nothing is kept while nothing is pending: an idle connection has no buffer.

from siplet.errors import RemoteError
from siplet.limits import MESSAGE
from siplet.sip.header import bad, lws, number, run, same


class Framer:
    """One direction of a stream: receive() takes what came, next() gives the messages in it.

    ping() and reply() give what is to be sent to keep it alive. awaiting: a ping was sent whose pong did not come yet.
    pings, pongs: how many came. fault: why the stream cannot be read on, "" while it can.
    """

    opened = True  # nothing has to be asked for first, unlike net/websocket
    request = b""

    def __init__(self):
        self._data = b""  # what is pending; a bytearray when it came in pieces
        self._from = 0  # the end of the head does not begin before this offset
        self._half = False  # a lone CRLF came that was no pong; the next one makes it a ping
        self.fault = ""
        self.awaiting = False
        self.pings = self.pongs = self._owed = 0

    @property
    def partial(self):
        """Whether a message has begun whose end is still to come."""
        return bool(self._data) and self._data != b"\r"

    def receive(self, data):
        """Take the bytes that came, bytes or a memoryview; they are copied."""
        pending = self._data
        if not pending:
            self._data = bytes(data)  # most often all of a message, which next() need not copy then
            return
        if isinstance(pending, bytes):
            self._data = pending = bytearray(pending)
        pending.extend(data)

    def next(self):
        """The next message, bytes; None while none is complete.

        RemoteError(400) when the stream cannot be read on: it has to be closed.
        """
        if self.fault:
            self._data = b""
            raise RemoteError(400, self.fault)
        if not self._from:
            self._line_ends()
        if not self.partial:
            return None
        data = self._data
        end = data.find(b"\r\n\r\n", self._from) + 4
        if end == 3:
            self._from = max(len(data) - 3, 1)
            if len(data) <= MESSAGE:
                return None
            self.fault = "head: too long"
            return self.next()
        try:
            size = _length(data, end)
            if end + size > MESSAGE:
                raise RemoteError(400, "too large")
        except RemoteError as error:
            self.fault = "content-length: " + error.text
            message = bytes(data[:end])
            # Without one, UDP's rule would make a good message of it
            return message if error.status else message[:-2] + b"Content-Length: none\r\n\r\n"
        self._from = end - 4
        end += size
        if len(data) < end:
            return None
        self._half = False
        return self._cut(data, end)

    def wrap(self, message):
        """A message as it is sent."""
        return message

    def ping(self):
        """What to send to hear whether the other end is alive; a lone CRLF counts as its pong from now on."""
        self.awaiting = True
        return b"\r\n\r\n"

    def reply(self):
        """What the keep-alives that came want to be answered with; b"" when there were none."""
        owed = self._owed
        self._owed = 0
        self.pings += owed
        return b"\r\n" * owed

    def _cut(self, data, end):
        # takes end bytes away; returns them
        self._from = 0
        if end == len(data):
            self._data = b""
            return bytes(data)
        self._data = data[end:]
        return bytes(data[:end])

    def _line_ends(self):
        # takes the CRLFs in front of a message: pings, pongs, and those that 7.5 lets pass
        data = self._data
        i = 0
        while data.startswith(b"\r\n", i):
            i += 2
            if data.startswith(b"\r\n", i) and not self._half:
                i += 2
                self._owed += 1
            elif self._half:
                self._half = False
                self._owed += 1
            elif self.awaiting:
                self.awaiting = False
                self.pongs += 1
            else:
                self._half = True
        if i:
            self._cut(data, i)


def _length(data, end):
    # the value of the one Content-Length in the head that ends at end; RemoteError(0) when there is none
    size = -1
    p = data.find(b"\n") + 1
    while p < end - 2:
        i = 0
        c = data[p] | 32
        if c == 108:  # l, the compact form
            i = p + 1
        elif c == 99 and same(data, p, b"content-length"):
            i = p + 14
        p = data.find(b"\n", p) + 1
        while data[p] in b" \t":  # folded
            p = data.find(b"\n", p) + 1
        if i:
            while data[i] in b" \t":
                i += 1
            if data[i] == 58:
                if size >= 0:
                    raise RemoteError(400, "twice")
                i = lws(data, i + 1, p)
                size = number(data, i, p, MESSAGE)
                if lws(data, run(data, i, p, b""), p) != p:
                    raise bad("number")
    if size < 0:
        raise RemoteError(0, "missing")
    return size
