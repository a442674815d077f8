"""Wireshark reads what calls put on the wire: voice, keys and reports; of SRTP, what libsrtp gets out of it."""

import base64
import collections
import itertools
import struct
import time

import libsrtp
import pytest
from driver import DOOR, INDOOR, need
from pjsua import Pjsua, missing
from siplet_tools.process import wait_until
from siplet_tools.speech import compare
from siplet_tools.wav_file import read_wav
from wireshark import Capture, Pcap, write_pcap

# Nothing that changes the sound: each byte is compared
BARE = {"sound.complete": True, "sound.jitter_most_ms": 0, "sound.hands_free": "off", "sound.progress_tones": False}
SPEAKS = {"play": DOOR, "repeat": True}
CLIP = 160 * (len(read_wav(DOOR)) // 160)  # samples of the clip, in whole packets
PCMU, KEYS = 0, 101
TAG = 10  # bytes of SRTCP's, whatever RTP's has (RFC 4568 section 6.2)
EVERY = 10  # one packet of so many is lost

HEAD = ["rtp.version", "rtp.padding", "rtp.ext", "rtp.cc", "rtp.ssrc", "rtp.seq", "rtp.timestamp", "rtp.p_type"]
HEAD += ["rtp.marker", "rtp.payload", "srtp.enc_payload", "srtp.auth_tag", "frame.number", "frame.time_epoch"]
KEY = ["rtp.marker", "rtp.timestamp", "rtpevent.event_id", "rtpevent.end_of_event", "rtpevent.duration"]
KEY += ["rtpevent.reserved"]
REPORT = ["frame.number", "frame.time_epoch", "rtcp.version", "rtcp.pt", "rtcp.length_check", "rtcp.senderssrc"]
REPORT += ["rtcp.timestamp.ntp.msw", "rtcp.timestamp.ntp.lsw", "rtcp.timestamp.rtp", "rtcp.sender.packetcount"]
REPORT += ["rtcp.sender.octetcount", "rtcp.ssrc.identifier", "rtcp.ssrc.fraction", "rtcp.ssrc.cum_nr"]
REPORT += ["rtcp.ssrc.ext_high", "rtcp.ssrc.jitter", "rtcp.ssrc.lsr", "rtcp.ssrc.dlsr", "rtcp.sdes.type"]
REPORT += ["rtcp.sdes.text"]
CIPHERED = ["srtcp.e", "srtcp.index", "srtcp.auth_tag"]
METRICS = ["rtcp.xr." + name for name in ("bt", "bl")]
METRICS += ["rtcp.xr.voipmetrics." + name for name in ("gmin", "rfactor", "moslq", "moscq", "esdelay", "rtdelay")]


class Packet(collections.namedtuple("Packet", "frame at ssrc number stamp kind marker payload tag")):
    """One of RTP, as Wireshark reads it; frame, at: its place in the capture, seconds. tag: SRTP's, bytes."""


def voice(pcap, port):
    """All Packets that left a port."""
    packets = []
    for row in pcap.rows(f"rtp && udp.srcport == {port}", *HEAD):
        version, padding, extended, sources, ssrc, number, stamp, kind, marker = (row[name][0] for name in HEAD[:9])
        assert (version, padding, extended, sources) == ("2", "0", "0", "0"), row
        payload, sealed, tag = ("".join(row[name]) for name in HEAD[9:12])
        assert bool(payload) != bool(sealed) == bool(tag)
        frame, at = int(row["frame.number"][0]), float(row["frame.time_epoch"][0])
        packets.append(
            Packet(
                *(frame, at, ssrc, int(number), int(stamp), int(kind), marker == "1"),
                *map(bytes.fromhex, (payload or sealed, tag)),
            )
        )
    return packets


def judge_voice(pcap, packets, port, slips=0):
    """One source, each packet a frame after the last one, a marker where the clock begins; so Wireshark says, too."""
    first = packets[0]
    assert len(packets) > 100 and {packet.ssrc for packet in packets} == {first.ssrc}
    assert [(packet.number - first.number) & 0xFFFF for packet in packets] == list(range(len(packets)))
    spoken = [packet for packet in packets if packet.kind == PCMU]
    assert {len(packet.payload) for packet in spoken} == {160}
    marked = [packet for packet in spoken if packet.marker]
    assert marked[0] is first and len(marked) == 1 + slips
    for before, packet in itertools.pairwise(spoken):
        frames = (packet.number - before.number) & 0xFFFF  # keys may have been between them
        assert packet.marker or (packet.stamp - before.stamp) & 0xFFFFFFFF == 160 * frames, (before, packet)
    told = pcap.streams()[first.ssrc]
    assert told["packets"] == len(packets) and told["lost"] == 0 and not told["problem"], told
    assert told["ports"][0] == port and abs(told["mean_delta"] - 20) < 0.5, told
    assert not pcap.complaints(f"udp.port == {port}")


def judge_keys(pcap, port, keys):
    """Each key of those events is told for as long as it was held, and its end three times."""
    rows = pcap.rows(f"rtpevent && udp.srcport == {port}", *KEY)
    presses = collections.defaultdict(list)
    for row in rows:
        marker, stamp, event, end, duration, reserved = (int(row[name][0]) for name in KEY)
        assert not reserved
        presses[stamp, event].append((marker, end, duration))
    assert [event for _, event in presses] == keys
    for packets in presses.values():
        held = [160 * (n + 1) for n in range(8)]  # 160 ms
        assert [duration for _, _, duration in packets] == held + held[-1:] * 2
        assert [end for _, end, _ in packets] == [0] * 7 + [1] * 3
        assert [marker for marker, _, _ in packets] == [1] + [0] * 9


def judge_reports(pcap, port, ours, theirs, far, lossy=False):
    """The compound packets of RTCP that left a port say what the capture shows; their rows, and how much each one of
    them says was lost.

    ours, theirs: the Packets of both ends; far: the port of the far end's RTCP; lossy: some of ours are not there.
    """
    rows = pcap.rows(f"rtcp && udp.srcport == {port}", *REPORT, *METRICS)
    heard = [middle(row) for row in pcap.rows(f"rtcp && udp.srcport == {far}", *REPORT) if row["rtcp.pt"][0] == "200"]
    ssrc = ours[0].ssrc
    assert len(rows) >= 2 and not pcap.complaints(f"rtcp && udp.srcport == {port}")
    for row in rows:
        frame, at = int(row["frame.number"][0]), float(row["frame.time_epoch"][0])
        kinds = row["rtcp.pt"]
        bye = row is rows[-1]
        assert kinds == ["200", "202"] + ["207"] * ("207" in kinds) + ["203"] * bye
        assert set(row["rtcp.version"]) == {"2"} and row["rtcp.length_check"] == ["1"]
        assert row["rtcp.senderssrc"] == [ssrc] * (1 + ("207" in kinds))
        sent = [packet for packet in ours if packet.frame < frame]
        count = int(row["rtcp.sender.packetcount"][0])
        unseen = count - (sent[-1].number - sent[0].number & 0xFFFF) - 1
        assert unseen == 0 or (lossy and unseen == 1)  # the very last one may have been lost
        keys = sum(packet.kind == KEYS for packet in sent)
        assert int(row["rtcp.sender.octetcount"][0]) == 160 * (count - keys) + 4 * keys
        stamp = int(row["rtcp.timestamp.rtp"][0]) - sent[-1].stamp & 0xFFFFFFFF
        assert stamp - 160 * unseen in (0, 160) or sent[-1].kind == KEYS
        # what is heard is named by the report's block and by the metrics, we are by SDES and BYE
        got = [packet for packet in theirs if packet.frame < frame]
        metrics = "207" in kinds
        assert row["rtcp.ssrc.identifier"] == [got[0].ssrc, ssrc] + [got[0].ssrc] * metrics + [ssrc] * bye
        newest = int(row["rtcp.ssrc.ext_high"][0])
        assert newest & 0xFFFF in [packet.number for packet in got[-4:]]
        assert newest >> 16 == (got[-1].number < got[0].number)
        assert int(row["rtcp.ssrc.jitter"][0]) < 160
        assert row["rtcp.sdes.type"][0] == "1" and row["rtcp.sdes.text"] == rows[0]["rtcp.sdes.text"]
        known = [report for report in heard if report[0] < frame]
        echo, kept = int(row["rtcp.ssrc.lsr"][0]), int(row["rtcp.ssrc.dlsr"][0])
        if echo:
            (sent_at,) = (report[1] for report in known if report[2] == echo)
            # the far end sees a round trip of next to nothing; we read its port every 80 ms
            assert abs(at - sent_at - kept / 65536) < 0.06
        else:
            assert not kept and row is rows[0]
    assert int(rows[-1]["rtcp.ssrc.lsr"][0])
    assert not [packet for packet in ours if packet.frame > int(rows[-1]["frame.number"][0])]
    for before, row in itertools.pairwise(rows):
        passed = [value(row) - value(before) for value in (clock, lambda row: float(row["frame.time_epoch"][0]))]
        samples = int(row["rtcp.timestamp.rtp"][0]) - int(before["rtcp.timestamp.rtp"][0]) & 0xFFFFFFFF
        assert abs(passed[0] - passed[1]) < 0.03 and abs(samples / 8000 - passed[0]) < 0.045
    return rows


def clock(row):
    """Its NTP timestamp in seconds."""
    return int(row["rtcp.timestamp.ntp.msw"][0]) + int(row["rtcp.timestamp.ntp.lsw"][0]) / 2**32


def middle(row):
    """(frame, seconds, the 32 bits in the middle of its NTP timestamp) of a report."""
    high, low = (int(row["rtcp.timestamp.ntp." + name][0]) for name in ("msw", "lsw"))
    return int(row["frame.number"][0]), float(row["frame.time_epoch"][0]), (high & 0xFFFF) << 16 | low >> 16


def lost_of(row):
    return int(row["rtcp.ssrc.cum_nr"][0])


def as_wav(path, packets):
    """A WAV of the voice in those Packets, mu-law as it came."""
    codes = b"".join(packet.payload for packet in packets if packet.kind == PCMU)
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + len(codes), b"WAVE", b"fmt ", 16, 7, 1, 8000, 8000, 1, 8)
    path.write_bytes(head + struct.pack("<4sI", b"data", len(codes)) + codes)
    return path


def judge_speech(folder, ours, theirs, phone):
    """We say the clip from the first packet on, to the bit; what the far end says is heard, and recorded as it is."""
    said = b"".join(packet.payload for packet in ours[: CLIP // 160])
    with open(DOOR, "rb") as file:
        clip = file.read()
    clip = clip[clip.index(b"data") + 8 :][:CLIP]
    assert said.replace(b"\x7f", b"\xff") == clip.replace(b"\x7f", b"\xff")  # both are zero
    wire = as_wav(folder / "wire.wav", theirs)
    came = compare(INDOOR, wire)
    assert came.ok and came.heard > 0.97, came
    kept = compare(read_wav(wire)[:CLIP], phone.heard)
    assert kept.heard == 1 and kept.snr_db > 50, kept


@pytest.fixture
def call(puppet, started, tmp_path):
    """call(seconds, it_calls=False, sound={}, during=None, **options of PJSIP): one with PJSIP, caught by Wireshark.

    Returns the Capture, the puppet and PJSIP, the ports of RTP of both, and what both know in the end: stats, quality,
    and the statistics of PJSIP. during: called with the phone, its call, PJSIP and its call once the clip was said.
    """
    need(missing())

    def ring(seconds, it_calls=False, sound=None, during=None, **options):
        capture = started(Capture(tmp_path / "call.pcap"))
        indoor = started(Pjsua(tmp_path / "pjsua", says=INDOOR, codecs=("PCMU/8000",), **options))
        heard = str(tmp_path / "heard.wav")
        phone = puppet(sound=dict(BARE, **(sound or {})), audio=dict(SPEAKS, record=heard))
        phone.heard = heard
        capture.reads.append(f"udp.port=={phone.port},sip")
        if it_calls:
            theirs = indoor.dial(phone.uri)
            number = phone.event("incoming")["call"]
            phone.do("answer", call=number)
        else:
            number = phone.do("call", target=indoor.uri)["call"]
            theirs = indoor.incoming()
            indoor.answer(theirs)
        phone.event("up", call=number)
        indoor.up(theirs)
        begun = time.monotonic()
        time.sleep(CLIP / 8000 + 0.5)
        if during:
            during(phone, number, indoor, theirs)
        time.sleep(max(0, begun + seconds - time.monotonic()))
        told = indoor.do("statistics", call=theirs)
        port = phone.do("stats", call=number)["rtp_port"]
        phone.do("hangup", call=number)
        indoor.over(theirs)
        stats, quality = phone.do("stats", call=number), phone.do("quality", call=number)["quality"]
        capture.stop()
        media = capture.rows(f"sdp && udp.srcport == {indoor.port}", "sdp.media.port")
        return capture, phone, indoor, (port, int(media[0]["sdp.media.port"][0])), (stats, quality, told)

    return ring


def judge_counts(ours, theirs, reports, far, stats, quality, told):
    """What both ends have counted is what passed the wire."""
    assert stats["sent"] == quality["packets_sent"] == len(ours)
    # its last ones cross the BYE
    assert len(theirs) - 2 <= stats["received"] == quality["packets_received"] <= len(theirs)
    assert stats["lost"] == stats["bad"] == stats["foreign"] == stats["duplicate"] == 0
    assert quality["reports_sent"] == len(reports) and quality["reports_bad"] == 0
    assert len(far) - 2 <= quality["reports_received"] <= len(far)
    assert all(lost_of(row) == 0 for row in reports)
    assert told["heard"]["lost"] == told["told"]["lost"] == quality["far_lost"] == 0
    assert len(ours) - 25 <= told["heard"]["packets"] <= len(ours)


def test_a_plain_call_is_on_the_wire_what_both_ends_say_of_it(call, tmp_path):
    def press(phone, number, indoor, theirs):
        phone.do("digits", call=number, digits="5#", form="rtp")
        assert indoor.digits(2) == "5#"
        indoor.press(theirs, "7", "rtp")
        assert phone.digits(1) == "7"

    capture, phone, _, (port, far), known = call(7, during=press)
    ours, theirs = voice(capture, port), voice(capture, far)
    assert {packet.kind for packet in ours} == {packet.kind for packet in theirs} == {PCMU, KEYS}
    judge_voice(capture, ours, port, known[0]["slips"])
    judge_keys(capture, port, [5, 11])
    judge_keys(capture, far, [7])
    reports = judge_reports(capture, port + 1, ours, theirs, far + 1)
    judge_speech(tmp_path, ours, theirs, phone)
    judge_counts(ours, theirs, reports, capture.rows(f"rtcp && udp.srcport == {far + 1}", "rtcp.pt"), *known)


def test_what_is_lost_and_how_it_sounds_is_told_as_it_is(puppet, started, tmp_path):
    """Two of us, for both tell VoIP metrics (RFC 3611), on one port (RFC 5761); one packet of ten is lost."""
    capture = started(Capture(tmp_path / "call.pcap"))
    indoor = puppet(user="indoor", sound=BARE, auto="answer", audio=SPEAKS, codecs=["PCMU"])
    phone = puppet(sound=BARE, audio=SPEAKS, codecs=["PCMU"])
    capture.reads.append(f"udp.port=={phone.port},sip")
    number = phone.do("call", target=indoor.uri)["call"]
    phone.event("up", call=number)
    time.sleep(0.3)
    phone.do("lose", call=number, every=EVERY)

    def told():
        record = phone.do("quality", call=number)["quality"]
        return record["far_lost"] and record["far_mos"] and record["reports_sent"] >= 1 and record

    wait_until(told, 12, "report of a loss")
    time.sleep(0.2)
    record = told()
    port, far = phone.do("stats", call=number)["rtp_port"], indoor.do("stats", call=1)["rtp_port"]
    phone.do("hangup", call=number)
    wait_until(lambda: indoor.do("state")["count"] == 1, 3, "the end")
    kept = indoor.do("quality")["quality"]
    capture.stop()

    ours, theirs = voice(capture, port), voice(capture, far)
    judge_voice(capture, theirs, far, indoor.do("stats")["slips"])
    assert not capture.complaints(f"udp.port == {port}")
    numbers = [packet.number - ours[0].number & 0xFFFF for packet in ours]
    gone = sorted(set(range(numbers[-1] + 1)) - set(numbers))
    assert len(gone) > 5 and {after - before for before, after in itertools.pairwise(gone)} == {EVERY}
    line = capture.streams()[ours[0].ssrc]
    assert line["lost"] == len(gone) and line["packets"] == len(ours)
    assert len(ours) - 2 <= kept["packets_received"] <= len(ours)  # the last ones cross the BYE

    judge_reports(capture, port, ours, theirs, far, lossy=True)
    rows = judge_reports(capture, far, theirs, ours, port)
    for row in rows:
        newest = int(row["rtcp.ssrc.ext_high"][0]) - ours[0].number & 0xFFFF
        before = [n for n in gone if n <= newest]
        assert lost_of(row) == len(before)
    assert "207" in rows[0]["rtcp.pt"]
    # what we know of how we are heard is what the last report but the goodbye says
    last = rows[-2]
    assert last["rtcp.xr.bt"][0] == "7" and last["rtcp.xr.bl"][0] == "8"
    gmin, rating, listening, conversation, system, trip = (float(last[name][0]) for name in METRICS[2:])
    assert gmin == 16 and int(trip) <= 60
    assert record["far_lost"] == lost_of(last) and record["far_end_system_ms"] == system
    assert (record["far_r_factor"], record["far_mos_listening"]) == pytest.approx((rating, listening))
    assert record["far_mos"] == pytest.approx(conversation) and conversation < 4
    leaving = [float(rows[-1][name][0]) for name in METRICS[3:6]]
    assert kept["lost"] == lost_of(rows[-1]) and leaving[0] == pytest.approx(kept["r_factor"], abs=0.51)
    assert leaving[1:] == pytest.approx([kept["mos_listening"], kept["mos"]], abs=0.051)


def keys(pcap, port):
    """{number: (suite, key)} of the a=crypto lines in the first description that left a port."""
    row = pcap.rows(f"sdp && udp.srcport == {port}", "sdp.media.proto", "sdp.media_attr")[0]
    assert row["sdp.media.proto"] == ["RTP/SAVP"]
    lines = [text[7:].split() for text in row["sdp.media_attr"] if text.startswith("crypto:")]
    return {number: (suite, inline[7:].split("|")[0]) for number, suite, inline, *_ in lines}


def opened(pcap, folder, sides):
    """What libsrtp makes of all packets: another Pcap. sides: [(suite, key, ports of RTP and RTCP) of each end]."""
    plain = []
    for suite, key, ports in sides:
        which = " || ".join(f"udp.srcport == {port}" for port in ports)
        fields = ["frame.time_epoch", "udp.srcport", "udp.dstport", "udp.payload"]
        rows = [[row[name][0] for name in fields] for row in pcap.rows(f"({which}) && (rtp || srtcp)", *fields)]
        sealed = [bytes.fromhex(row[3]) for row in rows]
        packets = libsrtp.open_all(suite, key, sealed)
        assert len(packets) > 100 and None not in packets
        other = bytearray(base64.b64decode(key))
        other[0] ^= 1
        assert set(libsrtp.open_all(suite, base64.b64encode(other).decode(), sealed)) == {None}
        plain += [(float(at), int(near), int(far), packet) for (at, near, far, _), packet in zip(rows, packets)]
    path = folder / "opened.pcap"
    write_pcap(path, sorted(plain, key=lambda packet: packet[0]))
    reads = [f"udp.port=={port},{kind}" for _, _, ports in sides for port, kind in zip(ports, ("rtp", "rtcp"))]
    return Pcap(path, *reads)


@pytest.mark.parametrize("bits, it_calls", [(80, False), (32, True)])
def test_a_ciphered_call_is_opened_by_libsrtp_and_is_as_good_as_a_plain_one(call, tmp_path, bits, it_calls):
    """(Wireshark takes the first suite of an offer for the one in use: that of the short tag is offered alone.)"""
    need(libsrtp.missing())
    suite = f"AES_CM_128_HMAC_SHA1_{bits}"
    sound = {"sound.srtp_encryption": "require", "sound.srtp_without_tls": True}
    capture, phone, indoor, (port, far), known = call(7, it_calls, sound, srtp="require", suites=[suite])

    # On the wire: SRTP with a tag of that size, and none of the sound
    sealed = voice(capture, port)
    judge_voice(capture, sealed, port, known[0]["slips"])
    assert {len(packet.tag) for packet in sealed} == {bits // 8}
    assert len({packet.payload for packet in sealed}) == len(sealed)  # silence is always another one
    assert compare(DOOR, as_wav(tmp_path / "sealed.wav", sealed)).heard == 0

    ours, theirs = keys(capture, phone.port), keys(capture, indoor.port)
    (number,) = set(ours) & set(theirs)
    assert ours[number][0] == theirs[number][0] == suite and ours[number][1] != theirs[number][1]
    sides = [(*ours[number], (port, port + 1)), (*theirs[number], (far, far + 1))]
    plain = opened(capture, tmp_path, sides)

    # Once it is open: all that a plain call is judged by
    ours, theirs = voice(plain, port), voice(plain, far)
    assert [packet[2:7] for packet in ours] == [packet[2:7] for packet in sealed]
    judge_voice(plain, ours, port, known[0]["slips"])
    reports = judge_reports(plain, port + 1, ours, theirs, far + 1)
    judge_speech(tmp_path, ours, theirs, phone)
    judge_counts(ours, theirs, reports, plain.rows(f"rtcp && udp.srcport == {far + 1}", "rtcp.pt"), *known)

    # The reports were ciphered, and numbered one after the other
    rows = capture.rows(f"srtcp && udp.srcport == {port + 1}", "udp.payload", *CIPHERED)
    trailers = [bytes.fromhex("".join(row["udp.payload"]))[-TAG - 4 :] for row in rows]
    first = int.from_bytes(trailers[0][:4], "big") & 0x7FFFFFFF
    numbers = [int.from_bytes(trailer[:4], "big") for trailer in trailers]
    assert numbers == [1 << 31 | first + n for n in range(len(reports))]
    if bits == 80:  # of the other suite Wireshark 4.0 looks for a short tag here, too
        told = [[row[name][0] for name in CIPHERED] for row in rows]
        assert told == [["1", str(number & 0x7FFFFFFF), tag[4:].hex()] for number, tag in zip(numbers, trailers)]
