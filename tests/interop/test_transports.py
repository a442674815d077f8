"""Kamailio over TCP, TLS and WebSocket: registered, called and calling through the connection that the phone opened."""

import os
import re

import pytest
from driver import ROOT
from kamailio import Kamailio
from siplet_tools.process import wait_until

TLS = os.path.join(ROOT, "tests", "vectors", "tls")
CERTIFICATES = tuple(os.path.join(TLS, name) for name in ("ca.pem", "server.pem", "server.key"))
TRUST = {"tls": {"ca": CERTIFICATES[0]}}
PIN = "48:03:68:4B:EE:C2:1F:4C:6D:62:1B:39:24:76:47:F0:9D:E1:62:53:0B:8D:65:B6:A6:C7:A9:07:4D:5A:AA:62"
TRANSPORTS = ("tcp", "tls", "ws", "wss")


@pytest.fixture
def server(kamailio):
    """A Kamailio that speaks all of them, and reaches phones only where they came from."""
    return kamailio("TLS", "WS", "NAT", certificates=CERTIFICATES)


def place(server, transport):
    return server.tls_server if transport in ("tls", "wss") else server.server


def traced(phone):
    """[(sent, message), ...] of what a phone has sent and received."""
    with open(phone.trace, "rb") as file:
        parts = re.split(rb"^(>>>|<<<) .*\n", file.read(), flags=re.MULTILINE)[1:]
    return [(mark == b">>>", text) for mark, text in zip(parts[::2], parts[1::2], strict=True)]


def talk(caller, called, target):
    """Calls, answers, sends a key each way by INFO, hangs up."""
    number = caller.do("call", target=target)["call"]
    other = called.event("incoming")["call"]
    called.do("answer", call=other)
    caller.event("up", call=number)
    called.event("up", call=other)
    for one, key, there in ((caller, "1", called), (called, "2", caller)):
        one.do("digits", call=number if one is caller else other, digits=key, form="info")
        assert there.digits(1) == key
    caller.do("hangup", call=number)
    assert caller.event("ended")["how"] == "local" and called.event("ended")["how"] == "remote"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_calls_each_way_through_one_connection(server, puppet, transport):
    door = puppet(place(server, transport), transport=transport, streams=TRUST)
    ((contact, _),) = server.contacts("door")
    assert contact.endswith(";transport=" + ("ws" if transport == "wss" else transport))  # RFC 7118 5.2
    indoor = puppet(server.server, "indoor")
    talk(door, indoor, f"sip:indoor@{place(server, transport)}")
    talk(indoor, door, f"sip:door@{server.server}")
    state = door.do("state")
    assert state["streams"] == 1 and state["faults"] == 0 and state["stream_error"] == "", state
    vias = {re.search(rb"^Via: SIP/2.0/(\w+)", text, re.MULTILINE).group(1) for sent, text in traced(door) if sent}
    assert transport.upper().encode() in vias, vias
    door.stop()
    wait_until(lambda: not server.contacts("door"), 3, "unregistration")


def test_known_by_its_fingerprint(server, puppet):
    puppet(server.tls_server, transport="tls", streams={"tls": {"pin": PIN}})
    assert len(server.contacts("door")) == 1


@pytest.mark.parametrize(
    "tls, why",
    (
        ({"ca": os.path.join(TLS, "other.pem")}, "not correctly signed"),
        ({"pin": PIN.replace("48", "49")}, "another fingerprint"),
        ({}, "configure its authority's certificate"),
    ),
)
def test_a_server_that_is_not_the_right_one_hears_nothing(server, puppet, tls, why):
    for transport in ("tls", "wss"):
        door = puppet(server.tls_server, transport=transport, streams={"tls": tls}, password="door-secret")
        assert door.event("registration", state="failed")["status"] == 503
        error = door.do("state")["stream_error"]
        assert error.startswith(f"{transport.upper()} {server.tls_server}: ") and why in error, error
        assert not [text for sent, text in traced(door) if not sent]
    assert not server.came("REGISTER", "door")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_server_that_restarts_is_registered_with_anew(server, started, puppet, tmp_path, transport):
    door = puppet(place(server, transport), transport=transport, streams=TRUST)
    server.stop()
    wait_until(lambda: "closed by the other end" in door.do("state")["stream_error"], 3, "the end of the connection")
    parts = ("TLS", "WS", "NAT")
    again = started(Kamailio(tmp_path / "again", parts, port=server.port, certificates=CERTIFICATES))
    wait_until(lambda: again.contacts("door"), 12, "binding at the restarted server")
    assert door.do("state")["streams"] == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_keep_alives_are_answered(server, puppet, transport):
    door = puppet(place(server, transport), transport=transport, streams=dict(TRUST, strict=True), keepalive_ms=200)
    wait_until(lambda: door.do("state")["pongs"] >= 3, 5, "three pongs")
    state = door.do("state")
    assert state["streams"] == 1 and state["stream_error"] == "" and state["registration"] == "registered"


def test_who_can_be_reached_is_connected_to(kamailio, puppet):
    server = kamailio()  # it knows our Contact only
    door = puppet(server.server, transport="tcp", streams={})
    indoor = puppet(server.server, "indoor", transport="tcp", streams={})
    talk(indoor, door, f"sip:door@{server.server}")
    talk(door, indoor, f"sip:indoor@{server.server}")
    assert door.do("state")["faults"] == indoor.do("state")["faults"] == 0


def test_two_phones_without_a_server(puppet):
    door = puppet(streams={})
    indoor = puppet(user="indoor", streams={})
    talk(door, indoor, indoor.uri + ";transport=tcp")
    assert all(b"SIP/2.0/TCP" in text for sent, text in traced(door) if sent)
    talk(indoor, door, door.uri + ";transport=tcp")


@pytest.mark.parametrize("sockets", ("t1", "tn"))
def test_many_calls_of_sipp_by_one_connection_or_one_each(puppet, sipp, tmp_path, sockets):
    phone = puppet(streams={}, auto="answer")
    speech = tmp_path / "silence.ul"
    speech.write_bytes(b"\xff" * 800)

    def ring(calls):
        done = phone.do("state")["count"] + calls
        target = f"127.0.0.1:{phone.port}"
        sipp("calls", target, calls=calls, ms=40, speech=speech, sockets=sockets).verdict()
        wait_until(lambda: phone.do("state")["count"] == done, 10, "end of the last call")
        wait_until(lambda: phone.do("state")["streams"] == 0, 10, "end of the connections")
        return phone.heap()

    ring(10)
    before = min(ring(1) for _ in range(4))
    ring(60)
    after = ring(1)
    for _ in range(12):  # some garbage looks alive to a conservative collector, for a while
        if after - before >= 60 * 16:
            after = min(after, ring(1))
    state = phone.do("state")
    assert state["faults"] == 0 and state["calls"] == 0
    assert after - before < 60 * 16, f"{after - before} bytes in 60 calls"  # 16: the least that a call could leave
