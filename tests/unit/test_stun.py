# Binding requests and what is believed of their answers: the vectors of RFC 5769, and hostile ones.

from siplet.net import stun

ID = bytes([0xB7, 0xE7, 0xA7, 0x01, 0xBC, 0x34, 0xD6, 0x86, 0xFA, 0x87, 0xDF, 0xAE])
HEAD = b"\x21\x12\xa4\x42" + ID


def hexed(text):
    return bytes([int(part, 16) for part in text.split()])


SOFTWARE = hexed("80 22 00 0b 74 65 73 74 20 76 65 63 74 6f 72 20")
V4 = (
    b"\x01\x01\x00\x3c"
    + HEAD
    + SOFTWARE
    + hexed("00 20 00 08 00 01 a1 47 e1 12 a6 43")
    + hexed("00 08 00 14 2b 91 f5 99 fd 9e 90 c3 8c 74 89 f9 2a f9 ba 53 f0 6b e7 d7")
    + hexed("80 28 00 04 c0 7d 4c 96")
)
V6 = (
    b"\x01\x01\x00\x48"
    + HEAD
    + SOFTWARE
    + hexed("00 20 00 14 00 02 a1 47 01 13 a9 fa a5 d3 f1 79 bc 25 f4 b5 be d2 b9 d9")
    + hexed("00 08 00 14 a3 82 95 4e 4b e6 7b f1 17 84 c9 7c 82 92 c2 75 bf e3 ed 41")
    + hexed("80 28 00 04 c8 fb 0b 4c")
)


def message(*attributes, kind=0x0101, sealed=False):
    body = b""
    for number, value in attributes:
        body += bytes([number >> 8, number & 255, len(value) >> 8, len(value) & 255]) + value + bytes(-len(value) & 3)
    size = len(body) + (8 if sealed else 0)
    data = bytes([kind >> 8, kind & 255, size >> 8, size & 255]) + HEAD + body
    return data + b"\x80\x28\x00\x04" + stun.fingerprint(data) if sealed else data


MAPPED = (0x0020, b"\x00\x01\xa1\x47\xe1\x12\xa6\x43")


def test_the_vectors_of_rfc_5769():
    assert stun.read(V4, ID) == ("192.0.2.1", 32853)
    assert stun.read(V6, ID) == ("2001:db8:1234:5678:11:2233:4455:6677", 32853)


def test_a_request_has_a_cookie_a_transaction_and_a_fingerprint():
    data = stun.request(ID)
    assert data[:20] == b"\x00\x01\x00\x08" + HEAD and len(data) == 28
    assert data[20:24] == b"\x80\x28\x00\x04" and data[24:] == stun.fingerprint(data[:20])
    assert stun.fingerprint(V4[:-8]) == V4[-4:]


def test_servers_of_all_ages_are_understood():
    assert stun.read(message(MAPPED), ID) == ("192.0.2.1", 32853)
    assert stun.read(message(MAPPED, sealed=True), ID) == ("192.0.2.1", 32853)
    old = message((0x0001, b"\x00\x01\x80\x55\xc0\x00\x02\x01"), (0x0004, bytes(8)), (0x0005, bytes(8)))
    assert stun.read(old, ID) == ("192.0.2.1", 32853)
    both = message((0x0001, b"\x00\x01\x80\x55\x0a\x00\x00\x01"), MAPPED)  # a gateway has rewritten what it could read
    assert stun.read(both, ID) == ("192.0.2.1", 32853)


def test_what_is_no_answer_of_ours_is_passed_over():
    good = message(MAPPED)
    other = bytes(12)
    for data in (
        b"",
        good[:19],
        good[:-1],
        good + b"\0",
        good + bytes(4),
        b"\x80" + good[1:],
        b"\x00\x01" + good[2:],
        b"\x01\x11\x00" + good[3:4] + bytes(4) + good[8:],
        good[:4] + b"\x21\x12\xa4\x43" + good[8:],
        good[:8] + other + good[20:],
        V4[:-1] + b"\x97",  # a wrong fingerprint
        V4[:30] + b"!" + V4[31:],  # changed on the way
        message((0x8028, b"\xc0\x7d\x4c\x96"), MAPPED),  # a fingerprint that is not the last
        b"\x01\x01\x00\x04" + HEAD + b"\x00\x20\x00\x08",  # an attribute that goes on behind the end
        b"\x01\x01\x00\x04" + HEAD + b"\x00\x20\xff\xff",
    ):
        assert stun.read(data, ID) is None, data
    assert stun.read(good, other) is None


def test_answers_without_an_address_are_refusals():
    for data in (
        message(),
        message((0x0009, b"\x00\x00\x04\x00Bad Request"), kind=0x0111),
        message(MAPPED, kind=0x0111),
        message(MAPPED, (0x0042, b"understand me")),
        message((0x0020, b"")),
        message((0x0020, b"\x00\x01\xa1\x47")),
        message((0x0020, b"\x00\x03\xa1\x47\xe1\x12\xa6\x43")),
        message((0x0020, b"\x00\x02\xa1\x47\xe1\x12\xa6\x43")),
        message((0x0020, b"\x00\x01\x21\x12\xe1\x12\xa6\x43")),  # port 0
        message((0x0020, b"\x00\x01\xa1\x47\x21\x12\xa4\x42")),  # 0.0.0.0
        message((0x0020, b"\x00\x01\xa1\x47\xc1\x12\xa4\x43")),  # 224.0.0.1
        message((0x0020, b"\x00\x01\xa1\x47\xde\xed\x5b\xbd")),  # 255.255.255.255
        message((0x0020, b"\x00\x02\xa1\x47" + HEAD)),  # ::
    ):
        assert stun.read(data, ID) == stun.REFUSED, data


def test_every_cut_and_every_changed_byte_is_survived():
    for data in (V4, V6):
        for i in range(len(data)):
            assert stun.read(data[:i], ID) is None
            for bit in (1, 0x10, 0x80) if i not in (len(data) - 8, len(data) - 7) else ():  # it has no seal then
                assert stun.read(data[:i] + bytes([data[i] ^ bit]) + data[i + 1 :], ID) is None
    data = bytearray(message(*[(0x8000 + i, b"") for i in range(100)]))
    assert stun.read(bytes(data), ID) == stun.REFUSED  # of which only some are looked at


def test_requests_are_repeated_as_the_rfc_has_it():
    now = 0x3FFFFF00  # the ticks wrap on the way
    query = stun.Query(lambda n: ID[:n], now)
    sent = []
    for ms in range(0, 45000, 20):
        if query.due((now + ms) & 0x3FFFFFFF):
            sent.append(ms)
        if query.over:
            break
    assert sent == [0, 500, 1500, 3500, 7500, 15500, 31500] and ms == 39500
    assert query.request == stun.request(ID) and not query.due(0)
