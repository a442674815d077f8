# sip/info: the keys in INFO bodies, as phones really write them and as nobody should.

from siplet.errors import LocalError
from siplet.sip import info
from siplet.sip.info_body import body as write

RELAY = b"application/dtmf-relay"
PLAIN = b"application/dtmf"


def test_what_we_write():
    assert write("5") == (RELAY, b"Signal=5\r\nDuration=160\r\n")
    assert write("#", 250, info.PLAIN) == (PLAIN, b"#")
    assert write("d", 100) == (RELAY, b"Signal=D\r\nDuration=100\r\n")


def test_what_we_write_is_read():
    for key in "0123456789*#ABCD":
        for form in (info.RELAY, info.PLAIN):
            kind, body = write(key, 160, form)
            assert info.parse(kind, body) == key


def test_what_is_no_key():
    for digit in ("", "x", "55", "!", "5\r\nBye=1"):
        for form in (info.RELAY, info.PLAIN):
            try:
                write(digit, 160, form)
            except LocalError:
                continue
            raise AssertionError(digit)


def test_real_phones():
    for body, key in (
        (b"Signal=5\r\nDuration=160", "5"),
        (b"Signal= 5\r\nDuration= 160\r\n", "5"),  # Cisco
        (b"Signal=*\nDuration=250\n", "*"),
        (b"signal=11\r\nduration=100\r\n", "#"),  # gateways that write the event's number
        (b"Signal=10\r\n", "*"),
        (b"Signal=15\r\n", "D"),
        (b"Duration=160\r\nSignal=a\r\n", "A"),
        (b"\r\nSignal=0\r\nDuration=160\r\n\r\n", "0"),
        (b"SIGNAL = 9 \r\n", "9"),
        (b"Signal\r\n Signal=8", "8"),
    ):
        assert info.parse(RELAY, body) == key, body
        assert info.parse(b"Application/DTMF-Relay; charset=utf-8", body) == key
    assert info.parse(PLAIN, b"7") == info.parse(PLAIN, b" 7\r\n") == "7"
    assert info.parse(PLAIN, b"10") == "*"
    assert info.parse(PLAIN, b"Signal=7\r\nDuration=160") == "7"  # some mix the two up
    assert info.parse(b"application/dtmf ;x", b"#") == "#"


def test_hostile_bodies():
    for body in (
        b"",
        b"Signal",
        b"Signal=",
        b"Signal=\r\nDuration=5",
        b"Signal=55",
        b"Signal=16",  # flash
        b"Signal=1x",
        b"Signal=-1",
        b"Signal=\xff",
        b"Signal=\xc3\xa9",
        b"Signal=\0",
        b"Signal 5",
        b"=5",
        b"XSignal=5",
        b"\xff" * 5000,
        b"=" * 5000,
        b"\r\n" * 5000 + b"Signal=5",
        b"Signal=" + b" " * 5000 + b"5",
        b"Signal=" + b"5" * 5000,
        bytes(300),
    ):
        assert info.parse(RELAY, body) is None, body
        assert info.parse(PLAIN, body) is None, body
    for body in (b"x", b"\x80", b"55", b"5 5", b"1a"):
        assert info.parse(PLAIN, body) is None, body


def test_other_types():
    for kind in (b"", b";", b"application/sdp", b"application/dtmf-relay2", b"text/plain", b"\xff\0", b"application"):
        assert info.parse(kind, b"Signal=5") is None
        assert info.parse(kind, b"5") is None
