# A FRITZ!Box as a scripted peer, with what it does differently: it is deaf to some requests, asks for a password at
# every turn with the same nonce, rings with one description and answers with another, and cuts its sound into 10 ms.

import sys

from test_call import answer
from test_register import digest, param_of
from wire import Peer, Wire

sys.path.append((__file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else "..") + "/unit")
from media_parts import Audio, Net, rtp
from siplet.stream import Stream

BOX = b"sip:192.168.178.1"
AOR = b"sip:620@192.168.178.1"
REALM = b"fritz.box"
NONCE = b"E59D5DF6A4C1BA38"


def description(port, session=b"1"):
    """As a FRITZ!Box writes it: many codecs, events at 101, ptime after the maps, RTCP."""
    return (
        b"v=0\r\no=user "
        + session
        + b" "
        + session
        + b" IN IP4 192.168.178.1\r\ns=call\r\nc=IN IP4 192.168.178.1\r\nt=0 0\r\n"
        b"m=audio " + port + b" RTP/AVP 9 8 0 2 102 100 99 101 97\r\na=rtpmap:2 G726-32/8000\r\n"
        b"a=rtpmap:102 G726-32/8000\r\na=rtpmap:100 G726-40/8000\r\na=rtpmap:99 G726-24/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\na=rtpmap:97 iLBC/8000\r\na=fmtp:101 0-15\r\na=fmtp:97 mode=30\r\n"
        b"a=sendrecv\r\na=rtcp:7079\r\na=ptime:16\r\n"
    )


class FritzBox(Peer):
    """One account, 620 with the password "door-bell". deaf: requests it gave no answer to. again: each new request is
    asked for the password once more, with the same nonce.
    """

    def __init__(self, wire, again=True):
        super().__init__(wire, "192.168.178.1", script=FritzBox.take)
        self.again = again
        self.deaf = []
        self.seen = {}  # Call-ID: (branch, CSeq) of the last challenged request
        self.bindings = 0

    def take(self, message, source):
        method = message.method
        if method not in (b"REGISTER", b"INVITE"):
            if method in (b"BYE", b"CANCEL", b"OPTIONS"):
                self.say(answer(message, 200, b"box"), source)
            return
        if method == b"REGISTER" and b"@" in message.uri:
            self.deaf.append(message)
            return
        challenged = self.seen.get(message.call_id)
        if challenged and (message.branch == challenged[0] or message.cseq <= challenged[1]):
            self.deaf.append(message)  # what it takes for a repetition of what was refused
            return
        if not self.knows(message):
            self.seen[message.call_id] = message.branch, message.cseq
            extra = b'WWW-Authenticate: Digest realm="' + REALM + b'", nonce="' + NONCE + b'"'
            self.say(answer(message, 401, b"badauth", extra), source)
            return
        if self.again:
            self.seen[message.call_id] = message.branch, message.cseq
        if method == b"REGISTER":
            self.bindings += 1
            seconds = message.header(b"expires")
            extra = b"Contact: " + message.header(b"contact") + b";expires=" + (b"300" if seconds != b"0" else b"0")
            self.say(answer(message, 200, b"box", extra + b"\r\nSupported: 100rel,replaces"), source)
        else:
            self.invite = message
            contact = b"Contact: <sip:**610@192.168.178.1;uniq=A1B2>"
            self.say(answer(message, 100), source)
            self.say(answer(message, 183, b"box", contact, description(b"7078")), source)

    def knows(self, message):
        """No qop, no algorithm, no opaque: RFC 2069's form; a request is asked for each time, when `again`."""
        if not message.header(b"authorization") or (self.again and message.call_id not in self.seen):
            return False
        uri = param_of(message, b"uri")
        ha1 = digest(b"MD5", b"620:" + REALM + b":door-bell")
        ha2 = digest(b"MD5", message.method + b":" + uri)
        return param_of(message, b"response") == digest(b"MD5", ha1 + b":" + NONCE + b":" + ha2)


def at_home(registrar=BOX, **knobs):
    """(wire, box, door, its Registration, its credentials) after two seconds."""
    wire = Wire()
    box = FritzBox(wire, **knobs)
    door = wire.party("192.168.178.20")
    credentials = door.credentials("620", "door-bell")
    registration = door.endpoint.register(registrar, AOR, 300, credentials)
    registration.start(wire.now)
    wire.run(2000)
    return wire, box, door, registration, credentials


def test_it_is_deaf_to_a_register_for_a_user_and_we_never_send_one():
    wire, box, door, registration, _ = at_home(AOR)  # though that is what was configured
    assert registration.state == "registered" and not box.deaf
    assert all(message.uri == BOX for message in box.got)
    # The box itself, asked the wrong way, says nothing at all
    wrong = box.got[0].data.replace(BOX + b" SIP", AOR + b" SIP").replace(b"branch=z9hG4bK", b"branch=z9hG4bKx")
    before = len(door.sent), len(box.got)
    wire.send(wrong, door.address, box.address)
    wire.run(1000)
    assert len(box.deaf) == 1 and len(box.got) == before[1] + 1


def test_the_answer_to_its_challenge_has_a_new_branch_and_the_next_cseq():
    _, box, _, registration, _ = at_home()
    first, second = box.got
    assert second.cseq == first.cseq + 1 and second.branch != first.branch and second.call_id == first.call_id
    assert registration.state == "registered" and box.bindings == 1 and not box.deaf


def test_a_refresh_with_the_same_nonce_is_believed_challenged_or_not():
    for again in (True, False):
        wire, box, _, registration, _ = at_home(again=again)
        for round_ in range(2, 6):
            if again:
                box.seen.clear()  # it asks anew, with the nonce that it always has
            wire.run(270000)
            assert registration.state == "registered" and box.bindings >= round_, (again, round_)
        assert not box.deaf and registration.failures == 0


def test_it_challenges_the_invite_rings_with_one_description_and_answers_with_another():
    wire, box, door, _, credentials = at_home()
    door.sent.clear()
    out = door.endpoint.invite(b"sip:**610@192.168.178.1", b"<" + AOR + b">", door.media(), wire.now, credentials, BOX)
    wire.run(200)
    assert door.methods() == ["INVITE", "ACK", "INVITE"] and not box.deaf
    assert door.take("ringing").status == 183
    early = door.take("media").data
    assert (early.port, early.codec, early.dtmf, early.ptime) == (7078, b"PCMA", 101, 16)
    contact = b"Contact: <sip:**610@192.168.178.1;uniq=A1B2>"
    box.say(answer(box.invite, 200, b"box", contact, description(b"7082", b"2")), door.address)
    wire.run(200)
    assert out.state == "up" and door.take("media").data.port == 7082
    ack = box.got[-1]
    assert ack.method == b"ACK" and ack.uri == b"sip:**610@192.168.178.1;uniq=A1B2" and ack.cseq == box.invite.cseq
    out.hang_up(wire.now)
    wire.run(200)
    assert box.got[-1].method == b"BYE" and door.take("ended").data == "local"
    assert box.got[-1].cseq == ack.cseq + 1


def test_its_call_to_us_with_supported_100rel_is_answered_plainly():
    wire, box, door, _, _ = at_home()
    contact = box.got[-1].header(b"contact")
    lines = (
        b"INVITE " + contact[1:-1] + b" SIP/2.0",
        b"Via: SIP/2.0/UDP 192.168.178.1:5060;branch=z9hG4bK8E5A",
        b'From: "Haustuer" <sip:**1@fritz.box>;tag=AF21',
        b"To: <sip:620@192.168.178.20>",
        b"Call-ID: 7B12@192.168.178.1",
        b"CSeq: 19 INVITE",
        b"Contact: <sip:F41C@192.168.178.1>",
        b"Max-Forwards: 70",
        b"Supported: 100rel,replaces,timer",
        b"Allow-Events: telephone-event,refer,reg",
        b"Allow: INVITE,ACK,OPTIONS,CANCEL,BYE,UPDATE,PRACK,INFO,SUBSCRIBE,NOTIFY,REFER,MESSAGE,PUBLISH",
        b"Accept: application/sdp,multipart/mixed",
        b"Session-Expires: 600",
        b"Content-Type: application/sdp",
        b"Content-Length: " + str(len(description(b"7090"))).encode(),
    )
    box.say(b"\r\n".join(lines) + b"\r\n\r\n" + description(b"7090"), door.address)
    wire.run(100)
    into = door.take("incoming").source
    assert box.got[-1].status == 180 and box.got[-1].header(b"rseq") is None
    into.answer(wire.now)
    wire.run(100)
    ok = box.got[-1]
    assert ok.status == 200 and b"RTP/AVP 8 101" in ok.body and door.take("media").data.port == 7090


def test_its_sound_in_packets_of_10_ms_is_heard_without_a_gap():
    _, _, door, _, _ = at_home()
    line = door.media()
    line.offer()
    line.accept(description(b"7078").replace(b" 9 8 0 2", b" 8 0 2"))
    net, audio = Net(), Audio()
    stream = Stream(audio, net, lambda n: bytes(n))
    stream.configure(line.agreed)
    number = 0
    for tick in range(200):
        # Two packets of 80 bytes a tick, and as radio has it: none for three ticks, then all of them at once
        for _ in range(0 if tick % 10 in (4, 5, 6) else 8 if tick % 10 == 7 else 2):
            data = rtp(number, number * 80, bytes([0xD5 ^ (number & 15)]) * 80, kind=8)
            net.incoming.append(("192.168.178.1", 7078, data))
            number += 1
        stream.tick()
    stats = stream.stats
    assert stats.received == number == 400 and stats.lost == stats.late == stats.bad == stats.concealed == 0
    assert net.peer == ("192.168.178.1", 7078)
    sent = [data for _, _, data in net.outgoing]
    assert len(sent) == 200 and all(len(data) == 172 for data in sent)  # ours have 20 ms, whatever it likes
    heard = audio.heard
    silent = [i for i in range(len(heard)) if heard[i] == bytes(320)]
    assert len(silent) <= 4, silent  # the prefetch
