# siplet doctor about sound and keys: each trouble as it is seen on a wire, and beside it the same when all is well.

import json

import pytest
from doctor_stories import BOTH, DOOR, INDOOR, KEY_5, SERVER, VOICE, Story, doctor, findings, kinds, sdp


@pytest.fixture
def story():
    return Story()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "wire.pcap"


@pytest.mark.parametrize("there, deaf", [(True, "door@pbx hears nothing"), (False, "indoor@pbx hears nothing")])
def test_sound_in_one_direction_names_who_hears_nothing(story, path, there, deaf):
    story.call()
    story.talk(5, there=there, back=not there)
    story.bye()
    (one,) = findings(story.write(path))
    assert one.kind == "one-way" and deaf in one.text


def test_sound_from_another_port_than_was_told_is_sound(story, path):
    story.call()
    story.rtp((DOOR[0], 4000), (INDOOR[0], 6000), 5)
    story.rtp((INDOOR[0], 7777), (DOOR[0], 4000), 5)
    story.wait(5)
    assert kinds(story.write(path)) == []


def test_a_call_without_sound_beside_one_with_is_told(story, path):
    story.call()
    story.talk(4)
    story.bye()
    story.call(call="two")
    story.wait(5)
    story.bye(call="two")
    assert kinds(story.write(path)) == ["no-sound"]


def test_sound_that_passes_elsewhere_is_not_missed(story, path):
    """A server's capture: one call goes through it, another one directly between the phones."""
    for phone, call in ((DOOR, "one"), (("192.168.1.21", 5060), "two")):
        story.call(phone, SERVER, call=call)
        if call == "one":
            story.talk(5, (phone[0], 4000), (SERVER[0], 6000))
        else:
            story.call(phone, SERVER, answer=sdp(("192.168.1.99", 6000)), call=call, cseq=2, tag="b")
            story.wait(5)
        story.bye(phone, SERVER, call, cseq=3)
    assert kinds(story.write(path)) == []


def test_hold_and_music_or_silence_on_hold_are_no_one_way_sound(story, path):
    story.call()
    story.talk(4)
    story.call(
        cseq=2, offer=sdp((DOOR[0], 4000), way="sendonly"), answer=sdp((INDOOR[0], 6000), way="recvonly"), tag="b"
    )
    story.talk(5, back=False)
    story.call(cseq=3, offer=sdp(("0.0.0.0", 4000)), tag="b")
    story.talk(5, there=False)
    story.call(cseq=4, tag="b")
    story.talk(4)
    story.bye(cseq=5)
    assert kinds(story.write(path)) == []


def test_sound_that_does_not_come_back_after_hold_is_one_way(story, path):
    story.call()
    story.talk(4)
    story.call(
        cseq=2, offer=sdp((DOOR[0], 4000), way="sendonly"), answer=sdp((INDOOR[0], 6000), way="recvonly"), tag="b"
    )
    story.wait(4)
    story.call(cseq=3, tag="b")
    story.talk(5, back=False)
    assert kinds(story.write(path)) == ["one-way"]


def test_sound_that_ice_may_have_moved_is_not_judged(story, path):
    ice = "a=candidate:1 1 UDP 1 10.9.9.9 7000 typ host"
    story.call(offer=sdp((DOOR[0], 4000), more=ice), answer=sdp((INDOOR[0], 6000), more=ice))
    story.talk(5, back=False)
    assert kinds(story.write(path)) == []


def test_a_call_that_begins_before_the_capture_or_ends_behind_it_is_well(story, path):
    story.talk(5, back=False)  # whose INVITE nobody saw
    story.bye(call="before")
    story.call()
    story.talk(1, back=False)
    assert kinds(story.write(path)) == []


def test_early_media_of_the_far_end_alone_is_well(story, path):
    invite = story.ask("INVITE", DOOR, SERVER, body=sdp((DOOR[0], 4000)))
    story.answer(invite, 183, body=sdp((SERVER[0], 6000)))
    story.talk(6, b=(SERVER[0], 6000), there=False)
    story.answer(invite, 200)
    story.ask("ACK", DOOR, SERVER, tag="b")
    story.talk(4, b=(SERVER[0], 6000))
    assert kinds(story.write(path)) == []


def test_an_offer_in_the_200_is_answered_in_the_ack(story, path):
    for back in (True, False):
        call = f"late {back}"
        invite = story.ask("INVITE", DOOR, INDOOR, call)
        story.answer(invite, 200, body=sdp((INDOOR[0], 6000)))
        story.ask("ACK", DOOR, INDOOR, call, tag="b", body=sdp((DOOR[0], 4000)))
        story.talk(5, back=back)
        story.bye(call=call)
    (one,) = findings(story.write(path))
    assert one.kind == "one-way" and "door@pbx hears nothing" in one.text


def test_both_hops_of_a_proxy_in_one_capture_are_one_call(story, path):
    """On one loopback, as Kamailio shows it; then with a relay that gives each side another port."""
    for relayed in (False, True):
        call = f"relayed {relayed}"
        a, b, proxy = (("127.0.0.1", port) for port in (5070, 5080, 5060))
        media = [("127.0.0.1", port) for port in (4000, 6000, 8000, 8002)]
        hops = [
            story.ask("INVITE", a, proxy, call, body=sdp(media[0])),
            story.ask(
                "INVITE", proxy, b, call, body=sdp(media[2 if relayed else 0]), more=["Record-Route: <sip:x;lr>"]
            ),
        ]
        for hop, ends in ((hops[1], media[1]), (hops[0], media[3 if relayed else 1])):
            story.answer(hop, 180)
            story.answer(hop, 200, body=sdp(ends))
        for source, target in ((a, proxy), (proxy, b)):
            story.ask("ACK", source, target, call, tag="b")
        if relayed:
            story.talk(5, media[0], media[3])
            story.now -= 5
            story.talk(5, media[2], media[1])
        else:
            story.talk(5, media[0], media[1])
        for source, target in ((a, proxy), (proxy, b)):
            story.bye(source, target, call)
    assert kinds(story.write(path)) == []


def press(story, kind=101, a=(DOOR[0], 4000), b=(INDOOR[0], 6000)):
    story.rtp(a, b, 0.2, kind, KEY_5)


def test_keys_in_rtp_to_a_side_that_does_not_list_them_are_unheard(story, path):
    story.call(answer=sdp((INDOOR[0], 6000), VOICE))
    press(story)
    story.talk(4)
    (one,) = findings(story.write(path))
    assert one.kind == "dtmf-unheard" and "door@pbx" in one.text and "telephone-event" in one.text


def test_keys_that_nobody_named_are_known_by_their_shape(story, path):
    story.call(offer=sdp((DOOR[0], 4000), VOICE), answer=sdp((INDOOR[0], 6000), VOICE))
    press(story, 96)
    story.talk(4)
    assert kinds(story.write(path)) == ["dtmf-unheard"]


def test_small_packets_that_keep_a_nat_open_are_no_keys(story, path):
    story.call(offer=sdp((DOOR[0], 4000), VOICE), answer=sdp((INDOOR[0], 6000), VOICE))
    for _ in range(4):
        story.rtp((DOOR[0], 4000), (INDOOR[0], 6000), 0.05, 126, bytes(4))
        story.talk(1)
    assert kinds(story.write(path)) == []


def test_keys_under_another_payload_type_of_each_side_are_heard(story, path):
    story.call(answer=sdp((INDOOR[0], 6000), ((8, "PCMA/8000"), (96, "telephone-event/8000"))))
    press(story, 96)
    press(story, 101, (INDOOR[0], 6000), (DOOR[0], 4000))
    story.talk(4)
    assert kinds(story.write(path)) == []


@pytest.mark.parametrize("status, expected", [(415, ["dtmf-info-refused"]), (200, []), (481, [])])
def test_keys_by_info_are_refused_or_not(story, path, status, expected):
    story.call(answer=sdp((INDOOR[0], 6000), VOICE))
    info = story.ask("INFO", DOOR, INDOOR, cseq=2, tag="b", body="Signal=5\r\nDuration=160\r\n",
                     more=["Content-Type: application/dtmf-relay"])  # fmt: skip
    story.answer(info, status)
    story.talk(4)
    found = findings(story.write(path))
    assert [one.kind for one in found] == expected
    assert not any("Signal" in one.text or "5" in one.text.replace("415", "") for one in found)


def test_an_info_that_is_no_key_may_be_refused(story, path):
    story.call()
    info = story.ask(
        "INFO", DOOR, INDOOR, cseq=2, tag="b", body="<x/>", more=["Content-Type: application/media_control+xml"]
    )
    story.answer(info, 415)
    assert kinds(story.write(path)) == []


def test_keys_that_are_sent_in_both_forms_are_heard_in_one(story, path):
    for call, answer, status in (("rtp", BOTH, 415), ("info", VOICE, 200)):
        story.call(call=call, answer=sdp((INDOOR[0], 6000), answer))
        press(story)
        info = story.ask("INFO", DOOR, INDOOR, call, cseq=2, tag="b", body="5", more=["Content-Type: application/dtmf"])
        story.answer(info, status)
        story.talk(4)
        story.bye(call=call, cseq=3)
    assert kinds(story.write(path)) == []


def test_an_update_that_says_we_are_still_there_ends_nothing(story, path):
    story.call()
    story.talk(1, back=False)
    story.answer(story.ask("UPDATE", DOOR, INDOOR, cseq=2, tag="b"), 200)
    story.talk(2.5, back=False)
    assert kinds(story.write(path)) == ["one-way"]


def test_the_report_counts_what_was_seen_and_the_exit_status_is_the_verdict(story, path, capsys):
    story.register()
    story.call(answer=sdp((INDOOR[0], 6000), BOTH))
    story.talk(4)
    story.bye()
    assert doctor(story.write(path)) == 0
    out = capsys.readouterr().out
    assert out.startswith("wire.pcap: 10 SIP messages, 1 calls, 1 registrations, 400 RTP packets in 4.6 s\n")
    assert "none of the usual troubles" in out
    assert doctor("--json", path) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["seen"]["rtp"] == 400 and told["findings"] == told["not_judged"] == []
