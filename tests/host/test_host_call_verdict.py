# The verdict on calls whose figures are given: which of them fail, which are noted, and what is advised.

import pytest
from call_partners import good
from siplet_tools.wire.call_report import Digits
from siplet_tools.wire.call_verdict import judge


def kinds(report, words):
    """The kinds of the verdicts with these words."""
    return {one.kind for one in report.verdicts if words in one.text}


def test_a_good_call_has_nothing_to_complain_of():
    report = judge(good(echo={"delay_ms": 180.0, "gain_db": -0.4}))
    assert report.ok and {one.kind for one in report.verdicts} == {"ok"}
    assert kinds(report, "delay one way: 90 ms (half of the sound's way") == {"ok"}
    assert report.one_way_ms == {"sound": 90.0, "network": 4.0, "mouth_to_ear": 90}
    rows = {row[0]: row[1:] for row in report.rows()[1]}
    assert rows["lost"] == ("0 (0.0 %)", "0 (0.0 %)") and rows["level of speech"] == ("-24 dBov, 60 % of the time", "-")


@pytest.mark.parametrize(
    "quality, changes, words, kind",
    [
        ({"loss_percent": 2.0}, {}, "loss from the board to this computer: 2.0 %", "note"),
        ({"loss_percent": 8.0}, {}, "loss from the board to this computer: 8.0 %", "failed"),
        ({"far_loss_percent": 8.0}, {}, "loss from this computer to the board: 8.0 %", "failed"),
        ({"far_loss_percent": None, "far_lost": 0}, {}, "did not tell how it hears us", "note"),
        ({"discarded_percent": 3.0}, {}, "3.0 % came too late to be heard here", "note"),
        ({"far_discarded_percent": 9.0}, {}, "9.0 % came too late to be heard there", "failed"),
        ({"far_lost": None, "far_loss_percent": None}, {}, "one way: the far end reports", "failed"),
        ({"packets_received": 0}, {}, "nothing was heard: not one packet", "failed"),
        ({"mos": 3.3}, {}, "MOS 3.3 here", "note"),
        ({"far_mos": 2.0}, {}, "MOS 2.0 there", "failed"),
        ({"delay_ms": 200}, {}, "delay one way: 200 ms (the phones' estimate)", "note"),
        ({}, {"echo": {"delay_ms": 900.0, "gain_db": 0}}, "delay one way: 450 ms", "failed"),
        ({}, {"echo": {"delay_ms": 180.0, "gain_db": -25}}, "an echo from the far end's room", "note"),
        ({}, {"digital_silence": True, "level_dbov": None}, "all of them silence", "failed"),
        ({}, {"level_dbov": -55.0}, "very quiet", "note"),
        ({}, {"level_dbov": -6.0}, "very loud", "note"),
        ({}, {"clipped_percent": 4.0}, "clipped", "failed"),
        ({}, {"sound": "sendonly"}, "wrong direction", "failed"),
        ({}, {"sound": "inactive"}, "wrong direction", "failed"),
        ({}, {"dry_s": 1.5}, "no packets came", "note"),
        ({}, {"dry_s": 6.0}, "no packets came", "failed"),
        ({}, {"how": "lost", "status": 408}, "the call broke", "failed"),
        ({"packets_received": 3}, {"seconds": 0.3}, "too short", "note"),
        ({}, {"notes": ["media-source: from elsewhere"]}, "media-source", "note"),
    ],
)
def test_each_fault_is_seen_by_itself_and_advised_on(quality, changes, words, kind):
    report = judge(good(quality, **changes))
    assert kinds(report, words) == {kind}
    assert report.ok is (kind != "failed")
    assert all(one.advice for one in report.verdicts if one.kind == "failed" and "MOS" not in one.text)


@pytest.mark.parametrize(
    "sent, words, kind",
    [
        (Digits("12", "rtp", True, "12", "log"), "each arrived once, says its log", "ok"),
        (Digits("12", "info", True, "12", "echo"), "each arrived once, says its own keys", "ok"),
        (Digits("12", "rtp", True, "1122", "log"), "1122 arrived", "failed"),
        (Digits("12", "rtp", True, "", "log"), "nothing arrived", "failed"),
        (Digits("12", "rtp", True), "nobody tells what arrived", "note"),
        (Digits("12", "rtp", False), "not taken", "failed"),
        (Digits("12", "info", False), "not taken", "failed"),
        (Digits("42", "rtp", True, codes=["code right"]), "the board says code right", "ok"),
        (Digits("41", "rtp", True, codes=["code wrong"]), "the board says code wrong", "note"),
    ],
)
def test_keys_arrive_once_or_it_is_told(sent, words, kind):
    report = judge(good(digits_sent=[sent]))
    assert kinds(report, words) == {kind} and report.ok is (kind != "failed")


@pytest.mark.parametrize("expect, ok", [("sound", True), ("echo", False), ("silence", True)])
def test_an_echo_is_only_missed_where_one_is_expected(expect, ok):
    assert judge(good(), expect).ok is ok


@pytest.mark.parametrize(
    "changes, words, advice",
    [
        ({"status": 403, "reason": "Forbidden"}, "takes no calls from this computer", "sip.accept=10.0.0.1"),
        ({"status": 407, "reason": "Proxy"}, "a password is wanted", "SIPLET_PASSWORD"),
        ({"status": 600, "reason": "Busy Everywhere"}, "it is busy", "sip.max_calls"),
        ({"status": 408, "rang": True}, "rang, but nobody answered", "somebody has to answer"),
        ({"status": 503, "silent": True}, "there is no way to", "in that network"),
        ({"status": 408, "silent": True}, "nothing answers at", "same network"),
        ({"status": 437, "reason": "Odd"}, "437 Odd: refused", "siplet monitor"),
        ({"status": 504, "reason": "Odd"}, "a server on the way failed", "try again"),
        ({"status": 699, "reason": "Odd"}, "everywhere else", "target"),
        ({"status": 305, "reason": "Use Proxy"}, "sent on", "target"),
        ({"direction": "in", "how": "nobody"}, "nobody called", "doorphone.targets="),
        ({"direction": "in", "how": "cancelled", "remote": "sip:door@x"}, "gave up before", ""),
        ({"how": "interrupted"}, "stopped before anybody answered", ""),
    ],
)
def test_no_call_has_a_reason_in_plain_words(changes, words, advice):
    report = judge(good(answered=False, **changes))
    assert not report.ok and len(report.verdicts) == 1
    assert words in report.verdicts[0].text and advice in report.verdicts[0].advice
