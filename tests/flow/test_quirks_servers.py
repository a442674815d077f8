# What servers do that the RFCs' figures do not show: Kamailio with two Record-Routes and a Path, servers that see us
# through a NAT, Asterisk's qualifying. Each is a scripted peer.

from siplet.offer import Negotiation
from siplet.sip.builder import Builder
from wire import Peer, Wire

BELL, SERVER = ("10.0.0.1", 5060), ("10.0.0.9", 5060)
builder = Builder()


def reply(peer, request, status, *headers, sdp=b"", source=None):
    """Answer a request that the peer got, as from `source`."""
    builder.reply(request, status, None, b"there")
    for name, value in headers:
        builder.header(name, value)
    if sdp:
        builder.body(b"application/sdp", sdp)
    peer.say(bytes(builder.end()), BELL, source)


def ask(peer, method, branch):
    """A request of the server's own, outside of dialogs."""
    builder.request(method, b"sip:bell@10.0.0.1")
    builder.header(b"Via", b"SIP/2.0/UDP 10.0.0.9;rport;branch=z9hG4bK", branch)
    for name, value in (
        (b"From", b"<sip:asterisk@10.0.0.9>;tag=as1"),
        (b"To", b"<sip:bell@10.0.0.1>"),
        (b"Call-ID", branch + b"@10.0.0.9"),
        (b"CSeq", b"102 " + method),
        (b"Max-Forwards", b"70"),
    ):
        builder.header(name, value)
    peer.say(bytes(builder.end()), BELL)


def registered(wire, *headers):
    bell = wire.party("10.0.0.1")
    server = Peer(wire, "10.0.0.9")
    registration = bell.endpoint.register(b"sip:10.0.0.9", b"sip:bell@10.0.0.9", 600)
    registration.start(wire.now)
    wire.run(50)
    reply(server, server.got[-1], 200, *headers)
    wire.run(50)
    assert registration.state == "registered"
    return bell, server, registration


def test_kamailio_with_a_record_route_for_each_of_its_networks():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    server = Peer(wire, "10.0.0.9")
    out = bell.call(b"sip:desk@10.0.0.9")
    wire.run(50)
    invite = server.got[0]
    answer = Negotiation("10.8.0.2", 7000).answer(invite.body)
    inner, outer = b"<sip:192.168.0.9;r2=on;lr=on;ftag=x>", b"<sip:10.0.0.9;r2=on;lr=on;ftag=x>"
    contact = (b"Contact", b"<sip:desk@192.168.0.7:5070>")
    reply(server, invite, 200, (b"Record-Route", inner), (b"Record-Route", outer), contact, sdp=answer)
    wire.run(50)
    assert bell.take("answered")
    out.hang_up(wire.now)
    wire.run(50)
    for request, method in ((server.got[1], b"ACK"), (server.got[2], b"BYE")):
        assert request.method == method and request.uri == b"sip:desk@192.168.0.7:5070"
        assert request.headers(b"route") == [outer, inner]


def test_a_proxy_before_the_registrar_that_adds_a_path():
    wire = Wire()
    path = (b"Path", b"<sip:10.0.0.9;lr>")
    contact = (b"Contact", b"<sip:bell@10.0.0.1:5060>;expires=120")
    _, server, registration = registered(wire, path, contact)
    assert server.got[0].header(b"supported") == b"path"
    assert registration.granted == 120


def test_a_registrar_behind_a_nat_shows_another_contact_and_answers_from_another_port():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    server = Peer(wire, "10.0.0.9")
    registration = bell.endpoint.register(b"sip:10.0.0.9", b"sip:bell@10.0.0.9", 600)
    registration.start(wire.now)
    wire.run(50)
    contact = (b"Contact", b"<sip:bell@203.0.113.5:61022>;expires=90")
    reply(server, server.got[-1], 200, contact, source=("10.0.0.9", 40000))
    wire.run(50)
    assert registration.state == "registered" and registration.granted == 90
    before = len(server.got)
    wire.run(85000)
    assert len(server.got) > before  # refreshed in time, and at the registrar's own port


def test_a_server_whose_contact_is_private_is_reached_where_it_is():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    server = Peer(wire, "203.0.113.9")
    hop = b"sip:203.0.113.9"
    out = bell.endpoint.invite(b"sip:desk@pbx.example", b"<sip:bell@pbx.example>", bell.media(), wire.now, None, hop)
    wire.run(50)
    invite = server.got[0]
    answer = Negotiation("203.0.113.9", 7000).answer(invite.body)
    contact = (b"Contact", b"<sip:desk@172.16.0.4:5060>")
    reply(server, invite, 200, contact, sdp=answer, source=("203.0.113.9", 40000))
    wire.run(50)
    out.hang_up(wire.now)
    wire.run(50)
    assert server.methods() == ["INVITE", "ACK", "BYE"]
    assert server.got[2].uri == b"sip:desk@172.16.0.4:5060"


def test_a_caller_behind_a_nat_hears_our_goodbye():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    caller = Peer(wire, "203.0.113.9", 40000)
    offer = Negotiation("203.0.113.9", 7000).offer()
    builder.request(b"INVITE", b"sip:bell@10.0.0.1")
    for name, value in (
        (b"Via", b"SIP/2.0/UDP 192.168.1.4;rport;branch=z9hG4bKn"),
        (b"From", b"<sip:c@x.example>;tag=c"),
        (b"To", b"<sip:bell@10.0.0.1>"),
        (b"Call-ID", b"n"),
        (b"CSeq", b"1 INVITE"),
        (b"Max-Forwards", b"70"),
        (b"Contact", b"<sip:c@192.168.1.4>"),
    ):
        builder.header(name, value)
    builder.body(b"application/sdp", offer)
    caller.say(bytes(builder.end()), BELL)
    wire.run(50)
    session = bell.take("incoming").source
    session.answer(wire.now)
    wire.run(50)
    contact = next(m for m in caller.got if m.status == 200)
    builder.request(b"ACK", b"sip:bell@10.0.0.1")
    for name, value in (
        (b"Via", b"SIP/2.0/UDP 192.168.1.4;rport;branch=z9hG4bKo"),
        (b"From", b"<sip:c@x.example>;tag=c"),
        (b"To", contact.header(b"to")),
        (b"Call-ID", b"n"),
        (b"CSeq", b"1 ACK"),
        (b"Max-Forwards", b"70"),
    ):
        builder.header(name, value)
    caller.say(bytes(builder.end()), BELL)
    wire.run(50)
    session.hang_up(wire.now)
    wire.run(50)
    assert caller.methods()[-1] == "BYE" and caller.got[-1].uri == b"sip:c@192.168.1.4"


def test_asterisk_qualifies_every_few_seconds_in_and_out_of_calls():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    server = Peer(wire, "10.0.0.9")
    out = bell.call(b"sip:desk@10.0.0.9")
    wire.run(50)
    invite = server.got[0]
    sdp = Negotiation("10.0.0.9", 7000).answer(invite.body)
    sdp = sdp.replace(b" 96", b" 101").replace(b":96 ", b":101 ")  # whatever we offered, this is Asterisk's number
    reply(server, invite, 200, (b"Contact", b"<sip:desk@10.0.0.9>"), sdp=sdp)
    wire.run(50)
    for n in range(20):
        ask(server, b"OPTIONS", b"q" + str(n).encode())
        wire.run(2000)
        assert server.got[-1].status == 200 and b"INVITE" in server.got[-1].header(b"allow")
    assert out.state == "up" and not bell.endpoint.transactions
    assert [m for m in server.methods() if m != "200"] == ["INVITE", "ACK"]
