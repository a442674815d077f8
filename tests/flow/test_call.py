# Stories of calls between two endpoints over a wire with a fake clock (RFC 3261 sections 9, 12, 13, 14, 15; RFC 6086).

from wire import Peer, Wire

BELL, DESK, OTHER = ("10.0.0.1", 5060), ("10.0.0.2", 5060), ("10.0.0.3", 5060)
TARGET = b"sip:desk@10.0.0.2"


def two(**knobs):
    wire = Wire(**knobs)
    return wire, wire.party("10.0.0.1"), wire.party("10.0.0.2")


def ring(wire, bell, desk):
    out = bell.call(TARGET)
    assert wire.run_until(lambda: "incoming" in desk.kinds(), 5000)
    return out, desk.take("incoming").source


def up(wire, bell, desk):
    out, into = ring(wire, bell, desk)
    into.answer(wire.now)
    assert wire.run_until(lambda: "answered" in bell.kinds() and "answered" in desk.kinds(), 5000)
    for party in (bell, desk):
        party.events.clear()
        party.sent.clear()
    return out, into


def test_a_call_rings_is_answered_and_ended_by_the_caller():
    wire, bell, desk = two()
    out, into = ring(wire, bell, desk)
    wire.run(100)
    assert bell.take("ringing").status == 180
    assert into.answer(wire.now)
    wire.run(100)
    assert bell.take("answered") and desk.take("answered")
    assert bell.take("media").data.port == desk.lines[0].port
    assert desk.take("media").data.port == bell.lines[0].port
    assert bell.methods() == ["INVITE", "ACK"] and desk.methods() == ["180", "200"]
    out.hang_up(wire.now)
    wire.run(100)
    assert bell.take("ended").data == "local" and desk.take("ended").data == "remote"
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()
    assert bell.methods() == ["INVITE", "ACK", "BYE"] and desk.methods() == ["180", "200", "200"]


def test_the_called_side_hangs_up():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    into.hang_up(wire.now)
    wire.run(100)
    assert bell.take("ended").data == "remote" and bell.methods() == ["200"]
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()


def test_both_hang_up_at_once():
    wire, bell, desk = two()
    out, into = up(wire, bell, desk)
    out.hang_up(wire.now)
    into.hang_up(wire.now)
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()
    assert bell.kinds() == desk.kinds() == ["ended", "over"]


def test_a_call_is_refused_and_the_refusal_is_acknowledged():
    for status in (486, 603, 404):
        wire, bell, desk = two()
        _, into = ring(wire, bell, desk)
        into.reject(status, wire.now)
        wire.run(100)
        ended = bell.take("ended")
        assert ended.status == status and ended.data == "rejected"
        assert bell.methods() == ["INVITE", "ACK"]
        wire.run(40000)
        assert bell.at_rest() and desk.at_rest()


def test_cancel_while_it_rings():
    wire, bell, desk = two()
    out, _ = ring(wire, bell, desk)
    wire.run(50)
    out.hang_up(wire.now)
    wire.run(100)
    assert bell.methods() == ["INVITE", "CANCEL", "ACK"]
    assert desk.methods() == ["180", "200", "487"]
    ended = bell.take("ended")
    assert ended.status == 487 and ended.data == "cancelled"
    assert desk.take("ended").data == "cancelled"
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()


def test_cancel_waits_for_a_provisional_response():
    wire, bell, _desk = two()
    out = bell.call(TARGET)
    out.hang_up(wire.now)  # the INVITE has not even arrived
    assert bell.methods() == ["INVITE"]
    wire.run(200)
    assert bell.methods() == ["INVITE", "CANCEL", "ACK"]
    assert bell.take("ended").status == 487


def test_a_call_that_was_given_up_leaves_its_line_at_once():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    bell.call(TARGET).hang_up(wire.now)  # nobody is there to send even a 100
    assert not bell.endpoint.full
    desk = wire.party("10.0.0.3")
    out = bell.call(b"sip:desk@10.0.0.3")
    wire.run(100)
    desk.take("incoming").source.answer(wire.now)
    wire.run(40000)
    assert out.state == "up" and bell.endpoint.full
    assert bell.take("ended").data == "timeout" and len(bell.endpoint.sessions) == 1


def test_cancel_crosses_the_answer_and_the_call_is_ended_by_bye():
    wire, bell, desk = two()
    out, into = ring(wire, bell, desk)
    wire.run(50)
    into.answer(wire.now)
    out.hang_up(wire.now)  # 200 and CANCEL pass each other on the wire
    wire.run(200)
    assert bell.methods() == ["INVITE", "CANCEL", "ACK", "BYE"]
    assert bell.take("ended") and desk.take("ended").data == "remote"
    assert "answered" not in bell.kinds()
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()


def test_cancel_that_nobody_answers_is_given_up_after_32_s():
    wire = Wire()
    bell = wire.party("10.0.0.1")

    def script(peer, message, source):
        if message.method == b"INVITE":
            peer.say(answer(message, 180, b"x"), source)

    Peer(wire, "10.0.0.2", script=script)
    out = bell.call(TARGET)
    wire.run(100)
    out.hang_up(wire.now)
    wire.run(31000)
    assert not bell.take("ended")
    wire.run(2000)
    assert bell.take("ended").data == "timeout"


def answer(request, status, tag=b"", extra=b"", body=b""):
    """A response by hand."""
    lines = [b"SIP/2.0 " + str(status).encode() + b" Whatever"]
    lines += [b"Via: " + via for via in request.headers(b"via")]
    to = request.header(b"to")
    if tag and b";tag=" not in to:
        to += b";tag=" + tag
    lines += [b"From: " + request.header(b"from"), b"To: " + to, b"Call-ID: " + request.call_id]
    lines += [b"CSeq: " + str(request.cseq).encode() + b" " + request.cseq_method]
    if extra:
        lines.append(extra)
    if body:
        lines.append(b"Content-Type: application/sdp")
    lines += [b"Content-Length: " + str(len(body)).encode(), b"", b""]
    return b"\r\n".join(lines) + body


SDP = (
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
)


def test_nobody_answers_the_invite_timers_a_and_b():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    start = wire.now
    bell.call(TARGET)
    wire.run(40000)
    ended = bell.take("ended")
    assert ended.status == 408 and ended.data == "timeout"
    times = [(ticks - start) % 2**30 for ticks, _, _ in bell.sent]
    assert times == [0, 500, 1500, 3500, 7500, 15500, 31500]
    assert bell.at_rest()


def test_an_unreachable_host_ends_the_call_with_503():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    bell.call(TARGET)
    bell.endpoint.unreachable(DESK, wire.now)
    ended = bell.take("ended")
    assert ended.status == 503 and ended.data == "lost"
    assert bell.at_rest()


def test_the_answer_is_repeated_until_the_ack_comes():
    wire, bell, desk = two()
    _, into = ring(wire, bell, desk)
    wire.drop = lambda data, to: data.startswith(b"ACK")
    into.answer(wire.now)
    wire.run(4000)
    assert desk.methods() == ["180"] + ["200"] * 4  # at 0, 0.5, 1.5, 3.5 s
    assert bell.methods() == ["INVITE"] + ["ACK"] * 4
    wire.drop = None
    wire.run(5000)
    assert desk.take("answered")
    into.hang_up(wire.now)
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()


def test_an_answer_that_is_never_acknowledged_is_lost_and_ended_by_bye():
    wire, bell, desk = two()
    _, into = ring(wire, bell, desk)
    wire.drop = lambda data, to: data.startswith(b"ACK")
    into.answer(wire.now)
    wire.run(33000)
    ended = desk.take("ended")
    assert ended.data == "lost" and ended.status == 408
    assert "BYE" in desk.methods() and bell.take("ended").data == "remote"


def test_hanging_up_before_the_ack_waits_for_it():
    wire, bell, desk = two()
    _, into = ring(wire, bell, desk)
    into.answer(wire.now)
    into.hang_up(wire.now)
    assert "BYE" not in desk.methods()
    wire.run(100)
    assert desk.methods() == ["180", "200", "BYE"]
    wire.run(40000)
    assert bell.at_rest() and desk.at_rest()


def test_a_second_call_is_busy_and_the_first_goes_on():
    wire, bell, desk = two()
    out, _ = up(wire, bell, desk)
    other = wire.party("10.0.0.3")
    other.call(TARGET, user="other")
    wire.run(100)
    assert other.take("ended").status == 486
    assert out.state == "up" and not desk.take("incoming")


def test_a_fork_answers_twice_and_the_second_is_acknowledged_and_ended():
    wire = Wire()
    bell = wire.party("10.0.0.1")

    def script(peer, message, source):
        if message.method == b"INVITE":
            peer.say(answer(message, 200, b"one", b"Contact: <sip:one@10.0.0.2>", SDP), source)
            peer.say(answer(message, 200, b"two", b"Contact: <sip:two@10.0.0.2>", SDP), source)
        elif message.method == b"BYE":
            peer.say(answer(message, 200), source)

    peer = Peer(wire, "10.0.0.2", script=script)
    out = bell.call(TARGET)
    wire.run(1000)
    assert out.state == "up" and bell.take("answered") and not bell.take("ended")
    talk = [(m.method, m.uri, m.to_tag) for m in peer.got[1:]]
    assert (b"ACK", b"sip:one@10.0.0.2", b"one") in talk
    assert (b"ACK", b"sip:two@10.0.0.2", b"two") in talk
    assert (b"BYE", b"sip:two@10.0.0.2", b"two") in talk
    assert (b"BYE", b"sip:one@10.0.0.2", b"one") not in talk
    # The first 2xx comes again: it is acknowledged again, and nothing else happens.
    invite = peer.got[0]
    count = len(peer.got)
    peer.say(answer(invite, 200, b"one", b"Contact: <sip:one@10.0.0.2>", SDP), BELL)
    wire.run(100)
    assert [m.method for m in peer.got[count:]] == [b"ACK"] and out.state == "up"


def test_early_media_then_a_different_answer():
    wire = Wire()
    bell = wire.party("10.0.0.1")
    later = SDP.replace(b"4000", b"5000")

    def script(peer, message, source):
        if message.method == b"INVITE":
            peer.say(answer(message, 183, b"one", b"Contact: <sip:one@10.0.0.2>", SDP), source)

    peer = Peer(wire, "10.0.0.2", script=script)
    out = bell.call(TARGET)
    wire.run(100)
    assert bell.take("ringing").status == 183 and bell.take("media").data.port == 4000
    peer.say(answer(peer.got[0], 200, b"one", b"Contact: <sip:one@10.0.0.2>", later), BELL)
    wire.run(100)
    assert bell.take("media").data.port == 5000 and out.state == "up"


def test_a_2xx_without_any_answer_is_acknowledged_and_ended():
    wire = Wire()
    bell = wire.party("10.0.0.1")

    def script(peer, message, source):
        if message.method == b"INVITE":
            peer.say(answer(message, 200, b"one", b"Contact: <sip:one@10.0.0.2>"), source)

    peer = Peer(wire, "10.0.0.2", script=script)
    bell.call(TARGET)
    wire.run(100)
    assert peer.methods() == ["INVITE", "ACK", "BYE"]
    ended = bell.take("ended")
    assert ended.data == "lost" and ended.status == 488


def test_digits_by_info_both_ways_and_both_forms():
    wire, bell, desk = two()
    out, into = up(wire, bell, desk)
    out.send_info(b"application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", wire.now)
    into.send_info(b"application/dtmf", b"#", wire.now)
    wire.run(100)
    assert desk.take("digit").data == "5" and bell.take("digit").data == "#"
    assert bell.take("info").status == 200 and desk.take("info").status == 200
    out.send_info(b"text/plain", b"hello", wire.now)
    wire.run(100)
    assert bell.take("info").status == 415 and out.state == "up"


def test_a_repeated_info_is_one_key_press():
    wire, bell, desk = two(duplicate=100)
    out, _ = up(wire, bell, desk)
    out.send_info(b"application/dtmf-relay", b"Signal=5\r\nDuration=160\r\n", wire.now)
    wire.run(3000)
    assert desk.kinds().count("digit") == 1


def test_an_info_that_finds_no_dialog_ends_the_call():
    wire, bell, desk = two()
    out, _ = up(wire, bell, desk)
    desk.endpoint.sessions.clear()  # the far end was restarted
    out.send_info(b"application/dtmf-relay", b"Signal=5\r\n", wire.now)
    wire.run(100)
    ended = bell.take("ended")
    assert ended.data == "lost" and ended.status == 481


def invite_in_dialog(session, cseq, body=b"", extra=b""):
    """A re-INVITE as the far end of `session` would send it."""
    dialog = session.dialog
    lines = [
        b"INVITE sip:desk@10.0.0.2:5060 SIP/2.0",
        b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKre" + str(cseq).encode() + b";rport",
        b"From: " + dialog.remote,
        b"To: " + dialog.local,
        b"Call-ID: " + dialog.call_id,
        b"CSeq: " + str(cseq).encode() + b" INVITE",
        b"Max-Forwards: 70",
        b"Contact: <sip:moved@10.0.0.3>",
    ]
    if extra:
        lines.append(extra)
    if body:
        lines.append(b"Content-Type: application/sdp")
    lines += [b"Content-Length: " + str(len(body)).encode(), b"", b""]
    return b"\r\n".join(lines) + body


def test_hold_and_resume_by_the_far_end():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    cseq = into.dialog.remote_cseq
    for step, direction, ours in (
        (1, b"sendonly", "recvonly"),
        (2, b"inactive", "inactive"),
        (3, b"sendrecv", "sendrecv"),
    ):
        offer = SDP.replace(b"10.0.0.2", b"10.0.0.1") + b"a=" + direction + b"\r\n"
        desk.receive(invite_in_dialog(into, cseq + step, offer), BELL, wire.now)
        assert desk.methods()[-1] == "200"
        assert desk.take("media").data.direction == ours
        assert b"a=" + ours.encode() in desk.sent[-1][1]
        ack = invite_in_dialog(into, cseq + step).replace(b"INVITE sip", b"ACK sip").replace(b" INVITE", b" ACK")
        desk.receive(ack.replace(b"z9hG4bKre", b"z9hG4bKack"), BELL, wire.now)
        assert into.deadline is None  # the 200 rests
    assert into.dialog.target == b"sip:moved@10.0.0.3"  # target refresh


def test_reinvite_without_offer_gets_ours_and_the_ack_answers_it():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    cseq = into.dialog.remote_cseq + 1
    desk.receive(invite_in_dialog(into, cseq), BELL, wire.now)
    assert b"m=audio" in desk.sent[-1][1]
    answer_body = SDP.replace(b"4000", b"6000")
    ack = invite_in_dialog(into, cseq, answer_body).replace(b"INVITE sip", b"ACK sip").replace(b" INVITE", b" ACK")
    desk.receive(ack.replace(b"z9hG4bKre", b"z9hG4bKack"), BELL, wire.now)
    assert desk.take("media").data.port == 6000


def test_reinvite_that_cannot_be_had_leaves_the_call_as_it_was():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    cseq = into.dialog.remote_cseq
    before = into.media.agreed
    video = SDP.replace(b"RTP/AVP 8 101", b"RTP/AVP 97").replace(
        b"rtpmap:101 telephone-event/8000", b"rtpmap:97 opus/48000/2"
    )
    desk.receive(invite_in_dialog(into, cseq + 1, video), BELL, wire.now)
    assert desk.methods()[-1] == "488" and into.state == "up"
    assert into.media.agreed.port == before.port
    desk.receive(invite_in_dialog(into, cseq + 2, SDP), BELL, wire.now)
    assert desk.methods()[-1] == "200"
    desk.receive(invite_in_dialog(into, cseq + 1, video), BELL, wire.now)  # overtaken
    assert desk.methods()[-1] == "500"


def test_invite_without_sdp_gets_our_offer():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    peer = Peer(wire, "10.0.0.1")
    invite = request(b"INVITE", b"Contact: <sip:bell@10.0.0.1>")
    peer.say(invite, DESK)
    wire.run(50)
    into = desk.take("incoming").source
    into.answer(wire.now)
    wire.run(50)
    ok = peer.got[-1]
    assert ok.status == 200 and b"m=audio" in ok.body
    ack = request(b"ACK", b"Contact: <sip:bell@10.0.0.1>", SDP, to=ok.header(b"to")).replace(
        b"z9hG4bKabc", b"z9hG4bKdef"
    )
    peer.say(ack, DESK)
    wire.run(50)
    assert desk.take("media").data.port == 4000 and desk.take("answered")


def test_a_contact_that_cannot_be_called_is_not_called():
    for contact in (b"Contact: <tel:+1>", b"Contact: *", b"Contact: <sip:a@b", b"X: y"):
        wire = Wire()
        bell = wire.party("10.0.0.1")

        def script(peer, message, source, contact=contact):
            if message.method == b"INVITE":
                peer.say(answer(message, 200, b"one", contact, SDP), source)

        peer = Peer(wire, "10.0.0.2", script=script)
        out = bell.call(TARGET)
        wire.run(100)
        assert out.state == "up" and peer.got[-1].method == b"ACK" and peer.got[-1].uri == TARGET, contact
        reply, _ = ask(request(b"INVITE", contact, SDP))
        assert reply.status == 400
    reply, _ = ask(request(b"INVITE", b"Record-Route: <tel:+1;lr>\r\n" + CONTACT, SDP))
    assert reply.status in (400, 416)


def test_delayed_answer_that_fits_nothing_ends_the_call():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    peer = Peer(wire, "10.0.0.1")
    peer.say(request(b"INVITE", b"Contact: <sip:bell@10.0.0.1>"), DESK)
    wire.run(50)
    desk.take("incoming").source.answer(wire.now)
    wire.run(50)
    to = peer.got[-1].header(b"to")
    peer.say(request(b"ACK", b"", b"", to=to).replace(b"z9hG4bKabc", b"z9hG4bKdef"), DESK)
    wire.run(50)
    assert desk.take("ended").data == "lost" and "BYE" in desk.methods()


def request(
    method, extra=b"", body=b"", to=b"<sip:desk@10.0.0.2>", cseq=1, uri=b"sip:desk@10.0.0.2", kind=b"application/sdp"
):
    """A request by hand, from 10.0.0.1."""
    lines = [
        method + b" " + uri + b" SIP/2.0",
        b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKabc" + str(cseq).encode() + b";rport",
        b"From: <sip:bell@10.0.0.1>;tag=from1",
        b"To: " + to,
        b"Call-ID: by-hand",
        b"CSeq: " + str(cseq).encode() + b" " + method,
        b"Max-Forwards: 70",
    ]
    if extra:
        lines.append(extra)
    if body:
        lines.append(b"Content-Type: " + kind)
    lines += [b"Content-Length: " + str(len(body)).encode(), b"", b""]
    return b"\r\n".join(lines) + body


CONTACT = b"Contact: <sip:bell@10.0.0.1>"


def ask(data):
    """The first response to one request, and the endpoint asked."""
    wire = Wire()
    desk = wire.party("10.0.0.2")
    peer = Peer(wire, "10.0.0.1")
    peer.say(data, DESK)
    wire.run(300)
    assert desk.endpoint.dropped == 0
    return peer.got[0], desk


def test_options_says_what_we_can():
    ok, desk = ask(request(b"OPTIONS"))
    assert ok.status == 200 and ok.to_tag
    for name, value in ((b"allow", b"INFO"), (b"accept", b"application/sdp")):
        assert value in ok.header(name)
    assert ok.header(b"supported") is not None
    assert desk.at_rest()  # nothing is remembered of strangers


def test_options_in_a_call_and_when_busy():
    wire, bell, desk = two()
    _, into = up(wire, bell, desk)
    peer = Peer(wire, "10.0.0.3")
    peer.say(request(b"OPTIONS").replace(b"10.0.0.1:5060", b"10.0.0.3:5060"), DESK)
    inside = invite_in_dialog(into, into.dialog.remote_cseq + 1).replace(b"INVITE", b"OPTIONS")
    desk.receive(inside, BELL, wire.now)
    wire.run(100)
    assert peer.got[0].status == 200
    assert desk.methods() == ["200", "200"] and into.state == "up"


def test_what_we_do_not_serve_is_refused_with_the_right_status():
    cases = (
        (request(b"REGISTER"), 405, b"allow"),
        (request(b"PUBLISH"), 405, b"allow"),
        (request(b"NEWMETHOD"), 501, b"allow"),
        (request(b"OPTIONS", uri=b"nobody:knows"), 416, None),
        (request(b"INVITE", CONTACT + b"\r\nRequire: 100rel, teleport", SDP), 420, b"unsupported"),
        (request(b"INVITE", CONTACT, b"hello", kind=b"text/plain"), 415, b"accept"),
        (request(b"INVITE", CONTACT + b"\r\nContent-Encoding: gzip", SDP), 415, b"accept-encoding"),
        (request(b"INVITE", CONTACT, SDP.replace(b"RTP/AVP 8 101", b"RTP/AVP 18 101")), 488, None),
        (request(b"INVITE", CONTACT + b"\r\nAccept: text/plain", SDP), 406, None),
        (request(b"INVITE", b"", SDP), 400, None),  # no Contact: no dialog
        (request(b"BYE", to=b"<sip:desk@10.0.0.2>;tag=gone"), 481, None),
        (request(b"CANCEL"), 481, None),
        (request(b"SUBSCRIBE"), 403, None),  # nobody may watch
        (request(b"OPTIONS").replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"), 505, None),
    )
    for data, status, header in cases:
        reply, desk = ask(data)
        assert reply.status == status, (status, reply.data)
        if header:
            assert reply.header(header), (header, reply.data)
        assert not desk.events and desk.at_rest(), data
        assert all(line.closed for line in desk.lines)
    reply, _ = ask(cases[4][0])
    assert reply.headers(b"unsupported") == [b"teleport"]


def test_the_same_refusal_has_the_same_tag():
    wire = Wire()
    Peer(wire, "10.0.0.2")
    desk = wire.party("10.0.0.2")
    peer = Peer(wire, "10.0.0.1")
    for _ in range(2):
        peer.say(request(b"NEWMETHOD"), DESK)
    wire.run(100)
    assert peer.got[0].to_tag == peer.got[1].to_tag != b""
    assert desk.at_rest()


def test_a_repeated_invite_rings_once_and_another_way_is_482():
    wire = Wire()
    desk = wire.party("10.0.0.2", max_calls=2)
    peer = Peer(wire, "10.0.0.1")
    invite = request(b"INVITE", CONTACT, SDP)
    peer.say(invite, DESK)
    peer.say(invite, DESK)
    peer.say(invite.replace(b"z9hG4bKabc", b"z9hG4bKxyz"), DESK)
    wire.run(100)
    assert desk.kinds().count("incoming") == 1
    assert peer.methods() == ["180", "180", "482"]


def test_answers_go_where_rport_says_and_else_to_the_port_of_via():
    wire = Wire()
    wire.party("10.0.0.2")
    behind = Peer(wire, "192.0.2.9", 61234)  # a NAT's outside
    behind.say(request(b"OPTIONS"), DESK)
    wire.run(100)
    via = behind.got[0].via
    assert b"received=192.0.2.9" in via and b"rport=61234" in via
    plain = Peer(wire, "10.0.0.1", 5060)
    sender = Peer(wire, "10.0.0.1", 7777)
    sender.say(request(b"OPTIONS").replace(b";rport", b""), DESK)
    wire.run(100)
    assert plain.got and not sender.got


def test_record_route_is_kept_in_both_directions():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    peer = Peer(wire, "10.0.0.1")
    routes = b"Record-Route: <sip:p2@10.0.0.8;lr>\r\nRecord-Route: <sip:p1@10.0.0.9;lr>\r\n"
    peer.say(request(b"INVITE", routes + CONTACT, SDP), DESK)
    wire.run(50)
    into = desk.take("incoming").source
    into.answer(wire.now)
    wire.run(50)
    ok = peer.got[-1]
    assert ok.headers(b"record-route") == [b"<sip:p2@10.0.0.8;lr>", b"<sip:p1@10.0.0.9;lr>"]
    peer.say(request(b"ACK", b"", b"", to=ok.header(b"to")).replace(b"z9hG4bKabc", b"z9hG4bKdef"), DESK)
    wire.run(50)
    proxy = Peer(wire, "10.0.0.8")
    into.hang_up(wire.now)
    wire.run(50)
    bye = proxy.got[0]
    assert bye.uri == b"sip:bell@10.0.0.1"
    assert bye.headers(b"route") == [b"<sip:p2@10.0.0.8;lr>", b"<sip:p1@10.0.0.9;lr>"]


def test_a_strict_router_stands_in_the_request_uri():
    wire = Wire()
    bell = wire.party("10.0.0.1")

    def script(peer, message, source):
        if message.method == b"INVITE":
            extra = b"Contact: <sip:one@10.0.0.2>\r\nRecord-Route: <sip:strict@10.0.0.9>"
            peer.say(answer(message, 200, b"one", extra, SDP), source)

    Peer(wire, "10.0.0.2", script=script)
    strict = Peer(wire, "10.0.0.9")
    bell.call(TARGET)
    wire.run(50)
    ack = strict.got[0]
    assert ack.uri == b"sip:strict@10.0.0.9" and ack.headers(b"route") == [b"<sip:one@10.0.0.2>"]


def test_a_call_that_rings_too_long_is_taken_back_by_its_expires():
    wire = Wire()
    desk = wire.party("10.0.0.2")
    peer = Peer(wire, "10.0.0.1")
    peer.say(request(b"INVITE", CONTACT + b"\r\nExpires: 90", SDP), DESK)
    wire.run(89000)
    assert peer.methods() == ["180", "180"]  # once more after a minute
    wire.run(2000)
    assert desk.take("ended").status == 480 and "480" in peer.methods()


def test_a_thousand_events_of_a_hostile_peer_leave_nothing_behind():
    wire = Wire()
    desk = wire.party("10.0.0.2", max_calls=2)
    peer = Peer(wire, "10.0.0.1")
    for i in range(300):
        data = request(b"INVITE", CONTACT, SDP, cseq=1 + i).replace(b"by-hand", b"call" + str(i).encode())
        cut = wire.chance.below(len(data))
        peer.say(data[:cut] if i % 3 else data, DESK)
        peer.say(bytes([wire.chance.below(256) for _ in range(50)]), DESK)
        wire.run(5)
    assert len(desk.endpoint.transactions) <= 16 and len(desk.endpoint.sessions) <= 2
    bell = wire.party("10.0.0.4")
    for event in list(desk.events):
        if event.kind == "incoming":
            event.source.reject(486, wire.now)
    wire.run(70000)
    assert desk.at_rest()
    desk.events.clear()
    bell.call(TARGET)
    wire.run(100)
    assert desk.take("incoming")


def test_calls_over_a_bad_wire_all_end_and_leave_nothing():
    wire = Wire(loss=20, duplicate=5, reorder=10, seed=11)
    bell, desk = wire.party("10.0.0.1"), wire.party("10.0.0.2")
    ends = 0
    for i in range(60):
        out = bell.call(TARGET)
        wire.run_until(lambda: "incoming" in desk.kinds() or "ended" in bell.kinds(), 40000)
        event = desk.take("incoming")
        if event and i % 3 == 0:
            event.source.reject(486, wire.now)
        elif event and i % 3 == 1:
            event.source.answer(wire.now)
            wire.run(wire.chance.below(900))
            out.hang_up(wire.now)
        else:
            out.hang_up(wire.now)
        wire.run(140000)
        # Every 18x may have been lost: the caller gives up without a CANCEL, and somebody must stop the bell.
        for session in list(desk.endpoint.sessions):
            session.hang_up(wire.now)
        wire.run(70000)
        ends += "ended" in bell.kinds()
        assert bell.at_rest() and desk.at_rest(), (i, out.state, bell.methods(), desk.methods())
        for party in (bell, desk):
            party.events.clear()
            party.sent.clear()
    assert ends == 60
