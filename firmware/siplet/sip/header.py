# The insides of one header value: comma lists, parameters, name-addr, Via, numbers. RFC 3261 7.3.1, 20 and 25.1.
# May import: errors, limits.
#
# The lower half works on offsets (data, i, end) into a whole message, because every slice costs 16 bytes of heap and
# its own length; folded lines stay where they are, CR and LF count as white space inside a value. The upper half is
# the same for one value that was cut out. Whatever cannot be read is RemoteError(400) with the name of what it was.

from micropython import const

from siplet.errors import RemoteError
from siplet.limits import VALUES

_TOKEN = b"-.!%*_+`'~"  # of a token beside letters and digits (25.1)
_HOST = b"-._"  # of a host name beside letters and digits; the underscore is not in the RFC but on many LANs
_LWS = b" \t\r\n"

_QUOTE = const(34)
_COMMA = const(44)
_SLASH = const(47)
_COLON = const(58)
_SEMI = const(59)
_LT = const(60)
_EQUAL = const(61)
_GT = const(62)


def bad(text):
    """The error to raise for a part of a message that cannot be parsed; text: which."""
    return RemoteError(400, "bad " + text)


def lws(data, i, end):
    """The offset of the first byte from i on that is not white space, or end."""
    while i < end and data[i] in _LWS:
        i += 1
    return i


def trim(data, i, end):
    """The end of the value without the white space behind it."""
    while end > i and data[end - 1] in _LWS:
        end -= 1
    return end


def run(data, i, end, extra=_TOKEN):
    """The offset behind the letters, digits and extra bytes that start at i: a token."""
    while i < end and (48 <= (c := data[i]) <= 57 or 97 <= c | 32 <= 122 or c in extra):
        i += 1
    return i


def same(data, i, name):
    """Whether name stands at i in any case; name is made of token characters or slashes, for which | 32 folds case."""
    if i + len(name) > len(data):
        return False
    for c in name:
        if data[i] | 32 != c | 32:
            return False
        i += 1
    return True


def quoted(data, i, end):
    """The offset behind the closing quote of the quoted string whose opening quote is at i."""
    i += 1
    while i < end:
        c = data[i]
        if c == _QUOTE:
            return i + 1
        i += 2 if c == 92 else 1
    raise bad("quote")


def skip(data, i, end, stops):
    """The offset of the first byte of stops that stands neither in quotes nor in angle brackets, or end."""
    if len(stops) == 1 and data.find(b'"', i, end) < 0 and data.find(b"<", i, end) < 0:
        i = data.find(stops, i, end)  # the usual case, in C
        return i if i >= 0 else end
    while i < end:
        c = data[i]
        if c in stops:
            return i
        if c == _QUOTE:
            i = quoted(data, i, end)
        else:
            i += 1
            if c == _LT:
                gt = data.find(b">", i, end)
                if gt < 0 or data.find(b"<", i, gt) >= 0:
                    raise bad("address")
                i = gt + 1
    return end


def number(data, i, end, top):
    """The decimal number at i, at most top; a parameter, a comment or another word may follow it."""
    start = i
    value = 0
    while i < end and 48 <= data[i] <= 57:
        value = value * 10 + data[i] - 48
        if value > top:
            raise bad("number")
        i += 1
    if i == start or (i < end and data[i] not in b" \t\r\n;,("):
        raise bad("number")
    return value


def parameter(data, i, end, name=b""):
    """Walks all of ;name=value;name... from i to end; returns the offset of name's (first) value, -1 without one."""
    found = -1
    while True:
        i = lws(data, i, end)
        if i == end:
            return found
        start = lws(data, i + 1, end)
        stop = run(data, start, end)
        if data[i] != _SEMI or stop == start:
            raise bad("parameter")
        i = lws(data, stop, end)
        flag = i == end or data[i] != _EQUAL
        if not flag:
            i = lws(data, i + 1, end)
        if found < 0 and stop - start == len(name) and same(data, start, name):
            found = i
        if not flag and i < end:
            i = quoted(data, i, end) if data[i] == _QUOTE else skip(data, i, end, b';, \t\r\n"')


def value_at(data, i, end):
    """The value of a parameter whose offset parameter() gave, unquoted; b"" for a flag."""
    if i < end and data[i] == _QUOTE:
        return unquote(data[i : quoted(data, i, end)])
    end = skip(data, i, end, b";, \t\r\n")
    return data[i:end] if i < end else b""


def after_address(data, i, end):
    """The offset behind the name-addr or addr-spec at i, where its parameters start (25.1).

    Without angle brackets ";" begins the header's own parameters and the URI holds neither "," nor "?" (20.10).
    """
    stops = b'<>",?'
    i = lws(data, i, end)
    stop = skip(data, i, end, b"<:;,@")
    if stop < end and data[stop] == _LT:
        stops = b'<>"'
        i = lws(data, stop + 1, end)
        end = after = data.find(b">", i, end)
        stop = trim(data, i, end)
    else:
        stop = after = skip(data, stop, end, b"; \t\r\n")
    colon = data.find(b":", i, stop)
    j = i
    while j < stop and data[j] > 32 and data[j] not in stops:
        j += 1
    if colon <= i or j < stop:
        raise bad("address")
    return after + (len(stops) == 3)


def sent_by(data, i, end):
    """The offset of the host in the Via value at i, behind "SIP/2.0/" and the transport's name.

    Another version than 2.0 may stand there: the 505 that such a request gets must find its way back.
    """
    for k in range(3):
        start = lws(data, i, end)
        stop = run(data, start, end)
        i = lws(data, stop, end)
        if i == end or start == stop or (k == 0 and (stop - start != 3 or not same(data, start, b"sip"))):
            break
        if k == 2 and stop < i:
            return i
        if data[i] != _SLASH:
            break
        i += 1
    raise bad("sent-by")


def after_host(data, i, end):
    """The offset behind the host name, IPv4 address or [IPv6 reference] at i."""
    if i < end and data[i] == 91:
        stop = run(data, i + 1, end, b":.")
        if stop > i + 2 and stop < end and data[stop] == 93:
            return stop + 1
    else:
        stop = run(data, i, end, _HOST)
        if stop > i:
            return stop
    raise bad("host")


def after_port(data, i, end):
    """The offset behind the port that may follow a host which ended at i; it is at most 65535."""
    i = lws(data, i, end)
    if i < end and data[i] == _COLON:
        i = lws(data, i + 1, end)
        number(data, i, end, 65535)
        i = run(data, i, end, b"")
    return i


# One value, cut out


def unquote(value):
    """The text of a quoted string without its quotes and backslashes; any other value as it is."""
    if value[:1] != b'"':
        return value
    value = value[1:-1]
    if b"\\" not in value:
        return value
    out = bytearray(len(value))  # who sends nothing but backslashes shall not have it copied for each of them
    i = n = 0
    while i < len(value):
        if value[i] == 92 and i + 1 < len(value):
            i += 1
        out[n] = value[i]
        i += 1
        n += 1
    return bytes(out[:n])


def split(value):
    """The values of a comma list, stripped; [] for an empty one. Commas in quotes and in <...> do not count.

    RemoteError(400) for an empty value between two commas and for more than limits.VALUES of them.
    """
    found = []
    end = len(value)
    i = lws(value, 0, end)
    while i < end:
        stop = skip(value, i, end, b",")
        last = trim(value, i, stop)
        if last == i or len(found) == VALUES:
            raise bad("list")
        found.append(value[i:last])
        if stop == end:
            break
        i = lws(value, stop + 1, end)
        if i == end:
            raise bad("list")
    return found


def param(value, name):
    """The value of ;name=value behind the main part of value, unquoted; b"" for a flag; None when it is not there."""
    end = len(value)
    i = parameter(value, skip(value, 0, end, b";"), end, name)
    return None if i < 0 else value_at(value, i, end)


def uri_of(value):
    """The URI of a From, To, Contact, Route... value, without angle brackets; RemoteError(400) when it has none."""
    end = len(value)
    i = after_address(value, 0, end)
    parameter(value, i, end)
    return (value[value.rfind(b"<", 0, i) + 1 : i - 1] if value[i - 1] == _GT else value[:i]).strip()


def integer(value, top):
    """The number that value begins with, at most top; what may follow it (a comment, a parameter) is left out."""
    return number(value, 0, len(value), top)
