# Messages out of a stream: in pieces, several at once, with keep-alives between; and streams that end.

import torture
from siplet.errors import RemoteError
from siplet.limits import MESSAGE
from siplet.sip.framing import Framer
from siplet.sip.message import Message

HEAD = b"OPTIONS sip:door@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\nCSeq: 1 OPTIONS\r\n"
EMPTY = HEAD + b"Content-Length: 0\r\n\r\n"
HELLO = HEAD + b"Content-Length: 5\r\n\r\nhello"


def framed(*pieces):
    """(messages, why the stream ended or "") of what comes in those pieces."""
    framer = Framer()
    found = []
    try:
        for piece in pieces:
            framer.receive(piece)
            message = framer.next()
            while message is not None:
                found.append(message)
                message = framer.next()
    except RemoteError as error:
        assert error.status == 400
        return found, error.text
    return found, ""


def in_pieces(data, n):
    return [data[i : i + n] for i in range(0, len(data), n)]


def test_a_message_as_it_comes():
    assert framed(EMPTY) == ([EMPTY], "")
    assert framed(HELLO) == ([HELLO], "")
    assert framed(memoryview(HELLO)) == ([HELLO], "")
    assert isinstance(framed(HELLO)[0][0], bytes)


def test_in_pieces_of_every_size():
    stream = HELLO + EMPTY + b"\r\n" + HELLO
    for n in (1, 2, 3, 4, 5, 7, 16, 61, len(HELLO) - 1, len(HELLO) + 1, 1000):
        assert framed(*in_pieces(stream, n)) == ([HELLO, EMPTY, HELLO], ""), n


def test_many_in_one():
    assert framed(HELLO * 20) == ([HELLO] * 20, "")


def test_what_is_incomplete_waits():
    framer = Framer()
    assert framer.next() is None and not framer.partial
    framer.receive(HELLO[:-1])
    assert framer.next() is None and framer.partial
    framer.receive(HELLO[-1:] + b"\r")
    assert framer.next() == HELLO and framer.next() is None
    assert not framer.partial  # half a keep-alive is no half message


def test_an_idle_stream_keeps_no_buffer():
    framer = Framer()
    for data in (HELLO, b"\r\n\r\n", HELLO + b"\r\n"):
        framer.receive(data)
        while framer.next():
            pass
        assert not framer._data


def test_every_way_to_write_the_length():
    for line in (
        b"l: 5",
        b"L:5",
        b"CONTENT-LENGTH\t :   5  ",
        b"Content-Length: 0005",
        b"Content-Length:\r\n 5",
        b"l :\r\n\t5\r\n ",
    ):
        message = HEAD + line + b"\r\nSubject: l: 7\r\n c: 3\r\nLanguage: l\r\nContent-Length-Not: 9\r\n\r\nhello"
        for n in (1, 1000):
            assert framed(*in_pieces(message + EMPTY, n)) == ([message, EMPTY], ""), line


def test_a_stream_that_cannot_be_read_on_ends_with_a_message_to_be_refused():
    for line, why in (
        (b"", "missing"),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", "twice"),
        (b"Content-Length: 5\r\nl: 5\r\n", "twice"),
        (b"Content-Length:\r\n", "number"),
        (b"Content-Length: -999\r\n", "number"),
        (b"Content-Length: five\r\n", "number"),
        (b"Content-Length: 5, 5\r\n", "number"),
        (b"Content-Length: 5;x\r\n", "number"),
        (b"Content-Length: 5 5\r\n", "number"),
        (b"Content-Length: 4096\r\n", "too large"),
        (b"Content-Length: 4097\r\n", "number"),
        (b"Content-Length: 99999999999999999999999999\r\n", "number"),
    ):
        data = HEAD + b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\n" + line + b"\r\n"
        for n in (1, 1000):
            (head,), fault = framed(*in_pieces(data + b"hello" + EMPTY, n))
            assert fault.startswith("content-length: ") and fault.endswith(why), (line, fault)
            try:
                Message(head).check()
                raise AssertionError(line)
            except RemoteError as error:
                assert error.status == 400 and "content-length" in error.text, error.text


def test_the_same_of_a_response_is_dropped():
    data = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\nCSeq: 1 OPTIONS\r\nCall-ID: x\r\n"
    data += b"From: <sip:a@b>;tag=1\r\nTo: <sip:a@b>;tag=2\r\n\r\n"
    (head,), fault = framed(data)
    assert fault == "content-length: missing"
    try:
        Message(head).check()
        raise AssertionError
    except RemoteError as error:
        assert error.status == 0


def test_after_its_end_nothing_comes_any_more():
    framer = Framer()
    framer.receive(HEAD + b"\r\n" + EMPTY)
    assert framer.next()
    for _ in range(3):
        try:
            framer.next()
            raise AssertionError
        except RemoteError:
            framer.receive(EMPTY)


def test_a_head_without_end_is_bounded():
    for junk in (b"x", b"\0", b"\n", b"x: y\r\n", b"\r"):
        data = junk * (2 * MESSAGE // len(junk))
        for n in (50, 1000, len(data)):
            found, fault = framed(*in_pieces(data, n))
            assert (found, fault) == ([], "head: too long"), junk
    long = HEAD + b"Subject: " + b"x" * MESSAGE + b"\r\nContent-Length: 0\r\n\r\n"
    assert framed(long)[1] == "content-length: too large"
    fits = HEAD + b"Content-Length: 3900\r\n\r\n"
    fits += b"x" * 3900
    assert len(fits) < MESSAGE and framed(*in_pieces(fits, 512)) == ([fits], "")


def keep_alives(*pieces, awaiting=False):
    framer = Framer()
    if awaiting:
        assert framer.ping() == b"\r\n\r\n"
    messages = 0
    for piece in pieces:
        framer.receive(piece)
        while framer.next():
            messages += 1
    owed = framer.reply()
    assert owed == b"\r\n" * framer.pings and framer.reply() == b""
    return framer.pings, framer.pongs, messages


def test_keep_alives():
    assert keep_alives(b"\r\n\r\n") == (1, 0, 0)
    assert keep_alives(b"\r\n\r\n" * 3) == (3, 0, 0)
    assert keep_alives(*in_pieces(b"\r\n\r\n" * 3, 1)) == (3, 0, 0)
    assert keep_alives(b"\r\n\r", b"\n") == (1, 0, 0)
    assert keep_alives(b"\r\n\r\n" + EMPTY + b"\r\n\r\n" + HELLO) == (2, 0, 2)
    assert keep_alives(b"\r\n", awaiting=True) == (0, 1, 0)
    assert keep_alives(b"\r", b"\n" + HELLO, awaiting=True) == (0, 1, 1)
    assert keep_alives(b"\r\n\r\n", awaiting=True) == (1, 0, 0)  # the peer's own ping
    assert keep_alives(b"\r\n\r\n\r\n", awaiting=True) == (1, 1, 0)
    assert keep_alives(b"\r\n") == (0, 0, 0)  # 7.5: to be ignored
    assert keep_alives(EMPTY + b"\r\n" + EMPTY + b"\r\n" + EMPTY) == (0, 0, 3)


def test_a_pong_is_told_once():
    framer = Framer()
    for _ in range(3):
        framer.ping()
        framer.receive(b"\r\n")
        assert framer.next() is None and not framer.awaiting
    assert (framer.pings, framer.pongs) == (0, 3)


def test_the_torture_messages():
    # What is a good message, and says how long it is, comes through whole, however it is cut
    after = b"\r\n\r\n" + EMPTY
    whole = 0
    for name, kind, _ in torture.verdicts():
        data = torture.load(name)
        for n in (1, 100, 5000):
            found, fault = framed(*in_pieces(data + after, n))
            if kind == "valid" and not fault:
                assert found == [data, EMPTY], name
        whole += kind == "valid" and not fault
        assert fault or found, name
    assert whole >= 12, whole
    assert framed(torture.load("mcl01") + EMPTY)[1] == "content-length: twice"
    assert framed(torture.load("ncl") + EMPTY)[1].startswith("content-length: ")


def test_any_bytes_are_survived():
    seed = 815
    for _ in range(400):
        data = bytearray(HELLO + b"\r\n\r\n" + EMPTY)
        pieces = []
        for _ in range(6):  # bytes changed, and cuts made, where a seeded generator says
            seed = (seed * 1103 + 12345) & 0xFFFFF
            data[(seed >> 3) % len(data)] = seed >> 11 & 255
        while data:
            seed = (seed * 1103 + 12345) & 0xFFFFF
            n = 1 + (seed >> 4) % 60
            pieces.append(bytes(data[:n]))
            data = data[n:]
        found, fault = framed(*pieces)
        assert all(b"\r\n\r\n" in message and len(message) <= MESSAGE for message in found)
        assert fault == "" or fault.startswith("content-length: ")
