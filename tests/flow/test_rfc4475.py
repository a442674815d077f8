# The 49 messages of RFC 4475 and the 12 of RFC 5118, thrown at one endpoint one after the other: each is answered or
# dropped as tests/vectors/*/verdicts.tsv says, the endpoint is alive after each, and none leaves anything behind.
# tests/net/test_torture.py does the same with a whole phone on sockets.

import asyncio
import sys

sys.path.append((__file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else "..") + "/unit")

from torture import cases
from wire import Peer, Wire

DESK = ("10.0.0.2", 5060)
OPTIONS = (
    b"OPTIONS sip:desk@10.0.0.2 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKo%d;rport\r\nMax-Forwards: 70\r\n"
    b"From: <sip:x@10.0.0.9>;tag=1\r\nTo: <sip:desk@10.0.0.2>\r\nCall-ID: alive\r\nCSeq: 1 OPTIONS\r\n\r\n"
)


class Stranger(Peer):
    """Throws any bytes, and keeps the answers raw: not all of them can be read."""

    def receive(self, data, source, now):
        self.raw.append(data)


async def _send_all(rfc):
    wire = Wire()
    desk = wire.party(DESK[0])
    stranger = Stranger(wire, "10.0.0.9")
    # Some name another port in their Via, and without rport that is where the answer goes (18.2.2)
    elsewhere = [Stranger(wire, "10.0.0.9", port) for port in (5050, 6050, 19823)]
    good = 0
    for case in cases(rfc):
        counts = desk.endpoint.refused, desk.endpoint.dropped
        stranger.say(case.data, DESK)
        wire.run(100)
        answers = stranger.raw + [data for peer in elsewhere for data in peer.raw]
        case.judge(answers)
        # What the peer is told in a Warning the application finds in last_error, and both are counted
        refused, dropped = desk.endpoint.refused - counts[0], desk.endpoint.dropped - counts[1]
        told = [data for data in answers if b"\r\nWarning: " in data]
        assert (refused, dropped) == (len(told), int(not answers)), case.name
        assert not told or b'"' + desk.endpoint.last_error.encode() + b'"' in told[0], case.name
        ringing = desk.take("incoming")
        assert bool(ringing) == (case.expected == ["180"]), case.name
        if ringing:
            ringing.source.reject(603, wire.now)
            ringing.source.media.close()  # as a phone does
        for peer in [stranger] + elsewhere:
            peer.raw.clear()
        stranger.say(OPTIONS.replace(b"%d", case.name.encode()), DESK)
        wire.run(40000)  # until nobody repeats anything any more
        assert any(data.startswith(b"SIP/2.0 200 ") for data in stranger.raw), case.name
        assert desk.at_rest() and all(line.closed for line in desk.lines), case.name
        for peer in [stranger] + elsewhere:
            peer.raw.clear()
        good += 1
        await asyncio.sleep(0)
    print(good, "of", len(cases(rfc)), "messages of", rfc)
    return good


async def test_all_49_messages_of_rfc_4475():
    assert await _send_all("rfc4475") == 49


async def test_all_12_messages_of_rfc_5118():
    assert await _send_all("rfc5118") == 12
