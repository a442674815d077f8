"""Calls with a real baresip: through Kamailio and directly, both ways, with the speech of both sides judged."""

import time

import pytest
from driver import DOOR, INDOOR
from siplet_tools.process import wait_until
from siplet_tools.speech import compare
from siplet_tools.wav_file import read_wav

TALK = max(len(read_wav(path)) for path in (DOOR, INDOOR)) / 8000 + 0.7  # seconds in which both clips are heard


@pytest.fixture
def door(puppet, tmp_path):
    """door(server, **options): a puppet that says door.wav and records; heard_at_door is its recording."""

    def start(server=None, **options):
        options.setdefault("audio", {"play": DOOR, "record": str(tmp_path / "heard-at-door.wav"), "repeat": True})
        phone = puppet(server, **options)
        phone.heard = str(tmp_path / "heard-at-door.wav")
        return phone

    return start


def talk_and_judge(door, call, indoor, end):
    """Both sides talk; `end()` ends the call; what each heard is what the other said, to the last frame."""
    time.sleep(TALK)
    stats = door.do("stats", call=call)
    end()
    at_door, indoors = compare(INDOOR, door.heard), compare(DOOR, indoor.heard())
    print("door phone heard:", at_door, "\nbaresip heard:", indoors, "\n", stats)
    assert at_door.ok and at_door.heard > 0.97 and at_door.snr_db > 25
    assert indoors.ok and indoors.heard > 0.97 and indoors.snr_db > 25
    assert stats["sent"] > TALK * 45 and stats["received"] > TALK * 45
    assert stats["lost"] == 0 and stats["bad"] == 0 and stats["foreign"] == 0


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_we_call_through_kamailio_and_both_are_heard_and_keys_go_both_ways(kamailio, baresip, door, codec):
    server = kamailio()
    indoor = baresip(server.server, codecs=codec)
    phone = door(server.server)
    call = phone.do("call", target="indoor")["call"]
    assert "door" in indoor.wait_event("CALL_INCOMING")["peeruri"]
    indoor.command("accept")
    phone.event("up", call=call)
    (_, first), (credentials, second) = server.came("INVITE", "door")  # refused with 407, then with credentials
    assert credentials and second == first + 1

    assert phone.do("digits", call=call, digits="12#", form="info")["sent"]
    assert indoor.digits(3) == "12#"
    for key in "4*0":
        indoor.command("sndcode", key)  # by RFC 4733: baresip 1.0 has no other way
    assert phone.digits(3) == "4*0"

    def end():
        indoor.command("hangup")
        assert phone.event("ended", call=call)["how"] == "remote"

    talk_and_judge(phone, call, indoor, end)
    assert phone.do("state")["faults"] == 0


def test_we_are_called_through_kamailio_and_both_are_heard(kamailio, baresip, door):
    server = kamailio()
    indoor = baresip(server.server)
    phone = door(server.server)
    indoor.command("dial", f"sip:door@{server.server}")
    incoming = phone.event("incoming")
    assert "indoor" in incoming["remote"]
    indoor.wait_event("CALL_RINGING")
    phone.do("answer", call=incoming["call"])
    phone.event("up")
    indoor.wait_event("CALL_ESTABLISHED")

    def end():
        phone.do("hangup", call=incoming["call"])
        indoor.wait_event("CALL_CLOSED")

    talk_and_judge(phone, incoming["call"], indoor, end)


def test_we_call_directly_without_a_registrar_and_keys_go_by_rfc_4733_both_ways(baresip, door):
    indoor = baresip(dtmf="rtpevent", answer="auto")
    phone = door()
    call = phone.do("call", target=indoor.uri)["call"]
    phone.event("up", call=call)
    assert phone.do("digits", call=call, digits="90#", form="rtp")["sent"]
    assert indoor.digits(3) == "90#"
    for key in "57":
        indoor.command("sndcode", key)
        time.sleep(0.4)  # it holds each key down for a quarter of a second
    assert phone.digits(2) == "57"
    phone.do("hangup", call=call)
    indoor.wait_event("CALL_CLOSED")


def test_we_cancel_while_it_rings_and_can_call_again(kamailio, baresip, door):
    server = kamailio()
    indoor = baresip(server.server)
    phone = door(server.server)
    for _ in range(2):
        call = phone.do("call", target="indoor")["call"]
        indoor.wait_event("CALL_INCOMING")
        wait_until(lambda n=call: phone.do("state", call=n)["state"] == "ringing", 3, "ringing")
        phone.do("cancel", call=call)
        assert phone.event("cancelled", call=call)["status"] == 487
        indoor.wait_event("CALL_CLOSED")
    assert phone.do("state")["calls"] == 0


def test_it_cancels_while_we_ring(kamailio, baresip, door):
    server = kamailio()
    indoor = baresip(server.server)
    phone = door(server.server)
    indoor.command("dial", f"sip:door@{server.server}")
    call = phone.event("incoming")["call"]
    indoor.wait_event("CALL_RINGING")
    indoor.command("hangup")
    assert phone.event("ended", call=call)["how"] == "cancelled"
    assert phone.do("state")["calls"] == 0


def test_busy_on_both_sides(kamailio, baresip, door):
    server = kamailio()
    indoor = baresip(server.server)
    phone = door(server.server)
    call = phone.do("call", target="indoor")["call"]
    indoor.wait_event("CALL_INCOMING")
    indoor.command("hangup")
    refused = phone.event("failed", call=call)
    assert (refused["error"], refused["status"]) == ("CallRejected", 486)
    indoor.wait_event("CALL_CLOSED")

    indoor.command("dial", f"sip:door@{server.server}")
    phone.do("reject", call=phone.event("incoming")["call"])
    assert "486" in indoor.wait_event("CALL_CLOSED")["param"]


def test_a_second_caller_finds_us_busy_and_the_first_call_goes_on(kamailio, baresip, door):
    server = kamailio()
    first = baresip(server.server, answer="auto")
    second = baresip(server.server, user="third")
    phone = door(server.server)
    call = phone.do("call", target="indoor")["call"]
    phone.event("up", call=call)
    second.command("dial", f"sip:door@{server.server}")
    assert "486" in second.wait_event("CALL_CLOSED")["param"]
    before = phone.do("stats", call=call)["received"]
    wait_until(lambda: phone.do("stats", call=call)["received"] > before + 5, 2, "more speech")
    first.command("hangup")
    phone.event("ended", call=call)


def test_nobody_answers(kamailio, baresip, door):
    server = kamailio()
    indoor = baresip(server.server)
    phone = door(server.server)
    call = phone.do("call", target="indoor", timeout_ms=1200)["call"]
    indoor.wait_event("CALL_INCOMING")
    assert phone.event("failed", call=call)["error"] == "CallTimeout"
    indoor.wait_event("CALL_CLOSED")
    absent = phone.do("call", target="third")["call"]
    refused = phone.event("failed", call=absent)
    assert (refused["error"], refused["status"]) == ("CallRejected", 404)


def test_it_puts_us_on_hold_and_takes_us_back(kamailio, baresip, door):
    server = kamailio()
    indoor = baresip(server.server, answer="auto")
    phone = door(server.server)
    call = phone.do("call", target="indoor")["call"]
    phone.event("up", call=call)

    def counts():
        stats = phone.do("stats", call=call)
        return stats["sent"], stats["received"]

    wait_until(lambda: min(counts()) > 20, 3, "speech both ways")
    for _ in range(2):
        indoor.command("hold")
        wait_until(lambda: phone.do("state", call=call)["held"], 3, "hold")
        time.sleep(0.1)  # what was under way
        quiet = counts()
        time.sleep(0.5)
        # On hold baresip goes on sending (sendonly) but must hear nothing from us.
        assert counts()[0] - quiet[0] <= 1, "we still talk although on hold"
        indoor.command("resume")
        wait_until(lambda: not phone.do("state", call=call)["held"], 3, "end of hold")
        back = counts()
        wait_until(lambda start=back: min(a - b for a, b in zip(counts(), start)) > 20, 3, "speech both ways again")
    assert phone.do("state", call=call)["state"] == "up"
    indoor.command("hangup")
    assert phone.event("ended", call=call)["how"] == "remote"
