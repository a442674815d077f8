"""Each phone that is a peer, with siplet, through Kamailio: calls, keys, hold, transfers, messages, transports."""

import os
import time

import baresip_new
import baresip_old
import features
import linphone
import pjsua
import pytest
from driver import DOOR, INDOOR, ROOT, need
from features import shows
from kamailio import PASSWORDS
from siplet_tools.process import wait_until
from siplet_tools.speech import compare
from siplet_tools.wav_file import read_wav

TALK = 2 * max(len(read_wav(path)) for path in (DOOR, INDOOR)) / 8000 + 0.7  # s: who begins late hears the second round
TLS = os.path.join(ROOT, "tests", "vectors", "tls")
TRUST = tuple(os.path.join(TLS, name) for name in ("ca.pem", "server.pem", "server.key"))
CLASSES = {
    "baresip_old": (baresip_old, baresip_old.BaresipOld),
    "baresip_new": (baresip_new, baresip_new.BaresipNew),
    "linphone": (linphone, linphone.Linphone),
    "pjsua": (pjsua, pjsua.Pjsua),
}


@pytest.fixture
def peer(started, tmp_path, kind):
    """peer(server, user="indoor", **options) starts a phone of the kind that the test is about; it says indoor.wav."""
    module, phone = CLASSES[kind]
    need(module.missing())

    def start(server, user="indoor", **options):
        options.setdefault("says", INDOOR)
        return started(phone(tmp_path / f"{kind}-{user}", user, PASSWORDS[user], server, **options))

    return start


@pytest.fixture
def door(puppet, tmp_path):
    """door(server, **options): a siplet phone that says door.wav and records to heard-at-door.wav."""

    def start(server, **options):
        options.setdefault("audio", {"play": DOOR, "record": str(tmp_path / "heard-at-door.wav"), "repeat": True})
        return puppet(server, **options)

    return start


def address(user, server, transport=""):
    return f"sip:{user}@{server}{transport}"


def connect(phone, other, target=None):
    """siplet calls the peer; returns both calls once they are up."""
    call = phone.do("call", target=target or other.uri)["call"]
    theirs = other.incoming()
    other.answer(theirs)
    phone.event("up", call=call)
    other.up(theirs)
    return call, theirs


def talk_and_judge(phone, call, other, theirs, heard_at_door, end):
    """Both sides talk; `end()` ends the call; what each heard is what the other said."""
    time.sleep(TALK)
    stats = phone.do("stats", call=call)
    end()
    at_door, indoors = compare(INDOOR, heard_at_door), compare(DOOR, other.heard(theirs))
    print("siplet heard:", at_door, "\nthe peer heard:", indoors, "\n", stats)
    assert at_door.ok and indoors.ok
    # Linphone opens its NAT by two packets that are no RTP.
    assert stats["lost"] == 0 and stats["bad"] <= 2 and stats["foreign"] == 0
    assert phone.do("state")["faults"] == 0


def hears(phone, call, packets=20):
    """Wait until that many packets more have come and gone."""

    def counts():
        stats = phone.do("stats", call=call)
        return stats["sent"], stats["received"]

    before = counts()
    wait_until(lambda: min(a - b for a, b in zip(counts(), before)) > packets, 3, "speech both ways")


@shows("call-out", "info-out")
def test_we_call_it(kind, kamailio, peer, door, tmp_path):
    server = kamailio()
    other = peer(server.server)
    phone = door(server.server)
    call, theirs = connect(phone, other, "indoor")
    for key in "12#":
        assert phone.do("digits", call=call, digits=key, form="info")["sent"]
        assert other.digits(1) == key

    def end():
        phone.do("hangup", call=call)
        other.over(theirs)

    talk_and_judge(phone, call, other, theirs, tmp_path / "heard-at-door.wav", end)


@shows("call-in", "info-in")
def test_it_calls_us(kind, kamailio, peer, door, tmp_path):
    server = kamailio()
    other = peer(server.server)
    phone = door(server.server)
    theirs = other.dial(address("door", server.server))
    incoming = phone.event("incoming")
    assert "indoor" in incoming["remote"]
    call = incoming["call"]
    phone.do("answer", call=call)
    phone.event("up", call=call)
    other.up(theirs)
    if (kind, "info-in") not in features.CANNOT:
        for key in "45*":
            other.press(theirs, key)
            assert phone.digits(1) == key

    def end():
        other.hangup(theirs)
        assert phone.event("ended", call=call)["how"] == "remote"

    talk_and_judge(phone, call, other, theirs, tmp_path / "heard-at-door.wav", end)


@shows("held")
def test_it_puts_us_on_hold_and_takes_us_back(kind, kamailio, peer, door):
    server = kamailio()
    other = peer(server.server)
    phone = door(server.server)
    call, theirs = connect(phone, other)
    hears(phone, call)
    for _ in range(2):
        other.hold(theirs)
        wait_until(lambda: phone.do("state", call=call)["held"], 3, "hold")
        time.sleep(0.1)  # what was under way
        sent = phone.do("stats", call=call)["sent"]
        time.sleep(0.4)
        assert phone.do("stats", call=call)["sent"] - sent <= 1, "we talk to somebody who does not listen"
        other.resume(theirs)
        wait_until(lambda: not phone.do("state", call=call)["held"], 3, "end of hold")
        hears(phone, call)
    other.hangup(theirs)
    phone.event("ended", call=call)


@shows("hold")
def test_we_put_it_on_hold_and_take_it_back(kind, kamailio, peer, door):
    server = kamailio()
    other = peer(server.server)
    phone = door(server.server)
    call, theirs = connect(phone, other)
    hears(phone, call)
    for _ in range(2):
        phone.do("hold", call=call)
        other.is_held(theirs)
        time.sleep(0.1)
        received = phone.do("stats", call=call)["received"]
        time.sleep(0.4)
        assert phone.do("stats", call=call)["received"] - received <= 1, "it talks to us although we hold it"
        phone.do("resume", call=call)
        hears(phone, call)
    phone.do("hangup", call=call)
    other.over(theirs)


@shows("blind-by-us")
def test_we_transfer_it_blind(kind, kamailio, peer, door, puppet):
    server = kamailio()
    other = peer(server.server)
    phone = door(server.server)
    third = puppet(server.server, user="third")
    call, _ = connect(phone, other)
    phone.do("transfer", call=call, target=address("third", server.server))
    incoming = third.event("incoming")
    assert "indoor" in incoming["remote"]
    third.do("answer", call=incoming["call"])
    third.event("up", call=incoming["call"])
    assert phone.event("transferred", call=call)["status"] == 200
    phone.event("ended", call=call)
    hears(third, incoming["call"])
    third.do("hangup", call=incoming["call"])


@shows("blind-by-it")
def test_it_transfers_us_blind(kind, kamailio, peer, door, puppet):
    server = kamailio()
    other = peer(server.server)
    phone = door(server.server)
    third = puppet(server.server, user="third")
    call, theirs = connect(phone, other)
    other.transfer(theirs, address("third", server.server))
    incoming = third.event("incoming")
    assert "door" in incoming["remote"]
    third.do("answer", call=incoming["call"])
    third.event("up", call=incoming["call"])
    hears(third, incoming["call"])
    other.over(theirs)
    assert phone.do("state", call=call)["state"] == "up"
    third.do("hangup", call=incoming["call"])
    phone.event("ended", call=call)


@shows("attended-by-us")
def test_we_transfer_it_to_our_other_call(kind, kamailio, peer, door, puppet):
    server = kamailio()
    other = peer(server.server)
    phone = door(server.server, max_calls=2)
    third = puppet(server.server, user="third")
    call, _ = connect(phone, other)
    second = phone.do("call", target=address("third", server.server))["call"]
    theirs = third.event("incoming")["call"]
    third.do("answer", call=theirs)
    phone.event("up", call=second)
    phone.do("transfer_to", call=call, other=second)
    assert phone.event("transferred", call=call)["status"] == 200
    phone.event("ended", call=call)
    phone.event("ended", call=second)
    hears(third, theirs)
    third.do("hangup", call=theirs)


@shows("attended-by-it")
def test_it_transfers_us_to_its_other_call(kind, kamailio, peer, door, puppet):
    server = kamailio("PORTLESS")  # Linphone forgets the port when it says to whom
    other = peer(server.server)
    phone = door(server.server, proxy=f"sip:{server.server};lr")
    third = puppet(server.server, user="third")
    call, theirs = connect(phone, other)
    other.hold(theirs)
    consult = other.dial(address("third", server.server))
    second = third.event("incoming")["call"]
    third.do("answer", call=second)
    other.up(consult)
    other.transfer_to(theirs, consult)
    hears(phone, call)
    hears(third, second)
    other.over(theirs)
    other.over(consult)
    third.do("hangup", call=second)
    phone.event("ended", call=call)


@shows("attended-to-it")
def test_we_transfer_another_one_to_it(kind, kamailio, peer, door, puppet):
    server = kamailio()
    other = peer(server.server)
    phone = door(server.server, max_calls=2)
    third = puppet(server.server, user="third", auto="answer")
    second = phone.do("call", target=address("third", server.server))["call"]
    phone.event("up", call=second)
    call, _ = connect(phone, other)
    phone.do("transfer_to", call=second, other=call)
    if kind == "baresip_new":  # the others take the new call by themselves
        other.answer(other.incoming())
    assert phone.event("transferred", call=second)["status"] == 200
    phone.event("ended", call=call)
    phone.event("ended", call=second)
    hears(third, 1)


@shows("message-out")
def test_we_write_to_it(kind, kamailio, peer, door):
    server = kamailio()
    other = peer(server.server)
    phone = door(server.server)
    assert phone.do("message", target=other.uri, text="The bell: zwölf Uhr ☎")["status"] in (200, 202)
    assert other.message() == "The bell: zwölf Uhr ☎"
    absent = phone.do("message", target=address("third", server.server), text="Anybody?")
    assert absent["status"] == 404


@shows("message-in")
def test_it_writes_to_us(kind, kamailio, peer, door):
    server = kamailio("PORTLESS")
    options = {"friend": address("door", server.server)} if kind == "baresip_old" else {}
    other = peer(server.server, **options)
    phone = door(server.server)
    phone.do("listen")
    other.send(address("door", server.server), "Open, grüß dich")
    told = phone.event("message")
    assert told["text"] == "Open, grüß dich" and "indoor" in told["remote"]


@shows("presence-seen")
def test_we_see_its_presence(kind, kamailio, peer, door):
    server = kamailio()
    other = peer(server.server, friend=address("door", server.server))  # Linphone shows itself to its friends alone
    phone = door(server.server)
    if kind != "linphone":
        other.show(True)
    phone.do("watch", target=address("indoor", server.server))
    phone.event("presence", online=True)
    if kind != "linphone":  # it is online as long as it runs
        other.show(False)
        phone.event("presence", online=False)


@shows("presence-shown")
def test_it_sees_our_presence(kind, kamailio, peer, door):
    server = kamailio()
    phone = door(server.server)
    phone.do("watchers")
    phone.do("publish", online=True)
    other = peer(server.server, friend=address("door", server.server))
    other.sees(True)
    phone.do("publish", online=False)
    other.sees(False)


def call_both_ways(server, other, phone):
    """Over whatever transport both have to their server."""
    transport = ";" + other.uri.split(";")[1]
    call, theirs = connect(phone, other)
    hears(phone, call)
    phone.do("hangup", call=call)
    other.over(theirs)
    theirs = other.dial(address("door", server) + transport)
    call = phone.event("incoming")["call"]
    phone.do("answer", call=call)
    other.up(theirs)
    hears(phone, call)
    other.hangup(theirs)
    phone.event("ended", call=call)
    assert phone.do("state")["faults"] == 0


@shows("tcp")
def test_calls_over_tcp(kind, kamailio, peer, door):
    server = kamailio("NAT")
    other = peer(server.server, transport="tcp")
    phone = door(server.server, transport="tcp")
    ((contact, _),) = server.contacts("door")
    assert "transport=tcp" in contact
    call_both_ways(server.server, other, phone)


@shows("tls")
def test_calls_over_tls(kind, kamailio, peer, door):
    server = kamailio("TLS", "NAT", certificates=TRUST)
    other = peer(server.tls_server, transport="tls", certificates=TRUST)
    phone = door(server.tls_server, transport="tls", streams={"tls": {"ca": TRUST[0]}})
    ((contact, _),) = server.contacts("door")
    assert "transport=tls" in contact
    call_both_ways(server.tls_server, other, phone)
