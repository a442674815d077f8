"""RTCP with real phones: their figures and ours agree, and Wireshark finds nothing wrong with what we send."""

import collections
import json
import re
import time

import pytest
from driver import DOOR, App, need
from pjsua import Pjsua, missing
from siplet_tools.process import wait_until
from wireshark import WARNING, Capture

SOUND = {"sound.complete": True}
TALK = 16  # seconds: three reports or more from each end
EVERY = 10  # one packet of so many is lost


def reports(capture, ports, wanted=()):
    """[{field: [values]}] of each packet of RTCP between those UDP ports, as Wireshark reads it."""
    capture.reads += [f"udp.port=={port},rtcp" for port in ports]
    names = ["udp.srcport", "rtcp.pt", "_ws.malformed", "_ws.expert.severity", "_ws.expert.message"]
    return capture.rows("rtcp", *names, *wanted)


def judge(packets, port):
    """What left our port is whole, and Wireshark has no complaint; their kinds, counted."""
    ours = [packet for packet in packets if packet["udp.srcport"] == [str(port)]]
    for packet in ours:
        assert not packet["_ws.malformed"], packet
        assert all(int(severity) < WARNING for severity in packet["_ws.expert.severity"]), packet
        assert packet["rtcp.pt"][0] in ("200", "201") and packet["rtcp.pt"][1] == "202", packet
    return collections.Counter(kind for packet in ours for kind in packet["rtcp.pt"])


def speak(phone, call):
    """Both talk, and some of what we say is lost on the way; what our side knows in the end."""
    phone.do("lose", call=call, every=EVERY)
    time.sleep(TALK)
    return phone.do("quality", call=call)["quality"]


@pytest.mark.parametrize("shared", [False, True])
def test_baresip_and_we_tell_each_other_the_same(baresip, puppet, started, tmp_path, shared):
    capture = started(Capture(tmp_path / "call.pcap"))
    indoor = baresip(answer="auto", lines="rtcp_mux yes\n" if shared else "")
    phone = puppet(sound=SOUND, audio={"play": DOOR, "repeat": True})
    call = phone.do("call", target=indoor.uri)["call"]
    phone.event("up", call=call)
    port = phone.do("stats", call=call)["rtp_port"] + (not shared)
    record = speak(phone, call)
    phone.do("hangup", call=call)
    indoor.wait_event("CALL_CLOSED")
    told = wait_until(lambda: re.search(r"lost:\s+(-?\d+)\s+(-?\d+)", indoor.output()), 5, "its statistics")
    capture.stop()
    print(json.dumps(record), told[0])

    assert 70 / EVERY <= record["far_loss_percent"] <= 130 / EVERY
    sent = phone.do("quality", call=call)["quality"]
    # what it prints is as old as its last sender report
    assert 0.6 * sent["packets_sent"] / EVERY <= int(told[2]) <= sent["packets_sent"] / EVERY + 2
    assert record["lost"] == 0 == int(told[1])
    assert record["reports_received"] >= 2 and record["reports_sent"] >= 2
    assert record["reports_bad"] == 0  # though it begins with an APP packet that is no compound
    assert record["round_trip_ms"] <= 60 and record["mos"] > 4.3
    assert sent["over"] and sent["packets_sent"] >= record["packets_sent"]
    kinds = judge(reports(capture, [port]), port)
    assert kinds["200"] >= 2 and kinds["203"] == 1, kinds


def test_pjsip_and_we_tell_each_other_the_same(puppet, started, tmp_path):
    need(missing())
    capture = started(Capture(tmp_path / "call.pcap"))
    indoor = started(Pjsua(tmp_path / "pjsua", says=DOOR, auto=True))
    phone = puppet(sound=SOUND, audio={"play": DOOR, "repeat": True})
    call = phone.do("call", target=indoor.uri)["call"]
    phone.event("up", call=call)
    port = phone.do("stats", call=call)["rtp_port"]
    theirs = indoor.up()
    record = speak(phone, call)
    told = indoor.do("statistics", call=theirs)
    phone.do("hangup", call=call)
    indoor.over(theirs)
    capture.stop()
    print(json.dumps(record), told)

    assert 70 / EVERY <= record["far_loss_percent"] <= 130 / EVERY
    assert told["heard"]["lost"] > 50 and abs(told["heard"]["lost"] - record["packets_sent"] / EVERY) <= 8
    assert told["told"]["lost"] == record["lost"] == 0
    assert record["reports_received"] >= 2 and record["reports_bad"] == 0
    assert told["round_trips"] >= 1 and told["round_trip_ms"] < 60 and record["round_trip_ms"] <= 60
    assert abs(record["far_jitter_ms"] - told["heard"]["jitter_ms"]) <= 10
    packets = reports(capture, [port, port + 1])
    kinds = judge(packets, port) + judge(packets, port + 1)
    assert kinds["200"] >= 2 and kinds["203"] == 1, kinds


def test_two_of_us_tell_each_other_how_the_call_sounds(puppet, started, tmp_path):
    capture = started(Capture(tmp_path / "call.pcap"))
    indoor = puppet(user="indoor", sound=SOUND, auto="answer", audio={"play": DOOR, "repeat": True})
    phone = puppet(sound=SOUND, audio={"play": DOOR, "repeat": True})
    call = phone.do("call", target=indoor.uri)["call"]
    phone.event("up", call=call)
    port = phone.do("stats", call=call)["rtp_port"]
    record = speak(phone, call)
    phone.do("hangup", call=call)
    capture.stop()

    figures = ["rtcp.xr.bt", "rtcp.xr.voipmetrics.rfactor", "rtcp.xr.voipmetrics.gmin", "rtcp.xr.voipmetrics.moscq"]
    packets = reports(capture, [port], figures)
    assert judge(packets, port)["207"] >= 2
    read = [packet for packet in packets if packet["rtcp.xr.bt"]]
    assert any(packet["rtcp.xr.voipmetrics.gmin"] == ["16"] for packet in read)
    assert any(int(packet["rtcp.xr.voipmetrics.rfactor"][0]) < 80 for packet in read)
    assert record["far_mos"] < 4 < record["mos"] and 70 / EVERY <= record["far_loss_percent"] <= 130 / EVERY


def test_an_application_logs_how_each_call_was(puppet, started, tmp_path):
    config = {"sip": {"address": "sip:echo@127.0.0.1", "accept": ["open"]}, "sound": {"complete": True}}
    app = started(App(tmp_path / "app", "echo", config))
    phone = puppet(sound=SOUND, audio={"play": DOOR, "repeat": True})
    call = phone.do("call", target=f"sip:echo@127.0.0.1:{app.port}")["call"]
    phone.event("up", call=call)
    time.sleep(4)
    now = json.loads(app.command("quality"))
    assert now["packets_received"] > 100 and not now["over"]
    phone.do("hangup", call=call)
    line = app.expect("quality: ", 5)
    assert re.search(r"quality: MOS [34]\.\d, loss 0\.0 %, jitter \d+ ms.*, delay \d+ ms", line), line
    assert json.loads(app.command("quality"))["over"]
