# siplet/trace_rtp: RTP and RTCP in the trace, over real sockets.

import os

from siplet import trace_rtp
from siplet.net.udp import Udp
from siplet.platform import random
from siplet.trace import Trace

NEEDS = ("sockets",)
NAME = "/tmp/siplet-rtp-%s.trace" % "".join("%02x" % b for b in random(6))
RTP = bytes((0x80, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4)) + b"s" * 160
NEXT = bytes((0x80, 8, 0, 2, 0, 0, 1, 64, 1, 2, 3, 4)) + b"t" * 160
RTCP = bytes((0x80, 201, 0, 1, 1, 2, 3, 4))
SDES = bytes((0x81, 202, 0, 2, 1, 2, 3, 4, 1, 0, 0, 0))


def traced(whole):
    """[(mark, far port, length, kept, local port, bytes), ...] of two sockets that talk."""
    saved = Udp._open, Udp.send_to, Udp.datagram
    trace = Trace(NAME)
    trace_rtp.install(trace, whole)
    try:
        here, there = Udp("127.0.0.1"), Udp("127.0.0.1")
        here.connect(("127.0.0.1", there.port))
        there.connect(("127.0.0.1", here.port))
        assert here.send(RTP) and here.send(memoryview(NEXT))
        assert there.send_to(RTCP, ("127.0.0.1", here.port)) and there.send_to(b"SIP/2.0", ("127.0.0.1", here.port))
        view = memoryview(bytearray(1000))
        got = 0
        while got < 344:
            got += there.receive(view)
        assert got == 344 and here.datagram(100) == RTCP and here.datagram(100) == b"SIP/2.0"
        here.close()
        there.close()
        ports = here.port, there.port
    finally:
        Udp._open, Udp.send_to, Udp.datagram = saved
        trace._file.close()
    with open(NAME, "rb") as file:
        data = file.read()
    os.remove(NAME)
    found = []
    while data:
        line, data = data.split(b"\n", 1)
        mark, _ticks, far, length, kept, local = line.split()
        kept = int(kept)
        found.append((mark, int(far.split(b":")[1]), int(length), int(local), data[:kept]))
        assert data[kept : kept + 1] == b"\n"
        data = data[kept + 1 :]
    return ports, found


def test_what_goes_through_the_sockets_is_told_packet_by_packet_and_what_is_no_rtp_is_not():
    (here, there), found = traced(whole=True)
    assert found == [
        (b">>r", there, 172, here, RTP),
        (b">>r", there, 172, here, NEXT),
        (b">>r", here, 8, there, RTCP),
        (b"<<r", here, 172, there, RTP),  # two that one read brought, perhaps
        (b"<<r", here, 172, there, NEXT),
        (b"<<r", there, 8, here, RTCP),
    ]


def test_headers_alone_are_a_fourteenth_of_it_and_say_how_long_the_packets_were():
    _, found = traced(whole=False)
    assert [entry[4] for entry in found] == [RTP[:12], NEXT[:12], RTCP, RTP[:12], NEXT[:12], RTCP]
    assert [entry[2] for entry in found] == [172, 172, 8, 172, 172, 8]


def test_reports_that_one_read_brings_with_the_sound_are_packets_of_their_own():
    told = []

    class Trace:
        def record(self, mark, data, address, sizes):
            told.append(data)

    class Socket:
        port = 4000

    tap = trace_rtp._Tap(Trace(), True)
    tap.tell("<<r", Socket, RTP + RTCP + SDES, ("127.0.0.1", 5000))
    tap.tell("<<r", Socket, RTCP + SDES + RTP + NEXT, ("127.0.0.1", 5000))
    assert told == [RTP, RTCP + SDES, RTCP + SDES, RTP, NEXT]
