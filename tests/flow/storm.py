# A phone under fire: an endpoint lives its life (it registers, calls and is called, in every way that its modules know)
# while broken versions of the messages of just now, and of the torture vectors, rain on it from all sides.
#
#     storm = Storm(seed)
#     storm.blow(1000)      1,000 broken messages, and life between them; any exception goes through
#     storm.calm()          all hang up, time passes until nobody waits for anything: AssertionError when that never is,
#                           when something is left behind, or when the phone does not take a call as on its first day
#
# tests/bench/fuzz.py blows a million; tests/flow/test_mutator.py what fits into a test run.

import sys

from deeds import Deeds
from mutator import Mutator
from siplet.limits import MESSAGE, TRANSACTIONS
from wire import Chance, Peer, Wire

sys.path.append((__file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else "..") + "/unit")
from torture import load, verdicts

DESK, BELL, PBX, STRANGER = [("10.0.0.%d" % i, 5060) for i in (2, 1, 9, 66)]
_KEPT = 16  # messages of just now that are broken again

# Requests that nobody of the cast sends: in a call's dialog where one is up, and without any
_SDP = (
    b"v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=audio 9 RTP/AVP 8 101\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=sendonly\r\n"
)
_METHODS = (
    (b"MESSAGE", b"Content-Type: text/plain\r\n", b"hello"),
    (b"NOTIFY", b"Event: presence\r\nSubscription-State: active;expires=60\r\n", b""),
    (b"NOTIFY", b"Event: refer\r\nSubscription-State: active\r\nContent-Type: message/sipfrag\r\n", b"SIP/2.0 180 R"),
    (b"NOTIFY", b"Event: message-summary\r\nSubscription-State: terminated\r\n", b"Messages-Waiting: yes\r\n"),
    (b"SUBSCRIBE", b"Event: presence\r\nExpires: 60\r\n", b""),
    (b"SUBSCRIBE", b"Event: dialog\r\nExpires: 0\r\n", b""),
    (b"PUBLISH", b"Event: presence\r\nExpires: 60\r\n", b"<presence/>"),
    (b"REFER", b"Refer-To: <sip:x@10.0.0.66>\r\nReferred-By: <sip:y@10.0.0.1>\r\n", b""),
    (b"REFER", b"Refer-To: <sip:x@10.0.0.66?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>\r\nRefer-Sub: false\r\n", b""),
    (b"UPDATE", b"Session-Expires: 90;refresher=uac\r\nContent-Type: application/sdp\r\n", b"v=0\r\n"),
    (b"UPDATE", b"Supported: timer\r\nMin-SE: 90\r\n", b""),
    (b"PRACK", b"RAck: 1 1 INVITE\r\n", b""),
    (b"INFO", b"Content-Type: application/dtmf-relay\r\n", b"Signal=5\r\nDuration=160\r\n"),
    (b"OPTIONS", b"Accept: application/sdp\r\n", b""),
    (b"INVITE", b"Content-Type: application/sdp\r\n", _SDP),
    (b"INVITE", b"", b""),
    (b"ACK", b"Content-Type: application/sdp\r\n", _SDP),
    (b"INVITE", b"Require: 100rel\r\nSupported: timer, replaces\r\nSession-Expires: 90\r\n", b""),
    (b"DANCE", b"", b""),
)  # fmt: skip

# Answers to what the desk asks, and what may stand in them
_ANSWERS = (
    (b"180", b"Contact: <sip:x@10.0.0.1>\r\nRequire: 100rel\r\nRSeq: 1\r\n"),
    (b"183", b"Contact: <sip:x@10.0.0.1>\r\nRecord-Route: <sip:10.0.0.1;lr>\r\n"),
    (b"200", b"Contact: <sip:x@10.0.0.1>\r\nSession-Expires: 90;refresher=uac\r\n"),
    (b"202", b"Refer-Sub: false\r\nExpires: 60\r\n"),
    (b"302", b"Contact: <sip:x@10.0.0.66>;q=0.5, <sip:y@10.0.0.1>, <tel:+1>\r\n"),
    (b"401", b'WWW-Authenticate: Digest realm="%d", nonce="n", qop="auth-int", opaque="o"\r\n'),
    (b"401", b'WWW-Authenticate: Digest realm="a", nonce="%d", stale=true, algorithm=SHA-256\r\n'),
    (b"407", b'Proxy-Authenticate: Digest realm="%d", nonce="n", algorithm=MD5\r\n'),
    (b"408", b""),
    (b"412", b""),
    (b"422", b"Min-SE: 120\r\n"),
    (b"423", b"Min-Expires: 600\r\n"),
    (b"481", b""),
    (b"486", b'Warning: 399 x "y"\r\n'),
    (b"489", b"Allow-Events: presence\r\n"),
    (b"491", b""),
    (b"500", b"Retry-After: 3\r\n"),
    (b"503", b"Retry-After: 1 (soon)\r\n"),
    (b"603", b""),
)


class Registrar(Peer):
    """Asks every REGISTER for its password once, in one realm or two, and takes it."""

    def receive(self, data, source, now):
        if not data.startswith(b"REGISTER") or len(data) > MESSAGE:
            return
        head = []
        for line in data.split(b"\r\n"):
            if line[:4].lower() in (b"via:", b"from", b"to: ", b"call", b"cseq"):
                head.append(line + b";tag=pbx" if line[:3].lower() == b"to:" else line)
        head = b"\r\n".join(head)
        if b"\r\nAuthorization: " in data:
            contact = data[data.find(b"Contact: ") :]
            answer = b"SIP/2.0 200 OK\r\n" + head + b"\r\n" + contact[: contact.find(b"\r")] + b";expires=300\r\n\r\n"
        else:
            answer = b"SIP/2.0 401 Who\r\n" + head + b'\r\nWWW-Authenticate: Digest realm="pbx", nonce="n", qop="auth"'
            answer += b'\r\nWWW-Authenticate: Digest realm="two", nonce="m", algorithm=SHA-256\r\n\r\n'
        self.say(answer, source)


class Storm:
    """See the top of this file. count: broken messages so far; desk: the Party under fire; last: the latest of them."""

    def __init__(self, seed=1):
        self.count = 0
        self.last = b""
        self.chance = Chance(seed)
        self.mutator = Mutator(seed + 1)
        self.wire = Wire(loss=3, duplicate=3, reorder=5, seed=seed + 2)
        self.desk = self.wire.party(DESK[0], max_calls=2)
        self.bell = self.wire.party(BELL[0], max_calls=2)
        Registrar(self.wire, PBX[0])
        self.stranger = Peer(self.wire, STRANGER[0])
        self.stranger.receive = lambda data, source, now: self.heard.append(data)
        self.heard = []
        self.deeds = Deeds(self.chance)
        self.vectors = [load(name) for name, _, _ in verdicts()]
        self.vectors += [load(name, "rfc5118") for name, _, _ in verdicts("rfc5118")]
        self.recent = []
        self.asked = []
        deliver = self.wire.send

        def send(data, source, destination):
            if destination == DESK:
                if len(self.recent) == _KEPT:
                    self.recent.pop(0)
                self.recent.append((data, source))
            elif source == DESK and data[:4] != b"SIP/" and data[:3] != b"ACK":
                if len(self.asked) == _KEPT:
                    self.asked.pop(0)
                self.asked.append((data, destination))
            deliver(data, source, destination)

        self.wire.send = send
        self._start()

    def _start(self):
        password = self.desk.credentials("desk", "secret")
        self.registration = self.desk.endpoint.register(b"sip:10.0.0.9", b"sip:desk@10.0.0.9", 300, password)
        self.registration.start(self.wire.now)
        for party in (self.desk, self.bell):
            party.endpoint.credentials = password
            self.deeds.prepare(party.endpoint)

    # -- the storm

    def blow(self, count):
        """See the top of this file."""
        below = self.chance.below
        endpoint = self.desk.endpoint
        for _ in range(count):
            if not below(12):
                self._live()
            self.last, source = self._broken()
            endpoint.receive(self.last, source, self.wire.now)
            self.count += 1
            if self.asked and not below(16):
                self.last, source = self._answer()
                endpoint.receive(self.last, source, self.wire.now)
            if not below(4):
                self.wire.run(below(200) if below(60) else below(20000) if below(9) else 300000)
                self._take(self.desk)
                self._take(self.bell)
                self.desk.sent.clear()
                self.bell.sent.clear()
                self.heard.clear()
            assert len(endpoint.transactions) < 4 * TRANSACTIONS and len(endpoint.sessions) < 3 * TRANSACTIONS

    def _broken(self):
        below = self.chance.below
        kind = below(16)
        if self.recent and kind < 11:
            # mostly the latest: what it belongs to is still alive
            data, source = self.recent[-1 - below(1 + below(len(self.recent)))]
        elif kind < 12:
            data, source = self._unusual(), BELL
        elif kind < 14 and self.asked:
            data, source = self._answer()
        else:
            data, source = self.vectors[below(len(self.vectors))], STRANGER
        if not below(30):
            source = STRANGER if below(2) else (STRANGER[0], 40000, b"TCP")
        other = self.recent[below(len(self.recent))][0] if self.recent and below(3) else self.vectors[below(49)]
        return self.mutator.mutate(data, other), source

    def _unusual(self):
        # a request of _METHODS, by the bell in one of the desk's calls, when there is one
        below = self.chance.below
        method, headers, body = _METHODS[below(len(_METHODS))]
        sessions = [session for session in self.desk.endpoint.sessions if session.dialog]
        if sessions and below(4):
            dialog = sessions[below(len(sessions))].dialog
            to, from_, call_id, cseq = (
                dialog.local,
                dialog.remote,
                dialog.call_id,
                max(dialog.remote_cseq, 0) + below(3),
            )
        else:
            to, from_, call_id, cseq = b"<sip:desk@10.0.0.2>", b"<sip:x@10.0.0.1>;tag=9", self.wire.chance.bytes(4), 1
            call_id = b"".join([b"%x" % c if False else str(c).encode() for c in call_id])
        cseq = str(cseq).encode()
        return (
            method + b" sip:desk@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;rport;branch=z9hG4bK"
            + str(below(1000000)).encode() + b"\r\nMax-Forwards: 70\r\nFrom: " + from_ + b"\r\nTo: " + to
            + b"\r\nCall-ID: " + call_id + b"\r\nCSeq: " + cseq + b" " + method
            + b"\r\nContact: <sip:x@10.0.0.1>\r\n" + headers
            + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
        )  # fmt: skip

    def _answer(self):
        # to one of the desk's last requests, as nobody of the cast would give it
        below = self.chance.below
        data, source = self.asked[-1 - below(1 + below(len(self.asked)))]
        status, headers = _ANSWERS[below(len(_ANSWERS))]
        head = b"SIP/2.0 " + status + b" Storm\r\n"
        for line in data[: data.find(b"\r\n\r\n")].split(b"\r\n"):
            name = line[: line.find(b":")]
            if name in (b"Via", b"From", b"To", b"Call-ID", b"CSeq"):
                head += line + (b";tag=s%d\r\n" if name == b"To" and b";tag=" not in line else b"\r\n")
        head = (head + headers).replace(b"%d", str(below(9)).encode())
        if data[:6] == b"INVITE" and below(2):
            return head + b"Content-Type: application/sdp\r\n\r\n" + _SDP, source
        return head + b"Content-Length: 0\r\n\r\n", source

    # -- the life

    def _live(self):
        below = self.chance.below
        now = self.wire.now
        who = self.desk if below(2) else self.bell
        other = b"sip:bell@10.0.0.1" if who is self.desk else b"sip:desk@10.0.0.2"
        sessions = who.endpoint.sessions
        what = below(8)
        if not below(40):
            self.desk.endpoint.unreachable((BELL, PBX, STRANGER)[below(3)], now)
        if what < 3 and not who.endpoint.full:
            who.call(other, "x", self.desk.endpoint.credentials if below(2) else None)
        elif sessions:
            session = sessions[below(len(sessions))]
            if what < 5:
                session.hang_up(now)
            else:
                self.deeds.do(who, session if session.state == "up" else None, now)
        elif what > 3:
            self.deeds.do(who, None, now)
        if not self.desk.endpoint.registrations:
            self._start()
        who.collect()

    def _take(self, party):
        # an application: takes most calls, refuses some, leaves the rest to ring
        party.collect()
        for event in party.events:
            if event.kind == "incoming":
                choice = self.chance.below(5)
                if choice < 3:
                    event.source.answer(self.wire.now)
                elif choice == 3:
                    event.source.reject(486, self.wire.now)
            else:
                self.deeds.take(event, self.wire.now)
        party.events.clear()

    # -- afterwards

    def calm(self):
        """See the top of this file."""
        wire = self.wire
        knobs = wire.loss, wire.duplicate, wire.reorder
        wire.loss = wire.duplicate = wire.reorder = 0
        parties = (self.desk, self.bell)
        for party in parties:
            for usage in party.endpoint.usages:
                if hasattr(usage, "stop"):
                    usage.stop(wire.now)
        for _ in range(12):
            self.deeds.stop(wire.now)
            for registration in list(self.desk.endpoint.registrations):
                registration.stop(wire.now)
            for party in parties:
                for session in list(party.endpoint.sessions):
                    session.hang_up(wire.now)
            wire.run(20000)
            for party in parties:
                party.endpoint.handle_timers(wire.now)  # whoever stopped is forgotten with the next thing that happens
                self._take(party)
            if all(party.at_rest() and not party.endpoint.usages for party in parties):
                break
        for party in parties:
            endpoint = party.endpoint
            left = endpoint.transactions + endpoint.sessions + endpoint.registrations + endpoint.usages
            assert not left, [(type(user).__name__, user.__dict__) for user in left]
        assert not wire.flying
        self._alive()
        for party in parties:
            party.sent.clear()
            party.lines.clear()
            party.events.clear()
        self.heard.clear()
        self.recent.clear()
        self.asked.clear()
        wire.loss, wire.duplicate, wire.reorder = knobs
        self.last = b""
        if not self.desk.endpoint.registrations:
            self._start()

    def _alive(self):
        # as on the first day: OPTIONS is answered, a call comes up and ends
        wire = self.wire
        self.stranger.say(load("lwsdisp"), DESK)
        wire.run(100)
        assert self.heard and self.heard[-1].startswith(b"SIP/2.0 200 ")
        for party in (self.desk, self.bell):
            party.events.clear()
        out = self.bell.call(b"sip:desk@10.0.0.2")
        wire.run(100)
        self.desk.take("incoming").source.answer(wire.now)
        wire.run(100)
        assert self.bell.take("answered") and self.desk.take("answered")
        out.hang_up(wire.now)
        wire.run(40000)
        assert self.desk.take("ended").data == "remote"
        assert self.desk.at_rest() and self.bell.at_rest()
