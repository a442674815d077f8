# DNS messages: what is asked, what is believed of an answer, and what hostile ones can do: nothing.

from answers import CNAME, NUMBER, answer, name, record, soa, text, word
from expect import status
from siplet.limits import DNS_NEGATIVE, DNS_RECORDS, DNS_TTL
from siplet.net import dns
from siplet.net.dns import AAAA, NAPTR, SRV, A, belongs, query, question, read

PBX = question(b"pbx.example", A)
SIP = question(b"_sip._udp.example", SRV)


def broken(data, asked=PBX):
    """Whether read() refuses data, as it should: RemoteError(0) and nothing else."""
    return status(read, data, asked) == 0


def test_a_question_is_written_as_rfc_1035_shows_it():
    assert PBX == b"\3pbx\7example\0\0\1\0\1"
    assert query(NUMBER, PBX) == b"\x12\x34\1\0\0\1\0\0\0\0\0\0" + PBX
    assert question(b"_sips._tcp.a-1.example", SRV)[-4:] == b"\0\x21\0\1"


def test_what_is_no_name_is_not_asked():
    for bad in (b"", b".", b"a..b", b"a.", b".a", b"a b", b"a\0b", b"A", b"\xc0\x0c", b"a" * 64, b"a." * 127 + b"ab"):
        assert status(question, bad, A) == 0, bad
    assert len(question(b"a" * 63 + b".b", A)) == 71
    assert len(question(b"a." * 126 + b"a", A)) == 259  # 255 octets, the longest name there is


def test_only_an_answer_to_our_question_is_ours():
    good = answer(PBX, record(b"\xc0\x0c", A, "10.0.0.7"))
    assert belongs(good, NUMBER, PBX)
    assert belongs(good[:13] + b"PBX\7eXample" + good[24:], NUMBER, PBX)  # some servers change the case
    assert not belongs(good, b"\x12\x35", PBX)
    assert not belongs(good, NUMBER, question(b"pbx.example", AAAA))
    assert not belongs(good, NUMBER, question(b"pbz.example", A))
    assert not belongs(query(NUMBER, PBX), NUMBER, PBX)  # our own question, sent back
    assert not belongs(good[:2] + b"\xa8" + good[3:], NUMBER, PBX)  # another operation than a query
    assert not belongs(good[:5] + b"\2" + good[6:], NUMBER, PBX)  # two questions
    assert not belongs(good[:4] + b"\1\1" + good[6:], NUMBER, PBX)
    for n in range(12 + len(PBX)):
        assert not belongs(good[:n], NUMBER, PBX)


def test_addresses():
    data = answer(PBX, record(b"\xc0\x0c", A, "10.0.0.7", 60), record(b"pbx.example", A, "255.0.1.2", 30))
    assert read(data, PBX) == (0, False, ["10.0.0.7", "255.0.1.2"], 30_000, b"")
    data = answer(PBX, record(b"PBX.Example", A, "10.0.0.7"))
    assert read(data, PBX)[2] == ["10.0.0.7"]


def test_ipv6_addresses_are_written_as_rfc_5952_has_it():
    asked = question(b"a", AAAA)
    for groups, expected in (
        ((0x2001, 0xDB8, 0, 0, 0, 0, 0, 1), "2001:db8::1"),
        ((0, 0, 0, 0, 0, 0, 0, 1), "::1"),
        ((0, 0, 0, 0, 0, 0, 0, 0), "::"),
        ((0xFE80, 0, 0, 0, 0, 0, 0, 0), "fe80::"),
        ((0x2001, 0, 0, 1, 0, 0, 0, 1), "2001:0:0:1::1"),
        ((0x2001, 0xDB8, 0, 0, 1, 0, 0, 1), "2001:db8::1:0:0:1"),
        ((1, 0, 2, 3, 4, 5, 6, 7), "1:0:2:3:4:5:6:7"),
    ):
        value = b"".join([word(group) for group in groups])
        assert read(answer(asked, record(b"a", AAAA, value)), asked)[2] == [expected]


def test_servers():
    data = answer(
        SIP, record(b"\xc0\x0c", SRV, (10, 60, 5062, b"Big.example"), 300), record(b"\xc0\x0c", SRV, (0, 0, 0, b""))
    )
    assert read(data, SIP) == (0, False, [(10, 60, 5062, b"big.example"), (0, 0, 0, b"")], 60_000, b"")
    # RFC 2782 forbids compression of the target; old servers do it, and every client reads it
    data = answer(SIP, record(b"\xc0\x0c", SRV, word(1) + word(2) + word(3) + b"\3big\xc0\x16"))
    assert read(data, SIP)[2] == [(1, 2, 3, b"big.example")]


def test_transports():
    asked = question(b"example", NAPTR)
    data = answer(asked, record(b"\xc0\x0c", NAPTR, (50, 60, b"S", b"SIP+D2T", b"", b"_sip._tcp.example")))
    assert read(data, asked)[2] == [(50, 60, b"s", b"sip+d2t", b"", b"_sip._tcp.example")]
    for value in (
        b"\0\1\0\2\1s\7SIP+D2T\0",  # no name at its end
        b"\0\1\0\2\1s\7SIP+D2T\377\0",
        b"\0\1\0\2\1s\377SIP+D2T\0\0",
        b"\0\1\0\2",
        b"\0\1\0",
        b"",
        b"\0\1\0\2\1s\7SIP+D2T\0\0\0",
    ):
        assert broken(answer(asked, record(b"\xc0\x0c", NAPTR, value)), asked), value


def test_aliases_are_followed_in_any_order():
    chain = [record(b"pbx.example", CNAME, b"a.example", 50), record(b"a.example", CNAME, b"b.example", 20)]
    chain.append(record(b"b.example", A, "10.0.0.9", 40))
    for _ in range(3):
        chain.append(chain.pop(0))
        assert read(answer(PBX, *chain), PBX) == (0, False, ["10.0.0.9"], 20_000, b"")


def test_an_alias_without_an_address_is_the_next_question():
    data = answer(PBX, record(b"\xc0\x0c", CNAME, b"a.elsewhere", 50), record(b"other.example", A, "6.6.6.6"))
    assert read(data, PBX) == (0, False, [], 50_000, b"a.elsewhere")
    # The server knows that there is none: NXDOMAIN is about the last name of the chain, and so is the SOA
    for more in ({"status": 3}, {"authority": (soa(b"elsewhere"),)}):
        data = answer(PBX, record(b"\xc0\x0c", CNAME, b"a.elsewhere", 50), **more)
        assert read(data, PBX)[2:] == ([], DNS_NEGATIVE, b"")


def test_what_was_not_asked_for_is_not_believed():
    data = answer(
        PBX,
        record(b"\xc0\x0c", A, "10.0.0.7"),
        record(b"\xc0\x0c", A, "6.6.6.6", group=3),  # class CHAOS
        record(b"bank.example", A, "6.6.6.6"),
        record(b"bank.example", CNAME, b"evil.example"),
        record(b"\xc0\x0c", 16, b"\4text"),
        authority=(record(b"pbx.example", A, "6.6.6.6"),),
    )
    assert read(data, PBX)[2] == ["10.0.0.7"]
    data = answer(PBX, record(b"\xc0\x0c", A, "6.6.6.6"), counts=(0, 0, 1))  # as additional record
    assert read(data, PBX)[2:] == ([], DNS_NEGATIVE, b"")


def test_how_long_there_is_none():
    for more, expected in (
        ({"status": 3, "authority": (soa(b"example", 900, 5),)}, 5000),  # RFC 2308 section 5: the smaller one
        ({"status": 3, "authority": (soa(b"example", 7, 900),)}, 7000),
        ({"status": 0, "authority": (soa(b"example", 900, 0),)}, 0),
        ({"status": 3, "authority": (soa(b"example", 900, 900),)}, DNS_NEGATIVE),
        ({"status": 0}, DNS_NEGATIVE),
        ({"status": 2}, DNS_NEGATIVE),
    ):
        assert read(answer(PBX, **more), PBX) == (more["status"], False, [], expected, b"")


def test_how_long_there_is_one():
    for ttl, expected in (
        (0, 0),
        (1, 1000),
        (86400, DNS_TTL),
        (86401, DNS_TTL),
        (0x7FFFFFFF, DNS_TTL),
        (0x80000000, 0),
    ):
        assert read(answer(PBX, record(b"\xc0\x0c", A, "10.0.0.7", ttl)), PBX)[3] == expected


def test_names_that_lead_round_are_refused():
    at = 12 + len(PBX)  # where the first record's owner stands
    for owner in (
        b"\xc0" + bytes((at,)),  # to itself
        b"\xc0" + bytes((at + 2,)),  # forward
        b"\1a\xc0" + bytes((at,)),  # round, a label longer each time
        b"\1a\xc0" + bytes((at + 2,)),
        b"\xff\xff",  # beyond the end
        b"\xc0",
        b"\x40abc",  # a kind of label that does not exist
        b"\x80abc",
        b"\1",
        b"\5ab",
        b"",
    ):
        assert broken(answer(PBX, owner + b"\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4", counts=(1, 0, 0))), owner
    # Two pointers that show at each other
    first = b"\xc0" + bytes((at + 16,)) + b"\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"
    assert broken(answer(PBX, first, b"\xc0" + bytes((at,)) + b"\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"))
    # A ladder of pointers, each one step back: it ends, and costs what it is long
    ladder = b"\0" + b"".join([b"\xc0" + bytes((at + 13 + max(0, 2 * i - 1),)) for i in range(90)])
    data = answer(PBX, record(b"x", 16, ladder), record(b"\xc0" + bytes((at + 13 + 179,)), A, "1.2.3.4"))
    assert not broken(data) and read(data, PBX)[2] == []


def test_names_that_grow_are_refused():
    label = b"\x3f" + b"a" * 63
    assert broken(answer(PBX, label * 4 + b"\0\0\1\0\1" + bytes(6), counts=(1, 0, 0)))
    # By pointers: 200 octets here, and 63 more before them
    value = b"\x3f" + b"a" * 63 + b"\x3f" + b"b" * 63 + b"\x3f" + b"c" * 63 + b"\0"
    at = 12 + len(PBX) + 3 + 10
    long = label + b"\xc0" + bytes((at,))
    assert broken(answer(PBX, record(b"x", 16, value), long + b"\0\1\0\1\0\0\0\x3c\0\4\1\2\3\4"))
    for label in (b"\3a.b", b"\3a b", b"\3a\0b", b"\3\xe4bc"):  # would read as other names in a log, or in SIP
        assert broken(answer(PBX, record(b"\xc0\x0c", CNAME, b"x")[:-3] + label + b"\0"))


def test_lengths_and_counts_that_lie_are_refused():
    good = record(b"\xc0\x0c", A, "10.0.0.7")
    for counts in ((2, 0, 0), (65535, 0, 0), (1, 65535, 65535), (0, 2, 0)):
        assert broken(answer(PBX, good, counts=counts)), counts
    assert read(answer(PBX, good, good, counts=(0, 0, 65535)), PBX)[2] == []  # nobody looks at those
    for n in range(1, len(good)):
        assert broken(answer(PBX, good[:n], counts=(1, 0, 0))), n
    assert broken(answer(PBX, record(b"\xc0\x0c", A, b"\1\2\3")))
    assert broken(answer(PBX, record(b"\xc0\x0c", A, b"\1\2\3\4\5")))
    assert broken(answer(PBX, good[:-6] + b"\xff\xff" + good[-4:]))
    assert broken(answer(SIP, record(b"\xc0\x0c", SRV, b"\0\1\0\2\0")), SIP)
    assert broken(answer(SIP, record(b"\xc0\x0c", SRV, b"\0\1\0\2\0\3\1a\0\0")), SIP)
    assert broken(answer(SIP, record(b"\xc0\x0c", SRV, b"\0\1\0\2\0\3\1a")), SIP)


def test_aliases_that_lead_round_are_refused():
    assert broken(answer(PBX, record(b"\xc0\x0c", CNAME, b"pbx.example")))
    assert broken(answer(PBX, record(b"\xc0\x0c", CNAME, b"a.example"), record(b"a.example", CNAME, b"pbx.example")))
    chain = [record(b"pbx.example", CNAME, b"n0")]
    chain += [record(f"n{i}".encode(), CNAME, f"n{i + 1}".encode()) for i in range(20)]
    assert broken(answer(PBX, *chain, record(b"n20", A, "10.0.0.7")))


def test_many_records_are_looked_at_in_part():
    data = answer(PBX, *[record(b"\xc0\x0c", A, f"10.0.{i // 256}.{i % 256}") for i in range(500)])
    assert len(read(data, PBX)[2]) == DNS_RECORDS


def test_of_a_cut_answer_what_came_whole_is_told():
    records = [record(b"\xc0\x0c", A, f"10.0.0.{i}") for i in range(4)]
    whole = answer(PBX, *records, flags=2)
    for cut in (0, 1, 3, 15):
        got = read(whole[: len(whole) - cut], PBX)
        assert got[1] is True and got[2] == ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3"][: 4 if not cut else 3]
    assert read(answer(PBX, flags=2, counts=(9, 0, 0)), PBX)[1:3] == (True, [])


def test_whatever_comes_nothing_but_a_refusal_is_raised():
    seed = 4711

    def random(n):
        nonlocal seed
        seed = (seed * 1103 + 12345) & 0xFFFFF
        return (seed >> 4) % n

    asked = (PBX, SIP, question(b"example", NAPTR))
    wholes = (
        answer(
            PBX, record(b"\xc0\x0c", CNAME, b"a.example"), record(b"a.example", A, "10.0.0.9"), authority=(soa(b"x"),)
        ),
        answer(SIP, record(b"\xc0\x0c", SRV, (1, 2, 5060, b"big.example")), record(b"\xc0\x0c", SRV, (1, 2, 3, b""))),
        answer(asked[2], record(b"\xc0\x0c", NAPTR, (5, 6, b"s", b"SIP+D2U", b"", b"_sip._udp.example"))),
    )
    refused = 0
    for turn in range(3000):
        which = turn % 3
        data = bytearray(wholes[which])
        for _ in range(1 + random(4)):
            data[12 + random(len(data) - 12) if random(4) else 6 + random(6)] = (0, 0xC0, 255, random(256))[random(4)]
        data = bytes(data[: random(len(data)) + 1] if random(5) == 0 else data)
        if belongs(data, NUMBER, asked[which]):
            refused += broken(data, asked[which])  # another exception ends the test
    assert 300 < refused < 3000


def test_types_are_those_of_the_registry():
    assert (dns.A, dns.AAAA, dns.SRV, dns.NAPTR) == (1, 28, 33, 35)
    assert name(b"a.b") == b"\1a\1b\0" and text(b"ab") == b"\2ab"
