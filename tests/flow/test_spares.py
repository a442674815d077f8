# Several registrars for one account: fall-back when one does not serve, and return to the first.

from siplet.limits import DNS_RETURN
from siplet.sip.builder import Builder
from siplet.sip.spares import Spares
from wire import Peer, Wire

builder = Builder()


class Registrar(Peer):
    """Grants 100 s to everybody, or says nothing while it is down."""

    def __init__(self, wire, host):
        super().__init__(wire, host, script=Registrar.answer)
        self.down = False

    def answer(self, message, source):
        if self.down:
            return
        builder.reply(message, 200, None, b"r")
        builder.copy(message, b"contact")
        builder.header(b"Expires", min(100, int(message.header(b"expires"))))
        self.say(bytes(builder.end()), source)


def test_the_second_serves_while_the_first_is_down_and_no_longer():
    wire = Wire()
    door = wire.party("10.0.0.1")
    first, second = Registrar(wire, "10.0.0.8"), Registrar(wire, "10.0.0.9")
    first.down = True
    told = []
    registration = door.endpoint.register(b"sip:10.0.0.8", b"sip:door@home.example", 100)
    registration.spares = Spares((b"sip:10.0.0.8", b"sip:10.0.0.9"), told.append)
    registration.start(wire.now)
    assert wire.run_until(lambda: registration.state == "registered", 40000)
    assert told == [b"sip:10.0.0.9"] and second.got[0].uri == b"sip:10.0.0.9"
    assert "failed" not in [event.data for event in door.events]  # nobody has to be told
    wire.run(DNS_RETURN // 2)
    heard = len(first.got)
    assert len(second.got) > 1 and registration.state == "registered"
    first.down = False
    wire.run(DNS_RETURN)
    assert len(first.got) > heard and told[-1] == b"sip:10.0.0.8" and registration.state == "registered"
    refreshed = len(second.got)
    wire.run(200000)
    assert len(second.got) == refreshed


def test_a_round_without_an_answer_fails_and_begins_again():
    wire = Wire()
    door = wire.party("10.0.0.1")
    first, second = Registrar(wire, "10.0.0.8"), Registrar(wire, "10.0.0.9")
    first.down = second.down = True
    registration = door.endpoint.register(b"sip:10.0.0.8", b"sip:door@home.example", 100)
    registration.spares = Spares((b"sip:10.0.0.8", b"sip:10.0.0.9"), lambda uri: None)
    registration.start(wire.now)
    wire.run(66000)
    assert registration.state == "failed" and first.got and second.got
    second.down = False
    assert wire.run_until(lambda: registration.state == "registered", 60000)


def test_who_refuses_is_not_left():
    wire = Wire()
    door = wire.party("10.0.0.1")
    second = Registrar(wire, "10.0.0.9")

    def refuse(peer, message, source):
        builder.reply(message, 403, None, b"r")
        peer.say(bytes(builder.end()), source)

    Peer(wire, "10.0.0.8", script=refuse)
    registration = door.endpoint.register(b"sip:10.0.0.8", b"sip:door@home.example", 100)
    registration.spares = Spares((b"sip:10.0.0.8", b"sip:10.0.0.9"), lambda uri: None)
    registration.start(wire.now)
    wire.run(1000)
    assert registration.state == "failed" and registration.status == 403 and not second.got
