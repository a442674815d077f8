# Stories of calls that are sent on to other places (RFC 3261 8.1.3.4, 21.3).

from test_call import BELL, SDP, TARGET, answer
from wire import Peer, Wire

OK = b"Contact: <sip:desk@10.0.0.9>"


def contacts(*values):
    return b"Contact: " + b", ".join(values)


def places(answers, target=TARGET, prepare=None, credentials=None):
    """(bell, its call, the INVITEs that came to any place). answers: what each place says to one, (status, headers)."""
    wire = Wire()
    bell = wire.party("10.0.0.1")
    if prepare:
        prepare(bell)
    asked = []

    def script(peer, message, source):
        if message.method != b"INVITE":
            if message.method in (b"BYE", b"CANCEL"):
                peer.say(answer(message, 200), source)
            return
        asked.append(message)
        said = answers.get(message.uri, (404, b""))
        if callable(said):
            said = said(message)
        status, extra = said
        peer.say(
            answer(message, status, b"tag" + str(len(asked)).encode(), extra, SDP if status == 200 else b""), source
        )

    for last in range(2, 10):
        Peer(wire, f"10.0.0.{last}", script=script)
    out = bell.call(target, credentials=credentials and credentials(bell))
    bell.wire.run(2000)
    return bell, out, asked


def uris(asked):
    return [message.uri for message in asked]


def test_a_302_is_followed_with_what_8_1_3_4_says():
    bell, out, asked = places(
        {TARGET: (302, contacts(b"<sip:desk@10.0.0.3>")), b"sip:desk@10.0.0.3": (200, OK)},
    )
    first, second = asked
    assert out.state == "up" and bell.take("answered")
    assert second.call_id == first.call_id and second.from_tag == first.from_tag
    assert second.header(b"to") == first.header(b"to") == b"<" + TARGET + b">"
    assert second.cseq == first.cseq + 1 and second.branch != first.branch
    assert second.body == first.body
    assert bell.methods() == ["INVITE", "ACK", "INVITE", "ACK"]


def test_the_best_q_is_called_first_and_the_next_when_it_is_busy():
    values = (
        b"<sip:c@10.0.0.5>;q=0.3",
        b'"Anna, B" <sip:a@10.0.0.3>;q=0.75',
        b"<sip:none@10.0.0.7>;q=0.0",
        b"<sip:b@10.0.0.4>;q=0.8;expires=10",
        b"<sip:d@10.0.0.6>",  # without one: 1
    )
    answers = {TARGET: (300, contacts(*values)), b"sip:c@10.0.0.5": (200, OK)}
    for name, host, status in ((b"a", b"3", 486), (b"b", b"4", 480), (b"d", b"6", 404)):
        answers[b"sip:" + name + b"@10.0.0." + host] = (status, b"")
    _, out, asked = places(answers)
    order = [uri[4:5] for uri in uris(asked)[1:]]
    assert order == [b"d", b"b", b"a", b"c"] and out.state == "up"


def test_same_q_keeps_the_order_and_nonsense_counts_as_1():
    values = (
        b"<sip:a@10.0.0.3>;q=0.5",
        b"<sip:b@10.0.0.4>;q=0.5",
        b"<sip:c@10.0.0.5>;q=much",
        b"<sip:d@10.0.0.6>;q=1.0",
    )
    bell, _, asked = places({TARGET: (302, contacts(*values))})
    assert [uri[4:5] for uri in uris(asked)[1:]] == [b"c", b"d", b"a", b"b"]
    ended = bell.take("ended")
    assert ended.status == 404 and ended.data == "rejected"
    bell.wire.run(40000)
    assert bell.at_rest()


def test_a_6xx_ends_the_search():
    values = (b"<sip:a@10.0.0.3>", b"<sip:b@10.0.0.4>")
    bell, _, asked = places({TARGET: (302, contacts(*values)), b"sip:a@10.0.0.3": (603, b"")})
    assert len(asked) == 2 and bell.take("ended").status == 603


def test_loops_are_walked_once():
    answers = {
        TARGET: (302, contacts(b"<sip:a@10.0.0.3>")),
        b"sip:a@10.0.0.3": (302, contacts(b"<sip:b@10.0.0.4>", b"<sip:A@10.0.0.3>;q=0.1", b"<SIP:a@10.0.0.3>")),
        b"sip:b@10.0.0.4": (301, contacts(b"<sip:%64esk@10.0.0.2>", b"<sip:desk@10.0.0.2;Transport=udp>;q=0.2")),
    }
    bell, _, asked = places(answers)
    # %64 is d: the first place again. With a transport named it is another one (19.1.4), and so is A
    assert uris(asked)[1:] == [
        b"sip:a@10.0.0.3",
        b"sip:b@10.0.0.4",
        b"sip:desk@10.0.0.2;Transport=udp",
        b"sip:A@10.0.0.3",
    ]
    assert bell.take("ended").status == 404


def test_a_chain_without_end_has_one():
    class Everywhere:
        count = 0

        def get(self, uri, default):
            self.count += 1
            return 302, contacts(
                b"<sip:x" + str(self.count).encode() + b"@10.0.0." + str(2 + self.count % 7).encode() + b">"
            )

    bell, _, asked = places(Everywhere())
    assert len(asked) == 6  # the first place and five more
    assert bell.take("ended").status == 302


def test_a_hundred_contacts_are_not_taken():
    many = [b"<sip:x" + str(i).encode() + b"@10.0.0.3>" for i in range(100)]
    bell, _, asked = places({TARGET: (302, contacts(*many))})
    assert len(asked) == 1 and bell.take("ended").status == 302


def test_only_sip_places_for_invites_are_called():
    values = (
        b"<tel:+4930123>",
        b"<mailto:a@b>",
        b"<http://x/>",
        b"<sip:>",
        b"<sip:m@10.0.0.3;method=MESSAGE>",
        b"<sip:h@10.0.0.4?Subject=x&Route=%3Csip:evil%3E>;q=0.9",
    )
    _, _, asked = places({TARGET: (302, contacts(*values))})
    assert uris(asked)[1:] == [b"sip:h@10.0.0.4"]
    assert asked[1].header(b"subject") is None and asked[1].header(b"route") is None


def test_a_place_with_an_endless_name_is_passed_over():
    long = b"<sip:" + b"x" * 600 + b"@10.0.0.3>"
    _, out, asked = places({TARGET: (302, contacts(long, b"<sip:a@10.0.0.4>")), b"sip:a@10.0.0.4": (200, OK)})
    assert uris(asked)[1:] == [b"sip:a@10.0.0.4"] and out.state == "up"


def test_other_3xx_and_those_without_contact_end_the_call():
    for status, extra in ((305, contacts(b"<sip:a@10.0.0.3>")), (380, contacts(b"<sip:a@10.0.0.3>")), (302, b"")):
        bell, _, asked = places({TARGET: (status, extra)})
        ended = bell.take("ended")
        assert len(asked) == 1 and ended.status == status and ended.data == "rejected"
        bell.wire.run(40000)
        assert bell.at_rest()


def test_it_can_be_switched_off():
    def off(bell):
        bell.endpoint.redirects = 0

    bell, _, asked = places({TARGET: (302, contacts(b"<sip:a@10.0.0.3>"))}, prepare=off)
    assert len(asked) == 1 and bell.take("ended").status == 302


def test_a_place_that_is_not_there_is_passed_over():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    seen = []

    def script(peer, message, source):
        if message.method == b"INVITE":
            seen.append(message.uri)
            values = (b"<sip:gone@10.0.0.77>;q=1", b"<sip:here@10.0.0.3>;q=0.5")
            said = (200, OK) if message.uri == b"sip:here@10.0.0.3" else (302, contacts(*values))
            peer.say(answer(message, said[0], b"t", said[1], SDP), source)

    Peer(wire, "10.0.0.2", script=script)
    Peer(wire, "10.0.0.3", script=script)
    out = bell.call(TARGET)
    wire.run(100)
    bell.endpoint.unreachable(("10.0.0.77", 5060), wire.now)
    wire.run(100)
    assert out.state == "up" and seen[-1] == b"sip:here@10.0.0.3"
    # And one that stays silent, after timer B
    out = bell.call(TARGET)
    wire.run(33000)
    assert out.state == "up"


def test_early_media_of_a_place_that_sends_on_is_forgotten():
    wire = Wire()
    bell = wire.party("10.0.0.1")

    def script(peer, message, source):
        if message.uri == TARGET and message.method == b"INVITE":
            peer.say(answer(message, 183, b"one", OK, SDP), source)
            peer.say(answer(message, 302, b"one", contacts(b"<sip:a@10.0.0.3>")), source)
        elif message.method == b"INVITE":
            peer.say(answer(message, 200, b"two", OK, SDP.replace(b"4000", b"5000")), source)

    for host in ("10.0.0.2", "10.0.0.3"):
        Peer(wire, host, script=script)
    out = bell.call(TARGET)
    wire.run(500)
    assert out.state == "up" and out.media.agreed.port == 5000 and out.dialog.remote_tag == b"two"


def test_a_call_taken_back_is_not_sent_on():
    wire = Wire()
    bell = wire.party("10.0.0.1")

    def script(peer, message, source):
        if message.method == b"INVITE":
            peer.say(answer(message, 180, b"one", OK), source)

    peer = Peer(wire, "10.0.0.2", script=script)
    out = bell.call(TARGET)
    wire.run(50)
    out.hang_up(wire.now)
    peer.say(answer(peer.got[0], 302, b"one", contacts(b"<sip:a@10.0.0.3>")), BELL)
    wire.run(500)
    assert [m for m in bell.methods() if m == "INVITE"] == ["INVITE"]
    assert bell.take("ended").status == 302


def test_a_call_taken_back_after_it_was_sent_on_cancels_the_last_invite():
    wire = Wire()
    bell = wire.party("10.0.0.1")

    def script(peer, message, source):
        if message.uri == TARGET and message.method == b"INVITE":
            peer.say(answer(message, 302, b"one", contacts(b"<sip:a@10.0.0.3>")), source)
        elif message.method == b"INVITE":
            peer.say(answer(message, 180, b"two", OK), source)

    Peer(wire, "10.0.0.2", script=script)
    there = Peer(wire, "10.0.0.3", script=script)
    out = bell.call(TARGET)
    wire.run(200)
    out.hang_up(wire.now)
    wire.run(50)
    invite, cancel = there.got
    assert cancel.method == b"CANCEL" and cancel.uri == invite.uri == b"sip:a@10.0.0.3"
    assert cancel.branch == invite.branch and cancel.cseq == invite.cseq


CHALLENGE = b'WWW-Authenticate: Digest realm="pbx", nonce="n", qop="auth"'


def challenge(then):
    """A place that asks for a password first."""
    return lambda message: then if message.header(b"authorization") else (401, CHALLENGE)


def test_our_password_is_for_the_place_that_we_called():
    def credentials(bell):
        return bell.credentials("bell", "secret")

    stranger = b"sip:x@10.0.0.3"
    answers = {TARGET: challenge((302, contacts(b"<" + stranger + b">"))), stranger: (401, CHALLENGE)}
    bell, _, asked = places(answers, credentials=credentials)
    assert uris(asked) == [TARGET, TARGET, stranger]
    assert asked[1].header(b"authorization") and asked[2].header(b"authorization") is None
    assert bell.take("ended").status == 401
    # Another user of the same server is asked for, and may know it
    other = b"sip:other@10.0.0.2"
    answers = {TARGET: challenge((302, contacts(b"<" + other + b">"))), other: challenge((200, OK))}
    _, out, asked = places(answers, credentials=credentials)
    assert uris(asked) == [TARGET, TARGET, other] and out.state == "up"


def test_what_was_asked_for_in_an_early_dialog_is_not_told_to_the_next_place():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    reliable = b"Require: 100rel\r\nRSeq: 1\r\nContact: <sip:desk@10.0.0.2>"

    def script(peer, message, source):
        if message.method == b"PRACK" and not message.header(b"authorization"):
            peer.say(answer(message, 401, extra=CHALLENGE), source)
        elif message.method == b"PRACK":
            peer.say(answer(message, 200), source)
            peer.say(answer(peer.got[0], 302, b"one", contacts(b"<sip:a@10.0.0.3>")), source)
        elif message.method == b"INVITE":
            stranger = message.uri == b"sip:a@10.0.0.3"
            said = (200, b"two", contacts(b"<sip:a@10.0.0.3>"), SDP) if stranger else (183, b"one", reliable)
            peer.say(answer(message, *said), source)

    Peer(wire, "10.0.0.2", script=script)
    stranger = Peer(wire, "10.0.0.3", script=script)
    out = bell.call(TARGET, credentials=bell.credentials("bell", "secret"))
    wire.run(500)
    assert out.state == "up"
    out.hang_up(wire.now)
    wire.run(100)
    assert stranger.methods() == ["INVITE", "ACK", "BYE"]
    assert not any(message.header(b"authorization") for message in stranger.got)


def test_the_account_decides_where_a_new_place_is_reached():
    class Account:
        credentials = None
        hop = b"sip:10.0.0.8"
        proxy = b""

        def serves(self, uri):
            return uri.host == b"pbx.example"

    wire = Wire()
    bell = wire.party("10.0.0.1")

    def script(peer, message, source):
        if message.method == b"INVITE":
            new = message.uri == b"sip:a@pbx.example"
            said = (200, b"t", OK, SDP) if new else (302, b"t", contacts(b"<sip:a@pbx.example>"))
            peer.say(answer(message, *said), source)

    Peer(wire, "10.0.0.2", script=script)
    proxy = Peer(wire, "10.0.0.8", script=script)
    out = bell.call(TARGET)
    out.account = Account()
    wire.run(200)
    assert proxy.got[0].uri == b"sip:a@pbx.example" and out.state == "up"


def test_a_secure_call_is_not_sent_on_in_the_clear():
    from siplet.sip.message import Message
    from siplet.sip.redirect import Search

    class Outline:
        target = b"sips:desk@10.0.0.2"
        hop = b""
        routes = ()

    class Session:
        credentials = None

    search = Search(Session, Outline)
    head = b"SIP/2.0 302 Moved\r\n"
    search.add(Message(head + contacts(b"<sip:a@10.0.0.3>", b"<sips:b@10.0.0.3>") + b"\r\n\r\n"))
    assert search.next(5).text == b"sips:b@10.0.0.3" and search.next(5) is None
