# What siplet doctor reads: each kind of capture, TCP and fragments, a board's log, a trace, a live board.

import json
import os
import struct
import subprocess
import sys

import pytest
from doctor_captures import (
    LINKS,
    TROUBLE,
    block,
    cooked,
    ethernet,
    frames,
    ip,
    long_call,
    pcap,
    pieces,
    pppoe,
    tcp,
    trouble,
    tunnel,
    vlan,
)
from doctor_stories import DOOR, SERVER, Story, credentials, digest, findings, kinds, sdp
from siplet_tools import cli, interpreter
from siplet_tools.wire import evidence


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("nano, order", [(False, "<"), (True, ">")])
def test_captures_of_any_link_layer_tell_the_same(tmp_path, link, nano, order):
    path = pcap(tmp_path / "x.pcap", frames(trouble(), LINKS[link]), link, nano, order)
    assert kinds(path) == TROUBLE


@pytest.mark.parametrize("wrap", [vlan, tunnel, pppoe])
def test_a_vlan_a_tunnel_and_pppoe_are_looked_into(tmp_path, wrap):
    assert kinds(pcap(tmp_path / "x.pcap", frames(trouble(), wrap), 1)) == TROUBLE


def test_a_link_layer_that_is_not_known_is_named(tmp_path, capsys):
    assert cli.main(["doctor", str(pcap(tmp_path / "x.pcap", frames(trouble(), ethernet), 127))]) == 2
    assert "frames of link type 127 are not read" in capsys.readouterr().err


def test_a_capture_may_come_through_a_pipe(tmp_path):
    data = pcap(tmp_path / "x.pcap", frames(trouble(), ethernet), 1).read_bytes()
    command = [sys.executable, "-m", "siplet_tools", "doctor", "--json", "/dev/stdin"]
    environment = dict(os.environ, PYTHONPATH=os.path.join(interpreter.ROOT, "host_tools"))
    done = subprocess.run(command, input=data, capture_output=True, check=False, env=environment)
    assert done.returncode == 1 and sorted(one["kind"] for one in json.loads(done.stdout)["findings"]) == TROUBLE


def test_a_pcapng_of_several_interfaces_is_read_whole(tmp_path):
    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    nano = struct.pack("<HHB3x", 9, 1, 9) + bytes(4)
    data = section + block(1, struct.pack("<HHI", 1, 0, 0)) + block(1, struct.pack("<HHI", 113, 0, 0) + nano)
    for i, one in enumerate(sorted(trouble().packets, key=lambda one: one.time)):
        raw = (ethernet, cooked)[i % 2](ip(one))
        time = int(one.time * (1e6, 1e9)[i % 2])
        data += block(6, struct.pack("<IIIII", i % 2, time >> 32, time & 0xFFFFFFFF, len(raw), len(raw)) + raw)
        data += block(5, bytes(12))  # of another kind
    path = tmp_path / "x.pcapng"
    path.write_bytes(data)
    assert kinds(path) == TROUBLE


def test_blocks_of_old_and_simple_pcapng_files_are_read(tmp_path):
    section = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
    section += block(1, struct.pack("<HHI", 1, 0, 0) + struct.pack("<HHq", 14, 8, 5000))
    story = Story()
    story.ask("OPTIONS", SERVER, DOOR)
    raw = ethernet(ip(story.packets[0]))
    old = block(2, struct.pack("<HHIIII", 0, 0, 0, 7_000_000, len(raw), len(raw)) + raw)
    simple = block(3, struct.pack("<I", len(raw)) + raw)
    path = tmp_path / "x.pcapng"
    path.write_bytes(section + old)
    assert evidence.read(str(path)).messages[0].time == 5007
    path.write_bytes(section + simple)
    assert len(evidence.read(str(path)).messages) == 1


def test_ipv6_is_read_and_named_in_brackets(tmp_path):
    door, server = ("2001:db8::20", 5060), ("2001:db8::2", 5060)
    story = Story()
    story.call(door, server, sdp((door[0], 4000)), sdp((server[0], 6000)))
    story.rtp((door[0], 4000), (server[0], 6000), 5)
    story.wait(5)
    (one,) = findings(story.write(tmp_path / "x.pcap"))
    assert one.kind == "one-way" and "[2001:db8::20]:4000" in one.text


@pytest.mark.parametrize("backwards", [False, True])
def test_a_long_message_in_fragments_is_put_together(tmp_path, backwards):
    story = Story()
    long = ["X-Long: " + "x" * 1500]
    for cseq, given in ((1, ""), (2, credentials("n1"))):
        more = [*long, "Authorization: " + given] if given else long
        request = story.ask("REGISTER", DOOR, SERVER, "reg", cseq, to="door", more=more)
        story.answer(request, 401, ["WWW-Authenticate: " + digest(f"n{cseq}")])
    found = []
    for number, one in enumerate(story.packets):
        parts = pieces(one, number)
        found += [(one.time, ethernet(raw)) for raw in (parts[::-1] if backwards else parts)]
    assert kinds(pcap(tmp_path / "x.pcap", found, 1)) == ["wrong-password"]
    seen = evidence.read(str(pcap(tmp_path / "y.pcap", found[:1] if not backwards else found[2:3], 1)))
    assert len(seen.messages) == 1 and "pieces are missing" in seen.unread[0]


# -- TCP


@pytest.mark.parametrize("cuts", [(1460,), (1, 7, 300), (64, 3), (5000,)])
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_sip_over_tcp_is_read_wherever_it_was_cut_and_whatever_came_twice(tmp_path, cuts, seed):
    path = pcap(tmp_path / "x.pcap", tcp(long_call(), cuts, seed), 101)
    assert len(evidence.read(str(path)).messages) == 12
    assert kinds(path) == ["wrong-password"]


def test_a_stream_that_began_before_or_has_a_hole_goes_on_with_its_next_message(tmp_path):
    whole = tcp(long_call(), (200,))
    for gone in ((0, 1), (5, 6), (9, 14)):  # the last one is a message's first segment and more
        path = pcap(tmp_path / "x.pcap", whole[: gone[0]] + whole[gone[1] :], 101)
        assert 8 <= len(evidence.read(str(path)).messages) < 12


def test_tls_and_websocket_are_named_and_not_read(tmp_path, capsys):
    story = Story()
    story.put(DOOR, ("192.168.1.2", 5061), b"\x16\x03\x01\x02\x00" + bytes(range(200)))
    story.put(("192.168.1.2", 5061), DOOR, b"\x17\x03\x03\x00\x90" + bytes(range(200)))
    path = pcap(tmp_path / "x.pcap", tcp(story), 101)
    assert cli.main(["doctor", str(path)]) == 2
    assert "TLS with 192.168.1.2:5061 cannot be looked into" in capsys.readouterr().err
    story = Story()
    story.put(DOOR, SERVER, "GET /ws HTTP/1.1\r\nHost: pbx\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
    story.put(DOOR, SERVER, b"\x82\xfe" + bytes(range(200)))
    assert cli.main(["doctor", str(pcap(tmp_path / "x.pcap", tcp(story), 101))]) == 2
    assert "WebSocket is not read" in capsys.readouterr().err
