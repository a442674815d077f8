# SIP URIs: RFC 3261 section 19.1, its examples, and what must not pass for one.

from expect import status
from siplet.sip.uri import Uri
from siplet.sip.uri_equal import equal, escape, unescape


def test_the_parts_of_a_uri():
    uri = Uri(b"sips:alice:secret@atlanta.example:5071;transport=TLS;lr?subject=a%20b&priority=urgent")
    assert (uri.scheme, uri.user, uri.host, uri.port) == (b"sips", b"alice", b"atlanta.example", 5071)
    assert uri.text[uri.params : uri.end] == b";transport=TLS;lr"
    assert uri.text[uri.end :] == b"?subject=a%20b&priority=urgent"


def test_what_is_absent_is_empty():
    uri = Uri(b"SIP:192.0.2.1")
    assert (uri.scheme, uri.user, uri.host, uri.port) == (b"sip", b"", b"192.0.2.1", 0)
    assert uri.params == uri.end == len(uri.text)


def test_a_user_may_look_like_parameters():
    uri = Uri(b"sip:user;par=u%40example.net@example.com")
    assert uri.user == b"user;par=u%40example.net"
    assert uri.host == b"example.com" and uri.params == len(uri.text)


def test_parameters_are_found_in_any_case():
    uri = Uri(b"sip:a@b;Transport=tcp;lr;maddr=192.0.2.9")
    assert uri.param(b"transport") == b"tcp"
    assert uri.param(b"lr") == b""
    assert uri.param(b"user") is None


def test_where_a_request_goes():
    assert Uri(b"sip:a@b.example").destination() == ("b.example", 0)
    assert Uri(b"sip:a@b.example:5080").destination() == ("b.example", 5080)
    assert Uri(b"sips:a@b.example").destination() == ("b.example", 0, b"TLS")
    assert Uri(b"sips:a@192.0.2.9").destination() == ("192.0.2.9", 5061, b"TLS")
    assert Uri(b"sip:a@192.0.2.9;transport=udp").destination() == ("192.0.2.9", 5060)
    assert Uri(b"sip:a@192.0.2.9;transport=Tcp").destination() == ("192.0.2.9", 5060, b"TCP")
    assert Uri(b"sips:a@b.example;transport=ws").destination() == ("b.example", 0, b"WSS")
    assert Uri(b"sip:a@b.example:5080;maddr=192.0.2.9").destination() == ("192.0.2.9", 5080)
    assert Uri(b"sip:a@[2001:db8::1]:5070").destination() == ("2001:db8::1", 5070)


def test_another_scheme_is_416_and_no_scheme_is_400():
    for text in (b"tel:+4930123", b"soap.beep://192.0.2.103:3002", b"isbn:2983792873", b"mailto:a@b"):
        assert status(Uri, text) == 416, text
    for text in (b"", b"sip", b"sip:", b":a@b", b"a@b", b"<sip:a@b>", b"1sip"):
        assert status(Uri, text) == 400, text


def test_what_cannot_be_a_uri():
    for text in (
        b"sip:a b@c",
        b"sip:a@b c",
        b"sip:a@b;lr >",
        b"sip:a@",
        b"sip:@b",
        b"sip::secret@b",
        b"sip:a@b@c",
        b"sip:a@b:",
        b"sip:a@b:0",
        b"sip:a@?c=d",
        b"sip:a@b:65536",
        b"sip:a@b:99999999999999999999",
        b"sip:a@b:5060x",
        b"sip:a@b;;lr",
        b"sip:a@b;",
        b"sip:a@b/c",
        b"sip:a@[2001:db8::1",
        b"sip:a@[]",
        b"sip:a@b\0",
        b"sip:a\r\nVia: x@b",
        b'sip:"a"@b',
        b"sip:\xc3\xa4@b",
        b"sip:a@h\xff",
    ):
        assert status(Uri, text) == 400, text


def test_escapes_are_taken_off_once_and_zero_is_a_byte_like_any_other():
    assert unescape(b"sips%3Auser%40example.com") == b"sips:user@example.com"
    assert unescape(b"value%2541") == b"value%41"
    assert unescape(b"null-%00-null") == b"null-\0-null"
    assert unescape(b"100%") == b"100%" and unescape(b"%4") == b"%4" and unescape(b"%zz%61") == b"%zza"


def test_a_user_part_is_escaped_so_that_it_stays_one():
    assert escape(b"bob") == b"bob"
    assert escape(b"+49;x=1?/&") == b"+49;x=1?/&"
    assert escape(b'a b@c:d<e>"%\r\n\xc3\xa4') == b"a%20b%40c%3Ad%3Ce%3E%22%25%0D%0A%C3%A4"
    everything = bytes(range(256))
    assert unescape(escape(everything)) == everything
    assert Uri(b"sip:" + escape(everything) + b"@b").host == b"b"


def test_uris_that_are_the_same():
    # 19.1.4
    for a, b in (
        (b"sip:%61lice@atlanta.com;transport=TCP", b"sip:alice@AtLanTa.CoM;Transport=tcp"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com;newparam=5"),
        (b"sip:carol@chicago.com;newparam=5", b"sip:carol@chicago.com;security=on"),
        (
            b"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            b"sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            b"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            b"sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ):
        assert equal(Uri(a), Uri(b)) and equal(Uri(b), Uri(a)), a


def test_uris_that_are_not_the_same():
    for a, b in (
        (b"sip:alice@atlanta.com", b"sips:alice@atlanta.com"),
        (b"SIP:ALICE@AtLanTa.CoM;Transport=udp", b"sip:alice@AtLanTa.CoM;Transport=UDP"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:5060"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com;transport=udp"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:6000;transport=tcp"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com;maddr=192.0.2.4"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com?Subject=next%20meeting"),
        (b"sip:carol@chicago.com;security=on", b"sip:carol@chicago.com;security=off"),
        (b"sip:bob@phone21.boxesbybob.com", b"sip:bob@192.0.2.4"),
        (b"sip:bob:x@biloxi.com", b"sip:bob@biloxi.com"),
        (b"sip:a%3Bb@biloxi.com", b"sip:a;b@biloxi.com"),
        (b"sip:user@biloxi.com", b"sip:biloxi.com"),
    ):
        assert not equal(Uri(a), Uri(b)) and not equal(Uri(b), Uri(a)), a
