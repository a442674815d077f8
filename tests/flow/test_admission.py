# Who may call: servers, friends, who knows a password; strangers are refused, and soon ignored (sip/admission.py,
# sip/challenge.py).

from siplet.limits import STRANGER_MS, STRANGER_TRIES, STRANGERS
from siplet.sip.admission import Admission
from siplet.sip.auth import Credentials
from siplet.sip.challenge import Challenge, equal
from siplet.sip.friends import Friends
from wire import Wire

TARGET = b"sip:desk@10.0.0.2"
SERVER, FRIEND, STRANGER = "10.0.0.9", "10.0.0.7", "10.0.0.1"


def guarded(allow=(), users=None):
    wire = Wire()
    desk = wire.party("10.0.0.2")
    desk.endpoint.admit = Admission(lambda: (SERVER,))
    if allow:
        desk.endpoint.admit.friends = Friends(allow)
    if users:
        desk.endpoint.admit.asks = Challenge(desk.endpoint, users)
    return wire, desk


def status(wire, party, **options):
    """How a call of party's to the desk begins: "rings", or the refusal's status, or None when nobody answers."""
    party.events.clear()
    party.endpoint.invite(TARGET, b"<sip:" + party.name + b"@example.org>", party.media(), wire.now, **options)
    wire.run_until(lambda: "ringing" in party.kinds() or "ended" in party.kinds(), 40000)
    if "ringing" in party.kinds():
        return "rings"
    ended = party.take("ended")
    return None if ended.data == "timeout" else ended.status


def caller(wire, host, name=b"door"):
    party = wire.party(host)
    party.name = name
    return party


def test_the_server_gets_through_and_a_stranger_does_not():
    wire, desk = guarded()
    assert status(wire, caller(wire, SERVER)) == "rings"
    assert status(wire, caller(wire, STRANGER)) == 403
    assert desk.kinds().count("incoming") == 1


def test_friends_by_address_by_network_and_by_name():
    wire, desk = guarded((FRIEND, "10.1.0.0/16", "sip:mum@example.org"))
    desk.endpoint.max_calls = 9
    assert status(wire, caller(wire, FRIEND)) == "rings"
    assert status(wire, caller(wire, "10.1.255.4")) == "rings"
    assert status(wire, caller(wire, "10.2.0.4")) == 403
    assert status(wire, caller(wire, "10.2.0.5", b"mum")) == "rings"
    assert status(wire, caller(wire, "10.2.0.6", b"mumm")) == 403


def test_a_scanner_meets_silence_after_a_few_tries_and_is_a_stranger_anew_much_later():
    wire, desk = guarded()
    scanner = caller(wire, STRANGER)
    for _ in range(STRANGER_TRIES):
        assert status(wire, scanner) == 403
    assert status(wire, scanner) is None
    sent = len(desk.sent)
    assert status(wire, scanner) is None and len(desk.sent) == sent
    admission = desk.endpoint.admit
    assert admission.refused == STRANGER_TRIES and admission.ignored > 2
    wire.run(STRANGER_MS + 1000)
    assert status(wire, scanner) == 403
    assert status(wire, caller(wire, SERVER)) == "rings"


def test_many_strangers_take_no_more_memory_than_a_few():
    wire, desk = guarded()
    for n in range(3 * STRANGERS):
        party = caller(wire, f"10.9.0.{n}")
        party.endpoint.invite(TARGET, b"<sip:x@y.example>", party.media(), wire.now)
        wire.run(200)
    assert len(desk.endpoint.admit._strangers) == STRANGERS


def test_who_knows_the_password_gets_through_by_either_algorithm():
    wire, desk = guarded(users={b"door": b"open sesame"})
    desk.endpoint.max_calls = 9
    for password, heard in (("open sesame", "rings"), ("open sesamE", 401)):
        party = caller(wire, f"10.3.0.{len(password) + (heard == 401)}")
        known = Credentials("door", password, wire.chance.bytes)
        assert status(wire, party, credentials=known) == heard
    nobody = caller(wire, "10.3.0.99")
    known = Credentials("nobody", "open sesame", wire.chance.bytes)
    assert status(wire, nobody, credentials=known) == 401
    assert status(wire, caller(wire, "10.3.0.98")) == 401


def test_who_knows_the_password_is_no_stranger_however_often_it_is_asked():
    wire, desk = guarded(users={b"door": b"open sesame"})
    party = caller(wire, "10.3.0.1")
    known = Credentials("door", "open sesame", wire.chance.bytes)
    for _ in range(3 * STRANGER_TRIES):
        assert status(wire, party, credentials=known) == "rings"
        desk.endpoint.sessions[0].hang_up(wire.now)
        wire.run(70000)  # its nonce serves no more: it is asked again, and told why
    assert not desk.endpoint.admit._strangers
    asked = [data for _, data, _ in desk.sent if data[:11] == b"SIP/2.0 401"]
    assert len(asked) == 3 * STRANGER_TRIES
    assert b"stale" not in asked[0] and all(data.count(b"stale=true") == 2 for data in asked[1:])


def test_several_requests_in_the_same_moment_are_all_let_in():
    wire, desk = guarded(users={b"door": b"open sesame"})
    desk.endpoint.max_calls = 9
    known = Credentials("door", "open sesame", wire.chance.bytes)
    party = caller(wire, "10.3.0.1")
    party.endpoint.max_calls = 9
    for _ in range(4):
        party.endpoint.invite(TARGET, b"<sip:a@b>", party.media(), wire.now, credentials=known)
    wire.run(100)
    assert desk.kinds().count("incoming") == 4


def test_the_same_message_come_again_is_answered_again():
    # OPTIONS is answered without a transaction: who did not hear the answer says it again, with the same password
    wire, desk = guarded(users={b"door": b"open sesame"})
    known = Credentials("door", "open sesame", wire.chance.bytes)
    party = caller(wire, "10.3.0.1")
    party.endpoint.invite(TARGET, b"<sip:a@b>", party.media(), wire.now, credentials=known)
    wire.run(1000)
    dialog = party.endpoint.sessions[0]._outline
    desk.endpoint.sessions[0].hang_up(wire.now)
    wire.run(1000)
    builder = party.endpoint.begin(b"OPTIONS", TARGET, dialog, 1)
    known.authorize(builder, b"OPTIONS", TARGET)
    message = bytes(builder.end())
    for sent, expected in ((message, 200), (message, 200), (message.replace(b"z9hG4bK", b"z9hG4bKx"), 401)):
        desk.receive(sent, party.address, wire.now)
        assert int(desk.sent[-1][1][8:11]) == expected


def test_an_answer_serves_once_and_not_for_long():
    wire, desk = guarded(users={b"door": b"open sesame"})
    party = caller(wire, "10.3.0.1")
    assert status(wire, party, credentials=Credentials("door", "open sesame", wire.chance.bytes)) == "rings"
    desk.endpoint.sessions[0].hang_up(wire.now)
    wire.run(40000)
    invite = next(data for _, data, _ in party.sent if data[:6] == b"INVITE" and b"Authorization" in data)
    calls = desk.kinds().count("incoming")
    for replaced in (b"z9hG4bKa", b"z9hG4bKb"):
        i = invite.find(b"z9hG4bK")
        again = invite[:i] + replaced + invite[i + 8 :]
        desk.receive(again, ("10.3.0.1", 5060), wire.now)
        wire.run(100)
    assert desk.kinds().count("incoming") == calls
    assert desk.sent[-1][1][:11] == b"SIP/2.0 401"


def test_a_comparison_whose_time_tells_nothing():
    assert equal(b"", b"") and equal(b"abc", b"abc")
    for a, b in ((b"abc", b"abd"), (b"abc", b"ab"), (b"ab", b"abc"), (b"", b"a"), (b"a", b""), (b"abcabc", b"abc")):
        assert not equal(a, b)
