"""The two applications, configured as users do it, registered with a real Kamailio and called by a real baresip."""

import time

import pytest
from driver import DOOR, INDOOR, App
from kamailio import PASSWORDS
from siplet_tools.process import wait_until
from siplet_tools.speech import compare
from siplet_tools.wav_file import RATE, read_wav


@pytest.fixture
def app(started, tmp_path):
    """app(name, server, **config) starts an application that is registered with the server as door."""

    def start(name, server, **config):
        config["sip"] = {"address": f"sip:door@{server.server}", "password": PASSWORDS["door"]}
        application = started(App(tmp_path / name, name, config))
        wait_until(lambda: server.contacts("door"), 5, "registration")
        return application

    return start


def test_the_echo_says_back_what_baresip_says(kamailio, baresip, app):
    server = kamailio()
    indoor = baresip(server.server)
    echo = app("echo", server)
    indoor.command("dial", f"sip:door@{server.server}")
    indoor.wait_event("CALL_ESTABLISHED")
    time.sleep(len(read_wav(INDOOR)) / RATE + 0.7)
    indoor.command("hangup")
    echo.expect("end of the call")
    found = compare(INDOOR, indoor.heard())
    print(found)
    assert found.ok and found.offset_ms < 250
    echo.stop()
    assert server.contacts("door") == []


def test_the_bell_calls_the_next_one_when_nobody_is_there_and_only_the_right_code_opens(kamailio, baresip, app):
    server = kamailio()
    indoor = baresip(server.server, dtmf="rtpevent")
    door = app(
        "doorphone",
        server,
        audio={"play": DOOR},
        doorphone={"targets": ["third", "indoor"], "code": "407", "relay_ms": 700, "ring_ms": 5000},
    )
    assert door.command("press bell") == "ok"
    door.expect("CallRejected 404")
    indoor.wait_event("CALL_INCOMING")
    indoor.command("accept")
    door.expect("talking")
    for key in "408":
        indoor.command("sndcode", key)
        time.sleep(0.3)
    door.expect("code wrong")
    assert door.command("relay") == "off"
    for key in "407":
        indoor.command("sndcode", key)
        time.sleep(0.3)
    door.expect("code right")
    opened = float(door.expect("relay on").split()[0])
    assert door.command("relay") == "on"
    indoor.command("hangup")
    door.expect("call ended")
    closed = float(door.expect("relay off").split()[0])
    assert 0.6 < closed - opened < 1.0  # not cut short by the end of the call

    # Whoever calls the door may open it, too.
    indoor.command("dial", f"sip:door@{server.server}")
    door.expect("talking")
    for key in "407":
        indoor.command("sndcode", key)
        time.sleep(0.3)
    door.expect("relay on")
    door.command("hangup")
    door.expect("call ended")
    indoor.wait_event("CALL_CLOSED")


def test_a_call_ends_when_the_time_for_talking_is_over(kamailio, baresip, app):
    server = kamailio()
    indoor = baresip(server.server, answer="auto")
    door = app("doorphone", server, doorphone={"targets": ["indoor"], "code": "1", "talk_ms": 1000})
    door.command("press bell")
    start = float(door.expect("talking").split()[0])
    indoor.wait_event("CALL_CLOSED")
    end = float(door.expect("call ended").split()[0])
    assert 0.9 < end - start < 1.5
