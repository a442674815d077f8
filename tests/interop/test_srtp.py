"""Ciphered calls with phones of others: keys offered and required, both ways, on hold and back; speech is judged."""

import array
import os
import time

import baresip_new
import baresip_old
import pjsua
import pytest
from driver import DOOR, INDOOR, ROOT, need
from kamailio import PASSWORDS
from siplet_tools.speech import compare
from siplet_tools.trace_file import Reader
from siplet_tools.wav_file import read_wav

CLIP = max(len(read_wav(path)) for path in (DOOR, INDOOR)) / 8000
TALK = CLIP + 0.7  # seconds in which both clips are heard
DEAF = 0.25  # s that the jitter buffers of the peers take to fill, once: of what comes in them, some is cut out
TLS = os.path.join(ROOT, "tests", "vectors", "tls")
TRUST = tuple(os.path.join(TLS, name) for name in ("ca.pem", "server.pem", "server.key"))
CLASSES = {
    "baresip_old": (baresip_old, baresip_old.BaresipOld),
    "baresip_new": (baresip_new, baresip_new.BaresipNew),
    "pjsua": (pjsua, pjsua.Pjsua),
}
# Nothing that changes the sound: each sample is compared
BARE = {"sound.complete": True, "sound.jitter_most_ms": 0, "sound.hands_free": "off", "sound.progress_tones": False}
LIKE = [("offer", "offer"), ("require", "require")]
UNLIKE = [("offer", "require"), ("require", "offer")]


@pytest.fixture
def peer(started, tmp_path, kind):
    """peer(srtp, server=None, **options) starts a phone of the kind that the test is about; it says indoor.wav."""
    module, phone = CLASSES[kind]
    need(module.missing())

    def start(srtp, server=None, **options):
        password = PASSWORDS["indoor"] if server else ""
        return started(phone(tmp_path / kind, "indoor", password, server, says=INDOOR, srtp=srtp, **options))

    return start


@pytest.fixture
def door(puppet, tmp_path):
    """door(srtp, server=None, **options): a siplet phone that says door.wav and records to heard-at-door.wav."""

    def start(srtp, server=None, anyway=True, **options):
        options["audio"] = {"play": DOOR, "record": str(tmp_path / "heard-at-door.wav"), "repeat": True}
        options["sound"] = dict(BARE, **{"sound.srtp_encryption": srtp, "sound.srtp_without_tls": anyway})
        phone = puppet(server, **options)
        phone.heard = str(tmp_path / "heard-at-door.wav")
        return phone

    return start


def ring_out(phone, other, target=None):
    """siplet calls the peer; both calls, once they are up."""
    call = phone.do("call", target=target or other.uri)["call"]
    theirs = other.incoming()
    other.answer(theirs)
    phone.event("up", call=call)
    other.up(theirs)
    return call, theirs


def ring_in(phone, other, target=None):
    """The peer calls siplet."""
    theirs = other.dial(target or phone.uri)
    call = phone.event("incoming")["call"]
    phone.do("answer", call=call)
    phone.event("up", call=call)
    other.up(theirs)
    return call, theirs


def judge(phone, call, other, theirs, encrypted=True, resumed=False, in_pieces=False):
    """What each hears is what the other says; the call is over then. in_pieces: the peer keeps a file for each hold.

    As in plain calls with the same phones (test_baresip.py, test_features_phones.py), and harder: siplet hears all,
    from the first packet on, to the bit of its law, but for a pause: of the peer on a busy machine, which moves what
    comes after it, or of ours, which is counted; and but for a frame that is skipped, and counted, when the peer had
    spoken for a while before its answer came by way of a server. Of the peers each frame is judged from DEAF on. PJSIP
    and the current baresip have no sound card for a clock: in some calls, plain ones, too, they play a frame twice or
    not at all, and are asked how much they heard, not how exactly (that we send each bit is seen in
    test_tshark_media.py). resumed: the clips go on somewhere, and one whole round of each is judged.
    """
    time.sleep(TALK + resumed * (CLIP + 0.5))  # (the current baresip pauses between two rounds)
    state, stats = phone.do("state", call=call), phone.do("stats", call=call)
    phone.do("hangup", call=call)
    other.over(theirs)
    at_door = heard(read_wav(INDOOR), phone.heard, resumed)
    deaf = 0 if resumed else int(8000 * DEAF)
    indoors = None if in_pieces else heard(read_wav(DOOR)[deaf:], other.heard(theirs), resumed)
    print("siplet heard:", at_door, "\nthe peer heard:", indoors, "\n", stats, state)
    assert state["encrypted"] == encrypted and not state["faults"]
    assert at_door.ok and at_door.heard > 0.97
    moved = at_door.drift_ms or stats["skipped"] or stats["late"] or stats["slips"]
    assert (at_door.heard == 1 and at_door.snr_db > 50) or moved
    assert resumed or 0 <= at_door.offset_ms <= 250  # our answer may have a long way over TLS
    if indoors:
        assert indoors.ok
        assert (indoors.heard > 0.97 and indoors.snr_db > 25) or not isinstance(other, baresip_old.BaresipOld)
        assert resumed or indoors.offset_ms <= 1000 * DEAF + 250
    assert stats["sent"] > TALK * 45 and stats["received"] > TALK * 45
    assert stats["lost"] == 0 and stats["bad"] == 0 and stats["foreign"] == 0


def heard(spoken, path, again):
    """The Comparison with a recording; again: of its rounds the one that is whole, for an end may cut one."""
    recorded = read_wav(path)
    found = compare(spoken, recorded)
    if again and not (found.ok and found.heard == 1):
        start = max(0, 8 * found.offset_ms)
        recorded[start : start + len(spoken)] = array.array("h", bytes(2 * len(recorded[start : start + len(spoken)])))
        found = max(found, compare(spoken, recorded), key=lambda one: one.heard)
    return found


@pytest.mark.parametrize("ours, theirs", LIKE)
@pytest.mark.parametrize("kind", CLASSES)
def test_we_call(kind, peer, door, ours, theirs):
    other = peer(theirs)
    phone = door(ours)
    call, theirs = ring_out(phone, other)
    judge(phone, call, other, theirs)


@pytest.mark.parametrize("ours, theirs", UNLIKE)
@pytest.mark.parametrize("kind", CLASSES)
def test_it_calls(kind, peer, door, ours, theirs):
    other = peer(theirs)
    phone = door(ours)
    call, theirs = ring_in(phone, other)
    judge(phone, call, other, theirs)


@pytest.mark.parametrize("kind", CLASSES)
def test_on_hold_and_back_by_either_side(kind, peer, door):
    other = peer("require")
    phone = door("offer")
    for ring in (ring_out, ring_in):
        call, theirs = ring(phone, other)
        for _ in range(2):
            phone.do("hold", call=call)
            other.is_held(theirs)
            phone.do("resume", call=call)
            if hasattr(other, "is_resumed"):  # baresip 1.0 does not tell
                other.is_resumed(theirs)
            other.hold(theirs)
            time.sleep(0.3)
            other.resume(theirs)
            time.sleep(0.3)
        # What was heard meanwhile is no clip: that of another call is judged, which was held, too
        phone.do("hangup", call=call)
        other.over(theirs)
        assert phone.do("state")["faults"] == 0
    call, theirs = ring_in(phone, other)
    phone.do("hold", call=call)
    phone.do("resume", call=call)
    judge(phone, call, other, theirs, resumed=True, in_pieces=kind == "baresip_old")


@pytest.mark.parametrize("kind", CLASSES)
def test_plain_calls_with_who_has_no_keys(kind, peer, door):
    other = peer("")
    phone = door("offer")
    call, theirs = ring_out(phone, other)
    judge(phone, call, other, theirs, encrypted=False)
    call, theirs = ring_in(phone, other)
    assert not phone.do("state", call=call)["encrypted"]
    phone.do("hangup", call=call)
    other.over(theirs)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("ours, theirs", [("require", ""), ("off", "require")])
def test_who_requires_keys_is_not_served_without(kind, peer, door, ours, theirs):
    other = peer(theirs)
    phone = door(ours)
    call = phone.do("call", target=other.uri)["call"]
    if ours == "require" and kind != "pjsua":  # baresip takes RTP/SAVP as it comes, and its answer is of no use
        phone.event("failed", call=call)
    else:
        assert phone.event("failed", call=call)["status"] in (488, 606, 415)
    assert not phone.do("state")["faults"]


@pytest.mark.parametrize("kind", CLASSES)
def test_over_tls_keys_are_offered_by_default_and_over_udp_they_are_not(kind, kamailio, peer, door, tmp_path):
    server = kamailio("TLS", "NAT", certificates=TRUST)
    other = peer("offer", server.tls_server, transport="tls", certificates=TRUST)
    phone = door("offer", server.tls_server, anyway=False, transport="tls", streams={"tls": {"ca": TRUST[0]}})
    call, theirs = ring_out(phone, other, f"sip:indoor@{server.tls_server}")
    judge(phone, call, other, theirs)
    call, theirs = ring_in(phone, other, f"sip:door@{server.tls_server}")
    judge(phone, call, other, theirs)
    phone.stop()
    phone = door("offer", server.server, anyway=False)
    call, theirs = ring_out(phone, other, f"sip:indoor@{server.server}")
    assert not phone.do("state", call=call)["encrypted"]
    with open(phone.trace, "rb") as file:
        sent = [record.data for record in Reader().feed(file.read()) if record.sent]
    assert any(b"m=audio" in data for data in sent) and not any(b"a=crypto" in data for data in sent)
    phone.do("hangup", call=call)
    other.over(theirs)
