# IPv6 in SIP as RFC 5118 tortures it: where a reference ends and a port begins, brackets and none, to the letter. That
# its messages are answered as they should be: tests/flow/test_rfc4475.py.

from expect import status
from siplet.offer import Negotiation
from siplet.sdp import parse
from siplet.sip import header
from siplet.sip.builder import Builder
from siplet.sip.endpoint import Endpoint
from siplet.sip.message import Message
from siplet.sip.uri import Uri
from torture import load


def message(name):
    found = Message(load(name, "rfc5118"))
    found.check()
    return found


def contact(m):
    return Uri(header.uri_of(m.header(b"contact")))


def test_a_reference_in_request_uri_via_and_contact():
    m = message("ipv6-good")
    assert Uri(m.uri).host == b"[2001:db8::10]" and Uri(m.uri).destination() == ("2001:db8::10", 5060)
    assert (m.sent_by, m.port) == (b"[2001:db8::9:1]", 5060)
    assert (contact(m).user, contact(m).host) == (b"caller", b"[2001:db8::1]")


def test_without_brackets_it_is_no_reference():
    m = Message(load("ipv6-bad", "rfc5118"))
    assert status(m.check) == 400 and status(Uri, m.uri) == 400
    for uri in (b"sip:a@[2001:db8::1", b"sip:a@2001:db8::1]", b"sip:a@[]", b"sip:a@[2001:db8::1]5060", b"sip:[a]b"):
        assert status(Uri, uri) == 400, uri


def test_a_port_is_one_outside_the_brackets_only():
    uri = Uri(message("port-ambiguous").uri)
    assert (uri.host, uri.port) == (b"[2001:db8::10:5070]", 0)
    assert uri.destination() == ("2001:db8::10:5070", 5060)
    uri = Uri(message("port-unambiguous").uri)
    assert (uri.host, uri.port) == (b"[2001:db8::10]", 5070)
    assert uri.destination() == ("2001:db8::10", 5070)


def test_received_with_and_without_brackets():
    m = message("via-received-param-with-delim")
    assert header.param(m.via, b"received") == b"[2001:db8::9:255]"
    assert (m.branch, m.sent_by, m.port, m.to_tag) == (b"z9hG4bKas3-111", b"[2001:db8::9:1]", 5060, b"bd76ya")
    m = message("via-received-param-no-delim")
    assert header.param(m.via, b"received") == b"2001:db8::9:255"
    assert (m.branch, m.sent_by, m.port) == (b"z9hG4bKas3", b"[2001:db8::9:1]", 5060)


def test_what_we_write_as_received_has_no_brackets():
    # "When sending a request, implementations must not put the delimiting [ and ] tokens" (4.5)
    builder = Builder()
    for name in ("via-received-param-with-delim", "via-received-param-no-delim"):
        builder.reply(message(name), 200, ("2001:db8::9:77", 5060), b"tag")
        answer = Message(bytes(builder.end()))
        assert header.param(answer.via, b"received") == b"2001:db8::9:77"
        assert answer.via.count(b"received") == 1 and answer.sent_by == b"[2001:db8::9:1]"


def test_several_addresses_in_a_list_of_vias():
    m = message("mult-ip-in-header")
    assert (m.sent_by, m.port) == (b"[2001:db8::9:1]:6050", 6050)
    vias = m.headers(b"via")
    assert len(vias) == 3 and vias[1].endswith(b"192.0.2.1;branch=z9hG4bKjhja8781hjuaij65144")
    assert header.param(vias[2], b"received") == b"192.0.2.200"


def test_mapped_addresses():
    m = message("ipv4-mapped-ipv6")
    assert (m.sent_by, m.port) == (b"[::ffff:192.0.2.10]:19823", 19823)
    assert contact(m).destination() == ("::ffff:192.0.2.2", 5060)
    audio, video = parse(m.body)
    assert audio.address == video.address == "::ffff:192.0.2.2" and (audio.port, video.port) == (6000, 6024)


def test_an_extra_colon_is_tolerated():
    for name, host in (
        ("ipv6-bug-abnf-3-colons", b"[2001:db8:::192.0.2.1]"),
        ("ipv6-correct-abnf-2-colons", b"[2001:db8::192.0.2.1]"),
    ):
        m = message(name)
        assert Uri(m.uri).host == Uri(header.uri_of(m.header(b"to"))).host == host
        assert Uri(m.uri).user == b"user"


def test_addresses_in_sdp_have_no_brackets():
    audio, video = parse(message("ipv6-in-sdp").body)
    assert audio.address == video.address == "2001:db8::20"
    audio, video = parse(message("mult-ip-in-sdp").body)
    assert (audio.address, video.address) == ("192.0.2.1", "2001:db8::1")


def test_who_speaks_ipv4_and_who_speaks_ipv6_agree_on_what_both_have():
    offer = message("mult-ip-in-sdp").body  # audio by IPv4
    four = Negotiation("192.0.2.9", 40000)
    answer = four.answer(offer)
    assert (four.agreed.address, four.agreed.port) == ("192.0.2.1", 22334)
    assert b"c=IN IP4 192.0.2.9\r\n" in answer and b"m=video 0 RTP/AVP 107\r\n" in answer
    assert status(Negotiation("2001:db8::9", 40000).answer, offer) == 488
    offer = message("ipv6-in-sdp").body.replace(b"AVP 2\r\n", b"AVP 0\r\n")
    assert status(Negotiation("192.0.2.9", 40000).answer, offer) == 488
    six = Negotiation("2001:db8::9", 40000)
    assert b"c=IN IP6 2001:db8::9\r\n" in six.answer(offer)
    assert six.agreed.address == "2001:db8::20"


def test_maddr_and_route_may_be_references():
    uri = Uri(b"sip:a@example.com;maddr=[2001:db8::7];transport=udp")
    assert uri.destination()[0] == "2001:db8::7"
    assert Uri(b"sip:[2001:db8::7]:5070;lr").destination() == ("2001:db8::7", 5070)
    assert header.uri_of(b"<sip:[2001:db8::7]:5070;lr>;x=[::1]") == b"sip:[2001:db8::7]:5070;lr"
    assert header.split(b"<sip:[2001:db8::7];lr>, <sip:[2001:db8::8];lr>")[1] == b"<sip:[2001:db8::8];lr>"


def test_our_own_address_stands_in_brackets_and_answers_go_to_a_bare_one():
    sent = []
    endpoint = Endpoint(lambda data, to: sent.append((bytes(data), to)), bytes, ("2001:db8::10", 5062))
    assert endpoint.host_port == b"[2001:db8::10]:5062"
    source = ("2001:db8::9:1", 6000)
    endpoint.receive(load("via-received-param-no-delim", "rfc5118"), source, 0)
    assert sent.pop()[1] == ("2001:db8::9:1", 5060)  # no rport: to the port in Via
    endpoint.receive(
        load("via-received-param-no-delim", "rfc5118").replace(b"received=", b"maddr=192.0.2.66;x="), source, 0
    )
    assert sent.pop()[1] == ("2001:db8::9:1", 5060)  # never to a third party
    data = load("via-received-param-no-delim", "rfc5118")
    endpoint.receive(data.replace(b"received=2001:db8::9:255", b"rport"), source, 0)
    data, to = sent.pop()
    assert to == source and b";received=2001:db8::9:1;rport=6000\r\n" in data
