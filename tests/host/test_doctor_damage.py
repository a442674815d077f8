# siplet doctor and what is damaged, hostile or nothing for it: findings or one clear line, and never a traceback.

import os
import random
import struct

import dpkt
import pytest
from doctor_captures import block, ethernet, frames, ip, long_call, pcap, tcp, trouble
from doctor_stories import DOOR, SERVER, Story, digest
from siplet_tools import cli
from siplet_tools.wire import capture, diagnosis, evidence
from siplet_tools.wire.capture import Packet, Writer
from siplet_tools.wire.message import Message


def run(path, capsys):
    """The exit status and what was said; one line of an error, and never a traceback."""
    status = cli.main(["doctor", str(path)])
    said = capsys.readouterr()
    assert status in (0, 1, 2) and "Traceback" not in said.out + said.err
    assert (status == 2) == bool(said.err) and said.err.count("\n") == (status == 2)
    return status, said.out


def test_a_capture_that_was_cut_anywhere_tells_what_is_before_that_place(tmp_path, capsys):
    whole = pcap(tmp_path / "x.pcap", frames(trouble(), ethernet), 1).read_bytes()[:9000]
    path = tmp_path / "cut.pcap"
    found = set()
    for size in range(0, len(whole), 50):
        path.write_bytes(whole[:size])
        status, said = run(path, capsys)
        found.add((status, "damaged or cut short" in said))
    assert found >= {(2, False), (0, True), (1, True)}


def test_a_damaged_capture_never_ends_in_a_traceback(tmp_path, capsys):
    rnd = random.Random(5060)
    wholes = [pcap(tmp_path / "x.pcap", frames(trouble(), ethernet), 1).read_bytes()[:12000]]
    wholes.append(pcap(tmp_path / "x.pcap", tcp(long_call(), (300,)), 101).read_bytes())
    path = tmp_path / "bad.pcap"
    for i in range(150):
        data = bytearray(wholes[i % 2])
        for _ in range(rnd.choice((1, 10, 300))):
            data[rnd.randrange(24 if i % 3 else 0, len(data))] = rnd.randrange(256)
        if i % 5 == 0:  # a length that is huge
            struct.pack_into("<I", data, 24 + 8, rnd.choice((0xFFFFFFFF, 0x7FFFFFFF, 1 << 20)))
        path.write_bytes(data)
        run(path, capsys)


def test_a_damaged_pcapng_never_ends_in_a_traceback(tmp_path, capsys):
    rnd = random.Random(1460)
    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    whole = section + block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHB3x", 9, 1, 6))
    for one in trouble().packets[:20]:
        raw = ethernet(ip(one))
        whole += block(6, struct.pack("<IIIII", 0, 0, int(one.time * 1e6) & 0xFFFFFFFF, len(raw), len(raw)) + raw)
    path = tmp_path / "bad.pcapng"
    for i in range(100):
        data = bytearray(whole)
        for _ in range(rnd.choice((1, 5, 100))):
            data[rnd.randrange(4, len(data))] = rnd.randrange(256)
        path.write_bytes(data[: rnd.randrange(len(data))] if i % 4 == 0 else data)
        run(path, capsys)


def test_a_stream_that_lacks_a_segment_for_ever_goes_on_behind_it(tmp_path, capsys):
    story = long_call()
    for n in range(80):
        story.answer(story.ask("OPTIONS", SERVER, DOOR, f"o{n}"), 200)
    path = pcap(tmp_path / "x.pcap", tcp(story, (200,))[3:4] + tcp(story, (200,))[8:], 101)
    status, said = run(path, capsys)
    assert status == 1 and int(said.split(" ")[1]) > 150


def test_tunnels_within_tunnels_without_end_are_no_packet(tmp_path, capsys):
    raw = b""
    for _ in range(3000):
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(raw), 0, 0, 64, 4, 0)
        raw = head + b"\x0a\0\0\1\x0a\0\0\2" + raw
    assert run(pcap(tmp_path / "x.pcap", [(1.0, raw), *frames(trouble(), bytes)], 101), capsys)[0] == 1


def fragment(place, data, more=True, mark=7):
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), mark, 0x2000 * more | place // 8, 64, 17, 0)
    return (1.0, head + b"\x0a\0\0\1\x0a\0\0\2" + data)


@pytest.mark.parametrize("size, whole", [(8, 0), (600, 1)])
def test_a_datagram_in_pieces_is_joined_once_and_one_in_crumbs_never(tmp_path, monkeypatch, size, whole):
    joins, join = [], capture._Fragments._join
    monkeypatch.setattr(capture._Fragments, "_join", lambda self, pieces: joins.append(pieces) or join(self, pieces))
    data = bytes(dpkt.udp.UDP(sport=5060, dport=5060, ulen=8 + 8000, data=bytes(8000)))
    pieces = [fragment(place, data[place : place + size], place + size < len(data)) for place in range(0, 8008, size)]
    read = capture.read(str(pcap(tmp_path / "x.pcap", pieces[::-1], 101)))
    assert [len(one.data) for one in read] == [8000] * whole
    assert len(joins) <= 2 and bool(read.fragments) != bool(whole)


def test_what_is_no_capture_and_no_log_is_refused_in_one_line(tmp_path, capsys):
    rnd = random.Random(1)
    path = tmp_path / "file"
    for data in (b"", b"hello world\n", rnd.randbytes(5000), bytes(1000), b"\x1f\x8b" + rnd.randbytes(50), b"\n" * 99):
        path.write_bytes(data)
        assert run(path, capsys)[0] == 2
    assert run(tmp_path / "none", capsys)[0] == 2


def test_what_the_network_says_never_steers_the_terminal(tmp_path, capsys):
    story = Story()
    request = story.ask("MESSAGE", DOOR, SERVER, user="\x1b[31mred\x9b2J")
    story.answer(request, 499, reason="\x1b]0;title\x07")
    for arguments in ([], ["--json"]):
        assert cli.main(["doctor", *arguments, story.write(tmp_path / "x.pcap")]) == 1
        said = capsys.readouterr().out
        assert not [c for c in said if not c.isprintable() and c != "\n"]


def test_numbers_that_make_no_sense_are_no_trouble(tmp_path, capsys):
    story = Story()
    nines = "9" * 5000
    body = f"v=0\r\nc=IN IP4 {DOOR[0]}\r\nm=audio {nines} RTP/AVP 8 ² {nines}\r\na=rtpmap:{nines} x\r\n"
    story.call(offer=body, answer=body.replace(nines, "77", 1))
    story.register(expires=nines, more=["Expires: " + nines])
    story.packets.append(Packet(story.now, DOOR, SERVER, b"SIP/2.0 200 OK\r\nCSeq: \r\nCall-ID:\r\n\r\n", 40))
    run(story.write(tmp_path / "x.pcap"), capsys)
    assert os.path.getsize(tmp_path / "x.pcap") > 10000


# -- what is long: work is counted, in looks into a message


def break_in(story, number):
    """Somebody tries passwords: each time another call, and no answer to the challenge."""
    request = story.ask("REGISTER", ("203.0.113.5", 5060), SERVER, f"c{number}", user=f"u{number}", to=f"u{number}")
    story.answer(request, 401, ["WWW-Authenticate: " + digest(f"n{number}")])


def go_on(story, number):
    """A call that lasts, and is offered anew each time that its timer runs out."""
    story.call(cseq=number + 1, tag="b" if number else "")


@pytest.mark.parametrize("deed", [break_in, go_on])
def test_twice_as_much_traffic_takes_twice_the_work(deed, monkeypatch):
    looks = [0]

    def counted(look):
        def count(self, *given):
            looks[0] += 1
            return look(self, *given)

        return count

    for name in ("user", "tag", "get", "sdp"):
        monkeypatch.setattr(Message, name, counted(getattr(Message, name)))

    def work(times):
        story, found = Story(), evidence.Evidence("story")
        for number in range(times):
            deed(story, number)
        story.wait(20)
        story.answer(story.ask("OPTIONS", SERVER, DOOR, "end"), 200)
        for packet in story.packets:
            found.add(packet)
        looks[0] = 0
        diagnosis.diagnose(found.finish())
        return looks[0]

    assert work(120) < 2.2 * work(60)


def test_what_is_too_long_for_a_user_is_not_looked_through_again_and_again():
    for length, host in ((256, "pbx"), (257, "a" * 257 + "@pbx")):
        header = ["sip:" + "a" * length + "@pbx"]
        one = Message(0.0, DOOR, SERVER, "INVITE x", {"from": header, "contact": header}, "")
        assert one.contact()[1] == host and len(one.user("from")) <= 120


def test_a_log_of_weeks_is_read_in_pieces(monkeypatch):
    sizes, feed = [], evidence.Output.feed
    monkeypatch.setattr(evidence.Output, "feed", lambda self, data: sizes.append(len(data)) or feed(self, data))
    found = evidence.of_output(b"1.000 pressed bell\n" * 5000, "door.log")
    assert len(found.lines) == 5001 and max(sizes) <= 8192


@pytest.mark.parametrize("host", ["10.0.0.1", "2001:db8::1"])
def test_a_message_that_no_datagram_holds_is_cut_and_the_file_is_its_owner_s(tmp_path, host):
    path = tmp_path / "x.pcap"
    writer = Writer(str(path))
    for size in (65507, 65536, 10):
        writer.add(Packet(1.0, (host, 5060), (host, 5061), b"x" * size, size))
    writer.close()
    assert [(len(one.data), one.length) for one in capture.read(str(path))] == [(65507, 65507)] * 2 + [(10, 10)]
    assert os.name != "posix" or path.stat().st_mode & 0o077 == 0
