# Captures of the doctor's stories, as other programs write them: link layers, formats, fragments, TCP.
# Imports dpkt and doctor_stories.

import random
import struct

import dpkt
from doctor_stories import DOOR, INDOOR, KEY_5, SERVER, VOICE, Story, credentials, digest, sdp

MAC = b"\x02\0\0\0\0\x01"


def trouble():
    """A wrong password, and a call with keys that nobody hears."""
    story = Story()
    for cseq, given in ((1, ""), (2, credentials("n1"))):
        more = ["Authorization: " + given] if given else []
        request = story.ask("REGISTER", DOOR, SERVER, "reg", cseq, to="door", more=more)
        story.answer(request, 401, ["WWW-Authenticate: " + digest(f"n{cseq}")])
    story.call(answer=sdp((INDOOR[0], 6000), VOICE))
    story.rtp((DOOR[0], 4000), (INDOOR[0], 6000), 0.2, 101, KEY_5)
    story.talk(4)
    story.bye()
    return story


TROUBLE = ["dtmf-unheard", "wrong-password"]


def ip(packet, protocol=None):
    """An IPv4 packet, or with pieces of 600 bytes all of its fragments."""
    addresses = [bytes(map(int, end[0].split("."))) for end in (packet.source, packet.target)]
    udp = struct.pack(">HHHH", packet.source[1], packet.target[1], 8 + len(packet.data), 0) + packet.data
    return bytes(dpkt.ip.IP(src=addresses[0], dst=addresses[1], p=17, data=udp, len=20 + len(udp)))


def pieces(packet, number):
    """The same in fragments."""
    whole = ip(packet)[20:]
    addresses = [bytes(map(int, end[0].split("."))) for end in (packet.source, packet.target)]
    found = []
    for place in range(0, len(whole), 600):
        more = 0x2000 if place + 600 < len(whole) else 0
        part = whole[place : place + 600]
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(part), number, more | place // 8, 64, 17, 0)
        found.append(head + addresses[0] + addresses[1] + part)
    return found


def ethernet(raw):
    return MAC + MAC + b"\x08\x00" + raw


def vlan(raw):
    return MAC + MAC + b"\x81\x00\x00\x07\x08\x00" + raw


def pppoe(raw):
    return MAC + MAC + b"\x88\x64" + struct.pack(">BBHHH", 0x11, 0, 7, 2 + len(raw), 0x21) + raw


def tunnel(raw):
    return ethernet(bytes(dpkt.ip.IP(src=b"\x0a\0\0\1", dst=b"\x0a\0\0\2", p=4, data=raw, len=20 + len(raw))))


def cooked(raw):
    return struct.pack(">HHH8sH", 0, 1, 6, MAC + b"\0\0", 0x0800) + raw


def cooked2(raw):
    return struct.pack(">HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, MAC + b"\0\0") + raw


def loopback(raw):
    return struct.pack("=I", 2) + raw


LINKS = {1: ethernet, 113: cooked, 276: cooked2, 0: loopback, 101: bytes, 12: bytes}


def pcap(path, frames, link, nano=False, order="<"):
    """A capture file of [(time, frame), ...]."""
    with open(path, "wb") as file:
        magic = 0xA1B23C4D if nano else 0xA1B2C3D4
        file.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link))
        for time, raw in frames:
            fraction = int(time % 1 * (1e9 if nano else 1e6))
            file.write(struct.pack(order + "IIII", int(time), fraction, len(raw), len(raw)) + raw)
    return path


def frames(story, wrap):
    return [(one.time, wrap(ip(one))) for one in sorted(story.packets, key=lambda one: one.time)]


def block(kind, body):
    body += bytes(-len(body) % 4)
    return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))


def tcp(story, cuts=(1460,), seed=None, tail=b""):
    """[(time, IP packet)] of the story's SIP over TCP, each direction one stream, cut at those sizes in turn.

    seed: some segments change places, or come twice.
    """
    found, places, number = [], {}, 0
    for one in story.packets:
        key = (one.source, one.target)
        data, place = one.data, places.setdefault(key, 0xFFFFFF00)  # which wraps soon
        while data:
            size = cuts[number % len(cuts)]
            number += 1
            segment = (
                struct.pack(">HHIIBBHHH", one.source[1], one.target[1], place, 0, 0x50, 0x18, 999, 0, 0) + data[:size]
            )
            addresses = [bytes(map(int, end[0].split("."))) for end in key]
            raw = bytes(dpkt.ip.IP(src=addresses[0], dst=addresses[1], p=6, data=segment, len=20 + len(segment)))
            found.append((one.time + number / 1e6, raw))
            place = (place + len(data[:size])) & 0xFFFFFFFF
            data = data[size:]
        places[key] = place
    if seed is not None:
        rnd = random.Random(seed)
        for i in range(0, len(found) - 1, 3):
            found[i], found[i + 1] = found[i + 1], found[i]
            found.insert(i, found[rnd.randrange(i + 1)])
    return found


def long_call():
    story = Story()
    story.register()
    for cseq, given in ((1, ""), (2, credentials("n1"))):
        more = ["Proxy-Authorization: " + given] if given else []
        request = story.ask("INVITE", DOOR, SERVER, cseq=cseq, more=more, body=sdp((DOOR[0], 4000)))
        story.answer(request, 100)
        story.answer(request, 407, ["Proxy-Authenticate: " + digest(f"n{cseq}")])
        story.put(DOOR, SERVER, "\r\n\r\n")  # a sign of life
        story.ask("ACK", DOOR, SERVER, cseq=cseq, tag="b")
    return story
