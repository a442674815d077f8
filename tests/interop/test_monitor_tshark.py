"""A board's call, seen over its cable alone by siplet monitor, is a capture that Wireshark reads."""

import shutil
import threading

import pytest
from driver import need
from siplet_tools import cli
from siplet_tools.process import free_ports
from siplet_tools.virtual import VirtualBoard
from wireshark import Pcap

ECHO = """
app = "echo"
[sip]
address = "sip:echo@127.0.0.1"
local_port = %d
accept = ["open"]
[wifi]
network = "siplet"
password = "virtual-board"
[log]
sip = "%s"
"""


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    need("" if shutil.which("tshark") else "tshark is not installed (make peers)")
    with VirtualBoard(tmp_path_factory.mktemp("echo") / "board") as board:
        assert cli.main(["deploy", "--app", "echo", "-p", board.port]) == 0
        yield board


def watched_call(board, folder, kept):
    """The Pcap of a call of two seconds with the board, which traces that much of RTP."""
    port = free_ports(1)
    (folder / "echo.toml").write_text(ECHO % (port, kept))
    assert cli.main(["provision", str(folder / "echo.toml"), "-p", board.port]) == 0
    path = folder / "call.pcap"
    ended = []
    options = ["--reset", "--for", "40", "--pcap", str(path), "--until", "end of the call"]
    watching = threading.Thread(target=lambda: ended.append(cli.main(["monitor", "-p", board.port, *options])))
    starts = board.starts
    watching.start()
    board.wait_started(starts + 1)
    assert cli.main(["call", f"sip:echo@127.0.0.1:{port}", "--seconds", "2", "--timeout", "20"]) == 0
    watching.join(40)
    assert ended == [0]
    return Pcap(path), port


@pytest.mark.parametrize("kept", ["console headers", "console whole"])
def test_wireshark_reads_the_call_without_a_complaint(board, tmp_path, kept):
    pcap, port = watched_call(board, tmp_path, kept)
    assert pcap.complaints("sip || rtp || rtcp") == []
    told = [row["sip.Method"] or row["sip.Status-Code"] for row in pcap.rows("sip", "sip.Method", "sip.Status-Code")]
    assert told[0] == ["INVITE"] and told[-2:] == [["BYE"], ["200"]] and ["ACK"] in told
    assert all(str(port) in row["udp.port"] for row in pcap.rows("sip", "udp.port"))
    streams = pcap.streams()
    assert len(streams) == 2
    for stream in streams.values():
        assert 80 <= stream["packets"] <= 120 and not stream["lost"] and 19 < stream["mean_delta"] < 21
    sizes = {
        (int(row["frame.len"][0]), int(row["frame.cap_len"][0]))
        for row in pcap.rows("rtp", "frame.len", "frame.cap_len")
    }
    assert sizes == {(200, 40 if kept == "console headers" else 200)}


def test_by_itself_there_is_sip_alone(board, tmp_path):
    pcap, _ = watched_call(board, tmp_path, "console")
    assert not pcap.rows("rtp", "frame.number") and len(pcap.rows("sip", "frame.number")) >= 5
