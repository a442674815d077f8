# The builder: messages as they go out, replies with all that RFC 3261 8.2.6 wants copied, no way to smuggle a header.

import torture
from expect import misused, status
from siplet.errors import RemoteError
from siplet.limits import MESSAGE
from siplet.sip.builder import Builder, reason
from siplet.sip.message import Message

SOURCE = ("192.0.2.1", 5060)


def request(via=b"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1", to=b"<sip:door@pbx>", more=b""):
    return Message(
        b"OPTIONS sip:door@192.0.2.7 SIP/2.0\r\nVia: " + via + b"\r\nf: <sip:100@pbx>;tag=1\r\nt: " + to + b"\r\n"
        b"i: x@pbx\r\nCSeq: 1 OPTIONS\r\n" + more + b"Content-Length: 0\r\n\r\n"
    )


def replied(message, code=200, source=SOURCE, tag=b"new"):
    builder = Builder()
    builder.reply(message, code, source, tag)
    return Message(bytes(builder.end()))


def test_a_request_as_it_goes_out():
    builder = Builder()
    builder.request(b"INVITE", b"sip:100@pbx")
    builder.header(b"Via", b"SIP/2.0/UDP ", "192.0.2.7", b":", 5060, b";branch=", b"z9hG4bK1")
    builder.header(b"CSeq", 2147483647, b" INVITE")
    builder.header(b"Subject")
    builder.body(b"application/sdp", b"v=0\r\n")
    assert bytes(builder.end()) == (
        b"INVITE sip:100@pbx SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.7:5060;branch=z9hG4bK1\r\nCSeq: 2147483647 INVITE\r\n"
        b"Subject: \r\nContent-Type: application/sdp\r\nContent-Length: 5\r\n\r\nv=0\r\n"
    )


def test_the_buffer_is_used_again():
    builder = Builder()
    builder.request(b"INVITE", b"sip:100@pbx")
    builder.body(b"text/plain", b"long gone")
    first = builder.end()
    builder.response(486)
    second = builder.end()
    assert bytes(second) == b"SIP/2.0 486 Busy Here\r\nContent-Length: 0\r\n\r\n"
    assert bytes(first)[:11] == b"SIP/2.0 486"


def test_phrases():
    assert reason(100) == b"Trying" and reason(603) == b"Decline" and reason(416) == b"Unsupported URI Scheme"
    assert reason(299) == b"" and reason(0) == b""
    builder = Builder()
    builder.response(299, "Nearly")
    assert bytes(builder.end()).startswith(b"SIP/2.0 299 Nearly\r\n")


def test_no_part_can_smuggle_a_header():
    builder = Builder()
    evil = b"x\r\nRoute: <sip:evil>"
    builder.response(200)
    for part in (evil, evil.decode(), b"x\n", b"x\r", "\n"):
        assert misused(builder.header, b"Subject", part), part
        assert misused(builder.header, b"Subject", b"ok", part), part
        assert misused(builder.response, 200, part), part
    assert misused(builder.header, b"Subject: x\r\nRoute", b"y")
    assert misused(builder.body, b"text/plain\r\nRoute: x", b"")
    for uri in (b"sip:a\r\nVia: x", b"sip:a b", b"sip:a\n", b""):
        assert misused(builder.request, b"BYE", uri), uri
    for method in (b"BYE sip:x", b"BYE\r\n", b"B\xffE", b""):
        assert misused(builder.request, method, b"sip:a"), method
    assert misused(builder.header, b"Expires", -1)


def test_a_message_that_does_not_fit_is_our_mistake():
    builder = Builder(64)
    builder.request(b"BYE", b"sip:100@pbx")
    assert misused(builder.header, b"Subject", b"x" * 64)
    builder.response(200)
    builder.body(b"text/plain", b"x" * 20)
    assert misused(builder.end)


def test_a_reply_copies_what_it_must():
    m = request(more=b"Via: SIP/2.0/TCP b.example ;branch=2\r\nv: SIP/2.0/UDP c.example,\r\n SIP/2.0/UDP d.example\r\n")
    builder = Builder()
    builder.reply(m, 200, SOURCE, b"new")
    assert bytes(builder.end()) == (
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\nVia: SIP/2.0/TCP b.example ;branch=2\r\n"
        b"v: SIP/2.0/UDP c.example, SIP/2.0/UDP d.example\r\nf: <sip:100@pbx>;tag=1\r\n"
        b"t: <sip:door@pbx>;tag=new\r\ni: x@pbx\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )


def test_a_to_tag_is_added_once_and_never_to_a_100():
    assert replied(request()).to_tag == b"new"
    assert replied(request(to=b"sip:door@pbx")).to_tag == b"new"
    assert replied(request(to=b"<sip:door@pbx> ; tag=old")).to_tag == b"old"
    assert replied(request(), tag=b"").to_tag == b""
    assert replied(request(), 100).to_tag == b""


def test_a_100_carries_the_timestamp():
    assert replied(request(more=b"Timestamp: 54.1\r\n"), 100).header(b"timestamp") == b"54.1"
    assert replied(request(more=b"Timestamp: 54.1\r\n"), 200).header(b"timestamp") is None


def test_received_tells_where_a_request_came_from():
    # 18.2.1: when the host of the Via is a name or another address
    branch = b";branch=z9"
    for via, source, expected in (
        (b"192.0.2.1", ("192.0.2.1", 9), b"192.0.2.1;branch=z9"),
        (b"192.0.2.1:5070", ("192.0.2.1", 9), b"192.0.2.1:5070;branch=z9"),
        (b"192.0.2.10", ("192.0.2.1", 9), b"192.0.2.10;branch=z9;received=192.0.2.1"),
        (b"2.1", ("192.0.2.1", 9), b"2.1;branch=z9;received=192.0.2.1"),
        (b"pc.example", ("192.0.2.1", 9), b"pc.example;branch=z9;received=192.0.2.1"),
        (b"[2001:db8::1]", ("2001:db8::1", 9), b"[2001:db8::1];branch=z9;received=2001:db8::1"),
    ):
        assert replied(request(b"SIP/2.0/UDP " + via + branch), 200, source).via == b"SIP/2.0/UDP " + expected


def test_rport_is_answered_with_the_port():
    # RFC 3581 4; then received is added in any case
    for via, expected in (
        (b";branch=z9;rport", b";branch=z9;received=192.0.2.1;rport=5060"),
        (b";rport;branch=z9", b";branch=z9;received=192.0.2.1;rport=5060"),
        (b" ; RPORT = 7 ; branch=z9", b" ; branch=z9;received=192.0.2.1;rport=5060"),
        (b";rportx;branch=z9", b";rportx;branch=z9"),
    ):
        via = replied(request(b"SIP/2.0/UDP 192.0.2.1" + via)).via
        assert via.replace(b" ", b"") == (b"SIP/2.0/UDP 192.0.2.1" + expected).replace(b" ", b""), via


def test_a_received_that_the_sender_wrote_himself_does_not_survive():
    via = replied(request(b"SIP/2.0/UDP 192.0.2.1;received=6.6.6.6;branch=z9;rport=6")).via
    assert via == b"SIP/2.0/UDP 192.0.2.1;branch=z9;received=192.0.2.1;rport=5060"
    via = replied(request(b"SIP/2.0/UDP 192.0.2.1;received=6.6.6.6;branch=z9, SIP/2.0/UDP b;received=7.7.7.7"))
    assert via.headers(b"via") == [b"SIP/2.0/UDP 192.0.2.1;branch=z9", b"SIP/2.0/UDP b;received=7.7.7.7"]
    # Without a source nothing is known better than the sender does
    via = replied(request(b"SIP/2.0/UDP 192.0.2.1;rport;branch=z9"), source=None).via
    assert via == b"SIP/2.0/UDP 192.0.2.1;rport;branch=z9"


def test_headers_are_copied_in_their_order_as_they_were_spelt():
    m = request(more=b"record-route: <sip:a;lr>,\r\n <sip:b;lr>\r\nX: y\r\nRecord-Route:   <sip:c;lr>  \r\n")
    builder = Builder()
    builder.response(200)
    builder.copy(m, b"record-route")
    builder.copy(m, b"to")
    builder.copy(m, b"route")
    assert bytes(builder.end()) == (
        b"SIP/2.0 200 OK\r\nrecord-route: <sip:a;lr>, <sip:b;lr>\r\nRecord-Route:   <sip:c;lr>\r\n"
        b"t: <sip:door@pbx>\r\nContent-Length: 0\r\n\r\n"
    )


def test_the_torture_requests_are_answered_with_what_parses_or_not_at_all():
    for name, kind, _ in torture.verdicts():
        try:
            m = Message(torture.load(name))
        except RemoteError:
            continue
        if not m.method:
            continue
        answer = replied(m, 200 if kind == "valid" else 400)
        assert len(answer.lines(b"via")) == len(m.lines(b"via"))
        assert answer.call_id == m.call_id
        if kind == "valid":
            answer.check()
            assert answer.to_tag == (m.to_tag or b"new")
            assert answer.from_tag == m.from_tag and answer.branch == m.branch


def test_a_request_too_long_to_be_answered_is_dropped():
    m = request(b"SIP/2.0/UDP 192.0.2.1;branch=" + b"z" * (MESSAGE - 700))
    m.check()
    assert status(Builder().reply, m, 200, SOURCE, b"new") == 0
