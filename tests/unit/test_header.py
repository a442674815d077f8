# Header values: comma lists, parameters, name-addr, Via and numbers, well-formed and hostile.

from expect import status
from siplet.sip.header import integer, param, split, unquote, uri_of


def test_a_comma_list_is_split_where_a_comma_means_that():
    assert split(b"INVITE, ACK,BYE ,\tCANCEL") == [b"INVITE", b"ACK", b"BYE", b"CANCEL"]
    assert split(b'<sip:a@x;p=1,2>;q=1, "B, C" <sip:b@x>') == [b"<sip:a@x;p=1,2>;q=1", b'"B, C" <sip:b@x>']
    assert split(b'"say \\", then" <sip:a@x>, <sip:b@x>') == [b'"say \\", then" <sip:a@x>', b"<sip:b@x>"]
    assert split(b"one") == [b"one"]


def test_an_empty_list_is_no_value_at_all():
    assert split(b"") == []
    assert split(b"  \t ") == []


def test_empty_places_in_a_list_are_refused():
    for value in (b"a,,b", b",a", b"a,", b"a, ,b", b","):
        assert status(split, value) == 400, value


def test_thousands_of_commas_cost_neither_memory_nor_patience():
    assert status(split, b"," * 4000) == 400
    assert status(split, b"a," * 2000) == 400
    assert len(split(b"a," * 63 + b"a")) == 64


def test_what_is_opened_must_be_closed():
    for value in (b'"a, b', b"<sip:a, b", b'a, "', b'"ends in a backslash\\', b"<<sip:a>>"):
        assert status(split, value) == 400, value


def test_parameters_are_found_in_any_case_quoted_or_as_flags():
    value = b'<sip:bob@x;tag=inside>;TAG=abc ;lr; text="a \\"b\\"; tag=c"'
    assert param(value, b"tag") == b"abc"
    assert param(value, b"lr") == b""
    assert param(value, b"text") == b'a "b"; tag=c'
    assert param(value, b"ta") is None
    assert param(value, b"taga") is None
    assert param(b"sip:bob@x", b"tag") is None
    assert param(b"sip:bob@x ; tag = abc", b"tag") == b"abc"
    assert param(b"application/sdp;charset=utf-8", b"charset") == b"utf-8"
    assert param(b"active;expires=60;reason=a;reason=b", b"reason") == b"a"


def test_parameters_that_are_none_are_refused():
    for value in (b"a;;tag=1", b"a;tag=1;", b"a;=1", b"a;tag=1 2", b'a;tag="x"y', b'a;tag="x', b"a;t\0=1"):
        assert status(param, value, b"tag") == 400, value


def test_a_uri_stands_in_brackets_or_alone():
    assert uri_of(b'"Bob \\"B\\" <x>" <sip:bob@x;lr>;tag=1') == b"sip:bob@x;lr"
    assert uri_of(b"Bob Builder <sip:bob@x>") == b"sip:bob@x"
    assert uri_of(b"Bob<sip:bob@x> ; tag=1") == b"sip:bob@x"
    assert uri_of(b"<sip:bob@x?Subject=a,b>") == b"sip:bob@x?Subject=a,b"
    assert uri_of(b"  tel:+123;tag=9") == b"tel:+123"
    assert uri_of(b'"" < sip:bob@x >;a') == b"sip:bob@x"
    assert uri_of(b'"\xff\xfe" <sip:bob@x>') == b"sip:bob@x"


def test_without_brackets_parameters_belong_to_the_header():
    assert uri_of(b"sip:bob@x;tag=1") == b"sip:bob@x"
    # and a question mark or a comma can't be told from the header's own: 20.10
    assert status(uri_of, b"sip:bob@x?Route=y") == 400
    assert status(uri_of, b"sip:bob,ann@x") == 400


def test_addresses_that_cannot_be_read():
    for value in (
        b"",
        b" ",
        b"bob",
        b"<>",
        b"< >",
        b"<bob>",
        b":bob@x",
        b"<:bob@x>",
        b"<sip:bob@x",
        b"sip:bob@x>",
        b"<sip:<bob@x>>",
        b'"Bob <sip:bob@x>',
        b"Bell, A. <sip:bob@x>",
        b"<sip:bob@x> junk;tag=1",
        b"<sip:bob @x>",
        b"<sip:b\0b@x>",
        b"<sip:bob@x>, <sip:ann@x>",
        b'<sip:"bob"@x>',
        b"sip:bob@x;tag=1 <sip:c@x>",
    ):
        assert status(uri_of, value) == 400, value


def test_numbers_are_bounded_and_comments_are_cut():
    assert integer(b"0", 10) == 0
    assert integer(b"00070", 70) == 70
    assert integer(b"120 (I'm in a meeting)", 3600) == 120
    assert integer(b"18000;duration=3600", 20000) == 18000
    assert integer(b"4294967295", 4294967295) == 4294967295
    for value in (b"71", b"", b" ", b"-1", b"+1", b"0x10", b"1_0", b"7a", b"9" * 3000):
        assert status(integer, value, 70) == 400, value


def test_unquoting_takes_backslashes_off_once():
    assert unquote(b'"a\\\\\\"b"') == b'a\\"b'
    assert unquote(b"plain\\") == b"plain\\"
    assert unquote(b'""') == b""
