"""The ladder of a call: what is drawn, what is followed live, and what must never be shown."""

import os
import subprocess
import sys

from siplet_tools import ladder as module
from siplet_tools import trace_file
from siplet_tools.ladder import Ladder, draw, facts, masked
from siplet_tools.trace_file import Follower, Reader, Record

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

SDP = b"v=0\r\nm=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"


def request(method, cseq=1, extra=b"", body=b""):
    head = b"%s sip:indoor@127.0.0.1:5062;x=1 SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK%d\r\nCSeq: %d %s\r\n" % (
        method,
        cseq,
        cseq,
        method,
    )
    return head + extra + b"\r\n" + body


def response(status, method=b"INVITE", extra=b"", body=b""):
    return b"SIP/2.0 %s\r\nCSeq: 1 %s\r\n" % (status, method) + extra + b"\r\n" + body


def trace(*records):
    return b"".join(
        b"%s %d %s %d\n%s\n" % (b">>>" if sent else b"<<<", ticks, peer.encode(), len(data), data)
        for sent, ticks, peer, data in records
    )


PEER = "127.0.0.1:5062"
CALL = trace(
    (True, 1000, PEER, request(b"INVITE", extra=b"c: application/sdp\r\n", body=SDP)),
    (False, 1012, PEER, response(b"180 Ringing")),
    (False, 3500, PEER, response(b"200 OK", extra=b"Content-Type: application/sdp\r\n", body=SDP + b"a=sendonly\r\n")),
    (True, 3504, PEER, request(b"ACK")),
    (
        False,
        6000,
        PEER,
        request(b"INFO", 7, b"Content-Type: application/dtmf-relay\r\n", b"Signal=4\r\nDuration=160\r\n"),
    ),
    (True, 6002, PEER, response(b"200 OK", b"INFO")),
)


def test_a_call_is_drawn_with_direction_time_and_key_facts():
    lines = draw(Reader().feed(CALL), own="door", names={PEER: "indoor"}).splitlines()
    assert lines[0].split() == ["door", "indoor"]
    invite, ringing, answer, _ack, digit, last = lines[1:]
    assert invite.startswith("   0.000 s │ INVITE sip:indoor@127.0.0.1:5062 ─") and "▶│  CSeq 1, " in invite
    assert "PCMA PCMU telephone-event at port 4000" in invite
    assert "0.012 s │◀─" in ringing and "180 Ringing │" in ringing
    assert "2.500 s" in answer and "sendonly" in answer
    assert "◀" in digit and digit.endswith("digit 4")
    assert "200 OK ─" in last and "CSeq 1 INFO" in last
    assert len({line.index("│", 20) for line in lines[1:]}) == 1  # the right rail is straight


def test_plain_ascii_is_possible_and_colours_only_when_wanted():
    assert draw(Reader().feed(CALL), plain=True).isascii()
    assert "\033" not in draw(Reader().feed(CALL))
    assert "\033[36m" in draw(Reader().feed(CALL), colour=True)


def test_ticks_wrap_without_a_jump():
    records = trace((True, 0x3FFFFFFF - 10, PEER, request(b"BYE")), (False, 19, PEER, response(b"200 OK", b"BYE")))
    assert "0.030 s" in draw(Reader().feed(records)).splitlines()[-1]


def test_a_trace_may_come_in_any_pieces_and_with_damage_between():
    reader, whole = Reader(), []
    for i in range(len(CALL)):
        whole += reader.feed(CALL[i : i + 1])
    assert len(whole) == 6
    assert [record.sent for record in whole] == [True, False, False, True, False, True]
    torn = b"noise\n>>> x y z\n>>> 1 a:5 99999999\n" + CALL
    assert len(Reader().feed(torn)) == 6


def test_a_growing_file_is_followed(tmp_path):
    path = tmp_path / "trace"
    follower = Follower(path)
    assert list(follower.new()) == []
    path.write_bytes(CALL[:500])
    first = list(follower.new())
    path.write_bytes(CALL)
    assert len(first) + len(list(follower.new())) == 6
    assert list(follower.new()) == []


def test_a_phone_that_starts_again_begins_its_trace_anew(tmp_path):
    path = tmp_path / "trace"
    follower = Follower(path)
    path.write_bytes(CALL + b">>> 1 a:5 999\ncut off")
    assert len(list(follower.new())) == 6
    path.write_bytes(CALL)
    assert len(list(follower.new())) == 6


def test_a_long_trace_is_read_in_pieces_and_garbage_is_not_kept(tmp_path):
    """Each step looks at a piece and at the record that is not whole yet, whatever else the file holds."""
    path = tmp_path / "trace"
    path.write_bytes(b"\xff" * 200_000 + b">>> 1 a:5 4\nnone\n" + CALL * 200)
    follower, most, count = Follower(path), 0, 0
    for _ in follower.new():
        most, count = max(most, len(follower._reader._buffer)), count + 1
    assert count == 1200 and most < 2 * trace_file._PIECE
    reader = Reader()
    assert reader.feed(b"\xff" * 100_000) == [] and len(reader._buffer) <= trace_file._LONGEST
    assert reader.feed(b">>> 1 a:5 4\nnone\n") == []  # within a line


def test_a_ladder_that_goes_on_for_days_keeps_little_and_stays_narrow():
    ladder = Ladder(own="door")
    record = Record(False, 0, PEER, b"")
    for number in range(2000):
        record = Record(False, number, f"10.0.{number // 250}.{number % 250}:5060", request(b"OPTIONS", number))
        assert all(len(line) < 300 for line in ladder.message(record))
    assert ladder.message(record)[-1].endswith(", again")
    assert len(ladder._seen) == module._REMEMBERED and len(ladder._lanes) == len(ladder._spoke) == module._LANES
    (line,) = ladder.message(Record(False, 0, "10.0.7.248:5060", response(b"200 " + b"OK" * 9000, b"x" * 60000)))
    assert len(line) < 500


def test_who_was_silent_longest_gives_its_lane_to_a_new_peer():
    ladder = Ladder(own="door")
    for name in ("a:1", "b:1", "c:1", "d:1", "a:1"):
        ladder.message(Record(False, 0, name, request(b"OPTIONS")))
    heading, _ = ladder.message(Record(False, 0, "e:1", request(b"OPTIONS")))
    assert heading.split() == ["door", "a:1", "e:1", "c:1", "d:1"]
    assert len(ladder.message(Record(False, 0, "a:1", request(b"OPTIONS")))) == 1


def test_another_peer_gets_its_own_lane_and_a_repeat_is_called_so():
    records = [Record(True, 0, "10.0.0.1:5060", request(b"OPTIONS"))] * 2
    records.append(Record(True, 5, "10.0.0.2:5060", request(b"OPTIONS", 2)))
    lines = draw(records, own="door").splitlines()
    assert lines[2].endswith(", again") and not lines[1].endswith("again")
    assert lines[3].split() == ["door", "10.0.0.1:5060", "10.0.0.2:5060"]
    assert lines[4].count("─") > 50 and lines[4].index("▶") > lines[1].index("▶") + 30


def test_notes_stand_at_the_side_where_they_happened():
    ladder = Ladder(own="door", names={PEER: "indoor"})
    heading, pressed = ladder.note(100, "bell pressed")
    assert heading.split() == ["door", "indoor"] and "0.000 s │ ● bell pressed " in pressed
    (invite,) = ladder.message(Record(True, 130, PEER, request(b"INVITE")))
    assert "0.030 s" in invite
    (picked_up,) = ladder.note(1600, "picked up", away=True)
    assert "1.500 s │  " in picked_up and picked_up.endswith("picked up ● │")
    assert "\033" not in ladder.note(1700, "bad \033[2J text")[0]


AUTHORIZATION = (
    b'Proxy-Authorization: Digest username="door", realm="r", nonce="n0nce",\r\n uri="sip:x",'
    b'\r\n response="0123456789abcdef0123456789abcdef", cnonce="c", nc=00000001\r\n'
)


def test_secrets_are_never_shown():
    messages = [
        request(b"INVITE", extra=AUTHORIZATION),
        request(b"REGISTER", extra=b"Authorization: Digest username=door,response=0123456789abcdef\r\n"),
        request(b"REGISTER", extra=b"AUTHORIZATION : Basic MDEyMzQ1Njc4OWFiY2RlZg0123456789abcdef\r\n"),
        request(b"INVITE", extra=b"Contact: <sip:door:0123456789abcdef@h>\r\n"),
        response(b"200 OK", extra=b'Authentication-Info: rspauth="0123456789abcdef"\r\n'),
        request(b"INVITE", body=b"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:0123456789abcdef\r\n"),
        b"INVITE sip:door:0123456789abcdef@h SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n",
        request(b"INVITE", extra=b"To: sip:200:pbx@h,sip:sip:x,0123456789abcdef@y@h;tag=1\r\n"),
        request(b"INVITE", extra=b"To: <sip:2;phone-context=x:a:0123456789abcdef;b@h>\r\n"),
        request(b"NOTIFY", body=request(b"INVITE", extra=AUTHORIZATION.replace(b"\r\n ", b" "))),
        request(b"MESSAGE", body=b"try sips:door:0123456789abcdef@h"),
        request(b"INVITE", body=b"v=0\r\na=ice-pwd:0123456789abcdef\r\n"),
    ]
    for message in messages:
        assert b"0123456789abcdef" in message
        assert "0123456789abcdef" not in masked(message)
        assert "0123456789abcdef" not in draw([Record(True, 0, PEER, message)])
    shown = masked(messages[0])
    assert 'nonce="n0nce"' in shown and 'response="***"' in shown and "nc=00000001" in shown
    assert "credentials of door" in facts(messages[0])[1]


def test_what_is_no_password_stays():
    for line in (
        b"Contact: sip:10.0.0.1:5060,sip:door@10.0.0.2:5060;ob, <sip:10.0.0.1:5060>",
        b"Route: <sip:proxy:5060;lr>,<sip:a@b:5070;lr>",
        b"Via: SIP/2.0/UDP host:5060;branch=z9hG4bK@x",
    ):
        assert line.decode() in masked(request(b"INVITE", extra=line + b"\r\n"))


def test_a_hostile_message_is_looked_through_once(monkeypatch):
    looked_at = []
    monkeypatch.setattr(module, "_plain", lambda uri, plain=module._plain: looked_at.append(len(uri)) or plain(uri))
    for line in (b"sip:" * 16000, b"sip:a," * 10000, b"sip:@" * 12000, b"sip:a:" * 10000 + b"@", b",sip:" * 12000):
        looked_at.clear()
        data = b"INVITE " + line + b" SIP/2.0\r\n\r\n"
        assert len(masked(data)) <= len(data) + 10
        assert len(line) - line.count(b",") <= sum(looked_at) <= len(data)


def test_a_challenge_and_a_registration_tell_what_matters():
    challenge = b'WWW-Authenticate: Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth"\r\n'
    title, details, kind = facts(response(b"401 Unauthorized", b"REGISTER", challenge))
    assert title == "401 Unauthorized" and "challenge SHA-256" in details and kind == "error"
    granted = facts(response(b"200 OK", b"REGISTER", b"Contact: <sip:door@127.0.0.1>;expires=60\r\n"))
    assert "expires 60" in granted[1] and granted[2] == "2"
    assert "retry-after 5" in facts(response(b"503 Busy", extra=b"Retry-After: 5\r\n"))[1]
    assert "digit #" in facts(request(b"INFO", extra=b"Content-Type: application/dtmf\r\n", body=b"#"))[1]


def test_bytes_that_are_no_message_cannot_harm_the_terminal():
    hostile = [
        b"",
        b"\x00\xff\x1b[2J",
        b"INVITE \x1b]0;x\x07 SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 \x1b[31mOK\r\n\r\n",
        b"\r\n" * 9,
    ]
    text = draw([Record(False, 0, PEER, data) for data in hostile])
    text += draw(Reader().feed(b"<<< 1 \x1b]0;x\x07\x9b2J:5 2\nOK\n"))
    assert all(char == "\n" or char.isprintable() for char in text)


def test_the_command_line_draws_a_file(tmp_path):
    path = tmp_path / "trace"
    path.write_bytes(CALL)
    environment = dict(os.environ, PYTHONPATH=os.path.join(ROOT, "host_tools"), PYTHONIOENCODING="utf-8")
    command = [sys.executable, "-m", "siplet_tools.ladder", "--messages"]
    run = subprocess.run(command + [str(path)], env=environment, check=False, capture_output=True, encoding="utf-8")
    assert run.returncode == 0 and "Signal=4" in run.stdout and "180 Ringing" in run.stdout
    missing = subprocess.run(command + [str(path) + "x"], env=environment, check=False, capture_output=True, text=True)
    assert missing.returncode == 2 and "tracex" in missing.stderr
