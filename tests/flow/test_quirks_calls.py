# What real servers do in calls, each by a scripted peer with the headers and descriptions that it really sends:
# Asterisk, that sends re-INVITEs at once; FreeSWITCH with its session timers and UPDATEs.

from test_call import answer
from wire import Peer, Wire

HERE, PBX = ("10.0.0.1", 5060), ("10.0.0.5", 5060)
ASTERISK = (
    b"User-Agent: Asterisk PBX 16.28.0\r\nSupported: replaces, timer\r\n"
    b"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE\r\n"
)
FREESWITCH = (
    b"User-Agent: FreeSWITCH-mod_sofia/1.10.9-release~64bit\r\nSupported: timer, path, replaces\r\n"
    b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, MESSAGE, INFO, UPDATE, REGISTER, REFER, NOTIFY, PUBLISH, SUBSCRIBE\r\n"
    b"Allow-Events: talk, hold, conference, presence, as-feature-event, dialog, line-seize, call-info, sla, refer\r\n"
)


def sdp(host=b"10.0.0.5", port=b"11000", version=b"1", more=b"a=sendrecv\r\n"):
    """As Asterisk writes it."""
    return (
        b"v=0\r\no=root 1821 %v IN IP4 %h\r\ns=Asterisk PBX 16.28.0\r\nc=IN IP4 %h\r\nt=0 0\r\n"
        b"m=audio %p RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\na=maxptime:150\r\n"
    ).replace(b"%v", version).replace(b"%h", host).replace(b"%p", port) + more


class Server(Peer):
    """A PBX in one call with us: as caller after invite(), as called one when our INVITE comes."""

    said = b""  # headers of all that it sends
    accepts = b""  # more headers of its 200

    def __init__(self, wire, said, script=None):
        super().__init__(wire, *PBX)
        self.said = said
        self.steps = script
        self.cseq = 101
        self.call_id = b"3f0e4c2a6b1d@10.0.0.5:5060"
        self.ours, self.theirs = b"<sip:600@10.0.0.5>;tag=as5a1d4b7f", b"<sip:door@10.0.0.1>"
        self.script = Server.on_message

    def on_message(self, message, source):
        if message.method == b"INVITE" and not message.to_tag:
            self.call_id = message.call_id
            self.ours = message.header(b"to") + b";tag=as5a1d4b7f"
            self.theirs = message.header(b"from")
            self.invite = message
        elif message.status and message.to_tag and self.theirs.find(b";tag=") < 0:
            self.theirs = message.header(b"to")
        if self.steps:
            self.steps(self, message, source)

    def accept(self, body=None, extra=b""):
        """200 to our INVITE."""
        extra = b"Contact: <sip:600@10.0.0.5:5060>\r\n" + extra + self.said[:-2]
        return answer(self.invite, 200, b"as5a1d4b7f", extra, sdp() if body is None else body)

    def request(self, method, body=b"", extra=b"", cseq=0):
        """A request of it, in the call or the INVITE that begins it."""
        if not cseq and method != b"ACK":
            self.cseq += 1
        number = str(cseq or self.cseq).encode()
        lines = [
            method + b" sip:door@10.0.0.1:5060 SIP/2.0",
            b"Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK" + method + number + b";rport",
            b"Max-Forwards: 70",
            b"From: " + self.ours,
            b"To: " + self.theirs,
            b"Contact: <sip:600@10.0.0.5:5060>",
            b"Call-ID: " + self.call_id,
            b"CSeq: " + number + b" " + method,
            (self.said + extra).strip(),
        ]
        if body:
            lines.append(b"Content-Type: application/sdp")
        lines += [b"Content-Length: " + str(len(body)).encode(), b"", b""]
        return b"\r\n".join(lines) + body

    def answers(self):
        return [message.status for message in self.got if message.status]


def called_by(said, extra=b""):
    """(wire, our party, the server, the session): it calls, we have answered, its ACK is not sent."""
    wire = Wire()
    door = wire.party("10.0.0.1")
    pbx = Server(wire, said)
    pbx.say(pbx.request(b"INVITE", sdp(), extra), HERE)
    wire.run(30)
    into = door.take("incoming").source
    into.answer(wire.now)
    wire.run(30)
    assert pbx.answers() == [180, 200]
    return wire, door, pbx, into


def test_asterisk_sends_a_reinvite_right_behind_its_ack():
    wire, door, pbx, into = called_by(ASTERISK)
    pbx.say(pbx.request(b"ACK"), HERE)
    extra = b"X-asterisk-Info: SIP re-invite (External RTP bridge)\r\n"
    pbx.say(pbx.request(b"INVITE", sdp(b"10.0.0.7", b"17002", b"2"), extra), HERE)
    wire.run(30)
    pbx.say(pbx.request(b"ACK"), HERE)
    wire.run(2000)
    assert pbx.answers() == [180, 200, 200] and into.state == "up" and into.unacknowledged is None
    agreed = door.lines[0].agreed
    assert (agreed.address, agreed.port, agreed.dtmf, agreed.codec) == ("10.0.0.7", 17002, 101, b"PCMU")
    assert door.kinds() == ["media", "answered", "media"]


def test_asterisks_reinvite_overtakes_its_ack():
    wire, door, pbx, into = called_by(ASTERISK)
    ack = pbx.request(b"ACK")
    pbx.say(pbx.request(b"INVITE", sdp(b"10.0.0.7", b"17002", b"2")), HERE)
    wire.run(5)
    pbx.say(ack, HERE)  # late
    wire.run(30)
    assert pbx.answers() == [180, 200, 200] and into.state == "up"
    assert door.kinds() == ["media", "answered", "media"] and door.lines[0].agreed.address == "10.0.0.7"
    # The ACK that came late is not that of the re-INVITE: its 200 is said again, until the right one comes
    wire.run(600)
    assert pbx.answers() == [180, 200, 200, 200]
    pbx.say(pbx.request(b"ACK"), HERE)
    wire.run(5000)
    assert pbx.answers() == [180, 200, 200, 200] and into.unacknowledged is None


def test_the_ack_is_lost_and_a_reinvite_follows():
    wire, door, pbx, into = called_by(ASTERISK)
    wire.run(1000)
    assert pbx.answers() == [180, 200, 200]
    pbx.say(pbx.request(b"INVITE", sdp(version=b"2")), HERE)
    wire.run(30)
    pbx.say(pbx.request(b"ACK"), HERE)
    wire.run(40000)
    assert into.state == "up" and door.take("answered") and not door.take("ended")


def test_a_reinvite_before_the_ack_of_an_offer_of_ours_has_to_wait():
    # Its INVITE had no offer: ours is not answered before its ACK is here (RFC 3264 4)
    wire = Wire()
    door = wire.party("10.0.0.1")
    pbx = Server(wire, ASTERISK)
    pbx.say(pbx.request(b"INVITE"), HERE)
    wire.run(30)
    into = door.take("incoming").source
    into.answer(wire.now)
    wire.run(30)
    ack = pbx.request(b"ACK", sdp())
    pbx.say(pbx.request(b"INVITE", sdp(version=b"2")), HERE)
    wire.run(30)
    assert pbx.answers() == [180, 200, 491] and into.state == "answered"
    pbx.say(ack, HERE)
    wire.run(30)
    assert into.state == "up"
    pbx.say(pbx.request(b"INVITE", sdp(b"10.0.0.7", version=b"2")), HERE)
    wire.run(30)
    assert pbx.answers()[-1] == 200 and door.lines[0].agreed.address == "10.0.0.7"


def test_asterisk_that_we_call_sends_its_reinvite_before_and_behind_our_ack():
    for before in (False, True):

        def script(pbx, message, source, before=before):
            if message.method == b"INVITE":
                pbx.say(pbx.accept(), source)
                if before:  # it does not wait for the ACK
                    pbx.say(pbx.request(b"INVITE", sdp(b"10.0.0.7", b"17002", b"2")), source)
            elif message.method == b"ACK" and not before and not pbx.answers():
                pbx.say(pbx.request(b"INVITE", sdp(b"10.0.0.7", b"17002", b"2")), source)
            elif message.status == 200:
                pbx.say(pbx.request(b"ACK"), source)

        wire = Wire()
        door = wire.party("10.0.0.1")
        pbx = Server(wire, ASTERISK, script)
        out = door.call(b"sip:600@10.0.0.5")
        wire.run(3000)
        assert out.state == "up" and pbx.answers() == [200], before
        assert door.lines[0].agreed.address == "10.0.0.7" and door.kinds() == ["media", "answered", "media"]
        assert out.unacknowledged is None


def test_asterisks_reinvite_overtakes_its_200():
    # The early dialog is known by the 180; our INVITE is not answered: 491, and it tries again (14.2)
    def script(pbx, message, source):
        if message.method == b"INVITE":
            pbx.say(answer(message, 180, b"as5a1d4b7f", b"Contact: <sip:600@10.0.0.5:5060>"), source)

    wire = Wire()
    door = wire.party("10.0.0.1")
    pbx = Server(wire, ASTERISK, script)
    out = door.call(b"sip:600@10.0.0.5")
    wire.run(50)
    pbx.say(pbx.request(b"INVITE", sdp(b"10.0.0.7", version=b"2")), HERE)
    wire.run(5)
    pbx.say(pbx.accept(), HERE)
    wire.run(50)
    assert pbx.answers() == [491] and out.state == "up"
    pbx.say(pbx.request(b"INVITE", sdp(b"10.0.0.7", version=b"2")), HERE)
    wire.run(50)
    assert pbx.answers()[-1] == 200 and door.lines[0].agreed.address == "10.0.0.7"


def test_a_reinvite_with_port_0_takes_the_sound_away_and_gives_it_back():
    wire, door, pbx, into = called_by(ASTERISK)
    pbx.say(pbx.request(b"ACK"), HERE)
    wire.run(30)
    door.events.clear()
    for port, direction, ours in ((b"0", "inactive", b"m=audio 0 "), (b"11000", "sendrecv", b"m=audio 40000 ")):
        pbx.say(pbx.request(b"INVITE", sdp(port=port, version=b"2")), HERE)
        wire.run(30)
        pbx.say(pbx.request(b"ACK"), HERE)
        wire.run(30)
        assert pbx.answers()[-1] == 200 and ours in pbx.got[-1].body
        agreed = door.take("media").data
        assert (agreed.direction, agreed.port) == (direction, int(port)) and door.lines[0].held == (port == b"0")
    assert into.state == "up"


def test_a_call_whose_only_stream_has_port_0_is_refused():
    wire = Wire()
    door = wire.party("10.0.0.1")
    pbx = Server(wire, ASTERISK)
    pbx.say(pbx.request(b"INVITE", sdp(port=b"0")), HERE)
    wire.run(30)
    assert pbx.answers() == [488] and not door.take("incoming")


def test_a_fax_that_asterisk_offers_in_a_call_is_refused_and_the_call_goes_on():
    wire, door, pbx, into = called_by(ASTERISK)
    pbx.say(pbx.request(b"ACK"), HERE)
    wire.run(30)
    before = door.lines[0].agreed
    fax = (
        b"v=0\r\no=root 1821 3 IN IP4 10.0.0.5\r\ns=Asterisk PBX 16.28.0\r\nc=IN IP4 10.0.0.5\r\nt=0 0\r\n"
        b"m=image 4004 udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n"
    )
    pbx.say(pbx.request(b"INVITE", fax), HERE)
    wire.run(30)
    assert pbx.answers()[-1] == 488 and into.state == "up" and door.lines[0].agreed is before


def test_freeswitch_asks_for_120_s_and_refreshes_by_update():
    extra = b"Session-Expires: 120;refresher=uac\r\nMin-SE: 120\r\n"
    wire, door, pbx, into = called_by(FREESWITCH, extra)
    ok = pbx.got[-1]
    assert ok.header(b"session-expires") == b"120;refresher=uac" and ok.header(b"require") == b"timer"
    pbx.say(pbx.request(b"ACK"), HERE)
    for _ in range(5):
        wire.run(60_000)
        pbx.say(pbx.request(b"UPDATE", b"", extra), HERE)
        wire.run(30)
        assert pbx.got[-1].status == 200 and pbx.got[-1].cseq_method == b"UPDATE"
        assert pbx.got[-1].header(b"session-expires") == b"120;refresher=uac" and not pbx.got[-1].body
    assert into.state == "up" and door.kinds() == ["media", "answered"]
    wire.run(89_000)  # and then it is gone
    assert door.take("ended").reason == b"Session Expired"


def test_freeswitch_that_we_call_lets_us_refresh_or_does_it_itself():
    for who in (b"uac", b"uas"):

        def script(pbx, message, source, who=who):
            expires = b"Require: timer\r\nSession-Expires: 120;refresher=" + who + b"\r\nMin-SE: 120\r\n"
            if message.method == b"INVITE":
                pbx.say(pbx.accept(None, expires), source)
            elif message.method == b"UPDATE":
                assert message.header(b"session-expires") == b"120;refresher=uac"
                pbx.say(answer(message, 200, b"", b"Contact: <sip:600@10.0.0.5:5060>\r\n" + expires[:-2]), source)
            elif message.method == b"BYE":
                pbx.say(answer(message, 200), source)

        wire = Wire()
        door = wire.party("10.0.0.1")
        pbx = Server(wire, FREESWITCH, script)
        out = door.call(b"sip:600@10.0.0.5")
        wire.run(88_000)
        assert out.state == "up" and pbx.methods() == ["INVITE", "ACK"] + ["UPDATE"] * (who == b"uac")
        wire.run(300_000)
        assert out.state == ("up" if who == b"uac" else "over")


def test_freeswitch_refuses_a_short_timer_with_422():
    def script(pbx, message, source):
        if message.method == b"INVITE":
            expires = message.header(b"session-expires")
            if expires == b"90":
                pbx.say(answer(message, 422, b"x", b"Min-SE: 120"), source)
            else:
                assert expires == b"120" and message.header(b"min-se") == b"120"
                pbx.say(pbx.accept(None, b"Session-Expires: 120;refresher=uac\r\n"), source)

    wire = Wire()
    door = wire.party("10.0.0.1")
    door.endpoint.session_expires = 90
    pbx = Server(wire, FREESWITCH, script)
    out = door.call(b"sip:600@10.0.0.5")
    wire.run(200)
    assert out.state == "up" and pbx.methods() == ["INVITE", "ACK", "INVITE", "ACK"] and out.timer.interval == 120


def test_freeswitch_tells_a_new_name_by_update_before_and_after_the_answer():
    name = b'X-FS-Display-Name: Gate\r\nX-FS-Display-Number: 600\r\nP-Asserted-Identity: "Gate" <600>\r\n'

    def script(pbx, message, source):
        if message.method == b"INVITE":
            extra = b"Contact: <sip:600@10.0.0.5:5060>\r\n" + FREESWITCH[:-2]
            pbx.say(answer(message, 183, b"as5a1d4b7f", extra, sdp()), source)

    wire = Wire()
    door = wire.party("10.0.0.1")
    pbx = Server(wire, FREESWITCH, script)
    out = door.call(b"sip:600@10.0.0.5")
    wire.run(50)
    pbx.say(pbx.request(b"UPDATE", b"", name), HERE)
    wire.run(50)
    assert pbx.answers() == [200] and out.state == "proceeding"
    pbx.say(pbx.accept(), HERE)
    wire.run(50)
    assert out.state == "up"
    # It may bring the same description once more
    pbx.say(pbx.request(b"UPDATE", sdp(), name), HERE)
    wire.run(50)
    assert pbx.answers() == [200, 200] and pbx.got[-1].body and out.state == "up"
    assert door.lines[0].agreed.direction == "sendrecv"


def test_freeswitch_holds_and_resumes_and_changes_its_place():
    wire, door, pbx, into = called_by(FREESWITCH)
    pbx.say(pbx.request(b"ACK"), HERE)
    wire.run(30)
    for version, host, more, held in (
        (b"2", b"10.0.0.5", b"a=sendonly\r\n", True),
        (b"3", b"0.0.0.0", b"a=sendrecv\r\n", True),
        (b"4", b"10.0.0.5", b"a=inactive\r\n", True),
        (b"5", b"10.0.0.9", b"", False),  # media moves to another machine; no direction means both
    ):
        pbx.say(pbx.request(b"INVITE", sdp(host, b"11000", version, more)), HERE)
        wire.run(30)
        pbx.say(pbx.request(b"ACK"), HERE)
        wire.run(30)
        assert pbx.answers()[-1] == 200 and door.lines[0].held == held, version
    assert door.lines[0].agreed.address == "10.0.0.9" and into.state == "up"
