# Makes broken messages out of good ones, the same ones again from the same seed everywhere: flipped bits, cuts,
# splices, headers twice, swapped and gone, huge numbers, quotes that nest or never end, other line ends, and the words
# of SIP where they do not belong. Imports nothing of siplet; wire.Chance is its dice.

from wire import Chance

_BYTES = b'"<>;,:@\\=%/?[]()*\r\n \t\0\x7f\x80\xff0aZ'

_NUMBERS = (
    b"0",
    b"1",
    b"-1",
    b"255",
    b"256",
    b"65535",
    b"65536",
    b"1073741824",
    b"2147483647",
    b"2147483648",
    b"4294967295",
    b"4294967296",
    b"99999999999999999999",
    b"9" * 200,
    b"00000000000000000007",
    b"1e9",
    b"0x10",
    b"",
)

_LINE_ENDS = (b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n ", b"\r\n\t", b"\r\n\r\n", b" \r\n", b"", b"\r\n\0")

# Names and values that mean something to some part of a SIP phone; a line of it is a header, or a value alone
WORDS = (
    b"INVITE ACK BYE CANCEL OPTIONS REGISTER INFO UPDATE PRACK REFER NOTIFY SUBSCRIBE MESSAGE PUBLISH SIP/2.0 SIP/3.0 "
    b"sip: sips: tel:+1 sip:a@b sip:[::1]:5060 sip:a@[2001:db8::1 <sip:a@b;lr> sip:a@10.0.0.2;transport=tcp "
    b";branch=z9hG4bK ;tag= ;tag=x ;rport ;received=1.2.3.4 ;maddr=[::1] ;lr ;expires=0 ;q=0.5 ;ttl=1 ;transport=ws "
    b"z9hG4bK application/sdp application/dtmf-relay message/sipfrag multipart/mixed;boundary=x text/plain "
    b"sendonly recvonly inactive 100rel timer replaces norefersub gzip identity * ? & %00 %41 %zz \xc3\xa9 \xff\xfe"
).split(b" ") + [
    b"Require: 100rel",
    b"Require: timer, replaces",
    b"Supported: 100rel, timer, replaces, norefersub",
    b"RSeq: 1",
    b"RAck: 1 1 INVITE",
    b"Session-Expires: 90;refresher=uas",
    b"Session-Expires: 1;refresher=nobody",
    b"x: 4294967295",
    b"Min-SE: 90",
    b"Min-Expires: 99999999999",
    b"Expires: 0",
    b"Expires: 4294967296",
    b"Event: refer",
    b"Event: presence;id=1",
    b"o: dialog",
    b"Event: message-summary",
    b"Subscription-State: active;expires=60",
    b"Subscription-State: terminated;reason=noresource",
    b"Refer-To: <sip:x@10.0.0.3?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>",
    b"r: <sip:x@10.0.0.3;method=BYE>",
    b"Refer-To: sip:",
    b"Refer-Sub: false",
    b"Referred-By: <sip:x@10.0.0.1>",
    b"Replaces: a;to-tag=b;from-tag=c;early-only",
    b"Accept: text/plain",
    b"Accept:",
    b"Content-Type: application/sdp",
    b"Content-Type: application/pidf+xml",
    b"Content-Type: message/sipfrag;version=2.0",
    b"Content-Encoding: gzip",
    b"Content-Length: 0",
    b"l: 10",
    b"Record-Route: <sip:10.0.0.3;lr>, <sip:10.0.0.4>",
    b"Record-Route: <sip:a",
    b"Route: <sip:10.0.0.3;lr>",
    b"Contact: *",
    b"Contact: <sip:x@10.0.0.1>;expires=1",
    b"m: <sips:x@[::1]:1;transport=tls?a=b>",
    b'WWW-Authenticate: Digest realm="a", nonce="b", qop="auth,auth-int", algorithm=MD5',
    b'Proxy-Authenticate: Digest realm="\\"", nonce="", stale=TRUE, algorithm=SHA-256, opaque="',
    b"WWW-Authenticate: Digest realm=" + b"x" * 700,
    b'Authorization: Digest username="x"',
    b"Retry-After: 99999999999999",
    b"Retry-After: 1 (soon);duration=1",
    b"Warning: 399 a b",
    b"Via: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKother",
    b"Max-Forwards: 0",
    b"P-Asserted-Identity: <sip:x@y>",
    b"Alert-Info: <http://x/>;info=alert-autoanswer",
    b"Call-Info: <sip:x>;answer-after=0",
    b"SIP-ETag: x",
    b"X: " + b"y" * 300,
    b"v=0",
    b"m=audio 0 RTP/AVP 0",
    b"m=audio 40000 RTP/AVP 8 0 101",
    b"c=IN IP6 ::1",
    b"c=IN IP4 0.0.0.0",
    b"a=rtpmap:101 telephone-event/8000",
    b"a=ptime:65536",
    b"Signal=5",
]


class Mutator:
    """mutate(message, other) -> the message (bytes) broken in one to five ways; other: a second one, to splice in."""

    def __init__(self, seed=1):
        self.chance = Chance(seed)
        self._ways = (
            self._flip,
            self._byte,
            self._cut,
            self._delete,
            self._word,
            self._line,
            self._number,
            self._quote,
            self._end,
            self._twice,
            self._swap,
            self._drop,
            self._splice,
            self._repeat,
            self._start,
            self._value,
            self._length,
        )

    def mutate(self, data, other):
        """See above. At most some 6 kB long, whatever became of it."""
        self.other = other
        below = self.chance.below
        for _ in range(1 + below(2) * below(4)):
            if not data:
                break
            data = self._ways[below(len(self._ways))](data)
        return data[:6000]

    # -- ways: bytes in, bytes out

    def _at(self, data):
        return self.chance.below(len(data) + 1)

    def _flip(self, data):
        data = bytearray(data)
        for _ in range(1 + self.chance.below(6)):
            data[self.chance.below(len(data))] ^= 1 << self.chance.below(8)
        return bytes(data)

    def _byte(self, data):
        i = self._at(data)
        c = self.chance.below(len(_BYTES))
        return data[:i] + _BYTES[c : c + 1] + data[i + self.chance.below(2) :]

    def _cut(self, data):
        data = data[: self._at(data)]
        return data if self.chance.below(2) else data + b"\r\n\r\n"

    def _delete(self, data):
        i = self._at(data)
        return data[:i] + data[i + 1 + self.chance.below(40) :]

    def _word(self, data):
        i = self._at(data)
        return data[:i] + WORDS[self.chance.below(len(WORDS))] + data[i + self.chance.below(2) * self.chance.below(8) :]

    def _line(self, data):
        i = data.find(b"\r\n", self._at(data)) + 2
        return data[:i] + WORDS[self.chance.below(len(WORDS))] + b"\r\n" + data[i:]

    def _number(self, data):
        i = self._at(data)
        while i < len(data) and not 48 <= data[i] <= 57:
            i += 1
        end = i
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        return data[:i] + _NUMBERS[self.chance.below(len(_NUMBERS))] + data[end:]

    def _quote(self, data):
        i = self._at(data)
        part = (b'"', b'\\"', b"<", b">", b"\\", b'"\\', b"((", b"[", b";;", b",,", b'";"')[self.chance.below(11)]
        return data[:i] + part * (1 + self.chance.below(3) * self.chance.below(40)) + data[i:]

    def _end(self, data):
        end = _LINE_ENDS[self.chance.below(len(_LINE_ENDS))]
        if not self.chance.below(20):
            return data.replace(b"\r\n", end)
        i = data.find(b"\r\n", self._at(data))
        return data if i < 0 else data[:i] + end + data[i + 2 :]

    def _span(self, data):
        # the offsets of a line, its end included
        i = data.rfind(b"\n", 0, self._at(data)) + 1
        end = data.find(b"\n", i) + 1
        return i, end or len(data)

    def _twice(self, data):
        i, end = self._span(data)
        to = self._span(data)[0]
        return data[:to] + data[i:end] + data[to:]

    def _swap(self, data):
        i, end = self._span(data)
        line = data[i:end]
        data = data[:i] + data[end:]
        i = self._span(data)[0] if data else 0
        return data[:i] + line + data[i:]

    def _drop(self, data):
        i, end = self._span(data)
        return data[:i] + data[end:]

    def _splice(self, data):
        i = self._span(self.other)[0] if self.other else 0
        return data[: self._span(data)[0]] + self.other[i:]

    def _repeat(self, data):
        i = self._at(data)
        part = data[i : i + 1 + self.chance.below(30)]
        return data[:i] + part * self.chance.below(60) + data[i:]

    def _start(self, data):
        # another method, as a whole: in the request line and in CSeq; or another status
        space = data.find(b" ")
        if data[:4] == b"SIP/":
            status = str(100 + self.chance.below(600)).encode()
            return data[: space + 1] + status + data[space + 4 :]
        if space <= 0 or space > 20:
            return data
        return data.replace(data[:space], WORDS[self.chance.below(14)])

    def _value(self, data):
        # one header gets the value of another one's
        i = data.find(b":", self._at(data)) + 1
        from_, end = self._span(self.other or data)
        value = (self.other or data)[from_:end]
        colon = value.find(b":") + 1
        stop = data.find(b"\r", i)
        return data if not i or stop < 0 else data[:i] + value[colon:].strip() + data[stop:]

    def _length(self, data):
        # the body that there is: what stands in it is looked at then
        i = data.find(b"Content-Length: ")
        body = data.find(b"\r\n\r\n") + 4
        end = data.find(b"\r", i)
        if i < 0 or body < 4 or end < 0:
            return data
        return data[: i + 16] + str(len(data) - body).encode() + data[end:]
