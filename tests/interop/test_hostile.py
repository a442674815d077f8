"""Strangers throw things at both ports while a call is up: the call goes on, nothing is raised, a counter tells."""

import glob
import os
import random
import socket
import time

from driver import DOOR, INDOOR, ROOT
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


def throw(datagrams, port):
    """Sends them from a stranger's address, paced so that the loopback queue loses little; how many."""
    count = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.2", 0))
        for data in datagrams:
            sock.sendto(data, ("127.0.0.1", port))
            count += 1
            time.sleep(0.001)
    return count


def test_a_call_goes_on_while_both_its_ports_are_attacked(baresip, agent, tmp_path):
    indoor = baresip(answer="auto")
    heard = str(tmp_path / "heard-at-door.wav")
    phone = agent(audio={"play": DOOR, "record": heard, "repeat": True})
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
