"""siplet doctor on what real programs do, as Wireshark caught it: the usual troubles, and calls that are well."""

import json
import socket
import subprocess
import sys
import time

import pytest
from driver import DOOR, ROOT
from scripts import answered, ask, early, pause, reply, script, sdp, take
from siplet_tools.process import ProcessError
from wireshark import Capture

FIXED = (
    'Authorization: Digest username="door", realm="pbx.example", nonce="abc", uri="sip:pbx", algorithm=MD5, '
    'response="00000000000000000000000000000000"\n'
)
KEYS = '<nop><action><exec play_dtmf="15"/></action></nop>'


@pytest.fixture
def wire(started, tmp_path):
    """A Capture that listens."""
    return started(Capture(tmp_path / "wire.pcap"))


@pytest.fixture
def mute():
    """A port at which somebody listens and never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


def doctor(wire, *peers, form="pcap"):
    """(exit status, {kind: finding}, what was seen) of the command, in a process of its own, on a capture.

    peers: whose SIP is meant, for others may use the loopback interface as well; sound belongs to a call or to none.
    """
    wire.stop()
    path = f"{wire.path}.ours"
    ports = ",".join(str(getattr(peer, "port", peer)) for peer in peers)
    which = f'udp.port in {{{ports}}} or not frame contains "SIP/2.0"'
    subprocess.run(["tshark", "-r", wire.path, "-Y", which, "-w", path, "-F", form], capture_output=True, check=True)
    command = [sys.executable, "-m", "siplet_tools", "doctor", "--json", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert not done.stderr, done.stderr
    told = json.loads(done.stdout)
    assert not told["not_judged"]
    return done.returncode, {one["kind"]: one for one in told["findings"]}, told["seen"]


def test_calls_through_kamailio_with_speech_and_keys_both_ways_are_well(wire, kamailio, baresip, puppet):
    server = kamailio()
    indoor = baresip(server.server, dtmf="rtpevent")
    phone = puppet(server.server, audio={"play": DOOR, "repeat": True})
    for is_ours in (True, False):
        if is_ours:
            call = phone.do("call", target="indoor")["call"]
            indoor.wait_event("CALL_INCOMING")
            indoor.command("accept")
        else:
            indoor.command("dial", f"sip:door@{server.server}")
            call = phone.event("incoming")["call"]
            phone.do("answer", call=call)
        phone.event("up", call=call)
        time.sleep(1)
        phone.do("digits", call=call, digits="15", form="rtp")
        assert indoor.digits(2) == "15"
        indoor.command("sndcode", "7")
        assert phone.digits(1) == "7"
        time.sleep(2)
        phone.do("hangup", call=call)
        phone.event("ended", call=call)
        indoor.wait_event("CALL_CLOSED")
    phone.stop()
    indoor.stop()
    status, found, seen = doctor(wire, server, form="pcapng")
    assert (status, found) == (0, {})
    assert seen["calls"] == 2 and seen["registrations"] == 2 and seen["rtp"] > 600, seen


def test_what_goes_wrong_before_a_call_is_named(wire, kamailio, puppet, sipp, mute):
    server = kamailio(min_expires=1)
    gone = puppet(server.server, user="indoor", expires=2)
    gone._child.kill()  # without a word to its server
    begun = time.monotonic()
    puppet(server.server, password="wrong-secret").event("registration", state="failed")
    realm = script(*[step for _ in range(3) for step in (ask("REGISTER", more=FIXED), answered(401))])
    sipp(realm, server.server).verdict()
    qualify = sipp(script(ask("OPTIONS"), answered(200)), f"127.0.0.1:{mute}")
    with pytest.raises(ProcessError):
        qualify.verdict()
    time.sleep(max(0, begun + 7 - time.monotonic()))
    sipp(script(ask("OPTIONS"), answered(404)), server.server).verdict()
    status, found, _ = doctor(wire, server, mute)
    assert status == 1
    assert set(found) == {"wrong-password", "wrong-realm", "qualify-unanswered", "registration-lapsed"}, found
    assert '"pbx.example"' in found["wrong-realm"]["text"] and '"127.0.0.1"' in found["wrong-realm"]["text"]
    assert f":{mute} does not answer" in found["qualify-unanswered"]["text"]
    assert "indoor@127.0.0.1" in found["registration-lapsed"]["text"]
    assert "door@127.0.0.1" in found["wrong-password"]["text"]
    assert "wrong-secret" not in json.dumps(found)


def test_what_goes_wrong_in_a_call_is_named(wire, puppet, sipp):
    phone = puppet(audio={"play": DOOR, "repeat": True})
    deaf = script(
        take("INVITE"),
        reply(200, sdp()),
        take("ACK"),
        take("INFO"),  # as dtmf-relay
        reply(415),
        take("INFO"),  # as application/dtmf
        reply(415),
        pause(3500),
        ask("BYE"),
        answered(200),
    )
    indoor = sipp(deaf, user="indoor")
    call = phone.do("call", target=indoor.uri)["call"]
    phone.event("up", call=call)
    phone.do("digits", call=call, digits="5", form="info")
    indoor.verdict()
    phone.event("ended", call=call)
    keys = script(
        ask("INVITE", sdp()), early(), answered(200), ask("ACK"), KEYS, pause(1500), ask("BYE"), answered(200)
    )
    third = sipp(keys, f"127.0.0.1:{phone.port}")
    phone.do("answer", call=phone.event("incoming")["call"])
    third.verdict()
    status, found, _ = doctor(wire, phone)
    assert status == 1
    assert set(found) == {"one-way", "dtmf-info-refused", "dtmf-unheard"}, found
    assert "door@127.0.0.1 hears nothing" in found["one-way"]["text"]
    assert "415" in found["dtmf-info-refused"]["text"]
