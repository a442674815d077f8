# Presence documents in the shapes that servers and phones send, and our own.

from expect import status
from siplet.limits import TUPLES
from siplet.pidf import read, write

# RFC 3863 section 3.2 in short
RFC3863 = b"""<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf"
     xmlns:im="urn:ietf:params:xml:ns:pidf:im"
     xmlns:myex="http://id.example.com/presence/"
     entity="pres:someone@example.com">
  <tuple id="bs35r9">
    <status>
      <basic>open</basic>
      <im:im>busy</im:im>
      <myex:location>home</myex:location>
    </status>
    <contact priority="0.8">im:someone@mobilecarrier.net</contact>
    <note xml:lang="en">Don't Disturb Please!</note>
    <note xml:lang="fr">Ne derangez pas, s'il vous plait</note>
    <timestamp>2001-10-27T16:49:29Z</timestamp>
  </tuple>
  <tuple id="eg92n8">
    <status><basic>closed</basic></status>
    <contact priority="1.0">mailto:someone@example.com</contact>
  </tuple>
  <note>I'll be in Tokyo next week</note>
</presence>"""
LINPHONE = b"""<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:indoor@127.0.0.1" \
xmlns:pidfonline="http://www.linphone.org/xsds/pidfonline.xsd" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" \
xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid">
  <tuple id="qmk1ba">
    <status><basic>open</basic><pidfonline:online/></status>
    <contact priority="0.8">sip:indoor@127.0.0.1:5070</contact>
    <timestamp>2024-02-01T10:11:12Z</timestamp>
  </tuple>
  <dm:person id="x1">
    <rpid:activities><rpid:on-the-phone/></rpid:activities>
    <dm:note>On a call</dm:note>
  </dm:person>
</presence>"""
# A server that has nothing, and Asterisk's way
KAMAILIO_EMPTY = b"""<?xml version="1.0"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" \
entity="sip:door@127.0.0.1:5060"/>
"""
ASTERISK = b"""<?xml version="1.0" encoding="UTF-8"?>
<presence entity="sip:100@10.0.0.1:5060" xmlns="urn:ietf:params:xml:ns:pidf" \
xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid">
 <note>Ringing</note>
 <tuple id="100">
  <status>
   <basic>open</basic>
  </status>
  <contact priority="1">sip:100@10.0.0.1</contact>
 </tuple>
 <dm:person />
</presence>
"""


def test_the_rfcs_own_example():
    presence = read(RFC3863)
    assert presence.entity == "pres:someone@example.com" and presence.open is True
    assert presence.note == "I'll be in Tokyo next week"
    assert [(one.id, one.open, one.contact) for one in presence.tuples] == [
        ("bs35r9", True, "im:someone@mobilecarrier.net"),
        ("eg92n8", False, "mailto:someone@example.com"),
    ]
    assert presence.tuples[0].note == "Don't Disturb Please!" and presence.tuples[1].note == ""


def test_what_phones_and_servers_send():
    presence = read(LINPHONE)
    assert (presence.open, presence.activity, presence.note) == (True, "on-the-phone", "On a call")
    presence = read(KAMAILIO_EMPTY)
    assert (presence.entity, presence.open, presence.tuples) == ("sip:door@127.0.0.1:5060", None, [])
    presence = read(ASTERISK)
    assert (presence.open, presence.note, presence.activity) == (True, "Ringing", "")


def test_what_we_write_is_read_as_it_was_meant():
    for is_open in (True, False):
        for note, activity in (("", ""), ('<b> & "c" \u20ac', ""), ("gone", "away")):
            presence = read(write(b"sip:door@pbx", is_open, note, activity, "1a"))
            assert (presence.entity, presence.open) == ("sip:door@pbx", is_open)
            assert (presence.note, presence.activity, len(presence.tuples)) == (note, activity, 1)


def test_many_tuples_are_counted_out_but_believed():
    one = b"<tuple id='a'><status><basic>closed</basic></status></tuple>"
    presence = read(b"<presence entity='x'>" + one * (TUPLES + 5) + b"</presence>")
    assert len(presence.tuples) == TUPLES and presence.open is False


def test_what_is_no_presence_is_refused():
    for body in (b"", b"<a/>", b"<presence>", b"open", RFC3863[:200], b"<presence/><presence/>", b"\x00" * 50):
        assert status(read, body) == 400, body
    strange = read(b"<presence><tuple><status><basic>perhaps</basic></status></tuple></presence>")
    assert strange.open is None and strange.entity == ""
