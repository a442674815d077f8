# Who calls, and how it wants to be taken, as servers write it.

from siplet.sip import identity
from siplet.sip.message import Message


def invite(*lines):
    return Message(
        b"INVITE sip:b SIP/2.0\r\nFrom: <sip:liar@x>;tag=1\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    )


def test_who_calls():
    for lines, who in (
        ((), None),
        ((b'P-Asserted-Identity: "Anna, B" <sip:100@pbx>',), (b"sip:100@pbx", b"Anna, B")),
        ((b"P-Asserted-Identity: sip:100@pbx",), (b"sip:100@pbx", b"")),
        ((b"P-Asserted-Identity: Anna <sips:100@pbx;user=phone>",), (b"sips:100@pbx;user=phone", b"Anna")),
        ((b"P-Asserted-Identity: <tel:+4930123>",), (b"tel:+4930123", b"")),
        ((b"P-Asserted-Identity: <tel:+4930123>, <sip:100@pbx>",), (b"sip:100@pbx", b"")),
        ((b"P-Asserted-Identity: <sip:100@pbx>", b"P-Asserted-Identity: <tel:+4930123>"), (b"sip:100@pbx", b"")),
        ((b'p-asserted-identity:  "\\"A\\\\" <sip:1@p>',), (b"sip:1@p", b'"A\\')),
        ((b'Remote-Party-ID: "Anna" <sip:100@pbx>;party=calling;screen=yes;privacy=off',), (b"sip:100@pbx", b"Anna")),
        ((b"Remote-Party-ID: <sip:200@pbx>;party=called",), None),
        ((b"Remote-Party-ID: <sip:200@pbx>;party=called, <sip:100@pbx>",), (b"sip:100@pbx", b"")),
        ((b"Remote-Party-ID: <sip:100@pbx>", b"P-Asserted-Identity: <sip:101@pbx>"), (b"sip:101@pbx", b"")),
        ((b"P-Preferred-Identity: <sip:100@pbx>",), None),  # what a caller would like to be called
    ):
        assert identity.asserted(invite(*lines)) == who, lines


def test_who_was_called_before():
    for lines, who in (
        ((), None),
        ((b"Diversion: <sip:200@pbx>;reason=user-busy;counter=1",), b"sip:200@pbx"),
        ((b"Diversion: <sip:300@pbx>;reason=unconditional, <sip:200@pbx>",), b"sip:300@pbx"),
        ((b"History-Info: <sip:200@pbx?Reason=SIP%3Bcause%3D302>;index=1, <sip:b@x>;index=1.1",), b"sip:200@pbx"),
        ((b"History-Info: <sip:b@x>;index=1",), None),  # only ourselves
    ):
        assert identity.diverted(invite(*lines)) == who, lines


def test_who_wants_to_be_answered():
    for line, seconds in (
        (b"Alert-Info: <http://www.notused.com>;info=alert-autoanswer;delay=0", 0),
        (b"Alert-Info: <http://x>;info=alert-autoanswer;delay=3", 3),
        (b"Alert-Info: info=alert-autoanswer", 0),
        (b"Alert-Info: Auto Answer", 0),
        (b"Alert-Info: Ring Answer", 0),
        (b"Alert-Info: <alert-autoanswer>", 0),
        (b"Alert-Info: <http://x>; Answer-After=5", 5),
        (b'Alert-Info: <http://x>;answer-after="7"', 7),
        (b"Call-Info: <sip:pbx>;answer-after=0", 0),
        (b"Call-Info: <http://x/photo.png>;purpose=icon, <sip:pbx>;answer-after=2", 2),
        (b"Call-Info: answer-after=0", 0),
        (b"Answer-Mode: Auto", 0),
        (b"Answer-Mode: auto;require", 0),
        (b"Priv-Answer-Mode: Auto", 0),
        (b"Answer-Mode: Manual", None),
        (b"Answer-Mode: Automatic", None),
        (b"Alert-Info: <http://x/ring.wav>", None),
        (b"Alert-Info: <http://x>;info=alert-external;delay=0", None),
        (b"Alert-Info: <http://x>;delay=0", None),
        (b"Call-Info: <sip:pbx>;answer-after=-1", None),
        (b"Call-Info: <sip:pbx>;answer-after=", None),
        (b"Call-Info: <sip:pbx>;answer-after=99999", None),
        (b"Call-Info: <sip:pbx>;answer-after=3601", None),
        (b"X-Alert-Info: alert-autoanswer", None),
    ):
        assert identity.answer_after(invite(line)) == seconds, line


def test_what_cannot_be_read_says_nothing():
    for value in (
        b"",
        b"<",
        b">",
        b'"',
        b'"a',
        b"<sip:",
        b"sip:a@b, ",
        b",",
        b"nobody",
        b"<>",
        b"<sip:a@b>;=",
        b"\xff\xfe <\xff>",
    ):
        for name in (
            b"P-Asserted-Identity",
            b"Remote-Party-ID",
            b"Diversion",
            b"History-Info",
            b"Alert-Info",
            b"Call-Info",
        ):
            message = invite(name + b": " + value, name + b": " + value)
            for ask in (identity.asserted, identity.diverted, identity.answer_after):
                ask(message)  # raises nothing
    many = b", ".join([b"<sip:100@pbx>"] * 100)
    assert identity.asserted(invite(b"P-Asserted-Identity: " + many)) is None
