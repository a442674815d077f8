# siplet doctor's verdicts: each trouble as it is seen on a wire, and beside it the same traffic when all is well.

import pytest
from doctor_stories import (
    DOOR,
    INDOOR,
    SERVER,
    Story,
    credentials,
    digest,
    doctor,
    findings,
    kinds,
    sdp,
)


@pytest.fixture
def story():
    return Story()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "wire.pcap"


def refused(story, asked, given, cseq, method="REGISTER", **more):
    """A request with credentials (or none) that is challenged."""
    header = ["Authorization: " + given] if given else []
    request = story.ask(method, DOOR, SERVER, "reg", cseq, to="door", more=header, **more)
    story.answer(request, 401, ["WWW-Authenticate: " + asked])


# -- credentials


def test_a_wrong_password_is_a_401_to_the_answer_of_a_fresh_nonce(story, path):
    for cseq in (1, 3, 5):
        refused(story, digest(f"n{cseq}"), "", cseq)
        refused(story, digest(f"m{cseq}"), credentials(f"n{cseq}"), cseq + 1)
        story.wait(30)
    (one,) = findings(story.write(path))
    assert one.kind == "wrong-password" and "3 times" in one.text and 'realm "pbx"' in one.text
    assert one.severity == "failed" and "siplet provision set sip.password" in one.advice


def test_a_challenge_and_then_200_is_how_it_always_goes(story, path):
    story.register()
    story.wait(200)
    story.register(cseq=3)
    assert kinds(story.write(path)) == []


def test_a_nonce_that_expired_is_replaced_with_or_without_a_word(story, path):
    story.register()
    for cseq, more in ((3, ", stale=true"), (5, ""), (7, ", stale=TRUE")):
        story.wait(100)
        refused(story, digest(f"new{cseq}", more=more), credentials(f"old{cseq}"), cseq)
        good = story.ask("REGISTER", DOOR, SERVER, "reg", cseq + 1, to="door",
                         more=["Authorization: " + credentials(f"new{cseq}")])  # fmt: skip
        story.answer(good, 200, ["Contact: <sip:door@192.168.1.20:5060>;expires=300"])
    assert kinds(story.write(path)) == []


def test_credentials_that_came_late_may_have_met_a_new_nonce(story, path):
    """A person typed the password: 17 s after the challenge, the server had another nonce, and did not say stale."""
    refused(story, digest("n1"), "", 1)
    story.wait(17)
    refused(story, digest("n2", more=", stale=false"), credentials("n1"), 2)
    assert kinds(story.write(path)) == []


def test_a_password_that_was_wrong_once_and_then_right_is_over(story, path):
    refused(story, digest("n1"), "", 1)
    refused(story, digest("n2"), credentials("n1"), 2)
    assert kinds(story.write(path)) == ["wrong-password"]
    story.register(cseq=3)
    assert kinds(story.write(path)) == []


def test_nonces_that_are_always_stale_are_a_loop(story, path):
    for cseq in range(1, 7):
        refused(story, digest(f"n{cseq}", more=", stale=true"), credentials(f"n{cseq - 1}"), cseq)
    assert kinds(story.write(path)) == ["stale-loop"]


def test_an_answer_for_another_realm_is_told_with_both(story, path):
    for cseq in (1, 2, 3):
        refused(story, digest(f"n{cseq}", "pbx.example"), credentials(f"n{cseq - 1}", "asterisk"), cseq)
    (one,) = findings(story.write(path))
    assert one.kind == "wrong-realm" and '"pbx.example"' in one.text and '"asterisk"' in one.text


def test_two_servers_on_the_way_may_each_ask_for_their_own_realm(story, path):
    given = []
    for cseq, realm in ((1, "first"), (2, "second")):
        request = story.ask("INVITE", DOOR, SERVER, cseq=cseq, body=sdp((DOOR[0], 4000)), more=given)
        story.answer(request, 407, ["Proxy-Authenticate: " + digest(realm, realm)])
        story.ask("ACK", DOOR, SERVER, cseq=cseq, tag="b")
        given = [*given, "Proxy-Authorization: " + credentials(realm, realm)]
    story.call(callee=SERVER, cseq=3, more=given)
    story.bye(callee=SERVER, cseq=4)
    assert kinds(story.write(path)) == []


def test_a_phone_without_a_password_is_asked_and_gives_up(story, path):
    refused(story, digest("n"), "", 1)
    request = story.ask("OPTIONS", SERVER, DOOR, "o")
    story.answer(request, 200)
    assert kinds(story.write(path)) == []  # the capture may have ended before the answer
    story.wait(20)
    story.answer(story.ask("OPTIONS", SERVER, DOOR, "p"), 200)
    assert kinds(story.write(path)) == ["no-credentials"]


def test_a_phone_that_comes_back_with_another_call_id_has_not_given_up(story, path):
    refused(story, digest("n"), "", 1)
    story.answer(
        story.ask("REGISTER", DOOR, SERVER, "new", to="door", more=["Authorization: " + credentials("n")]), 200
    )
    scan = story.ask("REGISTER", ("198.51.100.9", 5061), SERVER, "scan", more=["User-Agent: friendly-scanner"])
    story.answer(scan, 401, ["WWW-Authenticate: " + digest("m")])
    story.wait(20)
    story.answer(story.ask("OPTIONS", SERVER, DOOR, "o"), 200)
    assert kinds(story.write(path)) == []


def test_nothing_secret_is_ever_printed(story, path, capsys):
    refused(story, digest("n1"), "", 1)
    refused(story, digest("n2"), credentials("n1"), 2)
    assert doctor(story.write(path)) == 1
    assert doctor("--json", path) == 1
    out = capsys.readouterr()
    assert "5ec5e7" not in out.out + out.err and "door" in out.out


# -- refusals and silence


def test_a_refused_call_says_why_and_a_busy_one_is_no_fault(story, path):
    story.answer(story.ask("INVITE", DOOR, SERVER, body=sdp((DOOR[0], 4000))), 488)
    story.answer(story.ask("INVITE", DOOR, SERVER, "two", body=sdp((DOOR[0], 4000))), 486)
    found = findings(story.write(path))
    assert [(one.kind, one.severity) for one in found] == [("refused-488", "failed"), ("refused-486", "note")]


def test_a_refused_registration_is_a_fault_until_it_is_accepted(story, path):
    story.answer(story.ask("REGISTER", DOOR, SERVER, "reg", to="door"), 403)
    (one,) = findings(story.write(path))
    assert (one.kind, one.severity) == ("refused-403", "failed") and "REGISTER of door@pbx" in one.text
    story.register(call="reg2")
    (one,) = findings(story.write(path))
    assert one.severity == "note"


def test_a_forked_call_that_one_phone_takes_is_well_whatever_the_others_say(story, path):
    first = story.ask("INVITE", DOOR, SERVER, body=sdp((DOOR[0], 4000)))
    legs = [story.ask("INVITE", SERVER, (f"192.168.1.{n}", 5060), body=sdp((DOOR[0], 4000))) for n in (31, 32, 33)]
    story.answer(legs[0], 486, tag="x")
    story.answer(story.ask("CANCEL", SERVER, legs[1].target), 200)
    story.answer(legs[1], 487, tag="y")
    for request in (legs[2], first):
        story.answer(request, 200, body=sdp(("192.168.1.33", 6000)), tag="z")
    assert kinds(story.write(path)) == []


def test_options_that_nobody_answers_mean_an_unreachable_phone(story, path):
    for n in range(3):
        request = story.ask("OPTIONS", SERVER, DOOR, f"o{n}", user="asterisk", to="door")
        for pause in (0.5, 1, 2):
            story.again(request, pause)
        story.wait(20)
    (one,) = findings(story.write(path))
    assert one.kind == "qualify-unanswered" and "192.168.1.20:5060 does not answer" in one.text


def test_options_that_are_answered_even_with_404_are_a_sign_of_life(story, path):
    for n in range(3):
        story.answer(story.ask("OPTIONS", SERVER, DOOR, f"o{n}"), 404)
        story.wait(20)
    lost = story.ask("OPTIONS", SERVER, DOOR, "o4")  # one was lost, and sent again
    story.again(lost, 0.5)
    story.answer(lost, 200)
    story.ask("OPTIONS", SERVER, DOOR, "o5")  # and the capture ends
    assert kinds(story.write(path)) == []


def test_a_phone_that_was_away_for_a_while_and_keepalives_are_no_trouble(story, path):
    for away in (True, True, False):
        request = story.ask("OPTIONS", SERVER, DOOR, f"o{away}{story.number}")
        for pause in (0.5, 1, 2):
            story.again(request, pause)
        if not away:
            story.answer(request, 200)
        story.wait(20)
    for _ in range(3):
        story.ask("NOTIFY", DOOR, SERVER, f"n{story.number}", more=["Event: keep-alive"])
        story.wait(20)
    assert kinds(story.write(path)) == []


def test_a_request_that_is_too_long_for_one_packet_is_told_so_when_nobody_answers(story, path):
    request = story.ask("INVITE", DOOR, SERVER, more=["X-Long: " + 1500 * "x"], body=sdp((DOOR[0], 4000)))
    for pause in (0.5, 1, 2):
        story.again(request, pause)
    (one,) = findings(story.write(path))
    assert one.kind == "no-answer" and "goes out in pieces" in one.advice and "sip.compact" in one.advice
    story.answer(request, 486)
    assert kinds(story.write(path)) == ["refused-486"]  # it came through


def test_answers_that_were_cut_are_not_taken_for_silence(story, path):
    for n in range(3):
        request = story.ask("OPTIONS", SERVER, DOOR, f"o{n}")
        story.answer(request, 200)
        story.packets[-1].data = story.packets[-1].data[:60]
        story.wait(10)
    assert kinds(story.write(path)) == []


def test_a_request_at_the_very_end_and_one_to_everybody_want_no_answer(story, path):
    plug_and_play = story.ask("SUBSCRIBE", DOOR, ("224.0.1.75", 5060))
    story.again(plug_and_play, 5)
    story.ask("REGISTER", DOOR, SERVER, "reg")
    assert kinds(story.write(path)) == []


def test_a_server_that_is_silent_is_told_and_a_scanner_is_not(story, path):
    for source, agent in ((DOOR, "siplet"), (("198.51.100.9", 5061), "friendly-scanner")):
        request = story.ask("REGISTER", source, SERVER, agent, more=["User-Agent: " + agent])
        for pause in (0.5, 1, 2, 4):
            story.again(request, pause)
    (one,) = findings(story.write(path))
    assert one.kind == "no-answer" and "REGISTER to 192.168.1.2:5060 was sent 5 times" in one.text


def test_a_packet_that_the_capture_has_twice_was_not_sent_twice(story, path):
    request = story.ask("REGISTER", DOOR, SERVER, "reg")
    for _ in range(4):
        story.again(request, 0.001)
    story.wait(2)
    story.rtp(DOOR, INDOOR, 0.1)
    assert kinds(story.write(path)) == []


def test_half_a_capture_is_said_to_be_half_and_nothing_else(story, path):
    story.call()
    story.wait(10)
    story.bye()
    story.packets = [packet for packet in story.packets if packet.source == DOOR]
    (one,) = findings(story.write(path))
    assert (one.kind, one.severity) == ("half-capture", "note")
    story = Story()
    story.register()
    story.wait(20)
    story.ask("OPTIONS", DOOR, SERVER, "o")
    story.packets = [packet for packet in story.packets if packet.source == DOOR]
    assert kinds(story.write(path)) == ["half-capture"]


def test_an_answer_that_is_repeated_has_lost_its_ack(story, path):
    invite = story.ask("INVITE", DOOR, SERVER, body=sdp((DOOR[0], 4000)))
    ok = story.answer(invite, 200, body=sdp((SERVER[0], 6000)))
    for pause in (0.5, 1, 2, 4):
        story.wait(pause)
        story.put(SERVER, DOOR, ok)
    assert kinds(story.write(path)) == ["ack-lost"]
