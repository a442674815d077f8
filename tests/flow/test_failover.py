# Several servers for one name, as the core sees it (RFC 3263 4.3): the next one is asked when the present one is
# silent, out of order, or cannot be reached.

from siplet.sip.builder import Builder
from wire import Peer, Wire

NAME = ("pbx.example", 0)
_builder = Builder()


def answer(peer, status, to):
    """The peer's answer to the last request that it got."""
    _builder.reply(peer.got[-1], status, to, b"there")
    if peer.got[-1].method == b"REGISTER":
        _builder.copy(peer.got[-1], b"contact")
        _builder.header(b"Expires", 300)
    peer.say(bytes(_builder.end()), to)


class Servers:
    """The shell's part: sends what is meant for the name to the present one of its servers."""

    def __init__(self, wire, party, hosts):
        self.hosts = list(hosts)
        self.asked = []
        endpoint = party.endpoint
        send = endpoint.send

        def deliver(data, destination):
            if destination == NAME:
                self.asked.append(self.hosts[0])
                destination = (self.hosts[0], 5060)
            send(data, destination)

        endpoint.send = deliver
        endpoint.another = self.another

    def another(self, destination):
        assert destination == NAME
        self.hosts.pop(0)
        return bool(self.hosts)


def test_a_registration_goes_on_to_the_server_that_answers():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    servers = Servers(wire, bell, ("10.0.0.7", "10.0.0.8", "10.0.0.9"))
    busy, good = Peer(wire, "10.0.0.8"), Peer(wire, "10.0.0.9")
    registration = bell.endpoint.register(b"sip:pbx.example", b"sip:bell@pbx.example", 300)
    registration.start(wire.now)
    wire.run(31000)
    assert registration.state == "registering" and set(servers.asked) == {"10.0.0.7"}
    wire.run(2000)  # timer F: the second one
    answer(busy, 503, bell.address)
    wire.run(100)
    answer(good, 200, bell.address)
    wire.run(100)
    assert registration.state == "registered" and registration.failures == 0
    assert servers.hosts == ["10.0.0.9"]


def test_a_call_goes_on_too_and_ends_when_nobody_is_left():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    servers = Servers(wire, bell, ("10.0.0.7", "10.0.0.8"))
    other = Peer(wire, "10.0.0.8")
    out = bell.call(b"sip:desk@pbx.example")
    wire.run(33000)
    assert other.got[0].method == b"INVITE" and out.state == "calling"
    answer(other, 503, bell.address)
    wire.run(100)
    ended = bell.take("ended")
    assert ended.status == 503 and ended.data == "rejected" and servers.hosts == []


def test_who_was_reached_and_rings_is_not_left():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    servers = Servers(wire, bell, ("10.0.0.7", "10.0.0.8"))
    server = Peer(wire, "10.0.0.7")
    bell.call(b"sip:desk@pbx.example")
    wire.run(100)
    answer(server, 180, bell.address)
    wire.run(100)
    answer(server, 408, bell.address)
    wire.run(100)
    assert bell.take("ended").status == 408 and len(servers.hosts) == 2
