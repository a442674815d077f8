# Many short calls one after the other, faster than transactions are forgotten (32 s each): none is refused for it.

from siplet.limits import TRANSACTIONS
from wire import Wire

TARGET = b"sip:desk@10.0.0.2"


def test_fifty_calls_in_five_seconds_are_all_served_within_the_bound():
    wire = Wire()
    bell, desk = wire.party("10.0.0.1"), wire.party("10.0.0.2")
    for _ in range(50):
        out = bell.call(TARGET)
        wire.run(20)
        desk.take("incoming").source.answer(wire.now)
        wire.run(40)
        assert bell.take("answered")
        out.hang_up(wire.now)
        wire.run(40)
        assert desk.take("ended").data == "remote"
        assert len(desk.endpoint.transactions) <= TRANSACTIONS
        bell.events.clear()
        desk.events.clear()
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()


def test_what_waits_for_its_acknowledgement_is_never_forgotten_for_a_newcomer():
    wire = Wire()
    desk = wire.party("10.0.0.2", max_calls=TRANSACTIONS + 4)
    bells = [wire.party(f"10.0.1.{i}") for i in range(TRANSACTIONS + 2)]
    for bell in bells:
        bell.call(TARGET)
        wire.run(10)
    wire.run(100)
    ringing = [event.source for event in desk.events if event.kind == "incoming"]
    assert len(ringing) == TRANSACTIONS
    assert [bell.take("ended").status for bell in bells[TRANSACTIONS:]] == [503, 503]
    for session in ringing:
        assert session.answer(wire.now)
    wire.run(200)
    assert sum("answered" in bell.kinds() for bell in bells) == TRANSACTIONS


def test_what_we_ask_and_are_answered_keeps_nobody_from_calling_us():
    from siplet.sip.instant import Inbox, Instant

    wire = Wire()
    bell, desk = wire.party("10.0.0.1"), wire.party("10.0.0.2")
    Inbox(bell.endpoint)
    for _ in range(TRANSACTIONS):
        Instant(desk.endpoint, b"sip:bell@10.0.0.1", b"<sip:desk@10.0.0.2>", b"hello", wire.now)
        wire.run(50)
    assert desk.kinds().count("sent") == TRANSACTIONS == len(desk.endpoint.transactions)  # timer K
    bell.call(TARGET)
    wire.run(50)
    assert desk.take("incoming")
