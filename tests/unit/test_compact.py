# Headers by one letter (RFC 3261 7.3.3): what is written so, that we read it back, and how many bytes it saves.

import sys

from siplet.errors import LocalError
from siplet.sip.builder import Builder
from siplet.sip.compact import Compact
from siplet.sip.message import Message

LONG = (
    b"Via",
    b"From",
    b"To",
    b"Call-ID",
    b"Contact",
    b"Supported",
    b"Content-Type",
    b"Content-Encoding",
    b"Subject",
    b"Refer-To",
    b"Referred-By",
    b"Event",
    b"Allow-Events",
    b"Session-Expires",
)
SHORT = b"vftimkcesrboux"


def invite(builder):
    builder.request(b"INVITE", b"sip:b@10.0.0.2")
    builder.header(b"Via", b"SIP/2.0/UDP 10.0.0.1", b";branch=z9hG4bK1")
    builder.header(b"From", b"<sip:a@10.0.0.1>;tag=1")
    builder.header(b"To", b"<sip:b@10.0.0.2>")
    builder.header(b"Call-ID", b"x")
    builder.header(b"CSeq", 7, b" INVITE")
    builder.header(b"Max-Forwards", 70)
    builder.header(b"Contact", b"<sip:a@10.0.0.1>")
    builder.header(b"X-Via", b"stays")
    builder.body(b"application/sdp", b"v=0\r\n")
    return bytes(builder.end())


def test_every_name_that_has_one_is_one_letter():
    builder = Compact()
    for name, letter in zip(LONG, SHORT):
        builder.request(b"OPTIONS", b"sip:b")
        builder.header(name, b"value")
        assert bytes(builder.end()).split(b"\r\n")[1] == bytes((letter,)) + b": value", name


def test_the_message_is_the_same_but_shorter():
    long, short = invite(Builder()), invite(Compact())
    lines = short.split(b"\r\n")
    assert [line[: line.find(b":")] for line in lines[1:10]] == b"v f t i CSeq Max-Forwards m X-Via c".split()
    assert lines[10] == b"l: 5" and short.endswith(b"\r\n\r\nv=0\r\n")
    one, other = Message(long), Message(short)
    one.check()
    other.check()
    for name in (b"via", b"from", b"to", b"call-id", b"cseq", b"contact", b"content-type", b"content-length", b"x-via"):
        assert one.header(name) == other.header(name) != None, name  # noqa: E711
    assert one.body == other.body and one.branch == other.branch
    assert len(long) - len(short) == sum(len(name) - 1 for name in LONG[:5]) + 11 + 13


def test_an_answer_repeats_what_came_as_it_was_spelt():
    builder = Compact()
    for data, names in ((invite(Builder()), b"Via From To Call-ID CSeq m l"), (invite(Compact()), b"v f t i CSeq m l")):
        builder.reply(Message(data), 180, ("10.0.0.1", 5060), b"tag1")
        builder.header(b"Contact", b"<sip:b@10.0.0.2>")
        lines = bytes(builder.end()).split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        assert [line[: line.find(b":")] for line in lines] == names.split()


def test_no_line_is_smuggled_in():
    builder = Compact()
    builder.request(b"OPTIONS", b"sip:b")
    for name, value in ((b"Contact", b"x\r\nEvil: 1"), (b"Via\r\nEvil", b"1"), (b"To", "a\nb")):
        try:
            builder.header(name, value)
            raise AssertionError(name)
        except LocalError:
            pass


def test_a_whole_call_by_one_letter():
    sys.path.append((__file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else "..") + "/flow")
    from test_call import TARGET, two

    for one, other in ((Compact, Builder), (Builder, Compact), (Compact, Compact)):
        wire, bell, desk = two()
        bell.endpoint.builder = one(5120)
        desk.endpoint.builder = other(5120)
        out = bell.call(TARGET)
        wire.run(100)
        desk.take("incoming").source.answer(wire.now)
        wire.run(100)
        assert out.state == "up"
        out.hang_up(wire.now)
        wire.run(40000)
        assert bell.at_rest() and desk.at_rest() and not bell.endpoint.dropped + desk.endpoint.dropped
        assert (b"\r\nv: " in bell.sent[0][1]) == (one is Compact)
