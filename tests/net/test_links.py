# Connections over TCP on loopback: reuse both ways, keep-alives, peers that stall, go away or were never there.

import socket

from siplet import platform
from siplet.limits import STREAM_QUEUE, STREAMS_IN, STREAMS_OUT
from siplet.net import tcp
from stream_peer import HEAD, HERE, MESSAGE, Peer, Told, free_port, until

NEEDS = ("sockets", "event_loop")


def echo(connection, data):
    return data


async def test_one_connection_serves_both_ways():
    def answer(links, data, source):
        assert links.send(b"answer" + MESSAGE, source)

    async with Peer() as peer, Told(answer) as links:
        assert links.send(memoryview(bytearray(MESSAGE)), peer.at()) and links.send(MESSAGE, peer.at())
        assert await until(lambda: peer.connections and peer.connections[0].got == MESSAGE * 2)
        await peer.connections[0].write(MESSAGE)
        assert await until(lambda: links.messages)
        assert links.messages == [(MESSAGE, peer.at())] and isinstance(links.messages[0][0], bytes)
        assert await until(lambda: peer.connections[0].got == MESSAGE * 2 + b"answer" + MESSAGE)
        assert links.send(MESSAGE, peer.at())
        assert await until(lambda: peer.connections[0].got.endswith(b"hello" + MESSAGE))
        assert len(peer.connections) == 1 and links.failures == [] and links.last_error == ""


async def test_what_was_sent_was_copied():
    async with Peer() as peer, Told() as links:
        buffer = bytearray(MESSAGE)
        assert links.send(memoryview(buffer), peer.at())
        buffer[:7] = b"changed"
        assert await until(lambda: peer.connections and peer.connections[0].got == MESSAGE)


async def test_a_name_goes_to_its_address():
    async with Peer(echo) as peer, Told() as links:
        there = ("pbx.test", peer.port, b"TCP")
        assert links.send(MESSAGE, there, (HERE, peer.port))
        assert await until(lambda: links.messages)
        assert links.messages == [(MESSAGE, peer.at())]  # its source is an address, as Via's received wants it
        assert links.send(MESSAGE, there, (HERE, peer.port)) and links.send(MESSAGE, peer.at())
        assert links.send(MESSAGE, ("other.test", peer.port, b"TCP"), (HERE, peer.port))
        assert await until(lambda: len(links.messages) == 4) and len(peer.connections) == 1
        await peer.connections[0].close()
        assert await until(lambda: len(links.failures) == 3)
        assert links.failures == [there, peer.at(), ("other.test", peer.port, b"TCP")]  # whoever was sent something


async def test_another_address_of_the_same_name_is_another_server():
    there = ("pbx.test", 0, b"TCP")
    async with Peer(echo) as one, Peer(echo) as other, Told() as links:
        assert links.send(MESSAGE, there, (HERE, free_port()))
        assert await until(lambda: links.failures == [there])
        for peer in (one, other, one):  # one that is dead does not keep us from the next
            assert links.send(MESSAGE, there, (HERE, peer.port))
        assert await until(lambda: len(links.messages) == 3)
        assert sorted([source for _, source in links.messages]) == sorted([one.at(), one.at(), other.at()])
        assert len(one.connections) == len(other.connections) == 1


async def test_messages_in_pieces_and_many_in_one():
    long = HEAD + b"Content-Length: 3000\r\n\r\n" + b"x" * 3000
    async with Peer() as peer, Told() as links:
        links.send(MESSAGE, peer.at())
        assert await until(lambda: peer.connections)
        stream = MESSAGE + long + b"\r\n\r\n" + MESSAGE
        await peer.connections[0].write(stream[:20], stream[20:99], stream[99:1500], stream[1500:], stream * 3)
        assert await until(lambda: len(links.messages) == 12)
        assert [data for data, _ in links.messages] == [MESSAGE, long, MESSAGE] * 4
        assert await until(lambda: peer.connections[0].got == MESSAGE + b"\r\n" * 4)  # the pongs


async def test_nobody_there():
    async with Told() as links:
        links.pause_ms = 50
        there = (HERE, free_port(), b"TCP")
        assert links.send(MESSAGE, there) and links.failures == []
        assert await until(lambda: links.failures)
        assert links.failures == [there] and links.failed == 1
        assert links.last_error.startswith(f"TCP {HERE}:{there[1]}: ") and "refused" in links.last_error.lower()
        assert not links.send(MESSAGE, there) and links.failures == [there]  # not hammered
        assert links.last_error == f"TCP {HERE}:{there[1]}: could not be reached a moment ago"
        assert await until(lambda: links.send(MESSAGE, there)) and await until(lambda: links.failed == 2)
        first = platform.now()
        async with Peer(port=there[1]) as peer:
            assert not links.send(MESSAGE, there)
            assert await until(lambda: links.send(MESSAGE, there))
            assert platform.now() - first >= 90  # the second pause was longer
            assert await until(lambda: peer.connections and peer.connections[0].got == MESSAGE)
        assert links.failures[:2] == [there] * 2


async def test_what_cannot_be_sent_is_known_at_once():
    async with Told() as links:
        assert not links.send(MESSAGE, (HERE, 5060, b"SCTP")) and "no such transport" in links.last_error
        links.send(MESSAGE, ("256.1.1.1.", 5060, b"TCP"))
        assert await until(lambda: links.failures)  # cannot be resolved
        links.close()
        assert not links.send(MESSAGE, (HERE, 5060, b"TCP")) and links.last_error.endswith(": closed")
        links.close()


async def test_a_server_that_closes_is_connected_anew():
    async with Peer(echo) as peer, Told() as links:
        links.send(MESSAGE, peer.at())
        assert await until(lambda: len(links.messages) == 1)
        await peer.connections[0].close()
        assert await until(lambda: links.failures == [peer.at()])
        assert links.last_error == f"TCP {HERE}:{peer.port}: closed by the other end"
        assert links.send(MESSAGE, peer.at())  # it had answered before: no pause
        assert await until(lambda: len(links.messages) == 2) and len(peer.connections) == 2


async def test_a_server_that_accepts_and_closes_is_not_hammered():
    async with Peer() as peer, Told() as links:
        links.send(MESSAGE, peer.at())
        assert await until(lambda: peer.connections)
        await peer.connections[0].close()
        assert await until(lambda: links.failures) and not links.send(MESSAGE, peer.at())


async def test_a_server_that_does_not_even_accept():
    listener, port = tcp.listen(HERE, 0)
    listener.listen(0)
    full = [tcp.connect((HERE, port))[0] for _ in range(3)]  # the kernel takes no more, and is silent
    await platform.sleep_ms(20)
    async with Told() as links:
        links.connect_ms = 60
        there = (HERE, port, b"TCP")
        assert links.send(MESSAGE, there)
        assert await until(lambda: links.failures == [there]) and "no connection in time" in links.last_error
    full.append(listener)
    for sock in full:
        sock.close()


async def test_a_stream_that_cannot_be_read_on_is_answered_and_closed():
    def refuse(links, data, source):
        links.send(b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n", source)

    for line, why in ((b"", "missing"), (b"Content-Length: 5\r\nContent-Length: 6\r\n", "twice")):
        async with Told(refuse) as links, Told() as other:
            port = await links.listen(HERE, 0)
            other.send(HEAD + line + b"\r\nhello" + MESSAGE * 9, (HERE, port, b"TCP"))
            assert await until(lambda: other.failures)
            assert [data[:11] for data, _ in other.messages] == [b"SIP/2.0 400"] and len(links.messages) == 1
            assert "content-length: " + why in links.last_error and links.failed == 1


async def test_half_a_message_and_nothing_more():
    async with Peer() as peer, Told() as links:
        links.stall_ms = 60
        links.send(MESSAGE, peer.at())
        assert await until(lambda: peer.connections)
        start = platform.now()
        while not links.failures and platform.now() - start < 2000:  # each byte does not buy more time
            await peer.connections[0].write(b"O")
            await platform.sleep_ms(10)
        assert links.failures == [peer.at()] and "half a message" in links.last_error
        assert await until(lambda: peer.connections[0].over)
        assert platform.now() - start >= 50


async def test_whole_messages_one_after_the_other_do_not_stall():
    async with Peer() as peer, Told() as links:
        links.stall_ms = 40
        links.send(MESSAGE, peer.at())
        assert await until(lambda: peer.connections)
        for _ in range(12):  # a new one has always begun when the last one ends
            await peer.connections[0].write(MESSAGE[20:] + MESSAGE[:20] if links.messages else MESSAGE + MESSAGE[:20])
            await platform.sleep_ms(10)
        assert len(links.messages) >= 11 and links.failures == []


async def test_a_peer_that_reads_nothing():
    async with Peer(reads=False) as peer, Told() as links:
        links.stall_ms = 60
        big = HEAD + b"Content-Length: 3900\r\n\r\n" + b"x" * 3900
        links.send(big, peer.at())
        assert await until(lambda: peer.connections)
        sent = 0
        while links.send(big, peer.at()):
            sent += 1
            assert sent < 10000
        assert links.last_error.endswith("more to send than it takes")
        (link,) = links.links
        assert sum([len(data) for data in link._queue]) <= STREAM_QUEUE
        assert await until(lambda: links.failures == [peer.at()]) and "takes nothing any more" in links.last_error


async def test_a_slow_reader_gets_everything_in_order():
    want = []
    async with Peer(reads=False) as peer, Told() as links:
        links.send(MESSAGE, peer.at())
        assert await until(lambda: peer.connections)
        (connection,) = peer.connections
        number = 0
        data = b"%04d" * 0
        while not (links.links and links.links[0]._writer):
            number += 1
            body = (str(number) + " ").encode() * 700
            data = HEAD + b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
            assert links.send(data, peer.at()) and number < 10000
            want.append(number)
        total = 0
        last = b""
        while total == 0 or not last.endswith(data[-1400:]):
            part = await connection._reader.read(60000)
            total += len(part)
            last = (last + part)[-4000:]
        assert not links.links[0]._queue and links.failures == []


async def test_keep_alives_are_answered():
    async with Peer() as peer, Told() as links:
        links.send(MESSAGE, peer.at())
        assert await until(lambda: peer.connections)
        await peer.connections[0].write(b"\r\n\r\n")
        assert await until(lambda: peer.connections[0].got == MESSAGE + b"\r\n") and not links.messages


async def test_a_server_that_has_answered_keep_alives_and_stops():
    pongs = []

    def answer(connection, data):
        if data == b"\r\n\r\n" and len(pongs) < 3:
            pongs.append(platform.now())
            return b"\r\n"
        return None

    async with Peer(answer) as peer, Told(keepalive_ms=40) as links:
        links.pong_ms = 100
        links.send(MESSAGE, peer.at())
        assert await until(lambda: links.failures == [peer.at()])
        assert "no answer to a keep-alive" in links.last_error
        assert len(pongs) == 3 and 60 <= pongs[2] - pongs[0] <= 200
        assert peer.connections[0].got == MESSAGE + b"\r\n\r\n" * 4


async def test_a_server_that_never_answers_keep_alives():
    async with Peer() as peer:
        async with Told(keepalive_ms=20) as links:
            links.pong_ms = 20
            links.send(MESSAGE, peer.at())
            assert await until(lambda: peer.connections and peer.connections[0].got.count(b"\r\n\r\n") > 4)
            assert links.failures == []
        async with Told(keepalive_ms=20, strict=True) as links:
            links.pong_ms = 20
            links.send(MESSAGE, peer.at())
            assert await until(lambda: links.failures == [peer.at()])


async def test_peer_to_peer():
    def answer(links, data, source):
        links.send(b"answer" + data, source)

    async with Told() as calling, Told(answer) as called:
        port = await called.listen(HERE, 0)
        there = (HERE, port, b"TCP")
        calling.send(MESSAGE, there)
        assert await until(lambda: calling.messages)
        assert calling.messages == [(b"answer" + MESSAGE, there)]
        ((data, source),) = called.messages
        assert data == MESSAGE and source[0] == HERE and source[1] != port and source[2] == b"TCP"
        calling.close()
        assert await until(lambda: called.failures == [source])  # the way back is gone
        try:
            await called.listen(HERE, port)
            raise AssertionError("bound twice")
        except OSError:
            pass
        called.close()
        again = Told()
        assert await again.listen(HERE, port) == port
        again.close()


async def test_who_only_listens_is_told_nothing_of_strangers():
    async with Told() as links:
        port = await links.listen(HERE, 0)
        stranger = tcp.connect((HERE, port))[0]
        assert await until(lambda: links.links)
        stranger.close()
        assert await until(lambda: not links.links) and links.failures == []


async def test_the_oldest_idle_one_gives_way_and_strangers_first():
    async with Told() as links:
        port = await links.listen(HERE, 0)
        friend = tcp.connect((HERE, port))[0]
        assert await until(lambda: links.links)
        friend.send(MESSAGE)
        assert await until(lambda: links.messages)
        strangers = []
        for _ in range(STREAMS_IN * 3):
            strangers.append(tcp.connect((HERE, port))[0])
            await platform.sleep_ms(10)
            assert len([link for link in links.links if link.reason is None]) <= STREAMS_IN
        assert links.refused == STREAMS_IN * 2 + 1
        friend.send(MESSAGE)
        assert await until(lambda: len(links.messages) == 2)
        strangers.append(friend)
        for sock in strangers:
            sock.close()


async def test_no_more_than_so_many_are_opened():
    async with Peer(echo, host="0.0.0.0") as peer, Told() as links:
        for i in range(1, STREAMS_OUT + 3):
            assert links.send(MESSAGE, (f"127.0.0.{i}", peer.port, b"TCP"))
            assert await until(lambda n=i: len(links.messages) == n)
            assert len(links.links) == min(i, STREAMS_OUT)
        assert {source[0] for _, source in links.messages} == {f"127.0.0.{i}" for i in range(1, STREAMS_OUT + 3)}
        assert links.refused == 2 and len(peer.connections) == STREAMS_OUT + 2
        assert links.failures == [(f"127.0.0.{i}", peer.port, b"TCP") for i in (1, 2)]
        assert await until(lambda: peer.connections[1].over) and not peer.connections[2].over
    async with Peer(reads=False, host="0.0.0.0") as peer, Told() as links:
        for i in range(1, STREAMS_OUT + 1):
            assert links.send(MESSAGE, (f"127.0.0.{i}", peer.port, b"TCP"))
        assert not links.send(MESSAGE, (HERE, 9, b"TCP"))  # none of them is open yet, so none is idle
        assert links.last_error.endswith("too many connections")


async def test_an_exception_of_ours_ends_nothing():
    def fail(links, data, source):
        raise ValueError("this trace is expected")

    async with Peer(echo) as peer, Told(fail) as links:
        for i in (1, 2):
            links.send(MESSAGE, peer.at())
            assert await until(lambda n=i: links.faults == n)
        assert len(peer.connections) == 1
        links.faults = 0


async def test_closing_within_a_message():
    async with Peer(echo) as peer, Told(lambda links, data, source: links.close()) as links:
        links.send(MESSAGE * 3, peer.at())
        assert await until(lambda: links.messages)
        assert await until(lambda: not links.links) and len(links.messages) == 1 and links.failures == []
        assert await until(lambda: peer.connections[0].over)


async def test_closing_before_anything_began():
    links = Told()
    links.send(MESSAGE, (HERE, 9, b"TCP"))
    links.close()
    assert not links.links
    await platform.sleep_ms(20)
    assert links.failures == [] and links._clock is None


def test_ipv6_where_there_is_one():
    if not hasattr(socket, "AF_INET6"):
        return
    try:
        listener, port = tcp.listen("::1", 0)
    except OSError:  # no IPv6 on this machine
        return
    sock, remote = tcp.connect(("::1", port))
    assert remote == ("::1", port)
    sock.close()
    listener.close()
