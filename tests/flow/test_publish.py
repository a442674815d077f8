# Stories of publishing (RFC 3903) with a scripted server that keeps what it is told.

from siplet import pidf
from siplet.sip.publish import Publication
from siplet.ticks import ticks_diff
from wire import Peer, Wire

PBX = ("10.0.0.9", 5060)
AOR = b"sip:bell@10.0.0.9"
OPEN, CLOSED = pidf.write(AOR, True), pidf.write(AOR, False)


class Server(Peer):
    """Keeps one document under a tag that changes with every PUBLISH, for `grants` seconds. `refusals`: (status, more)
    to say first."""

    def __init__(self, wire):
        super().__init__(wire, "10.0.0.9", script=Server.on_message)
        self.held = None
        self.tag = b""
        self.number = 0
        self.grants = 3600
        self.refusals = []
        self.tags = True
        self.times = []
        self.ends = None

    def on_message(self, message, source):
        assert message.method == b"PUBLISH" and message.uri == AOR and message.header(b"event") == b"presence"
        self.times.append(self.wire.now)
        known = message.header(b"sip-if-match")
        asked = int(message.header(b"expires"))
        more = []
        if self.ends is not None and ticks_diff(self.wire.now, self.ends) >= 0:
            self.held, self.tag = None, b""
        if self.refusals:
            status, extra = self.refusals.pop(0)
            more = [extra] if extra else []
        elif known is not None and known != self.tag:
            status = 412
        elif known is None and not message.body:
            status = 400
        else:
            status = 200
            self.held = None if not asked else message.body or self.held
            self.number += 1
            self.tag = b"e" + str(self.number).encode() if self.tags and asked else b""
            granted = min(asked, self.grants)
            self.ends = (self.wire.now + granted * 1000) % 2**30
            more = [b"Expires: " + str(granted).encode()]
            if self.tag:
                more.append(b"SIP-ETag: " + self.tag)
        lines = [b"SIP/2.0 " + str(status).encode() + b" Said", b"Via: " + message.via]
        lines += [b"From: " + message.header(b"from"), b"To: " + message.header(b"to") + b";tag=s"]
        lines += [b"Call-ID: " + message.call_id, b"CSeq: " + str(message.cseq).encode() + b" PUBLISH"] + more
        self.say(b"\r\n".join(lines) + b"\r\nContent-Length: 0\r\n\r\n", source)


def publishing(credentials=None, **knobs):
    wire = Wire(**knobs)
    pbx = Server(wire)
    bell = wire.party("10.0.0.1")
    if credentials:
        credentials = bell.credentials(*credentials)
    publication = Publication(bell.endpoint, AOR, b"sip:10.0.0.9", b"presence", pidf.TYPE, 3600, credentials)
    return wire, pbx, bell, publication


def published(**options):
    wire, pbx, bell, publication = publishing(**options)
    publication.put(OPEN, wire.now)
    wire.run(100)
    assert publication.state == "registered" and pbx.held == OPEN
    return wire, pbx, bell, publication


def test_published_refreshed_without_a_body_changed_and_taken_back():
    wire, pbx, bell, publication = published()
    first = pbx.got[0]
    assert first.header(b"content-type") == pidf.TYPE and first.header(b"sip-if-match") is None
    wire.run(3_000_000 + 100_000)
    again = pbx.got[1]
    assert again.header(b"sip-if-match") == b"e1" and again.body == b"" and again.header(b"content-type") is None
    assert 0.69 * 3600_000 < ticks_diff(pbx.times[1], pbx.times[0]) < 0.86 * 3600_000 and pbx.held == OPEN
    publication.put(CLOSED, wire.now)
    wire.run(100)
    assert pbx.got[2].header(b"sip-if-match") == b"e2" and pbx.held == CLOSED and publication.held == CLOSED
    publication.stop(wire.now)
    wire.run(100)
    ends = pbx.got[3]
    assert (ends.header(b"sip-if-match"), ends.header(b"expires"), ends.body) == (b"e3", b"0", b"")
    assert pbx.held is None and publication.state == "off"
    wire.run(40_000)
    assert not bell.endpoint.registrations and bell.at_rest() and len(pbx.got) == 4
    # and it may begin again
    publication.put(OPEN, wire.now)
    wire.run(100)
    assert pbx.held == OPEN and bell.endpoint.registrations == [publication]


def test_a_server_that_forgot_it_is_told_everything_anew():
    wire, pbx, _bell, publication = published()
    pbx.tag = b"another"
    wire.run(3_200_000)
    assert [m.header(b"sip-if-match") for m in pbx.got] == [None, b"e1", None]
    assert pbx.held == OPEN and publication.state == "registered"
    pbx.tag = b"yet another"
    publication.put(CLOSED, wire.now)
    wire.run(100)
    assert pbx.held == CLOSED and publication.held == CLOSED


def test_what_changes_while_the_server_thinks_follows_and_only_the_last_of_it():
    wire, pbx, _bell, publication = publishing()
    for document in (OPEN, CLOSED, OPEN, CLOSED):
        publication.put(document, wire.now)
        wire.run(3)
    wire.run(200)
    assert pbx.held == CLOSED and len(pbx.got) == 2


def test_423_and_a_server_without_tags():
    wire, pbx, _bell, publication = publishing()
    publication.expires = 60
    pbx.refusals = [(423, b"Min-Expires: 900")]
    publication.put(OPEN, wire.now)
    wire.run(100)
    assert [m.header(b"expires") for m in pbx.got] == [b"60", b"900"] and pbx.held == OPEN
    wire, pbx, _bell, publication = publishing()
    pbx.tags = False
    publication.put(OPEN, wire.now)
    wire.run(3_200_000)
    assert len(pbx.got) == 2 and pbx.got[1].body == OPEN
    publication.stop(wire.now)
    wire.run(100)
    assert publication.state == "off" and len(pbx.got) == 2


def test_a_server_that_does_not_do_this_is_asked_once_one_that_fails_again():
    for status in (405, 489, 501, 404, 403):
        wire, pbx, bell, publication = publishing()
        pbx.refusals = [(status, b"")]
        publication.put(OPEN, wire.now)
        wire.run(1_000_000)
        assert len(pbx.got) == 1 and publication.state == "off" and publication.status == status
        assert not bell.endpoint.registrations
    wire, pbx, bell, publication = publishing()
    pbx.refusals = [(503, b"Retry-After: 100"), (500, b"")]
    publication.put(OPEN, wire.now)
    wire.run(99_000)
    assert len(pbx.got) == 1 and publication.state == "failed" and publication.status == 503
    wire.run(30_000)
    assert pbx.held == OPEN and publication.state == "registered"
    # silence, and back
    wire.drop = lambda data, to: to == PBX
    publication.put(CLOSED, wire.now)
    wire.run(33_000)
    assert publication.state == "failed" and publication.status == 408
    wire.drop = None
    wire.run(300_000)
    assert pbx.held == CLOSED


def test_a_lost_answer_leaves_no_doubt():
    wire, pbx, _bell, publication = published()
    wire.drop = lambda data, to: to == ("10.0.0.1", 5060)
    publication.put(CLOSED, wire.now)
    wire.run(33_000)
    wire.drop = None
    assert publication.state == "failed"
    wire.run(20_000)
    assert publication.state == "registered" and pbx.held == CLOSED  # by way of 412


def test_stopped_at_every_moment_the_server_holds_nothing():
    for moment in (0, 5, 15, 25, 50):
        wire, pbx, bell, publication = publishing()
        publication.put(OPEN, wire.now)
        wire.run(moment)
        publication.stop(wire.now)
        wire.run(200)
        assert pbx.held is None and publication.state == "off", moment
        wire.run(40_000)
        assert not bell.endpoint.registrations and bell.at_rest()


def test_a_challenge_is_answered_and_the_states_are_told():
    wire, pbx, bell, publication = publishing(credentials=("bell", "secret"))
    pbx.refusals = [(401, b'WWW-Authenticate: Digest realm="pbx", nonce="n", qop="auth-int"')]
    publication.put(OPEN, wire.now)
    wire.run(100)
    assert pbx.held == OPEN and pbx.got[1].header(b"authorization") and pbx.got[1].cseq == pbx.got[0].cseq + 1
    bell.collect()
    told = [(event.data, event.status) for event in bell.events if event.kind == "publication"]
    assert told == [("registering", 0), ("registered", 200)]


def test_loss_and_repetition_change_nothing():
    for seed in range(1, 6):
        wire, pbx, _bell, publication = publishing(loss=30, duplicate=10, seed=seed)
        for document in (OPEN, CLOSED, OPEN, CLOSED):
            publication.put(document, wire.now)
            wire.run(60_000)
        wire.run(700_000)
        assert pbx.held == CLOSED and publication.state == "registered", seed
