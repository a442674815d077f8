# What one incoming request costs in heap, from its bytes to the finished response: an exact count, on the interpreter
# that has an ESP32's word size, and doubled where words have 64 bits.

NEEDS = ("heap_lock",)

import gc
import sys

from siplet.errors import RemoteError
from siplet.sip.builder import Builder
from siplet.sip.message import Message

BUDGET = 1024 if sys.maxsize < 1 << 32 else 2048
SOURCE = ("192.0.2.1", 5060)
BUILDER = Builder()

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.20\r\ns=-\r\nc=IN IP4 192.0.2.20\r\nt=0 0\r\n"
    b"m=audio 10000 RTP/AVP 0 8 101\r\na=ptime:20\r\n"
)
INVITE = (
    b"INVITE sip:door@192.0.2.7:5060 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK8a34.2f2e33d5.0;rport\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.20:5066;received=192.0.2.20;branch=z9hG4bK6d8ef0a4c1b29e77;rport=5066\r\n"
    b"Record-Route: <sip:192.0.2.1;lr;ftag=a1b2c3d4e5f6>\r\n"
    b"Max-Forwards: 69\r\n"
    b'From: "Front desk" <sip:100@pbx.example.org>;tag=a1b2c3d4e5f6\r\n'
    b"To: <sip:door@pbx.example.org>\r\n"
    b"Call-ID: 5c2e8f1d-9b7a-4e6f-8d3c-1a2b3c4d5e6f\r\n"
    b"CSeq: 20193 INVITE\r\n"
    b"Contact: <sip:100@192.0.2.20:5066>\r\n"
    b"Allow: INVITE,ACK,BYE,CANCEL,OPTIONS,NOTIFY,INFO\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: " + str(len(SDP)).encode() + b"\r\n\r\n" + SDP
)

OPTIONS = (
    b"OPTIONS sip:door@192.0.2.7 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK0b5e.6c1f0a52000000000000000000000000.0\r\n"
    b"To: <sip:door@192.0.2.7>\r\n"
    b"From: <sip:keepalive@192.0.2.1>;tag=uloc-1-66f2-2c11-9d0e\r\n"
    b"CSeq: 1 OPTIONS\r\n"
    b"Call-ID: 5c2e8f1d-9b7a4e6f-8d3c@192.0.2.1\r\n"
    b"Max-Forwards: 70\r\n"
    b"User-Agent: kamailio (5.6.3 (x86_64/linux))\r\n"
    b"Accept: application/sdp\r\n"
    b"Content-Length: 0\r\n\r\n"
)


def answer(data):
    m = Message(data)
    m.check()
    BUILDER.reply(m, 200, SOURCE, b"8f7e6d5c")
    return BUILDER.end()


def answer_as_a_phone_does(data):
    # with what the transactions ask of every message, and the headers of a 200
    m = Message(data)
    m.check()
    m.branch, m.call_id, m.from_tag, m.to_tag, m.cseq  # noqa: B018
    BUILDER.reply(m, 200, SOURCE, b"8f7e6d5c")
    BUILDER.copy(m, b"record-route")
    BUILDER.header(b"Contact", b"<sip:door@192.0.2.7>")
    BUILDER.header(b"Allow", b"INVITE, ACK, BYE, CANCEL, OPTIONS, INFO")
    return BUILDER.end()


def garbage(work, data):
    """The bytes of heap that work(data) takes; the second time, when nothing is made for the first time."""
    work(data)
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    work(data)
    after = gc.mem_alloc()
    gc.enable()
    return after - before


def test_an_invite_is_parsed_and_answered_within_the_budget():
    n = garbage(answer, INVITE)
    print("an INVITE of", len(INVITE), "bytes, parsed and answered:", n, "bytes")
    assert len(INVITE) >= 650 and Message(bytes(answer(INVITE))).to_tag == b"8f7e6d5c"
    assert 0 < n <= BUDGET


def test_options_are_parsed_and_answered_within_the_budget():
    n = garbage(answer, OPTIONS)
    print("an OPTIONS of", len(OPTIONS), "bytes, parsed and answered:", n, "bytes")
    assert len(OPTIONS) >= 350 and Message(bytes(answer(OPTIONS))).status == 200
    assert 0 < n <= BUDGET


def test_all_that_a_phone_asks_of_a_request_stays_within_the_budget():
    n = garbage(answer_as_a_phone_does, INVITE)
    print("the same INVITE with tags, branch and all headers of a 200:", n, "bytes")
    assert 0 < n <= BUDGET


def test_a_request_that_is_dropped_costs_next_to_nothing():
    def drop(data):
        try:
            Message(data)
        except RemoteError:
            return

    n = garbage(drop, INVITE[:400])
    print("a truncated INVITE:", n, "bytes")
    assert n <= BUDGET // 4
