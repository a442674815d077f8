"""Strangers throw things at both ports while a call is up: the call goes on, nothing is raised, a counter tells."""

import glob
import os
import random
import socket
import time

from driver import DOOR, INDOOR, ROOT
from siplet_tools.process import wait_until
from siplet_tools.speech import compare

LARGEST = 65000


def hostile_sip(phone):
    """Datagrams that no phone should have to see, most of them more than once."""
    for path in sorted(glob.glob(os.path.join(ROOT, "tests", "vectors", "rfc4475", "*.dat"))):
        with open(path, "rb") as file:
            yield file.read()
    invite = (
        "INVITE sip:door@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\nMax-Forwards: 70\r\n"
        "From: <sip:x@127.0.0.1>;tag=1\r\nTo: <sip:door@127.0.0.1>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
        "Contact: <sip:x@127.0.0.1:9>\r\nContent-Type: application/sdp\r\nContent-Length: 400\r\n\r\nv=0\r\nm=audio"
    ).encode()
    yield b""
    yield b"\r\n\r\n"
    yield b"\0"
    yield b"\xff" * 1500
    yield b"SIP/2.0 200 OK\r\n\r\n"
    yield b"INVITE " + b"a" * LARGEST
    yield invite + b"x" * 60000
    for size in range(0, len(invite), 37):
        yield invite[:size]
    yield invite.replace(b"Call-ID: 1", b"Call-ID: " + b"1" * 5000)
    yield invite.replace(b"CSeq: 1 ", b"CSeq: 99999999999999999999 ")
    yield invite.replace(b"Content-Length: 400", b"Content-Length: -1")
    yield invite.replace(b"Via:", b"Via: SIP/2.0/UDP a," * 300 + b" SIP/2.0/UDP b\r\nVia:")
    yield b"BYE sip:door@127.0.0.1 SIP/2.0\r\n" + invite.split(b"\r\n", 1)[1].replace(b"1 INVITE", b"2 BYE")
    yield b"CANCEL sip:door@127.0.0.1 SIP/2.0\r\n" + invite.split(b"\r\n", 1)[1].replace(b"1 INVITE", b"1 CANCEL")
    dice = random.Random(1)
    for _ in range(150):
        damaged = bytearray(invite)
        for _ in range(dice.randrange(1, 20)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        yield bytes(damaged)
        yield dice.randbytes(dice.randrange(1400))


def hostile_rtp():
    dice = random.Random(2)
    yield b""
    yield b"\x80"
    yield b"\x80\x08" + b"\xff" * LARGEST
    for _ in range(200):
        yield dice.randbytes(dice.randrange(400))
        yield b"\x80" + bytes([dice.choice((0, 8, 101, 13, 200))]) + dice.randbytes(dice.randrange(200))
        yield b"\xbf\x08" + dice.randbytes(20)  # 15 CSRCs, an extension and padding that are not there


def throw(datagrams, port, source="127.0.0.2"):
    """Sends them from an address, a stranger's if need be, paced so that the queue loses little; how many."""
    count = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((source, 0))
        for data in datagrams:
            sock.sendto(data, ("127.0.0.1", port))
            count += 1
            time.sleep(0.001)
    return count


class Caller:
    """A caller made by hand, which stays silent: our RTP port has no peer yet and hears everybody."""

    def __init__(self, port):
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.bind(("127.0.0.1", 0))
        self._sock.settimeout(5)
        self._address = ("127.0.0.1", port)
        self._to = "<sip:door@127.0.0.1>"

    def send(self, method, cseq, body=""):
        here = "127.0.0.1:%d" % self._sock.getsockname()[1]
        text = (
            f"{method} sip:door@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {here};branch=z9hG4bK{method}{cseq};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:x@{here}>;tag=1\r\nTo: {self._to}\r\nCall-ID: by-hand\r\n"
            f"CSeq: {cseq} {method}\r\nContact: <sip:x@{here}>\r\nContent-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        )
        self._sock.sendto(text.encode(), self._address)

    def answer(self):
        """The next final answer, as text."""
        while True:
            text = self._sock.recv(4096).decode()
            if not text.startswith("SIP/2.0 1"):
                self._to = text.split("To: ")[1].split("\r\n")[0]
                return text


def test_strangers_on_the_rtp_port_before_the_peer_was_heard_are_counted(puppet):
    phone = puppet(audio="loop", auto="answer")
    caller = Caller(phone.port)
    caller.send(
        "INVITE", 1, "v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9 RTP/AVP 8\r\n"
    )
    assert caller.answer().startswith("SIP/2.0 200")
    caller.send("ACK", 1)
    wait_until(lambda: phone.do("state", call=1)["state"] == "up", 3, "call")
    stats = phone.do("stats", call=1)
    throw(hostile_rtp(), stats["rtp_port"])  # from another host than was agreed on
    throw([b"", b"\x80", b"no RTP at all, but long enough"] * 10, stats["rtp_port"], "127.0.0.1")
    wait_until(lambda: phone.do("stats", call=1)["bad"] >= 20, 2, "count of what was no RTP")
    after = phone.do("stats", call=1)
    assert after["foreign"] > 500 and after["received"] == 0
    assert phone.do("state", call=1)["faults"] == 0
    wait_until(lambda: phone.do("stats", call=1)["sent"] > after["sent"] + 10, 2, "more packets from us")
    caller.send("BYE", 2)
    assert caller.answer().startswith("SIP/2.0 200")


def test_a_call_goes_on_while_both_its_ports_are_attacked(baresip, puppet, tmp_path):
    indoor = baresip(answer="auto")
    heard = str(tmp_path / "heard-at-door.wav")
    phone = puppet(audio={"play": DOOR, "record": heard, "repeat": True})
    call = phone.do("call", target=indoor.uri)["call"]
    phone.event("up", call=call)
    before = phone.do("state", call=call)
    rtp_port = phone.do("stats", call=call)["rtp_port"]
    start = time.monotonic()
    sip_count = throw(hostile_sip(phone), phone.port)
    rtp_count = throw(hostile_rtp(), rtp_port)
    state = phone.do("state", call=call)
    assert state["state"] == "up" and state["faults"] == 0
    assert state["received"] - before["received"] > sip_count * 0.9
    assert state["unusable"] - before["unusable"] > sip_count * 0.8
    time.sleep(max(0, 8.5 - (time.monotonic() - start)))  # the clips run twice: once attacked, once in peace
    stats = phone.do("stats", call=call)
    print(f"{sip_count} SIP and {rtp_count} RTP datagrams from strangers, then:", stats)
    indoor.command("hangup")
    assert phone.event("ended", call=call)["how"] == "remote"
    for clip, recording in ((INDOOR, heard), (DOOR, indoor.heard())):
        found = compare(clip, recording)
        print(found)
        assert found.ok and found.heard > 0.97
    assert phone.do("state")["faults"] == 0

    # And the phone still takes calls.
    indoor.command("dial", phone.uri)
    phone.do("answer", call=phone.event("incoming")["call"])
    phone.event("up")
