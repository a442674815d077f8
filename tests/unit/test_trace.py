# siplet/trace: what host tools read.

import os

from siplet.errors import LocalError
from siplet.platform import random
from siplet.trace import Trace

NAME = "/tmp/siplet-%s.trace" % "".join("%02x" % b for b in random(6))


def test_a_trace_can_be_read_while_it_grows_whatever_the_messages_hold():
    trace = Trace(NAME)
    try:
        trace(True, b"OPTIONS sip:a SIP/2.0\r\n\r\n", ("192.0.2.1", 5060))
        with open(NAME, "rb") as file:
            first, rest = file.read().split(b"\n", 1)
        words = first.split(b" ")
        assert words[0] == b">>>" and words[2:] == [b"192.0.2.1:5060", b"25"]
        assert 0 <= int(words[1]) < 1 << 30
        assert rest == b"OPTIONS sip:a SIP/2.0\r\n\r\n\n"
        trace(False, memoryview(b"\xff\x00>>> 1 x 2\n"), ("2001:db8::1", 5062))
        with open(NAME, "rb") as file:
            lines = file.read().split(b"\n", 4)
        words = lines[4].split(b" ", 4)
        assert words[0] == b"<<<" and words[2] == b"[2001:db8::1]:5062" and words[3][:2] == b"12"
        assert lines[4][-13:] == b"\xff\x00>>> 1 x 2\n\n"
    finally:
        trace._file.close()
        os.remove(NAME)


def test_keys_are_written_as_stars():
    trace = Trace(NAME)
    key = b"WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    lines = (
        b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:%|2^20|1:4 UNENCRYPTED_SRTP",
        b"a=crypto:2 AES_CM_128_HMAC_SHA1_32 INLINE:%;inline:%",
        b"a=crypto:3 F8_128_HMAC_SHA1_80 inline:%",
    )
    message = b"INVITE sip:a SIP/2.0\r\n\r\nv=0\r\n" + b"\r\n".join(lines)
    try:
        trace(True, memoryview(message.replace(b"%", key)), ("192.0.2.1", 5061))
        with open(NAME, "rb") as file:
            first, rest = file.read().split(b"\n", 1)
        assert rest == message.replace(b"%", b"*" * len(key)) + b"\n", "and nothing else has changed"
        assert first.endswith(b" " + str(len(rest) - 1).encode())
    finally:
        trace._file.close()
        os.remove(NAME)


def test_a_trace_that_cannot_be_written_is_named_and_one_that_fails_later_harms_nobody():
    try:
        Trace("/tmp/there/is/none.trace")
    except LocalError as error:
        assert str(error) == "/tmp/there/is/none.trace: cannot be written"
    else:
        raise AssertionError

    class Full:
        def write(self, data):
            raise OSError(28)

    trace = Trace(NAME)
    trace._file.close()
    os.remove(NAME)
    trace._file = Full()
    trace(True, b"x", ("192.0.2.1", 5060))


def test_on_the_console_it_stands_between_the_lines_of_the_log():
    class Stream:
        def __init__(self):
            self.data = b""

        def write(self, data):
            self.data += data

    stream = Stream()
    trace = Trace("console")
    trace._file.write = stream.write
    trace(True, b"OPTIONS sip:a SIP/2.0\r\n\r\n", ("192.0.2.1", 5060))
    head, rest = stream.data.split(b"\n", 1)
    assert head[:4] == b">>> " and head.endswith(b" 192.0.2.1:5060 25") and rest == b"OPTIONS sip:a SIP/2.0\r\n\r\n\n"
