"""board/output.py: a board's log and the records of its trace, cut anywhere, damaged, or made to harm."""

import random

from siplet_tools.board.output import Clock, Line, Output, Rtp, Tap, split_peer
from siplet_tools.trace_file import Record

INVITE = (
    b"INVITE sip:1@10.0.0.9 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5:5062;branch=z9\r\nContact: <sip:door@10.0.0.5>\r\n"
    b'Authorization: Digest response="secret"\r\n\r\n>>> 1 quoted:1 5\nMPY: soft reboot\n'
)
RTP = bytes((0x80, 8, 0, 1, 0, 0, 0, 160, 10, 13, 10, 4))
WIRE = (
    b"MPY: soft reboot\r\n12.345 echo ready\r\n"
    + b">>> 12400 10.0.0.9:5060 %d\n%s\n" % (len(INVITE), INVITE)
    + b"<<r 12420 10.0.0.9:4000 172 12 49152\n%s\n" % RTP
    + b"12.500 talking\r\nTraceback (most recent call last):\r\n"
)
FOUND = [
    Line("MPY: soft reboot"),
    Line("echo ready", 12345),
    (True, 12400, "10.0.0.9:5060", INVITE),
    Rtp(False, 12420, "10.0.0.9:4000", 49152, RTP, 172),
    Line("talking", 12500),
    Line("Traceback (most recent call last):"),
]


def plain(entries):
    return [(e.sent, e.ticks, e.peer, e.data) if isinstance(e, Record) else e for e in entries]


def read(*pieces):
    output, found = Output(), []
    for piece in pieces:
        found += output.feed(piece)
    return plain(found)


def test_lines_and_records_come_in_their_order_wherever_they_are_cut():
    assert read(WIRE) == FOUND
    assert read(*(WIRE[i : i + 1] for i in range(len(WIRE)))) == FOUND
    for cut in range(len(WIRE)):
        assert read(WIRE[:cut], WIRE[cut:]) == FOUND


def test_silence_between_the_pieces_of_a_record_is_no_harm_unless_a_board_has_started_anew():
    begin = WIRE.index(b"INVITE")
    quote = WIRE.index(b"MPY: soft reboot", begin)
    for cut in range(begin, quote):
        assert read(WIRE[:cut], b"", b"", WIRE[cut:]) == FOUND


def test_a_reset_in_the_middle_of_a_record_ends_it_and_what_comes_then_is_shown():
    for words in (
        b"\r\nMPY: soft reboot\r\n",
        b"ets Jun  8 2016 00:22:57\r\n",
        b"rst:0x1 (POWERON_RESET)\r\n",
        b"ESP-ROM:x\r\n",
    ):
        for cut in (0, 1, 17, 60):
            data = b">>> 12400 10.0.0.9:5060 900\n" + INVITE[:cut] + words
            output = Output()
            assert output.feed(data) == []
            found = output.feed(b"") + output.feed(b"0.100 echo ready\r\n")
            assert found == [Line(words.strip().decode()), Line("echo ready", 100)]
            # and when it goes on at once, with more than the record would have had
            found = read(data + b"x" * 900 + b"\r\n0.100 echo ready\r\n")
            assert found[0].text == words.strip().decode() and found[-1] == Line("echo ready", 100)


def test_bytes_that_were_lost_cost_their_record_and_its_secrets_are_not_shown_as_a_log():
    for lost in range(0, 80):
        wire = WIRE.replace(INVITE, INVITE[:lost] + INVITE[lost + 3 :].replace(b"MPY: soft reboot\n", b""), 1)
        found = read(wire + b"13.000 one more\r\n" + INVITE[:30])
        assert found[:2] == FOUND[:2] and Line("one more", 13000) in found
        assert not any("secret" in getattr(entry, "text", "") for entry in found)


def test_lengths_that_cannot_be_are_lines_like_others():
    for head in (
        b">>> 1 a:1 65537",
        b">>> 1 a:1 9999999",
        b">>> 1 a:1 -5",
        b">>r 1 a:1 12 13 5",
        b">>> x a:1 5",
        b">>r 1 a:1 5",
    ):
        assert read(head + b"\r\n1.000 ok\r\n") == [Line(head.decode()), Line("ok", 1000)]


def test_a_line_without_an_end_does_not_grow_for_ever_and_a_long_one_is_cut():
    output = Output()
    for _ in range(100):
        assert output.feed(b"x" * 10000) == []
        assert len(output.rest()) <= 75536
    assert len(read(b"y" * 60000 + b"\n")[0].text) == 4096


def test_a_prompt_without_an_end_is_the_rest_and_a_broken_line_forgets():
    output = Output()
    assert output.feed(b"1.000 a\n>>> ") == [Line("a", 1000)] and output.rest() == ">>> "
    output.feed(b"1 a:1 50\nINV")
    assert output.rest() == ""
    output.lost()
    assert output.feed(b"2.000 b\n") == [Line("b", 2000)]


def test_noise_is_taken_whatever_it_is():
    for seed in range(300):
        noise = random.Random(seed)
        data = bytearray(WIRE * 3)
        for _ in range(noise.randrange(1, 60)):
            place = noise.randrange(len(data))
            if noise.random() < 0.5:
                data[place] = noise.randrange(256)
            else:
                data[place : place + noise.randrange(9)] = noise.randbytes(noise.randrange(9))
        output, found, place = Output(), [], 0
        while place < len(data):
            step = noise.randrange(0, 200)
            found += output.feed(bytes(data[place : place + step]))
            place += step
        tap = Tap(lambda: 1000.0)
        for entry in found:
            assert isinstance(entry, (Line, Record, Rtp))
            if not isinstance(entry, Line):
                for packet in tap.packets(entry):
                    assert packet.length >= len(packet.data) and 0 <= packet.source[1] < 65536 and packet.time >= 1000


def test_the_boards_clock_goes_on_when_it_wraps_and_begins_anew_with_the_board():
    now = [1000.0]
    clock = Clock(lambda: now[0])
    wrap = 1 << 30
    assert clock.time(wrap - 500) == 1000.0
    assert clock.time(wrap - 100) == 1000.4 and clock.time(100) == 1000.6 and clock.time(1100) == 1001.6
    now[0] = 400_000.0  # days later
    assert round(clock.time(1100 + 350_000_000), 3) == 351001.6
    now[0] = 400_007.0
    assert clock.time(50) == 400_007.0  # started anew
    assert clock.time(1050) == 400_008.0  # a fast clock
    now[0] = 9000.0  # somebody has put the PC's clock back
    assert clock.time(1100) == 400_008.05 and clock.time(20) == 400_008.05


def test_a_packet_has_the_addresses_that_the_boards_messages_tell():
    tap = Tap(lambda: 0.0)
    assert tap.packets(Record(False, 0, "10.0.0.9:5060", b"OPTIONS sip:door SIP/2.0\r\n\r\n")) == []  # whom it asks?
    early, asked = tap.packets(Record(True, 1000, "10.0.0.9:5060", INVITE))
    assert (early.time, early.source, early.target) == (0.0, ("10.0.0.9", 5060), ("10.0.0.5", 5062))
    assert (asked.source, asked.target, asked.length) == (("10.0.0.5", 5062), ("10.0.0.9", 5060), len(INVITE))
    [told] = tap.packets(Record(False, 1005, "10.0.0.9:5060", b"SIP/2.0 200 OK\r\nContact: <sip:x@10.9.9.9>\r\n\r\n"))
    assert (told.source, told.target) == (("10.0.0.9", 5060), ("10.0.0.5", 5062))
    [sound] = tap.packets(Rtp(False, 1020, "[fe80::1]:4000", 49152, RTP, 172))
    assert (sound.source, sound.target, sound.length) == (("fe80::1", 4000), ("10.0.0.5", 49152), 172)
    answer = b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.9\r\nContact: <sip:door@[fe80::5]:5070;ob>\r\n\r\n"
    assert tap.packets(Record(True, 1030, "[fe80::1]:5060", answer))[0].source == ("fe80::5", 5070)


def test_what_waits_for_the_boards_address_does_not_wait_for_ever():
    tap = Tap(lambda: 0.0)
    counts = [len(tap.packets(Rtp(False, i, "10.0.0.9:4000", 49152, RTP, 172))) for i in range(30)]
    assert counts.index(21) == 20 and len(tap.rest()) == 9 and tap.rest() == []


def test_far_ends_of_every_form_are_split():
    assert split_peer("10.0.0.9:5060") == ("10.0.0.9", 5060) and split_peer("[::1]:5") == ("::1", 5)
    assert split_peer("pbx.local:99999") == ("pbx.local", 0) and split_peer("x") == ("", 0)
