"""Kamailio and siplet: registration, transports, MESSAGE through it, and its presence server."""

import os

from driver import ROOT
from features import shows
from siplet_tools.process import wait_until

TLS = os.path.join(ROOT, "tests", "vectors", "tls")
TRUST = tuple(os.path.join(TLS, name) for name in ("ca.pem", "server.pem", "server.key"))
ONLY = ("kamailio",)


@shows("register", peers=ONLY)
def test_it_registers_us_and_forgets_us(kind, kamailio, puppet):
    server = kamailio()
    phone = puppet(server.server, expires=60)
    ((contact, left),) = server.contacts("door")
    assert contact == f"sip:door@127.0.0.1:{phone.port}" and 55 <= left <= 60
    phone.stop()
    wait_until(lambda: not server.contacts("door"), 2, "end of the registration")


def call_both_ways(phone, other, server):
    for caller, called, user in ((phone, other, "indoor"), (other, phone, "door")):
        call = caller.do("call", target=f"sip:{user}@{server}")["call"]
        theirs = called.event("incoming")["call"]
        called.do("answer", call=theirs)
        caller.event("up", call=call)
        called.event("up", call=theirs)
        called.do("hangup", call=theirs)
        assert caller.event("ended", call=call)["how"] == "remote"
        called.event("ended", call=theirs)
    assert phone.do("state")["faults"] == other.do("state")["faults"] == 0


@shows("tcp", peers=ONLY)
def test_calls_over_tcp(kind, kamailio, puppet):
    server = kamailio("NAT")
    phones = [puppet(server.server, user, transport="tcp") for user in ("door", "indoor")]
    ((contact, _),) = server.contacts("door")
    assert contact.endswith(";transport=tcp")
    call_both_ways(*phones, server.server)


@shows("tls", peers=ONLY)
def test_calls_over_tls(kind, kamailio, puppet):
    server = kamailio("TLS", "NAT", certificates=TRUST)
    options = {"transport": "tls", "streams": {"tls": {"ca": TRUST[0]}}}
    phones = [puppet(server.tls_server, user, **options) for user in ("door", "indoor")]
    ((contact, _),) = server.contacts("door")
    assert contact.endswith(";transport=tls")
    call_both_ways(*phones, server.tls_server)


@shows("message-out", "message-in", peers=ONLY)
def test_a_message_goes_through_it(kind, kamailio, puppet):
    server = kamailio()
    phone = puppet(server.server)
    other = puppet(server.server, user="indoor")
    other.do("listen")
    assert phone.do("message", target=f"sip:indoor@{server.server}", text="Grüße")["status"] == 200
    told = other.event("message")
    assert told["text"] == "Grüße" and "door" in told["remote"]


@shows("publish", "presence-seen", peers=ONLY)
def test_it_keeps_our_presence_and_tells_who_watches_us(kind, kamailio, puppet):
    server = kamailio("PRESENCE")
    phone = puppet(server.server)
    other = puppet(server.server, user="indoor")
    assert phone.do("publish", online=True, note="at the door")["status"] == 200
    other.do("watch", target=f"sip:door@{server.server}")
    assert other.event("presence", online=True)["note"] == "at the door"
    assert phone.do("publish", online=False)["status"] == 200
    other.event("presence", online=False)
    assert phone.do("state")["faults"] == other.do("state")["faults"] == 0
    assert len(server.came("PUBLISH", "door")) >= 2
