# Stories of reliable provisional responses (RFC 3262): what is said before the answer, said until it is acknowledged.

from test_call import BELL, CONTACT, DESK, SDP, TARGET, answer, request, two
from wire import Peer, Wire

RELIABLE = b"Require: 100rel\r\nRSeq: "


def early(number, tag=b"one", status=183, body=b"", host=b"10.0.0.2"):
    """A function of an INVITE: its reliable provisional response."""
    extra = RELIABLE + str(number).encode() + b"\r\nContact: <sip:" + tag + b"@" + host + b">"
    return lambda invite: answer(invite, status, tag, extra, body)


def calling(*responses, **knobs):
    """(wire, bell, its call, a peer that has got the INVITE and sent these responses)."""
    wire = Wire(**knobs)
    bell = wire.party("10.0.0.1")

    def script(peer, message, source):
        if message.method == b"INVITE":
            for response in responses:
                peer.say(response(message), source)
        elif message.method in (b"PRACK", b"BYE", b"CANCEL") and peer.polite:
            peer.say(answer(message, 200), source)

    peer = Peer(wire, "10.0.0.2", script=script)
    peer.polite = True
    out = bell.call(TARGET)
    wire.run(100)
    return wire, bell, out, peer


def pracks(peer):
    return [message for message in peer.got if message.method == b"PRACK"]


def racks(peer):
    return [message.header(b"rack") for message in pracks(peer)]


# -- calling


def test_we_say_that_we_can():
    _, _bell, _, peer = calling()
    invite = peer.got[0]
    assert b"100rel" in invite.headers(b"supported") and b"PRACK" in invite.headers(b"allow")
    assert invite.header(b"require") is None


def test_a_reliable_response_is_acknowledged_in_its_dialog():
    _, bell, _, peer = calling(early(7001, body=SDP))
    (prack,) = pracks(peer)
    invite = peer.got[0]
    assert prack.header(b"rack") == b"7001 " + str(invite.cseq).encode() + b" INVITE"
    assert prack.uri == b"sip:one@10.0.0.2" and prack.to_tag == b"one"
    assert prack.cseq == invite.cseq + 1 and prack.branch != invite.branch and not prack.body
    assert bell.take("ringing").status == 183 and bell.take("media").data.port == 4000


def test_the_same_again_rings_once_and_is_not_acknowledged_anew():
    _, bell, _, peer = calling(early(5), early(5), early(5))
    assert len(pracks(peer)) == 1 and bell.kinds().count("ringing") == 1


def test_what_comes_too_early_waits_for_its_turn():
    wire, bell, _, peer = calling(early(5, status=180), early(7, status=183), early(4, status=183))
    assert len(pracks(peer)) == 1 and bell.kinds() == ["ringing"]
    for number in (6, 7):
        peer.say(early(number)(peer.got[0]), BELL)
        wire.run(50)
    assert [rack.split()[0] for rack in racks(peer)] == [b"5", b"6", b"7"]
    cseqs = [message.cseq for message in pracks(peer)]
    assert cseqs == [cseqs[0], cseqs[0] + 1, cseqs[0] + 2]
    assert bell.kinds().count("ringing") == 3


def test_a_number_of_32_bits_is_taken_and_one_of_33_is_not():
    _, bell, _, peer = calling(early(2**32 - 2), early(2**32 - 1))
    assert [rack.split()[0] for rack in racks(peer)] == [b"4294967294", b"4294967295"]
    for bad in (b"4294967296", b"0", b"x", b"", b"-1"):
        _, bell, _, peer = calling(lambda invite, bad=bad: early(1)(invite).replace(b"RSeq: 1", b"RSeq: " + bad))
        assert not pracks(peer) and not bell.kinds(), bad


def test_without_require_or_tag_nothing_is_acknowledged():
    plain = lambda invite: early(9)(invite).replace(b"Require: 100rel\r\n", b"")  # noqa: E731
    _, bell, _, peer = calling(plain)
    assert not pracks(peer) and bell.take("ringing")
    _, bell, _, peer = calling(lambda invite: early(9)(invite).replace(b";tag=one", b""))
    assert not pracks(peer) and not bell.take("ringing")
    _, bell, _, peer = calling(early(9, status=100))
    assert not pracks(peer)


def test_a_lost_prack_is_repeated_by_its_transaction():
    wire, _bell, _, peer = calling()
    lost = []

    def drop(data, to):
        if data.startswith(b"PRACK") and len(lost) < 3:
            lost.append(data)
            return True
        return False

    wire.drop = drop
    peer.say(early(1)(peer.got[0]), BELL)
    wire.run(600)
    peer.say(early(1)(peer.got[0]), BELL)  # the far end repeats it, too
    wire.run(5000)
    assert len(pracks(peer)) == 1 and len(lost) == 3 and all(data == lost[0] for data in lost)


def test_numbers_go_on_in_the_dialog_that_the_answer_confirms():
    ok = lambda invite: answer(invite, 200, b"one", b"Contact: <sip:one@10.0.0.2>", SDP)  # noqa: E731
    wire, _bell, out, peer = calling(early(1), early(2), ok)
    assert out.state == "up"
    out.hang_up(wire.now)
    wire.run(100)
    cseqs = [(message.method, message.cseq - peer.got[0].cseq) for message in peer.got[1:]]
    assert cseqs == [(b"PRACK", 1), (b"PRACK", 2), (b"ACK", 0), (b"BYE", 3)]


def test_the_answer_may_stand_in_the_reliable_response_alone():
    ok = lambda invite: answer(invite, 200, b"one", b"Contact: <sip:one@10.0.0.2>")  # noqa: E731
    _, bell, out, _peer = calling(early(1, body=SDP), ok)
    assert out.state == "up" and bell.take("answered") and out.media.agreed.port == 4000


def test_each_fork_counts_for_itself_and_its_own_answer_counts():
    one, two_ = SDP.replace(b"4000", b"4100"), SDP.replace(b"4000", b"4200")
    ok = lambda invite: answer(invite, 200, b"one", b"Contact: <sip:one@10.0.0.2>")  # noqa: E731
    _wire, _bell, out, peer = calling(early(10, b"one", body=one), early(900, b"two", body=two_), early(11, b"one"), ok)
    seen = [(message.to_tag, message.header(b"rack").split()[0]) for message in pracks(peer)]
    assert seen == [(b"one", b"10"), (b"two", b"900"), (b"one", b"11")]
    # The last description heard was the other fork's
    assert out.state == "up" and out.media.agreed.port == 4100
    assert out.dialog.remote_tag == b"one"
    assert [message.uri for message in pracks(peer)] == [b"sip:one@10.0.0.2", b"sip:two@10.0.0.2", b"sip:one@10.0.0.2"]


def test_forks_without_end_are_not_all_remembered():
    many = [early(1, b"fork" + str(i).encode()) for i in range(9)]
    wire, _bell, out, peer = calling(*many)
    assert len(pracks(peer)) == 4
    peer.say(answer(peer.got[0], 200, b"late", b"Contact: <sip:late@10.0.0.2>", SDP), BELL)
    wire.run(100)
    assert out.state == "up" and out.dialog.remote_tag == b"late"
    assert peer.got[-1].method == b"ACK" and peer.got[-1].to_tag == b"late"


def test_a_call_taken_back_is_still_acknowledged():
    wire, bell, out, peer = calling(early(1, status=180))
    out.hang_up(wire.now)
    wire.run(50)
    peer.say(early(2)(peer.got[0]), BELL)
    wire.run(50)
    assert len(pracks(peer)) == 2
    peer.say(answer(peer.got[0], 487, b"one"), BELL)
    wire.run(50)
    assert bell.take("ended").status == 487
    wire.run(40000)
    assert bell.at_rest()


def test_a_challenged_prack_comes_again_with_credentials():
    wire = Wire()
    bell = wire.party("10.0.0.1")

    def script(peer, message, source):
        if message.method == b"INVITE":
            peer.say(early(3)(message), source)
        elif message.method == b"PRACK":
            known = message.header(b"proxy-authorization")
            challenge = b'Proxy-Authenticate: Digest realm="r", nonce="n", qop="auth"'
            peer.say(answer(message, 200 if known else 407, extra=b"" if known else challenge), source)

    peer = Peer(wire, "10.0.0.2", script=script)
    bell.call(TARGET, credentials=bell.credentials("bell", "secret"))
    wire.run(200)
    first, second = pracks(peer)
    assert second.cseq == first.cseq + 1 and second.branch != first.branch
    assert second.header(b"rack") == first.header(b"rack")
    assert b'uri="sip:one@10.0.0.2"' in second.header(b"proxy-authorization")


def test_a_prack_that_is_refused_or_never_answered_leaves_the_call_alone():
    for status in (481, 0):
        wire, bell, out, peer = calling()
        peer.polite = False
        peer.say(early(1)(peer.got[0]), BELL)
        wire.run(50)
        if status:
            peer.say(answer(pracks(peer)[0], status), BELL)
        wire.run(40000)
        assert out.state == "proceeding" and not bell.take("ended")


def test_one_that_cannot_be_acknowledged_still_lets_the_call_be_taken_back():
    for change in ((b"Contact", b"Record-Route: <tel:+1>\r\nContact"), (b"RSeq: 1", b"RSeq: x"), (b";tag=one", b"")):
        wire, bell, out, peer = calling(lambda invite, change=change: early(1)(invite).replace(*change))
        assert not pracks(peer) and out.state == "proceeding" and not bell.kinds()
        out.hang_up(wire.now)
        wire.run(50)
        assert peer.methods()[-1] == "CANCEL"


# -- being called


def ringing(reliable=None, extra=b"Supported: 100rel\r\n", body=SDP, polite=True):
    """(wire, desk, the session that rings there, the peer that called)."""
    wire = Wire()
    desk = wire.party("10.0.0.2")
    if reliable:
        desk.endpoint.reliable = reliable

    def script(peer, message, source):
        if message.status and message.header(b"rseq") and peer.polite:
            peer.say(prack(message), DESK)

    peer = Peer(wire, "10.0.0.1", script=script)
    peer.polite = polite
    peer.say(request(b"INVITE", extra + CONTACT, body), DESK)
    wire.run(60)
    event = desk.take("incoming")
    return wire, desk, event and event.source, peer


def prack(response, body=b"", cseq=None, rack=None):
    rack = rack or response.header(b"rseq") + b" 1 INVITE"
    cseq = cseq or 2 + int(response.header(b"rseq")) % 1000
    return request(b"PRACK", b"RAck: " + rack, body, to=response.header(b"to"), cseq=cseq)


def status_of(peer, method):
    return [message.status for message in peer.got if message.cseq_method == method]


def test_a_caller_that_requires_it_is_rung_for_reliably():
    wire, desk, into, peer = ringing(extra=b"Require: 100rel\r\n")
    first = peer.got[0]
    assert first.status == 180 and first.headers(b"require") == [b"100rel"] and not first.body
    assert 1 <= int(first.header(b"rseq")) < 2**31
    assert status_of(peer, b"PRACK") == [200]
    assert into.answer(wire.now)
    wire.run(60)
    ok = peer.got[-1]
    assert ok.status == 200 and ok.body and ok.cseq_method == b"INVITE"
    peer.say(request(b"ACK", b"", b"", to=ok.header(b"to")).replace(b"z9hG4bKabc", b"z9hG4bKdef"), DESK)
    wire.run(60)
    assert desk.take("answered") and into.state == "up"


def test_a_caller_that_only_supports_it_gets_it_when_we_are_set_to():
    _, _, _, peer = ringing()
    assert peer.got[0].status == 180 and peer.got[0].header(b"rseq") is None
    _, _, _, peer = ringing(b"supported")
    assert peer.got[0].header(b"rseq") and peer.got[0].header(b"require") == b"100rel"
    _, _, _, peer = ringing(b"supported", extra=b"")
    assert peer.got[0].status == 180 and peer.got[0].header(b"rseq") is None


def test_a_caller_that_cannot_is_refused_when_we_require_it():
    _, desk, _, peer = ringing(b"required", extra=b"Supported: timer\r\n")
    assert peer.got[0].status == 421 and peer.got[0].header(b"require") == b"100rel"
    assert desk.at_rest()
    _, _, into, peer = ringing(b"required")
    assert into and peer.got[0].header(b"rseq")


def test_who_switched_it_off_refuses_it():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    desk.endpoint.builder.supported = b"replaces"
    peer = Peer(wire, "10.0.0.1")
    peer.say(request(b"INVITE", b"Require: 100rel, replaces\r\n" + CONTACT, SDP), DESK)
    wire.run(60)
    assert peer.got[0].status == 420 and peer.got[0].headers(b"unsupported") == [b"100rel"]


def test_it_is_repeated_until_the_prack_comes():
    wire, _desk, into, peer = ringing(b"supported", polite=False)
    wire.run(7000)
    assert peer.methods() == ["180"] * 4  # at 0, 0.5, 1.5, 3.5 s
    assert len({message.header(b"rseq") for message in peer.got}) == 1
    peer.say(prack(peer.got[0]), DESK)
    wire.run(50000)
    assert peer.methods()[4:] == ["200"]
    wire.run(20000)  # a minute later it still rings: said once more, by a number of its own (13.3.1.1)
    again = peer.got[5]
    assert again.status == 180 and int(again.header(b"rseq")) == int(peer.got[0].header(b"rseq")) + 1
    assert into.state == "ringing"


def test_no_prack_at_all_ends_the_call():
    wire, desk, _into, peer = ringing(b"supported", polite=False)
    wire.run(31000)
    assert not desk.take("ended") and peer.methods() == ["180"] * 6
    wire.run(2000)
    ended = desk.take("ended")
    assert ended.status == 504 and ended.data == "timeout" and ended.reason == b"No PRACK"
    assert peer.got[-1].status == 504
    wire.run(40000)
    assert desk.at_rest() and desk.lines[0].closed is False  # the shell closes it with the event


def test_pracks_for_nothing_are_481_and_broken_ones_400():
    wire, _desk, into, peer = ringing(b"supported", polite=False)
    ring = peer.got[0]
    number = ring.header(b"rseq")
    cases = (
        (str(int(number) + 1).encode() + b" 1 INVITE", 481),
        (number + b" 2 INVITE", 481),
        (number + b" 1 BYE", 481),
        (number + b" 1", 400),
        (b"x 1 INVITE", 400),
        (number + b" 99999999999 INVITE", 400),
    )
    for i, (rack, status) in enumerate(cases):
        peer.say(prack(ring, rack=rack, cseq=10 + i), DESK)
        wire.run(30)
        assert peer.got[-1].status == status, rack
    peer.say(prack(ring, cseq=20).replace(b"RAck", b"X-RAck"), DESK)
    wire.run(30)
    assert peer.got[-1].status == 400
    peer.say(prack(ring, cseq=30), DESK)
    wire.run(30)
    assert peer.got[-1].status == 200
    peer.say(prack(ring, cseq=31), DESK)  # acknowledged already
    wire.run(30)
    assert peer.got[-1].status == 481
    peer.say(prack(ring, cseq=30), DESK)  # the same one, come again: its transaction answers
    wire.run(30)
    assert peer.got[-1].status == 200 and into.state == "ringing"


def test_pracks_outside_a_call_and_in_one_that_is_not_reliable_are_refused():
    wire = Wire()
    wire.party("10.0.0.2")
    peer = Peer(wire, "10.0.0.1")
    peer.say(request(b"PRACK", b"RAck: 1 1 INVITE", cseq=2), DESK)
    wire.run(50)
    assert peer.got[0].status in (405, 481)
    wire, _desk, into, peer = ringing(extra=b"")
    peer.say(prack(peer.got[0], rack=b"1 1 INVITE", cseq=7), DESK)
    wire.run(50)
    assert peer.got[-1].status == 481 and into.state == "ringing"


def test_an_answer_without_descriptions_before_it_need_not_wait():
    wire, _desk, into, peer = ringing(b"supported", polite=False)
    into.answer(wire.now)
    wire.run(50)
    assert peer.methods() == ["180", "200"] and peer.got[1].body
    peer.say(prack(peer.got[0]), DESK)  # late, and welcome
    wire.run(50)
    assert status_of(peer, b"PRACK") == [200]
    wire.run(2000)
    assert peer.methods().count("180") == 1  # not repeated any more


def test_without_an_offer_ours_stands_in_the_180_and_the_answer_in_the_prack():
    wire, desk, into, peer = ringing(b"supported", body=b"", polite=False)
    ring = peer.got[0]
    assert b"m=audio" in ring.body
    into.answer(wire.now)
    wire.run(700)
    assert "200" not in peer.methods()  # 3: not before the PRACK
    peer.say(prack(ring, SDP), DESK)
    wire.run(50)
    ok = peer.got[-1]
    assert ok.cseq_method == b"INVITE" and ok.status == 200 and not ok.body
    assert desk.take("media").data.port == 4000
    peer.say(request(b"ACK", to=ok.header(b"to")).replace(b"z9hG4bKabc", b"z9hG4bKdef"), DESK)
    wire.run(50)
    assert into.state == "up" and desk.take("answered")


def test_a_prack_that_owes_the_answer_and_has_none_ends_the_call():
    for body in (b"", SDP.replace(b"RTP/AVP 8 101", b"RTP/AVP 18")):
        wire, desk, _into, peer = ringing(b"supported", body=b"", polite=False)
        peer.say(prack(peer.got[0], body), DESK)
        wire.run(50)
        assert status_of(peer, b"PRACK")[0] in (400, 488) and status_of(peer, b"INVITE")[-1] == 488
        assert desk.take("ended").status == 488


def test_early_media_of_ours_by_183_and_a_new_offer_in_its_prack():
    from siplet.sip.progress import progress

    wire, desk, into, peer = ringing(b"supported", polite=False)
    assert progress(into, wire.now)  # waits for the PRACK of the 180
    wire.run(30)
    assert peer.methods() == ["180"]
    peer.say(prack(peer.got[0]), DESK)
    wire.run(30)
    early_ = peer.got[-1]
    assert early_.status == 183 and early_.body and desk.take("media").data.port == 4000
    into.answer(wire.now)
    wire.run(30)
    assert peer.methods()[-1] == "183"  # the description is not acknowledged yet
    later = SDP.replace(b"4000", b"5000").replace(b"1 1 IN", b"1 2 IN")
    peer.say(prack(early_, later), DESK)
    wire.run(30)
    acknowledged, ok = peer.got[-2:]
    assert acknowledged.cseq_method == b"PRACK" and b"m=audio" in acknowledged.body
    assert ok.status == 200 and ok.cseq_method == b"INVITE" and not ok.body
    assert desk.take("media").data.port == 5000


def test_an_offer_in_a_prack_before_our_answer_is_refused():
    wire, _desk, into, peer = ringing(b"supported", polite=False)
    peer.say(prack(peer.got[0], SDP), DESK)
    wire.run(30)
    assert status_of(peer, b"PRACK") == [491] and into.state == "ringing"
    peer.say(prack(peer.got[0], cseq=3000), DESK)
    wire.run(30)
    assert status_of(peer, b"PRACK") == [491, 200]


def test_an_offer_in_a_prack_that_cannot_be_had_leaves_the_call_ringing():
    from siplet.sip.progress import progress

    wire, _desk, into, peer = ringing(b"supported")
    progress(into, wire.now)
    peer.polite = False
    wire.run(30)
    early_ = peer.got[-1]
    assert early_.status == 183
    peer.say(prack(early_, SDP.replace(b"RTP/AVP 8 101", b"RTP/AVP 18"), cseq=4000), DESK)
    wire.run(30)
    assert status_of(peer, b"PRACK") == [200, 488] and into.state == "ringing"
    peer.say(prack(early_, cseq=4001), DESK)
    wire.run(30)
    assert status_of(peer, b"PRACK") == [200, 488, 200]


def test_cancel_and_refusal_while_it_waits():
    wire, desk, into, peer = ringing(b"supported", polite=False)
    peer.say(request(b"CANCEL"), DESK)
    wire.run(50)
    assert peer.methods() == ["180", "200", "487"] and desk.take("ended").data == "cancelled"
    wire.run(2000)
    assert peer.methods().count("180") == 1
    peer.say(prack(peer.got[0]), DESK)
    wire.run(50)
    assert status_of(peer, b"PRACK") == [481]  # nothing is left to be acknowledged
    wire.run(70000)
    assert desk.at_rest()
    wire, desk, into, peer = ringing(b"supported", polite=False)
    into.reject(486, wire.now)
    wire.run(3000)
    assert peer.methods().count("180") == 1 and peer.got[-1].status == 486


def test_early_media_of_ours_to_a_caller_without_it_is_said_again_in_the_answer():
    from siplet.errors import LocalError
    from siplet.sip.progress import progress

    wire, desk, into, peer = ringing(extra=b"")
    assert progress(into, wire.now) and desk.take("media")
    wire.run(61000)  # what reminds the caller is the 183, not another 180
    assert peer.methods() == ["180", "183", "183"]
    into.answer(wire.now)
    wire.run(50)
    assert peer.got[1].body == peer.got[-1].body != b"" and peer.got[-1].status == 200
    assert not progress(into, wire.now)
    wire, desk, into, peer = ringing(extra=b"", body=b"")
    try:
        progress(into, wire.now)
        raise AssertionError("our offer in an unreliable response")
    except LocalError:
        pass


# -- both


def test_two_of_ours_ring_reliably_and_talk():
    wire, bell, desk = two()
    desk.endpoint.reliable = b"supported"
    out = bell.call(TARGET)
    wire.run(100)
    assert bell.methods() == ["INVITE", "PRACK"] and desk.methods() == ["180", "200"]
    into = desk.take("incoming").source
    into.answer(wire.now)
    wire.run(100)
    assert out.state == into.state == "up"
    out.hang_up(wire.now)
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()


def test_reliable_calls_over_a_bad_wire_all_come_about_or_end():
    from siplet.sip.progress import progress

    wire = Wire(loss=20, duplicate=5, reorder=10, seed=5)
    bell, desk = wire.party("10.0.0.1"), wire.party("10.0.0.2")
    desk.endpoint.reliable = b"supported"
    up = 0
    for i in range(40):
        out = bell.call(TARGET)
        wire.run_until(lambda: "incoming" in desk.kinds() or "ended" in bell.kinds(), 40000)
        event = desk.take("incoming")
        if event:
            into = event.source
            if i % 2:
                progress(into, wire.now)
                wire.run(wire.chance.below(3000))
            if i % 5 == 4:
                out.hang_up(wire.now)
            else:
                into.answer(wire.now)
            wire.run(40000)
            up += out.state == into.state == "up"
        out.hang_up(wire.now)
        wire.run(140000)
        for session in list(desk.endpoint.sessions):
            session.hang_up(wire.now)
        wire.run(70000)
        assert bell.at_rest() and desk.at_rest(), (i, out.state, bell.methods(), desk.methods())
        for party in (bell, desk):
            party.events.clear()
            party.sent.clear()
    assert up > 25, up
