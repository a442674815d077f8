# DNS answers written by hand: what a name server would say, or a liar. Imports net.dns for the question only.

from siplet.net import dns

CNAME = 5
SOA = 6
NUMBER = b"\x12\x34"


def word(n):
    return bytes((n >> 8 & 255, n & 255))


def name(text):
    """A name as it stands in a message, without compression."""
    data = b""
    for label in text.split(b"."):
        if label:
            data += bytes((len(label),)) + label
    return data + b"\0"


def text(data):
    return bytes((len(data),)) + data


def record(owner, kind, value, ttl=60, group=1):
    """One record; owner: a name, or the bytes of one (a pointer); value: its bytes, or what A, SRV and CNAME hold."""
    if not isinstance(value, bytes):
        if kind == dns.A:
            value = bytes([int(part) for part in value.split(".")])
        elif kind == dns.SRV:
            value = word(value[0]) + word(value[1]) + word(value[2]) + name(value[3])
        elif kind == dns.NAPTR:
            value = word(value[0]) + word(value[1]) + b"".join([text(v) for v in value[2:5]]) + name(value[5])
    elif kind == CNAME:
        value = name(value)
    if owner[:1] not in (b"\xc0", b"\xff"):
        owner = name(owner)
    ttl = word(ttl >> 16) + word(ttl & 0xFFFF)
    return owner + word(kind) + word(group) + ttl + word(len(value)) + value


def soa(zone, ttl=900, minimum=900):
    """The authority's record in a negative answer."""
    return record(zone, SOA, name(b"ns." + zone) + name(b"admin." + zone) + bytes(16) + word(0) + word(minimum), ttl)


def answer(question, *records, number=NUMBER, status=0, flags=0, counts=None, authority=()):
    """A message that answers question; flags: the byte with TC (2); counts: what it claims to hold."""
    head = bytes((0x81 | flags, 0x80 | status)) + b"\0\1"
    head += b"".join([word(n) for n in counts or (len(records), len(authority), 0)])
    return number + head + question + b"".join(records) + b"".join(authority)
