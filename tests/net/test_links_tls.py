# TLS on loopback: whom a connection trusts, and that it says no in one clear line, and sends nothing, to anybody else.

from siplet import platform
from siplet.net import tls
from stream_peer import HERE, MESSAGE, Peer, Told, certificate, until

NEEDS = ("sockets", "event_loop")

# Of tests/vectors/tls/server.pem, as openssl x509 -fingerprint -sha256 prints it
PIN = "48:03:68:4B:EE:C2:1F:4C:6D:62:1B:39:24:76:47:F0:9D:E1:62:53:0B:8D:65:B6:A6:C7:A9:07:4D:5A:AA:62"
CA = certificate("ca.pem")


def echo(connection, data):
    return data


async def heard(peer, name="pbx.test", **options):
    """(how many messages came back, last_error): what a connection with these options came to."""
    async with Told(tls=options) as links:
        there = (name, peer.port, b"TLS")
        if links.send(MESSAGE, there, (HERE, peer.port)):
            await until(lambda: links.messages or links.failures)
            assert links.messages or links.failures == [there]
        else:
            assert not links.failures and not links.links
        assert bool(links.messages) != bool(links.last_error) and "\n" not in links.last_error
        if links.last_error:
            assert links.last_error.startswith(f"TLS {name}:{peer.port}: "), links.last_error
        return len(links.messages), links.last_error


async def test_the_right_server_by_authority_name_and_address():
    async with Peer(echo, certificate="server.pem") as peer:
        for name in ("pbx.test", "localhost", HERE):
            assert await heard(peer, name, ca=CA) == (1, "")
        assert all(MESSAGE == connection.got for connection in peer.connections)


async def test_the_authority_as_a_file_in_pem_and_der():
    from stream_peer import VECTORS

    async with Peer(echo, certificate="server.pem") as peer:
        assert await heard(peer, ca=VECTORS + "ca.pem") == (1, "")
        assert await heard(peer, ca=tls.der(CA)[0]) == (1, "")
        assert await heard(peer, ca=certificate("other.pem") + CA) == (1, "")  # one of several


async def test_by_fingerprint():
    async with Peer(echo, certificate="server.pem") as peer:
        for pin in (PIN, PIN.lower(), PIN.replace(":", "")):
            assert await heard(peer, pin=pin) == (1, "")
        assert await heard(peer, "any.name", pin=PIN) == (1, "")
        assert await heard(peer, pin=PIN, ca=CA) == (1, "")


async def test_unchecked_only_when_it_is_said():
    async with Peer(echo, certificate="expired.pem") as peer:
        assert await heard(peer, "any.name", insecure=True) == (1, "")
        for options in ({}, {"insecure": False}, {"ca": "", "pin": ""}, {"insecure": None}, {"insecure": "no"}):
            count, error = await heard(peer, **options)
            assert count == 0 and "configure" in error and "(ca)" in error and "(pin)" in error
        assert len(peer.connections) == 1


async def test_whoever_is_not_the_right_server_gets_nothing():
    right = "server.pem", "expired.pem"
    for cert, name, options, words in (
        (right[0], "evil.test", {"ca": CA}, ("match", "mismatch")),
        (right[0], "127.0.0.2", {"ca": CA}, ("match", "mismatch")),
        (right[0], "pbx.test.evil.test", {"ca": CA}, ("match", "mismatch")),
        (right[1], "pbx.test", {"ca": CA}, ("expired",)),
        (right[0], "pbx.test", {"ca": certificate("other.pem")}, ("not correctly signed", "unable to get")),
        (right[0], "pbx.test", {"pin": "00" * 32}, ("another fingerprint: " + PIN.replace(":", "").lower(),)),
        (right[0], "pbx.test", {"pin": "00" * 32, "ca": CA}, ("another fingerprint",)),
        (right[1], "pbx.test", {"pin": PIN}, ("another fingerprint",)),
        (right[0], "evil.test", {"pin": PIN, "ca": CA}, ("match", "mismatch")),
        (right[1], "pbx.test", {"pin": PIN, "insecure": True}, ("another fingerprint",)),
    ):
        async with Peer(echo, certificate=cert) as peer:
            count, error = await heard(peer, name, **options)
            assert count == 0 and any(word in error for word in words), (name, options, error)
            await platform.sleep_ms(20)
            assert not any(connection.got for connection in peer.connections)


async def test_options_that_cannot_be():
    async with Peer(echo, certificate="server.pem") as peer:
        for options, words in (
            ({"pin": "1234"}, "64 hex digits"),
            ({"pin": PIN + ":00"}, "64 hex digits"),
            ({"ca": CA, "cafile": "x"}, "no option cafile"),
            ({"ca": "/no/such/file"}, ""),
            ({"ca": b"-----BEGIN NOTHING-----\nAAAA\n-----END NOTHING-----\n"}, "ca holds no certificate"),
            ({"ca": b"no certificate"}, ""),
            ({"ca": b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"}, ""),
        ):
            count, error = await heard(peer, **options)
            assert count == 0 and words in error, (options, error)
        await platform.sleep_ms(20)
        assert not any(connection.got for connection in peer.connections)
        assert tls.problem({"ca": CA}) == tls.problem({"pin": PIN}) == tls.problem({"insecure": True}) == ""


async def test_a_server_without_tls():
    async with Peer(lambda connection, data: b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as peer:
        count, error = await heard(peer, ca=CA)
        assert count == 0 and MESSAGE[:9] not in peer.connections[0].got, error


async def test_a_server_that_is_silent_in_the_handshake():
    async with Peer() as peer, Told(tls={"ca": CA}) as links:
        links.connect_ms = 60
        links.send(MESSAGE, peer.at(b"TLS"))
        assert await until(lambda: links.failures)
        assert "no connection in time" in links.last_error and MESSAGE[:9] not in peer.connections[0].got


async def test_nobody_there():
    async with Told(tls={"ca": CA}) as links:
        links.send(MESSAGE, (HERE, 9, b"TLS"))
        assert await until(lambda: links.failures == [(HERE, 9, b"TLS")]) and "refused" in links.last_error.lower()


async def test_large_messages_both_ways_and_many():
    big = MESSAGE.replace(b": 5", b": 3800").replace(b"hello", b"x" * 3800)
    async with Peer(echo, certificate="server.pem") as peer, Told(tls={"ca": CA}) as links:
        links.send(MESSAGE, peer.at(b"TLS"))
        assert await until(lambda: len(links.messages) == 1)
        for i in range(20):
            assert links.send(big if i % 3 else MESSAGE, peer.at(b"TLS"))
            await platform.sleep_ms(1)
        assert await until(lambda: len(links.messages) == 21)
        assert [data for data, _ in links.messages] == [MESSAGE] + [big if i % 3 else MESSAGE for i in range(20)]
        assert {source for _, source in links.messages} == {peer.at(b"TLS")} and len(peer.connections) == 1


async def test_another_name_at_the_same_address_is_another_server():
    async with Peer(echo, certificate="server.pem") as peer, Told(tls={"ca": CA}) as links:
        links.send(MESSAGE, ("pbx.test", peer.port, b"TLS"), (HERE, peer.port))
        assert await until(lambda: links.messages)
        links.send(MESSAGE, ("evil.test", peer.port, b"TLS"), (HERE, peer.port))
        assert await until(lambda: links.failures)
        assert links.failures == [("evil.test", peer.port, b"TLS")] and len(links.links) == 1
        await platform.sleep_ms(20)
        assert len(links.messages) == 1 and MESSAGE * 2 not in peer.connections[0].got


async def test_a_server_that_restarts():
    async with Told(tls={"ca": CA}) as links:
        async with Peer(echo, certificate="server.pem") as peer:
            links.send(MESSAGE, peer.at(b"TLS"))
            assert await until(lambda: links.messages)
        assert await until(lambda: links.failures == [peer.at(b"TLS")])
        async with Peer(echo, certificate="server.pem", port=peer.port) as again:
            assert links.send(MESSAGE, peer.at(b"TLS"))
            assert await until(lambda: len(links.messages) == 2) and len(again.connections) == 1
