# siplet doctor about addresses and registrations: each trouble as it is seen on a wire, and the same when all is well.

import pytest
from doctor_stories import DOOR, INDOOR, SERVER, Story, findings, kinds, sdp

PUBLIC = ("203.0.113.5", 5060)


@pytest.fixture
def story():
    return Story()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "wire.pcap"


def test_a_private_address_in_sdp_that_nothing_comes_to_is_one_way_sound(story, path):
    story.call(callee=PUBLIC)
    story.rtp((DOOR[0], 4000), (PUBLIC[0], 6000), 5)
    story.wait(5)
    story.bye(callee=PUBLIC)
    assert kinds(story.write(path)) == ["one-way", "private-sdp"]


def test_a_server_that_sends_sound_back_to_where_ours_comes_from_is_well(story, path):
    story.register(server=PUBLIC)
    story.call(callee=PUBLIC)
    story.talk(5, b=(PUBLIC[0], 6000))
    story.bye(callee=PUBLIC)
    story.answer(story.ask("OPTIONS", PUBLIC, DOOR, "o"), 200)  # it finds the phone behind its private Contact
    story.answer(story.ask("INVITE", DOOR, PUBLIC, "busy", body=sdp((DOOR[0], 4000))), 486)
    assert kinds(story.write(path)) == ["refused-486"]


def test_a_private_contact_at_a_public_server_is_noted_until_calls_come(story, path):
    story.register(server=PUBLIC)
    (one,) = findings(story.write(path))
    assert (one.kind, one.severity) == ("private-contact", "note") and "192.168.1.20" in one.text


def test_a_server_behind_a_nat_that_tells_its_inner_address_is_named(story, path):
    story.call(callee=PUBLIC, offer=sdp(("198.51.100.7", 4000)), answer=sdp(("10.0.0.5", 6000)))
    story.rtp((DOOR[0], 4000), ("10.0.0.5", 6000), 5)
    story.wait(5)
    found = [one for one in findings(story.write(path)) if one.kind == "private-sdp"]
    assert len(found) == 1 and "10.0.0.5" in found[0].text and found[0].severity == "failed"


def test_private_addresses_within_a_private_network_are_what_it_has_them_for(story, path):
    story.register()
    story.call()
    story.talk(4)
    story.bye()
    assert kinds(story.write(path)) == []


def test_a_contact_that_nobody_needed_is_not_spoken_of(story, path):
    story.answer(story.ask("INVITE", DOOR, PUBLIC, body=sdp(("198.51.100.7", 4000))), 486)
    story.call(callee=PUBLIC, call="two", offer=sdp(("198.51.100.7", 4000)), more=["Record-Route: <sip:x;lr>"])
    assert kinds(story.write(path)) == ["refused-486"]


def test_asking_for_one_s_registrations_renews_none(story, path):
    story.register(expires=60)
    story.wait(50)
    question = story.ask("REGISTER", DOOR, SERVER, "reg", 3, to="door", more=["Contact:"])
    story.answer(question, 200, ["Contact: <sip:door@192.168.1.20:5060>;expires=10"])
    story.wait(30)
    story.answer(story.ask("OPTIONS", SERVER, INDOOR, "o"), 200)
    assert kinds(story.write(path)) == ["registration-lapsed"]


def test_a_registration_that_is_not_renewed_runs_out(story, path):
    story.register(expires=60)
    story.wait(90)
    story.answer(story.ask("OPTIONS", SERVER, INDOOR, "o"), 200)
    (one,) = findings(story.write(path))
    assert one.kind == "registration-lapsed" and "granted for 60 s" in one.text and one.at > 60


@pytest.mark.parametrize(
    "more, told, seconds",
    [
        (["Expires: 60"], [], 60),
        ([], ["Expires: 60"], 60),
        (["Expires: 60"], ["Contact: <sip:door@nat:9>;expires=90"], 90),
    ],
)
def test_how_long_a_registration_holds_is_what_the_server_says(story, path, more, told, seconds):
    story.answer(story.ask("REGISTER", DOOR, SERVER, "reg", to="door", more=more), 200, told)
    story.wait(seconds - 10)
    story.answer(story.ask("OPTIONS", SERVER, INDOOR, "o"), 200)
    assert kinds(story.write(path)) == []
    story.wait(20)
    story.answer(story.ask("OPTIONS", SERVER, INDOOR, "p"), 200)
    assert kinds(story.write(path)) == ["registration-lapsed"]


def test_a_registration_that_is_renewed_late_was_away_meanwhile(story, path):
    story.register(expires=60)
    story.wait(80)
    story.register(expires=60, cseq=3)
    (one,) = findings(story.write(path))
    assert one.kind == "registration-lapsed" and "for 20 s" in one.text


def test_registrations_that_are_renewed_taken_back_or_made_anew_do_not_run_out(story, path):
    for cseq in (1, 3, 5):
        story.register(expires=60, cseq=cseq)
        story.wait(45)
    story.register(expires=60, call="after a restart")
    story.wait(5)
    away = story.ask("REGISTER", DOOR, SERVER, "after a restart", 5, to="door", more=["Expires: 0"])
    story.answer(away, 200, ["Contact: <sip:door@192.168.1.21:5060>;expires=30"])  # another phone of that account
    story.wait(300)
    story.answer(story.ask("OPTIONS", SERVER, INDOOR, "o"), 200)
    assert kinds(story.write(path)) == []
