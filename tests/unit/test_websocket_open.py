# The upgrade to WebSocket: what we ask, and which answers of a server open a connection for SIP.

NEEDS = ("sha1",)

from siplet.errors import LocalError, RemoteError
from siplet.net.websocket import WebSocket, accept

GOOD = {
    b"Upgrade": b"websocket",
    b"Connection": b"Upgrade",
    b"Sec-WebSocket-Accept": b"",
    b"Sec-WebSocket-Protocol": b"sip",
}
KEY = b"the sample nonce"  # of RFC 6455 1.3


def client():
    return WebSocket("pbx.test:8088", "/ws", lambda n: KEY[:n])


def answer(status=b"HTTP/1.1 101 Switching Protocols", **changed):
    headers = dict(GOOD)
    headers[b"Sec-WebSocket-Accept"] = accept(b"dGhlIHNhbXBsZSBub25jZQ==")
    for name in changed:
        headers[name.replace("_", "-").encode()] = changed[name]
    lines = [status] + [name + b": " + value for name, value in headers.items() if value is not None]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def refused(data):
    ws = client()
    ws.receive(data)
    try:
        assert ws.next() is None
        return ""
    except RemoteError as error:
        assert not ws.opened and ws.reply() == b"" and ws.close() == b""
        return error.text


def test_the_example_of_rfc_6455():
    assert accept(b"dGhlIHNhbXBsZSBub25jZQ==") == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    request = client().request
    for line in (
        b"GET /ws HTTP/1.1\r\n",
        b"\r\nHost: pbx.test:8088\r\n",
        b"\r\nUpgrade: websocket\r\n",
        b"\r\nConnection: Upgrade\r\n",
        b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"\r\nSec-WebSocket-Version: 13\r\n",
        b"\r\nSec-WebSocket-Protocol: sip\r\n",
    ):
        assert request.count(line) == 1, line
    assert request.find(b"\r\n\r\n") == len(request) - 4


def test_a_server_that_agrees_in_pieces_with_a_message_behind():
    data = answer() + b"\x81\x05Hello"
    for n in (1, 10, 1000):
        ws = client()
        found = []
        for i in range(0, len(data), n):
            ws.receive(data[i : i + n])
            found.append(ws.next())
        assert ws.opened and [m for m in found if m] == [b"Hello"] and not ws.partial


def test_answers_that_are_good_all_the_same():
    for changed in (
        {"Upgrade": b"WebSocket", "Connection": b"keep-alive, upgrade"},
        {"Sec_WebSocket_Protocol": b" SIP ", "Server": b"any: thing"},
        {"Sec_WebSocket_Extensions": b""},
    ):
        assert refused(answer(**changed)) == ""
    assert refused(answer(b"HTTP/1.1 101")) == ""


def test_answers_that_open_nothing():
    for data, why in (
        (answer(b"HTTP/1.1 404 Not Found\x1b"), "the server answered HTTP/1.1 404 Not Found"),
        (answer(b"HTTP/1.0 101 Switching Protocols"), "the server answered HTTP/1.0 101 Switching Protocols"),
        (answer(b"SIP/2.0 400 Bad Request"), "the server answered SIP/2.0 400 Bad Request"),
        (answer(b""), "the server answered"),
        (answer(Upgrade=None), "no Upgrade"),
        (answer(Upgrade=b"h2c"), "no Upgrade"),
        (answer(Connection=b"close"), "no Connection"),
        (answer(Sec_WebSocket_Accept=b"s3pPLMBiTxaQ9kYGzzhZRbK+xOO="), "wrong Sec-WebSocket-Accept"),
        (answer(Sec_WebSocket_Accept=None), "wrong Sec-WebSocket-Accept"),
        (answer(Sec_WebSocket_Protocol=None), "does not speak SIP"),
        (answer(Sec_WebSocket_Protocol=b"xmpp"), "does not speak SIP"),
        (answer(Sec_WebSocket_Extensions=b"permessage-deflate"), "an extension"),
        (b"x" * 2100, "no end"),
    ):
        assert why in refused(data), (data, refused(data))
        assert refused(data).startswith("websocket: ")
    assert refused(answer()[:-1]) == ""  # not yet


def test_host_and_path_cannot_inject_a_line():
    for host, path in (("pbx.test:1\r\nX: y", "/"), ("pbx.test", "/ HTTP/1.1\r\nX: y\r\n"), ("pbx.test", "/a b")):
        try:
            WebSocket(host, path, lambda n: KEY[:n])
            raise AssertionError(path)
        except LocalError:
            pass
