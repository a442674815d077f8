# siplet doctor and a board: the log that siplet monitor saved, a trace file, a live (virtual) board.

import os
import threading
import time

import pytest
from doctor_stories import DOOR, INDOOR, KEY_5, SERVER, VOICE, Story, credentials, digest, findings, kinds, sdp
from siplet_tools import cli
from siplet_tools.virtual import VirtualBoard
from siplet_tools.wire import evidence

START = b"ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n"
READY = b"1.500 wifi siplet, address 192.168.1.20, siplet-1\r\n"
READY += b"2.000 doorphone ready as sip:door@pbx at 192.168.1.20:5060\r\n"


def line(seconds, text):
    return b"%d.%03d %s\r\n" % (seconds, seconds % 1 * 1000, text.encode())


def record(packet, own=DOOR):
    """A packet as the board's trace has it: SIP whole, of RTP the header."""
    ticks, sent = int((packet.time - 1000) * 1000) + 3000, packet.source[0] == own[0]
    near, far = (packet.source, packet.target) if sent else (packet.target, packet.source)
    place = b"%s:%d" % (far[0].encode(), far[1])
    if packet.data[0] >> 6 == 2:
        kept = packet.data[:12]
        mark = b">>r" if sent else b"<<r"
        return b"%s %d %s %d 12 %d\n%s\n" % (mark, ticks, place, packet.length, near[1], kept)
    return b"%s %d %s %d\n%s\n" % (b">>>" if sent else b"<<<", ticks, place, packet.length, packet.data)


def trace(story):
    return b"".join(record(one) for one in sorted(story.packets, key=lambda one: one.time))


def wrong_password(story):
    for cseq, given in ((1, ""), (2, credentials("n1"))):
        more = ["Authorization: " + given] if given else []
        request = story.ask("REGISTER", DOOR, SERVER, "reg", cseq, to="door", more=more)
        story.answer(request, 401, ["WWW-Authenticate: " + digest(f"n{cseq}")])
    return story


def well(seconds=5, back=True):
    story = Story()
    story.register()
    story.call()
    story.talk(seconds, back=back)
    story.bye()
    return story


@pytest.fixture
def save(tmp_path):
    def write(data):
        path = tmp_path / "door.log"
        path.write_bytes(data)
        return path

    return write


def test_a_saved_log_with_a_trace_between_its_lines_is_read(save):
    path = save(START + READY + trace(wrong_password(Story())) + line(3.1, "registration failed 401"))
    (one,) = findings(path)
    assert one.kind == "wrong-password" and 0 < one.at < 3


def test_a_saved_log_of_a_good_call_with_headers_of_its_rtp_has_no_trouble(save):
    seen = evidence.read(str(save(START + READY + trace(well()) + line(9, "call ended"))))
    assert len(seen.flows) == 2 and len(seen.messages) == 10
    assert kinds(save(START + READY + trace(well()))) == []


def test_one_way_sound_and_unheard_keys_are_found_in_a_board_s_trace(save):
    assert kinds(save(READY + trace(well(back=False)))) == ["one-way"]
    story = Story()
    story.call(answer=sdp((INDOOR[0], 6000), VOICE))
    story.rtp((DOOR[0], 4000), (INDOOR[0], 6000), 0.2, 101, KEY_5)
    story.talk(4)
    assert kinds(save(trace(story))) == ["dtmf-unheard"]


def test_a_trace_without_rtp_says_what_it_cannot_say(save, capsys):
    story = well()
    story.packets = [one for one in story.packets if one.data[0] >> 6 != 2]
    assert cli.main(["doctor", str(save(trace(story)))]) == 0
    said = capsys.readouterr().out
    assert "there is no RTP in it" in said and "none of the usual troubles" in said


def test_what_the_board_says_in_words_is_explained(save):
    for text, kind in (
        ("0.700 wifi.network: no network home in reach (2.4 GHz alone can be)", "wifi"),
        ("0.700 wifi.password: home does not take it", "wifi"),
        ("0.100 config.json is missing: siplet provision makes it", "configuration"),
        ("0.100 rtp.port_high: must be above rtp.port_low", "configuration"),
        ("Brownout detector was triggered", "power"),
        ("Guru Meditation Error: Core  0 panic'ed (LoadProhibited). Exception was unhandled.", "crash"),
        ("MemoryError: memory allocation failed, allocating 4096 bytes", "memory"),
        ("3.000 registration failed 403", "registration-failed"),
    ):
        assert kinds(save(START + text.encode() + b"\r\n")) == [kind], text
    assert "the server forbids it" in findings(save(b"3.000 registration failed 403\r\n"))[0].advice


def test_a_log_of_a_board_that_is_well_has_no_trouble(save):
    quiet = line(2.2, "registration registered 200") + line(60, "pressed bell") + line(61, "talking")
    assert kinds(save(START + READY + line(2.1, "registration failed 503") + quiet)) == []
    assert kinds(save(3 * (START + READY + quiet))) == []  # started three times, and got ready each time
    no_wifi = line(0.7, "wifi.network: no network home in reach") + line(9, "wifi.network: home gives no address")
    assert kinds(save(START + no_wifi + line(9.1, "board.bell_pin: is not set, so nobody can press") + READY)) == []
    assert kinds(save(5 * START)) == ["boot-loop"]


def test_a_board_that_started_anew_goes_on_in_time(save):
    """Its clock begins at zero again: a registration of before is not a second old, nor renewed before it was made."""
    story = Story()
    story.register(expires=60)
    first = trace(story)
    again = Story()
    again.register(expires=60, call="after the restart")
    assert kinds(save(START + first + line(40, "pressed bell") + START + trace(again))) == []
    assert kinds(save(START + first + line(90, "pressed bell") + START + trace(again))) == ["registration-lapsed"]


def test_a_record_that_a_reset_cut_off_is_skipped(save):
    story = Story()
    story.call()
    cut = trace(story)[:700]
    assert kinds(save(cut + b"\r\n" + START + READY)) == []
    assert kinds(save(cut + b"\r\n" + START + READY + trace(wrong_password(Story())))) == ["wrong-password"]


def test_a_log_cut_or_damaged_anywhere_never_ends_in_a_traceback(save, capsys):
    whole = START + READY + trace(wrong_password(Story())) + trace(well(0.1))
    for size in range(0, len(whole), 50):
        assert cli.main(["doctor", str(save(whole[:size]))]) in (0, 1, 2)
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err and said.err.count("\n") <= 1


@pytest.fixture
def board(tmp_path):
    """A virtual board whose main.py says `log` a moment after each start."""
    with VirtualBoard(tmp_path / "board") as board:
        board.wait_started()
        yield board


def tell(board, log):
    files = board.settings.files
    with open(os.path.join(files, "log"), "wb") as file:
        file.write(log)
    with open(os.path.join(files, "main.py"), "w", encoding="utf-8") as file:
        file.write(
            "import sys, time\ntime.sleep_ms(700)\nsys.stdout.buffer.write(open('log', 'rb').read())\ntime.sleep(60)\n"
        )
    board.reset()


def test_a_live_board_is_listened_to(board, capsys):
    tell(board, READY + trace(wrong_password(Story())))
    assert cli.main(["doctor", "--port", board.port, "--for", "2.5"]) == 1
    said = capsys.readouterr()
    assert "REGISTER was refused with its credentials (401" in said.out and "listening" in said.err
    assert "5ec5e7" not in said.out + said.err


def test_a_cable_that_is_pulled_while_it_listens_costs_what_was_on_its_way(board, capsys):
    tell(board, trace(wrong_password(Story())) + b">>> 9000 192.168.1.2:5060 9000\nINVITE")
    timer = threading.Timer(1.5, lambda: (board.unplug(), board.plug()))
    timer.start()
    try:
        assert cli.main(["doctor", "--port", board.port, "--for", "3"]) == 1
    finally:
        timer.join()
    said = capsys.readouterr().out
    assert "the line is gone" in said and "REGISTER was refused" in said


def test_a_cable_that_stays_out_does_not_keep_it_beyond_its_time(monkeypatch, capsys):
    class Pulled:
        def __init__(self, port, told=None, sleep=time.sleep):
            self.said, self.sleep = [trace(wrong_password(Story()))], sleep

        def __enter__(self):
            return self

        def __exit__(self, kind, error, where):
            pass

        def read(self):
            while not self.said:
                self.sleep(0.02)
            return self.said.pop()

    monkeypatch.setattr("siplet_tools.board.serial_line.SerialLine", Pulled)
    monkeypatch.setattr("siplet_tools.board.ports.choose", lambda port: port)
    done = []
    listening = threading.Thread(
        target=lambda: done.append(cli.main(["doctor", "--port", "x", "--for", "0.3"])), daemon=True
    )
    listening.start()
    listening.join(20)
    assert done == [1] and "REGISTER was refused" in capsys.readouterr().out


def test_a_live_board_that_says_nothing_of_sip_is_told_how_to(board, capsys):
    tell(board, READY)
    assert cli.main(["doctor", "--port", board.port, "--for", "2"]) == 0
    assert "log.sip=console makes the board tell" in capsys.readouterr().out
