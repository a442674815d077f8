"""SIPp and siplet, directly: scenarios of our own that take every part of every feature; SIPp is the judge."""

import time

import pytest
from driver import DOOR
from features import shows
from kamailio import PASSWORDS
from scripts import answered, ask, early, pause, reply, script, sdp, speak, take
from siplet_tools.process import wait_until
from siplet_tools.speech import compare
from siplet_tools.wav_file import read_wav

ONLY = ("sipp",)
TALK_MS = int(len(read_wav(DOOR)) / 8 + 900)
PICKED_UP = (take("INVITE"), reply(180), reply(200, sdp()), take("ACK"))
CALLING = (ask("INVITE", sdp()), early(), answered(200), ask("ACK"))
LEFT = (take("BYE"), reply(200))
LEAVING = (ask("BYE"), answered(200))
OPEN = '<?xml version="1.0"?>\n<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:script@127.0.0.1">'
OPEN += '<tuple id="a"><status><basic>{}</basic></status></tuple></presence>\n'


@pytest.fixture
def phone(puppet, tmp_path):
    """A siplet phone without a server that says door.wav."""
    return puppet(audio={"play": DOOR, "record": str(tmp_path / "heard-at-door.wav"), "repeat": True})


@pytest.fixture
def calls(sipp):
    """calls(phone, step, ...) starts a SIPp that calls it, or asks it something."""
    return lambda phone, *steps, **options: sipp(script(*steps), f"127.0.0.1:{phone.port}", **options)


def pick_up(phone):
    call = phone.event("incoming")["call"]
    phone.do("answer", call=call)
    phone.event("up", call=call)
    return call


@shows("register", peers=ONLY)
def test_it_registers_us(kind, sipp, puppet):
    registrar = sipp(
        script(
            take("REGISTER"),
            reply(401, more='WWW-Authenticate: Digest realm="script", nonce="abc", qop="auth", algorithm=MD5\n'),
            take("REGISTER", ("Authorization", "username=.door.")),
            reply(200, more="[last_Contact:];expires=60\n"),
            take("REGISTER", ("Expires", "0")),
            reply(200),
        ),
        user="door",
    )
    phone = puppet(f"127.0.0.1:{registrar.port}", password=PASSWORDS["door"])
    assert phone.do("wait_registered")["registered"]
    phone.stop()
    registrar.verdict()


@shows("call-out", "info-out", peers=ONLY)
def test_we_call_it_and_hear_our_echo(kind, sipp, phone, tmp_path):
    info = (take("INFO", ("Content-Type", "application/dtmf-relay"), ("", "Signal=#")), reply(200))
    callee = sipp(script(*PICKED_UP, *info, *LEFT), echo=True)
    call = phone.do("call", target=callee.uri)["call"]
    phone.event("up", call=call)
    assert phone.do("digits", call=call, digits="#", form="info")["sent"]
    time.sleep(TALK_MS / 1000)
    phone.do("hangup", call=call)
    callee.verdict()
    found = compare(DOOR, tmp_path / "heard-at-door.wav")
    print(found)
    assert found.ok


@shows("call-in", "info-in", peers=ONLY)
def test_it_calls_us_and_presses_a_key(kind, calls, puppet):
    phone = puppet(audio="loop")
    info = (ask("INFO", ("application/dtmf-relay", "Signal=7\nDuration=160\n")), answered(200))
    caller = calls(phone, *CALLING, speak(DOOR), *info, pause(1000), *LEAVING)
    call = pick_up(phone)
    assert phone.digits(1) == "7"
    caller.verdict()
    phone.event("ended", call=call)
    stats = phone.do("stats")
    assert stats["received"] > 30 and stats["sent"] > 30 and stats["bad"] == 0


@shows("hold", peers=ONLY)
def test_we_put_it_on_hold(kind, sipp, phone):
    held = (take("INVITE", ("", "a=sendonly")), reply(200, sdp("recvonly")), take("ACK"))
    back = (take("INVITE", ("", "a=sendrecv")), reply(200, sdp()), take("ACK"))
    callee = sipp(script(*PICKED_UP, *held, *back, *LEFT))
    call = phone.do("call", target=callee.uri)["call"]
    phone.event("up", call=call)
    phone.do("hold", call=call)
    phone.do("resume", call=call)
    phone.do("hangup", call=call)
    callee.verdict()


@shows("held", peers=ONLY)
def test_it_puts_us_on_hold(kind, calls, phone):
    steps = list(CALLING)
    for ours, theirs in (("sendonly", "recvonly"), ("inactive", "inactive"), ("sendrecv", "sendrecv")):
        steps += [ask("INVITE", sdp(ours)), early(100), answered(200, ("", "a=" + theirs)), ask("ACK"), pause(300)]
    caller = calls(phone, *steps, *LEAVING)
    call = pick_up(phone)
    wait_until(lambda: phone.do("state", call=call)["held"], 3, "hold")
    wait_until(lambda: not phone.do("state", call=call)["held"], 3, "end of hold")
    phone.event("ended", call=call)
    caller.verdict()


@shows("blind-by-us", peers=ONLY)
def test_we_transfer_it(kind, sipp, phone):
    told = []
    for status, state in ((100, "active;expires=60"), (200, "terminated;reason=noresource")):
        more = f"Event: refer\nSubscription-State: {state}\n"
        told += [ask("NOTIFY", ("message/sipfrag;version=2.0", f"SIP/2.0 {status} Said\n"), more), answered(200)]
    refer = (take("REFER", ("Refer-To", "sip:cellar@127.0.0.1"), ("Referred-By", "door")), reply(202))
    callee = sipp(script(*PICKED_UP, *refer, *told, *LEFT))
    call = phone.do("call", target=callee.uri)["call"]
    phone.event("up", call=call)
    phone.do("transfer", call=call, target="sip:cellar@127.0.0.1")
    assert phone.event("transferred", call=call)["status"] == 200
    callee.verdict()


@shows("blind-by-it", peers=ONLY)
def test_it_transfers_us(kind, calls, phone, puppet):
    third = puppet(user="third", auto="answer")
    refer = (ask("REFER", more=f"Refer-To: <{third.uri}>\n"), answered(202))
    said = []
    for status in (100, 180):
        said += [take("NOTIFY", ("", f"SIP/2.0 {status}"), ("Event", "refer")), reply(200)]
    last = (take("NOTIFY", ("", "SIP/2.0 200"), ("Subscription-State", "terminated")), reply(200))
    caller = calls(phone, *CALLING, *refer, *said, *last, *LEFT)
    call = pick_up(phone)
    caller.verdict()
    before = phone.do("stats", call=call)["received"]
    wait_until(lambda: phone.do("stats", call=call)["received"] > before + 20, 3, "speech of the new far end")
    phone.do("hangup", call=call)


@shows("attended-by-us", peers=ONLY)
def test_we_transfer_it_to_our_other_call(kind, sipp, puppet):
    phone = puppet(max_calls=2)
    refer = (take("REFER", ("Refer-To", "Replaces=.*to-tag.*from-tag")), reply(202))
    more = "Event: refer\nSubscription-State: terminated;reason=noresource\n"
    told = (ask("NOTIFY", ("message/sipfrag;version=2.0", "SIP/2.0 200 OK\n"), more), answered(200))
    callee, other = sipp(script(*PICKED_UP, *refer, *told, *LEFT)), sipp(script(*PICKED_UP, *LEFT))
    calls = []
    for one in (callee, other):
        calls.append(phone.do("call", target=one.uri)["call"])
        phone.event("up", call=calls[-1])
    phone.do("transfer_to", call=calls[0], other=calls[1])
    assert phone.event("transferred", call=calls[0])["status"] == 200
    callee.verdict()
    if phone.do("state", call=calls[1]).get("state") == "up":  # a phone would have ended it
        phone.do("hangup", call=calls[1])
    other.verdict()


@shows("attended-by-it", peers=ONLY)
def test_it_transfers_us_to_another_call(kind, sipp, calls, phone):
    other = sipp(script(take("INVITE", ("Replaces", "one@x;to-tag=2;from-tag=3")), *PICKED_UP[1:], *LEFT))
    target = other.uri + "?Replaces=one%40x%3Bto-tag%3D2%3Bfrom-tag%3D3"
    steps = [ask("REFER", more=f"Refer-To: <{target}>\n"), answered(202)]
    for status in (100, 180, 200):
        steps += [take("NOTIFY", ("", f"SIP/2.0 {status}")), reply(200)]
    caller = calls(phone, *CALLING, *steps, *LEFT)
    call = pick_up(phone)
    caller.verdict()
    phone.do("hangup", call=call)
    other.verdict()


@shows("attended-to-it", peers=ONLY)
def test_we_transfer_another_one_to_it(kind, sipp, puppet):
    phone = puppet(max_calls=2)
    third = puppet(user="third", auto="answer")
    desk = sipp(script(*PICKED_UP, *LEFT), calls=2, at_once=2)
    first = phone.do("call", target=third.uri)["call"]
    phone.event("up", call=first)
    second = phone.do("call", target=desk.uri)["call"]
    phone.event("up", call=second)
    phone.do("transfer_to", call=first, other=second)
    assert phone.event("transferred", call=first)["status"] == 200
    with open(third.trace, "rb") as file:
        assert b"\nReplaces: " in file.read()
    if phone.do("state", call=second).get("state") == "up":
        phone.do("hangup", call=second)
    third.do("hangup", call=1)
    desk.verdict()


@shows("message-out", peers=ONLY)
def test_we_write_to_it(kind, sipp, phone):
    desk = sipp(script(take("MESSAGE", ("Content-Type", "text/plain"), ("", "Ding")), reply(200)))
    assert phone.do("message", target=desk.uri, text="Ding dong")["status"] == 200
    desk.verdict()


@shows("message-in", peers=ONLY)
def test_it_writes_to_us(kind, calls, phone):
    phone.do("listen")
    desk = calls(phone, ask("MESSAGE", ("text/plain;charset=UTF-8", "Grüß Gott")), answered(200))
    desk.verdict()
    assert phone.event("message")["text"].strip() == "Grüß Gott"


@shows("presence-seen", peers=ONLY)
def test_we_see_its_presence(kind, sipp, phone):
    steps = [
        take("SUBSCRIBE", ("Event", "presence"), ("Accept", "application/pidf")),
        reply(200, more="Expires: 600\n"),
    ]
    for word in ("open", "closed"):
        more = "Event: presence\nSubscription-State: active;expires=600\n"
        steps += [ask("NOTIFY", ("application/pidf+xml", OPEN.format(word)), more), answered(200), pause(400)]
    desk = sipp(script(*steps))
    phone.do("watch", target=desk.uri)
    phone.event("presence", online=True)
    phone.event("presence", online=False)
    desk.verdict()


@shows("presence-shown", peers=ONLY)
def test_it_sees_our_presence(kind, calls, phone):
    phone.do("watchers")
    more = "Event: presence\nAccept: application/pidf+xml\nExpires: 600\n"
    steps = [ask("SUBSCRIBE", more=more), answered(200)]
    for word in ("open", "closed"):
        steps += [take("NOTIFY", ("", word), ("Subscription-State", "active")), reply(200)]
    desk = calls(phone, *steps)
    wait_until(lambda: phone.do("state")["usages"], 3, "watcher")
    time.sleep(0.3)  # the first NOTIFY
    phone.do("publish", online=False)
    desk.verdict()


@shows("publish", peers=ONLY)
def test_it_takes_our_publish(kind, sipp, puppet):
    more = "SIP-ETag: one\nExpires: 600\n"
    server = sipp(
        script(
            '<recv request="REGISTER" optional="true" next="1"/>',  # the other one of the two dialogs
            take("PUBLISH", ("Event", "presence"), ("", "open")), reply(200, more=more),
            take("PUBLISH", ("SIP-If-Match", "one"), ("", "closed")), reply(200, more=more),
            '<nop next="2"/><label id="1"/>',
            reply(200, more="[last_Contact:];expires=60\n"),
            '<label id="2"/>',
        ),
        calls=2,
    )  # fmt: skip
    phone = puppet(f"127.0.0.1:{server.port}")
    assert phone.do("publish", online=True)["status"] == 200
    assert phone.do("publish", online=False)["status"] == 200
    server.verdict()


@shows("tcp", peers=ONLY)
def test_calls_over_tcp(kind, sipp, calls, puppet):
    phone = puppet(streams={})
    callee = sipp(script(*PICKED_UP, *LEFT), sockets="t1")
    call = phone.do("call", target=callee.uri + ";transport=tcp")["call"]
    phone.event("up", call=call)
    phone.do("hangup", call=call)
    callee.verdict()
    caller = calls(phone, *CALLING, pause(300), *LEAVING, sockets="t1")
    pick_up(phone)
    caller.verdict()
