# Documents about calls: a busy lamp from what Asterisk, Kamailio and phones send, partial states, and our own.

from expect import status
from siplet.dialog_info import Calls, Dialog, info, write
from siplet.limits import DIALOGS

ASTERISK = b"""<?xml version="1.0" encoding="UTF-8"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%V" state="full" entity="sip:100@10.0.0.1:5060">
 <dialog id="100" direction="recipient">
  <remote><identity display="Bob">sip:101@10.0.0.1</identity><target uri="sip:101@10.0.0.1"/></remote>
  <local><identity>sip:100@10.0.0.1</identity><target uri="sip:100@10.0.0.1"/></local>
  <state>%S</state>
 </dialog>
</dialog-info>
"""
# RFC 4235 section 6.1, its last document
RFC4235 = b"""<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="urn:ietf:params:xml:ns:dialog-info"
    version="1" state="full" entity="sip:alice@example.com">
 <dialog id="as7d900as8" call-id="a84b4c76e66710" local-tag="1928301774" remote-tag="hh76a"
      direction="initiator">
    <state event="remote-busy" code="200">confirmed</state>
    <duration>274</duration>
    <local>
      <identity display="Alice">sip:alice@example.com</identity>
      <target uri="sip:alice@pc33.example.com">
        <param pname="+sip.rendering" pval="yes"/>
      </target>
    </local>
    <remote>
      <target uri="sip:bob@pc.example.com"/>
    </remote>
 </dialog>
</dialog-info>"""


def asterisk(version, state):
    return ASTERISK.replace(b"%V", str(version).encode()).replace(b"%S", state)


def part(version, *dialogs, state=b"partial"):
    out = b'<dialog-info version="' + str(version).encode() + b'" state="' + state + b'" entity="sip:a@b">'
    for name, word in dialogs:
        out += b'<dialog id="' + name + b'"><state>' + word + b"</state></dialog>"
    return out + b"</dialog-info>"


def lamp(calls):
    return info([calls]).lamp


def test_a_lamp_through_a_call_as_a_pbx_tells_it():
    calls = Calls()
    for version, word, wanted in ((0, b"terminated", "idle"), (1, b"early", "ringing"), (2, b"confirmed", "busy")):
        assert calls.update(asterisk(version, word)) and lamp(calls) == wanted
    assert info([calls]).entity == "sip:100@10.0.0.1:5060"
    dialog = info([calls]).dialogs[0]
    assert (dialog.remote, dialog.local, dialog.direction) == ("sip:101@10.0.0.1", "sip:100@10.0.0.1", "recipient")
    assert calls.update(asterisk(3, b"terminated")) and info([calls]).dialogs == []


def test_the_rfcs_example_holds_what_a_pick_up_needs():
    calls = Calls()
    assert calls.update(RFC4235) and lamp(calls) == "busy"
    dialog = calls.dialogs["as7d900as8"]
    assert (dialog.call_id, dialog.local_tag, dialog.remote_tag) == ("a84b4c76e66710", "1928301774", "hh76a")
    assert (dialog.local, dialog.remote) == ("sip:alice@example.com", "sip:bob@pc.example.com")


def test_parts_change_what_they_name_and_a_missed_one_is_noticed():
    calls = Calls()
    assert not calls.update(part(1, (b"a", b"early")))  # a part of what?
    assert calls.update(part(4, (b"a", b"early"), state=b"full")) and lamp(calls) == "ringing"
    assert calls.update(part(5, (b"b", b"confirmed"))) and sorted(calls.dialogs) == ["a", "b"]
    assert calls.update(part(6, (b"a", b"terminated"))) and sorted(calls.dialogs) == ["b"]
    assert calls.update(part(6, (b"b", b"terminated"))) and lamp(calls) == "busy"  # told before
    assert not calls.update(part(8, (b"b", b"terminated"))) and lamp(calls) == "busy"
    assert calls.update(part(9, state=b"full")) and lamp(calls) == "idle"


def test_several_phones_of_one_address_share_a_lamp():
    one, other = Calls(), Calls()
    one.update(part(0, state=b"full"))
    other.update(part(0, (b"x", b"confirmed"), state=b"full"))
    assert info([one, other]).lamp == info([other, one]).lamp == "busy" and info([one]).lamp == "idle"


def test_ours_are_read_as_they_were_meant():
    ours = [
        Dialog(b"1", b"early", b"recipient", b"", b"sip:x@y;a=<1>", b"c&d", b"lt", b"rt"),
        Dialog(b"2", b"confirmed", b"initiator", b"", b"", b"", b"", b""),
    ]
    calls = Calls()
    assert calls.update(write(b"sip:door@pbx", 0, ours[:1])) and lamp(calls) == "ringing"
    assert calls.dialogs["1"].remote == "sip:x@y;a=<1>" and calls.dialogs["1"].call_id == "c&d"
    assert calls.update(write(b"sip:door@pbx", 1, ours)) and lamp(calls) == "busy" and len(calls.dialogs) == 2
    assert calls.update(write(b"sip:door@pbx", 2, [])) and lamp(calls) == "idle"


def test_what_is_none_is_refused_and_changes_nothing():
    calls = Calls()
    calls.update(part(3, (b"a", b"confirmed"), state=b"full"))
    for body in (b"", b"<presence/>", part("", state=b"full"), RFC4235[:300]):
        assert status(calls.update, body) == 400
    for version in (b"-", b"1e5", b"0x10", b"\xff"):
        assert status(calls.update, part(0, state=b"full").replace(b'"0"', b'"' + version + b'"')) == 400
    assert lamp(calls) == "busy"


def test_more_calls_than_a_lamp_needs_are_left_out():
    calls = Calls()
    many = [(str(i).encode(), b"confirmed") for i in range(DIALOGS + 4)]
    assert calls.update(part(0, *many, state=b"full")) and len(calls.dialogs) == DIALOGS
    for i in range(20):
        assert calls.update(part(1 + i, (b"n" + str(i).encode(), b"early")))
    assert len(calls.dialogs) == DIALOGS
