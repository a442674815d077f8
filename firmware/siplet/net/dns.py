# DNS messages: a question as bytes, and what an answer to it says. RFC 1035 section 4; RFC 2782 (SRV), 3403 (NAPTR),
# 3596 (AAAA), 2308 (negative answers). Pure: bytes in, bytes and tuples out. May import errors and limits.
#
# Only what was asked for is taken from an answer, and the aliases that lead to it. Additional records are left alone:
# a name server may put there what it likes, and asking costs one datagram.
#
# Nothing in an answer can hold us: a compressed name may point backward only, so every jump comes nearer to the
# beginning; records and aliases are counted; a length that leads beyond the end refuses the whole answer.

from micropython import const

from siplet.errors import RemoteError
from siplet.limits import DNS_ALIASES, DNS_NEGATIVE, DNS_RECORDS, DNS_TTL

# Types of records, as question() takes them
A = 1
AAAA = 28
SRV = 33
NAPTR = 35
_CNAME = const(5)
_SOA = const(6)

_NAME = const(255)  # octets of a name, RFC 1035 2.3.4
_LABEL = const(63)


def question(name, kind):
    """The question section that asks for records of that kind (A, AAAA, SRV, NAPTR) of name (bytes, lower case).

    RemoteError(0) when no domain name is written so: RFC 1035 2.3.4, letters, digits, "-" and "_" only.
    """
    text = bytearray()
    for label in name.split(b"."):
        if not 0 < len(label) <= _LABEL:
            raise RemoteError(0, "name: empty or too long between two dots")
        for c in label:
            if not (97 <= c <= 122 or 48 <= c <= 57 or c == 45 or c == 95):
                raise RemoteError(0, "name: a character that no host has")
        text.append(len(label))
        text.extend(label)
    if len(text) >= _NAME:
        raise RemoteError(0, "name: too long")
    text.extend(bytes((0, 0, kind, 0, 1)))
    return bytes(text)


def query(number, question):
    """A message that asks a recursive server; number: the 2 bytes that the answer has to repeat."""
    return number + b"\1\0\0\1\0\0\0\0\0\0" + question


def belongs(data, number, question):
    """Whether data is an answer, to this number and this question (RFC 5452 section 9: all else is a stranger's)."""
    return (
        data[:2] == number
        and len(data) >= 12 + len(question)
        and data[2] & 0xF8 == 0x80  # a response, to a standard query
        and data[4:6] == b"\0\1"
        and data[12 : 12 + len(question)].lower() == question  # lengths and types lie below the letters
    )


def read(data, question):
    """What an answer that belongs to question says: (status, cut, records, ttl, alias).

    status: 0, or the server's error, 3: there is no such name; cut: more would have followed (TC). records: of an A or
    AAAA each an address (str), of a SRV (priority, weight, port, target), of a NAPTR (order, preference, flags,
    service, expression, replacement); names are bytes in lower case, b"" the root. ttl: ms for which this may be
    believed, also when there are no records. alias: the name to ask next, when the answer holds the way to it only,
    else b"". RemoteError(0, what) when the answer is broken, or its aliases lead round.
    """
    status = data[3] & 15
    cut = bool(data[2] & 2)
    kind = question[-3]
    owner, at = _name(data, 12)
    found = []
    soa = None
    try:
        at += 4
        answers = _number(data, 6)
        for n in range(min(answers + _number(data, 8), DNS_RECORDS)):
            name, at = _name(data, at)
            this = _number(data, at)
            known = _number(data, at + 2) == 1  # class IN
            value = at + 10
            end = value + _number(data, at + 8)
            if end > len(data):
                raise _bad("a record that ends beyond the end")
            if n < answers:
                if known and this in (kind, _CNAME):
                    found.append((name, this, _ttl(data, at + 4), _value(data, value, end, this)))
            elif known and this == _SOA:
                soa = min(_ttl(data, at + 4), _ttl(data, end - 4))  # RFC 2308 section 5
            at = end
    except RemoteError:
        if not cut:
            raise
    ttl = DNS_TTL
    alias = owner
    for _ in range(DNS_ALIASES + 1):
        rows = [row for row in found if row[0] == alias and row[1] == kind]
        if rows:
            return status, cut, [row[3] for row in rows], min([ttl] + [row[2] for row in rows]), b""
        for name, this, seconds, value in found:
            if this == _CNAME and name == alias:
                alias = value
                ttl = min(ttl, seconds)
                break
        else:
            break
    else:
        raise _bad("aliases that lead round")
    if status or soa is not None or alias == owner:
        return status, cut, [], min(ttl, DNS_NEGATIVE if soa is None else soa, DNS_NEGATIVE), b""
    return status, cut, [], ttl, alias


def _bad(what):
    return RemoteError(0, "name server: " + what)


def _number(data, at):
    # 16 bits
    if at + 2 > len(data):
        raise _bad("the answer ends too early")
    return data[at] << 8 | data[at + 1]


def _ttl(data, at):
    # in ms; RFC 2181 section 8: with the highest bit set it is 0
    high = _number(data, at)
    return 0 if high >= 0x8000 else min((high << 16 | _number(data, at + 2)) * 1000, DNS_TTL)


def _name(data, at):
    # (name, where it ends) of the name that begins at `at`, RFC 1035 4.1.4
    labels = []
    size = 0
    after = 0
    first = at  # of the piece that is read
    while True:
        if at >= len(data):
            raise _bad("a name beyond the end")
        n = data[at]
        if n >= 0xC0:
            target = _number(data, at) & 0x3FFF
            after = after or at + 2
            if target >= first:
                raise _bad("a name that points forward or to itself")
            first = at = target
            continue
        at += 1
        if not n:
            return b".".join(labels), after or at
        size += n + 1
        if n > _LABEL or size >= _NAME or at + n > len(data):
            raise _bad("a name that is too long")
        label = data[at : at + n].lower()
        for c in label:
            if not 32 < c < 127 or c == 46:  # a dot within a label would read as two labels
                raise _bad("a name with odd characters")
        labels.append(label)
        at += n


def _value(data, at, end, kind):
    # what read() tells of one record
    if kind in (A, AAAA):
        if end - at != (4 if kind == A else 16):
            raise _bad("an address of a wrong length")
        return ".".join([str(c) for c in data[at:end]]) if kind == A else _ipv6(data, at)
    value = []
    if kind in (SRV, NAPTR):
        for _ in range(3 if kind == SRV else 2):
            value.append(_number(data, at))
            at += 2
    if kind == NAPTR:
        for _ in range(3):
            n = at + 1 + (data[at] if at < end else end)
            if n > end:
                raise _bad("a text that is too long")
            value.append(data[at + 1 : n].lower())
            at = n
    name, at = _name(data, at)
    if at != end:
        raise _bad("a record of a wrong length")
    return tuple(value) + (name,) if value else name


def _ipv6(data, at):
    # as RFC 5952 writes it: the longest run of zeros becomes "::", the first one of two that are equally long
    groups = [_number(data, at + i) for i in range(0, 16, 2)]
    start = length = 0
    for i in range(8):
        n = 0
        while i + n < 8 and not groups[i + n]:
            n += 1
        if n > length and n > 1:
            start, length = i, n
    text = [f"{group:x}" for group in groups]
    if length:
        return ":".join(text[:start]) + "::" + ":".join(text[start + length :])
    return ":".join(text)
