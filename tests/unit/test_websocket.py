# WebSocket frames after the upgrade (test_websocket_open.py): what a server may send, and what it may not.

from siplet.errors import RemoteError
from siplet.limits import MESSAGE
from siplet.net.websocket import WebSocket, masked

SIP = b"OPTIONS sip:door@127.0.0.1 SIP/2.0\r\nCall-ID: x\r\n\r\n"


def random(n):
    return b"\x12\x34\xab\xcd"[:n] if n < 5 else bytes(range(n))


def opened():
    ws = WebSocket("pbx.test:80", "/", random)
    ws.opened = True
    return ws


def frame(first, payload=b"", mask=b""):
    n = len(payload)
    head = bytes((first, n)) if n < 126 else bytes((first, 126, n >> 8, n & 255))
    if mask:
        return bytes((head[0], head[1] | 128)) + head[2:] + mask + bytes(masked(mask, payload))
    return head + payload


def taken(ws, *pieces):
    """(messages, text of the RemoteError or "") of what comes in those pieces."""
    found = []
    try:
        for piece in pieces:
            ws.receive(piece)
            message = ws.next()
            while message is not None:
                found.append(message)
                message = ws.next()
    except RemoteError as error:
        return found, error.text
    return found, ""


def unmasked(data):
    """[(first byte, payload), ...] of the frames that a client sends."""
    found = []
    while data:
        assert data[1] & 128, "not masked"
        n = data[1] & 127
        start = 2
        if n == 126:
            n = data[2] << 8 | data[3]
            start = 4
        key = data[start : start + 4]
        start += 4
        found.append((data[0], bytes(masked(key, data[start : start + n]))))
        data = data[start + n :]
    return found


def test_the_example_of_rfc_6455():
    # 5.7: a masked "Hello" with the key 37 fa 21 3d
    assert masked(b"\x37\xfa\x21\x3d", b"Hello") == b"\x7f\x9f\x4d\x51\x58"
    ws = opened()
    assert taken(ws, b"\x81\x05Hello") == ([b"Hello"], "")
    assert taken(ws, b"\x01\x03Hel", b"\x80\x02lo") == ([b"Hello"], "")
    assert ws.next() is None and not ws.partial


def test_masked_is_its_own_inverse_at_every_length():
    data = bytes(range(256)) * 4
    for n in (0, 1, 2, 3, 4, 5, 255, 256, 257, 511, 513, 1024):
        there = masked(b"\xff\x00\x80\x01", data[:n])
        assert len(there) == n and masked(b"\xff\x00\x80\x01", memoryview(bytes(there))) == data[:n]
        for i in range(min(n, 9)):
            assert there[i] == data[i] ^ b"\xff\x00\x80\x01"[i % 4]


def test_what_we_send_is_masked():
    ws = opened()
    assert unmasked(ws.wrap(SIP)) == [(0x81, SIP)]
    assert unmasked(ws.wrap(memoryview(bytearray(SIP)))) == [(0x81, SIP)]
    assert SIP not in ws.wrap(SIP)
    long = SIP + b"x" * 3000
    assert unmasked(ws.wrap(long) + ws.ping()) == [(0x81, long), (0x89, b"")]
    assert unmasked(ws.wrap(SIP + b"\xff")) == [(0x82, SIP + b"\xff")]  # no UTF-8, so no text


def test_one_message_a_frame_in_any_pieces():
    stream = frame(0x81, SIP) + frame(0x82, SIP + b"body") + frame(0x81, SIP + b"x" * 300) + frame(0x89, b"ping")
    want = [SIP, SIP + b"body", SIP + b"x" * 300]
    for n in (1, 2, 3, 7, 64, 1000):
        ws = opened()
        assert taken(ws, *[stream[i : i + n] for i in range(0, len(stream), n)]) == (want, "")
        assert not ws._data and not ws.partial
        assert unmasked(ws.reply()) == [(0x8A, b"ping")] and ws.pings == 1 and ws.reply() == b""


def test_fragments_with_a_ping_between():
    ws = opened()
    stream = frame(0x01, SIP[:9]) + frame(0x89, b"?") + frame(0x00, SIP[9:20]) + frame(0x00) + frame(0x80, SIP[20:])
    assert taken(ws, stream[:15]) == ([], "") and ws.partial
    assert taken(ws, stream[15:]) == ([SIP], "") and unmasked(ws.reply()) == [(0x8A, b"?")]


def test_ping_and_pong():
    ws = opened()
    assert unmasked(ws.ping()) == [(0x89, b"")] and ws.awaiting
    assert taken(ws, frame(0x8A)) == ([], "") and not ws.awaiting and ws.pongs == 1
    assert taken(ws, frame(0x8A, b"unasked")) == ([], "") and ws.pongs == 1


def test_the_keep_alive_of_sip_in_a_frame():
    ws = opened()
    assert taken(ws, frame(0x81, b"\r\n\r\n"), frame(0x81, b"\r\n"), frame(0x81)) == ([], "")
    assert unmasked(ws.reply()) == [(0x81, b"\r\n")]


def test_a_server_that_says_goodbye():
    ws = opened()
    found, fault = taken(ws, frame(0x81, SIP) + frame(0x88, b"\x03\xe9going away\x00") + frame(0x81, SIP))
    assert found == [SIP] and fault == "websocket: closed by the server with 1001 going away"
    assert unmasked(ws.reply()) == [(0x88, b"\x03\xe9")]
    assert taken(ws, frame(0x81, SIP)) == ([], fault) and not ws.partial
    assert taken(opened(), frame(0x88)) == ([], "websocket: closed by the server with 1000")


def test_we_say_goodbye_once():
    ws = opened()
    assert unmasked(ws.close()) == [(0x88, b"\x03\xe8")] and ws.close() == b""
    ws.opened = False
    assert ws.close() == b""


def test_frames_that_may_not_be_end_the_connection():
    for bad in (
        frame(0x81, SIP, b"\x01\x02\x03\x04"),  # a server does not mask
        frame(0xC1, SIP),  # RSV bits belong to extensions
        frame(0x91, SIP),
        frame(0x83, SIP),  # opcodes that nobody knows
        frame(0x8B, b""),
        frame(0x09, b""),  # control frames are whole ...
        frame(0x89, b"x" * 126),  # ... and short
        frame(0x80, SIP),  # nothing to continue
        frame(0x01, b"a") + frame(0x81, SIP),  # another message in the middle of one
    ):
        ws = opened()
        found, fault = taken(ws, bad + frame(0x81, SIP))
        assert found == [] and fault == "websocket: a frame that may not be", bad
        assert unmasked(ws.reply()) == [(0x88, b"\x03\xea")]


def test_what_is_too_large_is_refused_before_it_comes():
    for head in (
        b"\x81\x7e\x10\x01",
        b"\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00",
        frame(0x01, b"x" * 4000) + frame(0x00, b"x" * 97),
    ):
        ws = opened()
        assert taken(ws, head) == ([], "websocket: too large")
        assert unmasked(ws.reply()) == [(0x88, b"\x03\xf1")]
    ws = opened()
    assert taken(ws, frame(0x01, b"x" * 4000) + frame(0x89, b"x" * 100) + frame(0x80, b"x" * 96))[0] == [b"x" * MESSAGE]


def test_any_bytes_are_survived():
    seed = 4711
    for _ in range(300):
        data = bytearray()
        for _ in range(40):
            seed = (seed * 1103 + 12345) & 0xFFFFF
            data.append(seed >> 8 & 255)
        ws = opened()
        taken(ws, bytes(data[:20]), bytes(data[20:]))
        for _, payload in unmasked(ws.reply()):
            assert len(payload) < 126
