# Stories of registrations with a registrar that knows digest (RFC 3261 section 10, RFC 2617, RFC 7616, RFC 5626 4.5).

import hashlib

from siplet.sip.header import param
from siplet.sip.md5 import md5
from wire import Peer, Wire

PBX = ("10.0.0.9", 5060)
AOR = b"sip:door@10.0.0.9"


def digest(algorithm, data):
    if algorithm == b"SHA-256":
        return hashlib.sha256(data).digest().hex().encode()
    return md5(data).hex().encode()


class Registrar(Peer):
    """A registrar on the wire. realm "pbx", user door, password open. Knobs are attributes."""

    def __init__(self, wire):
        super().__init__(wire, "10.0.0.9", script=Registrar.answer)
        self.algorithm = b"MD5"
        self.qop = b"auth"
        self.nonce = b"n1"
        self.stale = False  # say so when a nonce is not the present one
        self.expires = 100
        self.script_status = []  # statuses to give first, with an extra header each
        self.bindings = {}
        self.counts = []

    def answer(self, message, source):
        if message.method != b"REGISTER":
            return
        status, extra = 200, b""
        if self.script_status:
            status, extra = self.script_status.pop(0)
        elif not self.allows(message):
            old = param_of(message, b"nonce")
            stale = b", stale=true" if self.stale and old and old != self.nonce else b""
            qop = b', qop="' + self.qop + b'"' if self.qop else b""
            status = 401
            extra = b'WWW-Authenticate: Digest realm="pbx", nonce="' + self.nonce + b'", opaque="op", algorithm='
            extra += self.algorithm + qop + stale
        else:
            contact = message.header(b"contact")
            seconds = int(message.header(b"expires"))
            granted = min(self.expires, seconds)
            if granted:
                self.bindings[AOR] = contact
                extra = b"Contact: <sip:other@10.0.0.77>;expires=9999\r\nContact: " + contact + b";expires="
                extra += str(granted).encode()
            else:
                self.bindings.pop(AOR, None)
                extra = b"Expires: 0"
        self.say(response(message, status, extra), source)

    def allows(self, message):
        value = message.header(b"authorization")
        if value is None or param_of(message, b"nonce") != self.nonce:
            return False
        ha1 = digest(self.algorithm, b"door:pbx:open")
        ha2 = digest(self.algorithm, b"REGISTER:" + param_of(message, b"uri"))
        middle = b":" + self.nonce + b":"
        if self.qop:
            self.counts.append(int(param_of(message, b"nc"), 16))
            middle += param_of(message, b"nc") + b":" + param_of(message, b"cnonce") + b":auth:"
        wanted = digest(self.algorithm, ha1 + middle + ha2)
        return param_of(message, b"response") == wanted and param_of(message, b"opaque") == b"op"


def param_of(message, name):
    value = message.header(b"authorization")
    return (value and param(b"x;" + value[7:].replace(b", ", b";").replace(b",", b";"), name)) or b""


def response(request, status, extra):
    lines = [b"SIP/2.0 " + str(status).encode() + b" Said", b"Via: " + request.via]
    lines += [b"From: " + request.header(b"from"), b"To: " + request.header(b"to") + b";tag=r"]
    lines += [b"Call-ID: " + request.call_id, b"CSeq: " + str(request.cseq).encode() + b" REGISTER"]
    if extra:
        lines.append(extra)
    return b"\r\n".join(lines) + b"\r\nContent-Length: 0\r\n\r\n"


def registering(password="open", **knobs):
    wire = Wire(**knobs)
    pbx = Registrar(wire)
    door = wire.party("10.0.0.1")
    registration = door.endpoint.register(b"sip:pbx@10.0.0.9", AOR, 120, door.credentials("door", password))
    return wire, pbx, door, registration


def states(door):
    return [(event.data, event.status) for event in door.events if event.kind == "registration"]


def start(wire, door, registration, ms=1000):
    registration.start(wire.now)
    wire.run(ms)
    door.collect()


def test_registers_with_digest_on_the_bare_registrar():
    for algorithm, qop in ((b"MD5", b"auth"), (b"MD5", b""), (b"SHA-256", b"auth"), (b"MD5", b"auth-int,auth")):
        wire, pbx, door, registration = registering()
        pbx.algorithm, pbx.qop = algorithm, qop
        start(wire, door, registration)
        assert states(door) == [("registering", 0), ("registered", 200)]
        first, second = pbx.got
        assert first.uri == second.uri == b"sip:10.0.0.9"  # no user
        assert second.cseq == first.cseq + 1 and second.branch != first.branch
        assert second.call_id == first.call_id and second.from_tag == first.from_tag
        assert pbx.bindings and registration.granted == 100


def test_refreshes_in_time_with_the_same_nonce_and_a_counting_nc():
    wire, pbx, door, registration = registering()
    start(wire, door, registration, 300_000)
    times = [pbx.raw[i][0] for i in range(len(pbx.raw))]
    assert 4 <= len(times) - 1 <= 6
    for i in range(2, len(times)):
        assert 69_000 < (times[i] - times[i - 1]) % 2**30 < 86_000
    assert pbx.counts == list(range(1, len(pbx.counts) + 1))  # no new challenge was needed
    assert states(door)[-1] == ("registered", 200) and ("refreshing", 200) in states(door)


def test_a_new_nonce_at_refresh_is_taken_with_and_without_stale():
    for stale in (True, False):
        wire, pbx, door, registration = registering()
        pbx.stale = stale
        start(wire, door, registration, 60_000)
        pbx.nonce = b"n2"
        wire.run(40_000)
        assert states(door)[-1] == ("registered", 200) and pbx.counts[-1] == 1


def test_a_wrong_password_fails_loudly_and_does_not_hammer():
    wire, pbx, door, registration = registering("shut")
    start(wire, door, registration, 100_000)
    assert states(door) == [("registering", 0), ("failed", 401)]
    assert len(pbx.got) == 2
    wire.run(400_000)
    assert 4 <= len(pbx.got) <= 8


def test_no_answer_backs_off_and_comes_back():
    wire, _pbx, door, registration = registering()
    wire.drop = lambda data, to: to == PBX
    start(wire, door, registration, 33_000)
    assert states(door) == [("registering", 0), ("failed", 408)]
    wire.run(300_000)
    assert registration.failures > 3
    wire.drop = None
    wire.run(400_000)
    assert states(door)[-1] == ("registered", 200) and registration.failures == 0


def test_retry_after_is_kept():
    wire, pbx, door, registration = registering()
    pbx.script_status = [(503, b"Retry-After: 120 (maintenance);duration=9")]
    start(wire, door, registration, 119_000)
    assert states(door) == [("registering", 0), ("failed", 503)] and len(pbx.got) == 1
    wire.run(10_000)
    assert states(door)[-1] == ("registered", 200)


def test_a_longer_time_is_asked_when_the_registrar_wants_it():
    wire, pbx, door, registration = registering()
    pbx.script_status = [(423, b"Min-Expires: 600")]
    pbx.expires = 3600
    start(wire, door, registration)
    assert states(door) == [("registering", 0), ("registered", 200)]
    assert pbx.got[-1].header(b"expires") == b"600" and registration.granted == 600


def test_423_that_leads_nowhere_is_a_failure():
    for extra in (b"X: y", b"Min-Expires: 60", b"Min-Expires: 4294967296", b"Min-Expires: ten"):
        wire, pbx, door, registration = registering()
        pbx.script_status = [(423, extra)] * 9
        start(wire, door, registration)
        assert states(door) == [("registering", 0), ("failed", 423)], extra
        assert len(pbx.got) == 1


def test_unregisters_at_the_end():
    wire, pbx, door, registration = registering()
    start(wire, door, registration)
    assert pbx.bindings
    registration.stop(wire.now)
    wire.run(1000)
    door.collect()
    assert states(door)[-2:] == [("unregistering", 0), ("off", 200)]
    assert not pbx.bindings and pbx.got[-1].header(b"expires") == b"0"
    wire.run(40_000)
    assert not door.endpoint.registrations and door.at_rest()


def test_unregistering_without_a_server_ends_too():
    wire, _pbx, door, registration = registering()
    start(wire, door, registration)
    wire.drop = lambda data, to: True
    registration.stop(wire.now)
    wire.run(40_000)
    door.collect()
    assert states(door)[-1] == ("off", 408) and not door.endpoint.registrations


def test_losing_every_third_datagram_still_registers():
    wire, _pbx, door, registration = registering(loss=33, duplicate=10, seed=5)
    start(wire, door, registration, 60_000)
    assert states(door)[-1] == ("registered", 200)


def test_a_registrar_that_grants_nothing_is_a_failure():
    wire, pbx, door, registration = registering()
    pbx.expires = 0
    start(wire, door, registration)
    assert states(door)[-1] == ("failed", 200)


def test_a_call_does_not_disturb_the_refresh():
    wire, pbx, door, registration = registering()
    start(wire, door, registration)
    desk = wire.party("10.0.0.2")
    door.call(b"sip:desk@10.0.0.2")
    wire.run(100)
    desk.take("incoming").source.answer(wire.now)
    wire.run(200_000)
    assert states(door)[-1] == ("registered", 200) and registration.state in ("registered", "refreshing")
    assert len(pbx.counts) >= 3


def test_unregistering_waits_for_the_register_that_is_under_way():
    wire, pbx, door, registration = registering()
    registration.start(wire.now)
    registration.stop(wire.now)
    wire.run(5)
    assert len(door.sent) == 1  # one at a time (10.2)
    wire.run(1000)
    assert states(door)[-1] == ("off", 200) and not pbx.bindings
    assert pbx.got[-1].header(b"expires") == b"0" and not door.endpoint.registrations
