"""Reliable provisional responses with PJSIP: it rings for us so, and we for it, directly and through Kamailio."""

import re

import pjsua
import pytest
from driver import INDOOR, need
from kamailio import PASSWORDS
from test_transports import traced

MANDATORY, OPTIONAL = 1, 2  # PJSUA_100REL_...


@pytest.fixture
def other(started, tmp_path):
    """other(server, prack) starts a PJSIP phone."""
    need(pjsua.missing())

    def start(server, prack):
        return started(pjsua.Pjsua(tmp_path / "pjsua", "indoor", PASSWORDS["indoor"], server, says=INDOOR, prack=prack))

    return start


def firsts(phone, sent):
    """The first lines of what a phone has sent, or received, in short."""
    lines = [text.split(b"\r\n")[0].decode() for was_sent, text in traced(phone) if was_sent == sent]
    return [line.split()[1] if line.startswith("SIP/2.0") else line.split()[0] for line in lines]


def heard_of(phone, status):
    """Whether a response with that status that came in was a reliable one."""
    for sent, text in traced(phone):
        if not sent and text.startswith(b"SIP/2.0 " + status) and re.search(rb"^RSeq: \d+", text, re.MULTILINE):
            return True
    return False


@pytest.mark.parametrize("way", ("directly", "by a proxy"))
def test_it_rings_for_us_reliably(way, request, puppet, other):
    server = request.getfixturevalue("kamailio")().server if way == "by a proxy" else None
    desk = other(server, MANDATORY)
    door = puppet(server)
    call = door.do("call", target=desk.uri)["call"]
    theirs = desk.incoming()
    desk.answer(theirs)
    door.event("up", call=call)
    desk.up(theirs)
    assert heard_of(door, b"180") and firsts(door, True).count("PRACK") == 1
    door.do("hangup", call=call)
    assert door.event("ended")["how"] == "local"
    assert door.do("state")["faults"] == 0


@pytest.mark.parametrize("way", ("directly", "by a proxy"))
@pytest.mark.parametrize("prack", (OPTIONAL, MANDATORY))
def test_we_ring_for_it_reliably(way, prack, request, puppet, other):
    server = request.getfixturevalue("kamailio")().server if way == "by a proxy" else None
    desk = other(server, prack)
    options = {"reliable": "supported"} if prack == OPTIONAL else {}
    door = puppet(server, **options)
    target = f"sip:door@{server}" if server else f"sip:door@127.0.0.1:{door.port}"
    theirs = desk.do("call", target=target)["call"]
    call = door.event("incoming")["call"]
    desk.event("ringing", call=theirs)
    door.do("answer", call=call)
    door.event("up", call=call)
    desk.up(theirs)
    assert firsts(door, False).count("PRACK") == 1 and "200" in firsts(door, True)
    door.do("hangup", call=call)
    assert door.event("ended")["how"] == "local"
    assert door.do("state")["faults"] == 0
