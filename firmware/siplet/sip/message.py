# One SIP message: the raw bytes as they came, and what is found in them on demand. RFC 3261 sections 7, 8.2 and 18.3.
# May import: limits, errors, sip.header.
#
# Taking a message apart into a dict of strings costs kilobytes of garbage. Here one pass notes where the seven
# headers stand that every message needs; any other is looked for when asked, and values are cut out when asked for.
#
# Only CRLF ends a line. A lone CR or LF in the head makes the whole message unreadable (dropped, not answered): what
# one parser takes for a line end and the next one does not is how headers are smuggled past a proxy. For the same
# reason a second Call-ID, Content-Length... is an error even when it says the same as the first.

from array import array

from siplet.errors import RemoteError
from siplet.limits import HEADERS, MESSAGE, VALUES
from siplet.sip.header import (
    after_address,
    after_host,
    after_port,
    bad,
    lws,
    number,
    parameter,
    run,
    same,
    sent_by,
    skip,
    split,
    trim,
    value_at,
)

# Headers that are asked for often or have a compact form (7.3.3 and the extensions), which stands in front of the name
# or is a space; a name stands before those it is a part of
_NAMES = (
    b"Vvia Ffrom Tto Icall-id  cseq  max-forwards Lcontent-length Oevent Mcontact Ccontent-type Econtent-encoding "
    b"Ksupported Ssubject Rrefer-to Breferred-by  route  record-route  require  accept  expires Uallow-events "
    b"Xsession-expires "
)
# Where those that every message needs stand in it, indexed as in Message.at; five must be there, only Via repeats
_NEEDED = b"\x01\x06\x0c\x10\x19\x1f\x2d"
# What __getattr__ knows; the first five with the index of their header in the low two bits of their own. A list: in a
# constant tuple of a .mpy each text is an object of its own
_LAZY = ["via", "from_tag", "to_tag", "call_id", "branch", "cseq", "cseq_method", "body", "sent_by", "port"]


class Message:
    """A request or a response. data: all of one datagram, or one framed message of a stream.

    method: b"" for a response; uri: the Request-URI, raw; status: 0 for a request; reason: its phrase, raw.
    at: the offsets of the values of Via, From, To, Call-ID, CSeq, Max-Forwards and Content-Length, 0 when absent.
    On demand, b"" when absent: via (the top value), branch, from_tag, to_tag, call_id, cseq_method, body; cseq: 0;
    sent_by: host and port of the top Via; port: where its sender wants the answer, 0 for the port it came from.
    RemoteError(0) without a start line or an end of the head, or when too large: to be dropped and counted.
    """

    # An attribute of an instance takes 8 bytes, and most messages leave these alone
    method = uri = reason = b""
    status = _fault = 0

    def __init__(self, data):
        end = data.find(b"\r\n\r\n")
        lines = data.count(b"\n", 0, end + 2)
        if end < 0 or len(data) > MESSAGE or lines > HEADERS:
            raise RemoteError(0, "frame")
        if lines != data.count(b"\r\n", 0, end + 2) or lines != data.count(b"\r", 0, end + 2):
            raise RemoteError(0, "line end")
        self.data = data
        self._head = end
        p = data.find(b"\r")
        if same(data, 0, b"sip/2.0 "):
            status = 0
            for i in (8, 9, 10):
                status = status * 10 + data[i] - 48 if 48 <= data[i] <= 57 else 0
            self.status = status
            self.reason = data[12:p]
            if not 100 <= status <= 699 or (p > 11 and data[11] != 32):
                raise RemoteError(0, "status line")
        else:
            first = data.find(b" ", 0, p)
            stop = trim(data, 0, p)
            last = data.rfind(b" ", 0, stop)
            if not 0 < first < last or run(data, 0, first) != first or not same(data, last + 1, b"sip/"):
                raise RemoteError(0, "request line")
            self.method = data[:first]
            self.uri = data[first + 1 : last]
            if stop - last != 8 or not same(data, last + 1, b"sip/2.0"):
                self._fault = -1
        self.at = at = array("H", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0")
        p += 2
        while p < end:
            after = data.find(b"\n", p) + 1
            c = data[p] | 32
            if c in b"vftimlc":
                for k in range(7):
                    i = _NEEDED[k]
                    if (c == _NAMES[i] or c == _NAMES[i - 1] | 32) and (i := self._value(p, _NAMES, i)):
                        if not at[k]:
                            at[k] = i
                        elif k:
                            self._fault = self._fault or k
            if data[p] not in b" \t" and data.find(b":", p, after) <= p:
                self._fault = self._fault or -2
            p = after

    def _value(self, p, names, i):
        # the offset behind the colon when the line at p is the header whose name stands in names at i, between its
        # compact form or a space and another space; or 0. The CRLFs at the end of the head bound all of it
        data = self.data
        if data[p] & 0xDF == names[i - 1] and data[p + 1] in b": \t":
            p += 1
        else:
            while names[i] != 32:
                if data[p] | 32 != names[i] | 32:
                    return 0
                p += 1
                i += 1
        while data[p] in b" \t":
            p += 1
        return p + 1 if data[p] == 58 else 0

    def find(self, name, p=0):
        """The offset of the value of the first such header behind offset p, 0 without one; name in any case."""
        data = self.data
        names = _NAMES
        i = names.find(name)
        if i < 0 or names[i + len(name)] != 32:
            names = name + b" "
            i = 0
        while True:
            p = data.find(b"\n", p) + 1
            if not 0 < p < self._head:
                return 0
            value = self._value(p, names, i)
            if value:
                return value

    def end(self, i):
        """The offset of the CRLF that ends the header whose value is at i, folded lines included."""
        i = self.data.find(b"\r", i)
        while self.data[i + 2] in b" \t":
            i = self.data.find(b"\r", i + 2)
        return i

    def _cut(self, i, end):
        value = self.data[lws(self.data, i, end) : trim(self.data, i, end)]
        return value.replace(b"\r\n", b"") if b"\r\n" in value else value

    def header(self, name):
        """The value of the first such header, unfolded and stripped, or None; name in lower case, not compact."""
        i = self.find(name)
        return self._cut(i, self.end(i)) if i else None

    def lines(self, name):
        """The values of all such headers, each as header() gives it: for those that are no comma lists."""
        found = []
        i = self.find(name)
        while i:
            found.append(self._cut(i, self.end(i)))
            i = self.find(name, i)
        return found

    def headers(self, name):
        """All values of such headers, comma lists split; RemoteError(400) for more than limits.VALUES."""
        found = []
        try:
            for line in self.lines(name):
                found.extend(split(line))
                if len(found) > VALUES:
                    raise bad("list")
        except RemoteError as error:
            error.text = name.decode() + ": " + error.text
            raise
        return found

    def check(self):
        """Whether the message as a whole makes sense (8.2, 16.3, 18.3): RemoteError(400) or (505) when it does not.

        A response cannot be answered, so its error is RemoteError(0). Headers that only some usages read (Contact,
        Expires, Require...) are theirs to check, and so is the scheme of the Request-URI (416).
        """
        data = self.data
        at = self.at
        k = self._fault
        try:
            if k:
                if k == -1:
                    raise RemoteError(505, "version")
                raise bad("header line") if k < 0 else RemoteError(400, "twice")
            for k in range(5):
                if not at[k]:
                    raise RemoteError(400, "missing")
            k = -1
            if self.method:
                uri = self.uri
                end = len(uri)
                i = run(uri, 0, end, b"+-.")
                if not 0 < i < end or uri[i] != 58 or b" " in uri or b"\t" in uri:
                    raise bad("URI")
                if same(uri, 0, b"sip:") or same(uri, 0, b"sips:"):
                    i = after_port(uri, after_host(uri, uri.find(b"@") + 1 or i + 1, end), end)
                    if i < end and uri[i] not in b";?":
                        raise bad("host")
            k = 0
            i = at[0]
            end = skip(data, i, self.end(i), b",")
            i = after_host(data, sent_by(data, i, end), end)
            parameter(data, after_port(data, i, end), end)
            for k in (1, 2):
                end = self.end(at[k])
                parameter(data, after_address(data, at[k], end), end)
            k = 3
            end = self.end(at[3])
            if lws(data, at[3], end) == end:
                raise RemoteError(400, "missing")
            k = 4
            if self.cseq_method != self.method and self.method:
                raise bad("method")
            for k in (5, 6):
                if at[k]:
                    self._number(k, len(data) - self._head - 4 if k == 6 else 255)
        except RemoteError as error:
            if self.status:
                error.status = 0
            if k > -2:
                name = _NAMES[_NEEDED[k] :].split(None, 1)[0].decode() if k >= 0 else "request line"
                error.text = name + ": " + error.text
            raise

    def _number(self, k, top):
        end = self.end(self.at[k])
        i = lws(self.data, self.at[k], end)
        if lws(self.data, run(self.data, i, end, b""), end) != end:
            raise bad("number")
        return number(self.data, i, end, top)

    def __getattr__(self, name):
        # what is asked for is kept as a plain attribute, but for the body, which would stand in memory twice
        if name not in _LAZY:
            raise AttributeError(name)
        data = self.data
        k = _LAZY.index(name)
        if k == 7:
            i = self._head + 4
            return data[i : i + self._number(6, len(data) - i)] if self.at[6] else data[i:]
        if k > 7:
            self._top_via(data, self.at[0])
            return self.port if k == 9 else self.sent_by
        if k >= 5:
            self._cseq(data, self.at[4])
            return self.cseq if k == 5 else self.cseq_method
        i = self.at[k & 3]
        value = b""
        if i:
            end = self.end(i)
            if not k & 3:
                end = skip(data, i, end, b",")
            if k == 0 or k == 3:
                value = self._cut(i, end)
            else:
                i = parameter(data, skip(data, i, end, b";"), end, b"tag" if k & 3 else b"branch")
                if i >= 0:
                    value = value_at(data, i, end)
        setattr(self, name, value)
        return value

    def _cseq(self, data, i):
        n = 0
        method = b""
        if i:
            end = self.end(i)
            i = lws(data, i, end)
            n = number(data, i, end, 0x7FFFFFFF)  # 8.1.1.5
            i = lws(data, run(data, i, end, b""), end)
            stop = run(data, i, end)
            if stop == i or lws(data, stop, end) != end:
                raise bad("cseq")
            method = self.method
            if stop - i != len(method) or not data.startswith(method, i):
                method = data[i:stop]
        self.cseq = n
        self.cseq_method = method

    def _top_via(self, data, i):
        if not i:
            raise bad("sent-by")
        end = skip(data, i, self.end(i), b",")
        host = sent_by(data, i, end)
        i = after_host(data, host, end)
        stop = after_port(data, i, end)
        self.port = 0
        try:
            if parameter(data, stop, end, b"rport") < 0:  # RFC 3581 4, else 18.2.2
                i = data.find(b":", i, stop) + 1
                self.port = (number(data, lws(data, i, stop), end, 65535) if i else 0) or 5060
        except RemoteError:  # unreadable: that is told to where the request came from
            pass
        self.sent_by = data[host : trim(data, host, stop)]
