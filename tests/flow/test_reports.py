# Stories of two ends that report to each other (RFC 3550 section 6, RFC 3611, RFC 5761, RFC 3605) on a wire that loses,
# delays and is listened to by enemies. No socket, no sleep: the clock is the wire's.

from siplet.media import rtcp, srtp
from siplet.offer import Agreement
from siplet.sound.record import sentence
from sound_wire import SoundWire, meet
from wire import Chance


def two(delay_ms=30, strip=b"", **options):
    wire = SoundWire(delay_ms)
    a, b = wire.end("10.0.0.1", **options), wire.end("10.0.0.2")
    meet(a, b, strip)
    return wire, a, b


def is_voice(data):
    return not 200 <= data[1] <= 207


def test_both_know_how_they_are_heard_and_how_far_away_they_are():
    for strip in (b"", b"a=rtcp-mux"):
        wire, a, b = two(30, strip)
        assert bool(a.part.way.udp) == bool(strip)
        wire.run(25_000)
        for end in (a, b):
            record = end.part.record()
            # each end reads its socket by a clock, and these clocks do not drift
            assert abs(record["round_trip_ms"] - 60) <= (40 if strip else 20), (strip, record)
            assert record["loss_percent"] == record["far_loss_percent"] == 0 and record["discarded"] == 0
            assert record["mos"] == 4.41 and record["far_mos"] == 4.4 and record["reports_bad"] == 0
            assert record["packets_received"] > 1240 and record["delay_ms"] > 30
            assert 4 <= record["reports_sent"] <= 11 and record["reports_received"] >= record["reports_sent"] - 3
        port = 4001 if strip else 4000
        sent = wire.carried
        assert {item[2][1] for item in sent} == {port}
        for data in [item[3] for item in sent]:
            assert rtcp.check(data, 0, len(data)) and data[1] == 200


def test_what_is_lost_is_what_both_say_is_lost():
    wire, a, b = two()
    chance = Chance(42)
    dropped = []

    def drop(data, source, destination):
        if source[0] == "10.0.0.1" and is_voice(data) and chance.below(100) < 5:
            dropped.append(data[2] << 8 | data[3])
            return True
        return False

    wire.drop = drop
    wire.run(30_000)
    wire.drop = None
    wire.run(7_000)
    there, here = b.part.record(), a.part.record()
    assert there["lost"] == len(dropped) > 50
    assert here["far_lost"] == len(dropped)
    assert abs(here["far_loss_percent"] - there["loss_percent"]) < 1
    assert here["lost"] == 0 and there["far_lost"] == 0
    assert there["mos"] < 4.2 < here["mos"] and abs(here["far_mos"] - there["mos"]) < 0.4


def test_bursts_and_what_stands_between_them():
    wire, a, b = two()
    wire.run(1000)
    start = a.stream.stats.sent

    def drop(data, source, destination):
        # x R x x R x: six packets of which four are lost, every 200; and one alone between
        n = a.stream.stats.sent - start
        return source[0] == "10.0.0.1" and is_voice(data) and (n % 200 in (0, 2, 3, 5) or n % 200 == 100)

    wire.drop = drop
    wire.run(20_000)
    wire.drop = None
    wire.run(1000)
    record = b.part.record()
    assert record["bursts"] == 5 and record["burst_ms"] == 120 and record["burst_percent"] == 66.6
    assert record["lost"] == 25 and record["gap_percent"] == 0.4 and record["gap_ms"] > 3000
    assert 2.2 <= record["loss_percent"] <= 2.4 and " % in 5 bursts, jitter " in sentence(record)


def test_what_is_only_overtaken_is_not_lost():
    wire, _a, b = two()
    chance = Chance(7)
    wire.hold = lambda data: 60_000 if is_voice(data) and chance.below(100) < 10 else 0
    wire.run(10_000)
    record = b.part.record()
    assert record["lost"] == 0 and record["loss_percent"] == 0
    assert b.stream.stats.jitter > 3 and record["jitter_most_ms"] > 3


def test_an_outage_longer_than_the_receiver_remembers_counts_in_full():
    wire, _a, b = two()
    wire.run(2000)
    wire.drop = lambda data, source, destination: source[0] == "10.0.0.1"
    wire.run(2000)
    wire.drop = None
    wire.run(2000)
    record = b.stop()
    assert record["lost"] == 100 and record["bursts"] == 1 and record["burst_ms"] == 2000


def test_the_highest_number_goes_on_when_the_sequence_wraps_and_a_report_tells_the_rest():
    wire, _a, b = two()
    wire.run(18_000)
    data = wire.reports("10.0.0.1")[-1][1]
    assert data[1] == 200 and data[0] & 31 == 1 and data[28:32] == b"\0\0\0\x32"  # b's SSRC
    highest = int.from_bytes(data[36:40], "big")
    assert data[36:38] == b"\0\1" and abs(highest - 0xFFE0 - b.stream.stats.sent) < 330
    packets, octets = int.from_bytes(data[20:24], "big"), int.from_bytes(data[24:28], "big")
    assert octets == 160 * packets > 160 * 500
    # the RTP timestamp belongs to the time of the NTP timestamp: both go on by the same between two reports
    first = wire.reports("10.0.0.1")[1][1]

    def place(report):
        return int.from_bytes(report[8:16], "big") / 2**32, int.from_bytes(report[16:20], "big") / 8000

    assert abs((place(data)[0] - place(first)[0]) - (place(data)[1] - place(first)[1])) < 0.002


def test_keys_have_four_bytes():
    wire, a, _ = two()
    wire.run(1000)
    a.stream.send_digit("5", 100)
    wire.run(10_000)
    assert a.stream.events > 5
    data = wire.reports("10.0.0.1")[-1][1]
    packets, octets = int.from_bytes(data[20:24], "big"), int.from_bytes(data[24:28], "big")
    assert octets == 160 * packets - 156 * a.stream.events


def test_who_only_listens_sends_receiver_reports_and_knows_the_round_trip_by_extended_ones():
    wire, a, b = two(50)
    b.stream.configure(Agreement(*b.agreed[:5], "recvonly", 20))
    wire.run(18_000)
    kinds = {data[1] for _, data in wire.reports("10.0.0.2")}
    assert 201 in kinds
    assert 85 <= b.part.record()["round_trip_ms"] <= 115
    assert 85 <= a.part.record()["round_trip_ms"] <= 115


def test_a_port_that_is_taken_costs_the_reports_and_nothing_else():
    wire = SoundWire()
    a, b = wire.end("10.0.0.1"), wire.end("10.0.0.2")
    wire.taken.add(4001)
    meet(a, b, b"a=rtcp-mux")
    assert a.part.way.udp is None
    wire.run(8_000)
    assert not wire.reports("10.0.0.1") and a.part.record()["packets_received"] > 350
    assert a.part.record()["mos"] == 4.41 and a.stop()["far_mos"] is None


def test_reports_go_where_the_description_says():
    wire = SoundWire()
    a = wire.end("10.0.0.1")
    a.say()
    offer = "v=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 4000 RTP/AVP 0\r\na=rtcp:%s\r\n"
    for told, want in (
        ("5007", ("10.0.0.2", 5007)),
        ("5008 IN IP4 10.0.0.9", ("10.0.0.9", 5008)),
        ("5009 IN IP4 trap.example.com", ("10.0.0.2", 5009)),  # a name would stop the clock
        ("5010 IN IP6 2001:db8::1", ("10.0.0.2", 5010)),
        ("99999", ("10.0.0.2", 4001)),
        ("0", ("10.0.0.2", 4001)),
        ("", ("10.0.0.2", 4001)),
        ("x 1 2 3", ("10.0.0.2", 4001)),
    ):
        a.hear((offer % told).encode())
        if not a.stream:
            a.start()
        a.stream.configure(a.agreed)
        wire.run(400)
        assert a.part.way.udp.peer == want, told
    a.hear((offer % "").replace("10.0.0.2", "0.0.0.0").encode())
    a.stream.configure(a.agreed)
    wire.run(8000)
    assert a.part.way.udp.peer != ("0.0.0.0", 4001)


def test_a_far_end_that_reports_from_another_port_is_found_after_a_while():
    wire, a, b = two(30, b"a=rtcp-mux")
    send = b.part.way.udp.send

    def elsewhere(view):
        wire.carry(view, ("10.0.0.2", 7777), ("10.0.0.1", 4001))
        return send and True

    b.part.way.udp.send = elsewhere
    wire.run(11_000)
    assert a.part.received == 0 and a.part.way.udp.peer == ("10.0.0.2", 4001)
    wire.run(16_000)
    assert a.part.received > 0 and a.part.way.udp.peer == ("10.0.0.2", 7777)


def test_a_goodbye_is_said_and_understood_and_the_record_stays():
    wire, a, b = two()
    told = []
    a.phone.handlers["quality"] = told.append
    wire.run(12_000)
    assert told and not told[-1]["over"]
    record = a.stop()
    assert record["over"] and told[-1] is record is a.phone.last_quality and a.udp.closed
    last = wire.reports("10.0.0.1")[-1][1]
    assert last[-8:-4] == b"\x81\xcb\x00\x01" and last[-4:] == last[4:8]
    passed = b.part._clock.ms
    wire.run(200)
    assert b.part.schedule.members == 1
    wire.run(6000)
    assert wire.reports("10.0.0.2")[-1][0] > passed
    assert b.stop()["round_trip_ms"] is not None


def test_who_never_reported_says_no_goodbye():
    wire, a, _b = two()
    wire.run(400)
    record = a.stop()
    assert not wire.reports("10.0.0.1") and record["reports_sent"] == 0


def test_the_log_gets_one_line_at_the_end():
    lines = []
    wire, a, _b = two(log=lines.append)
    wire.run(12_000)
    assert not lines
    a.stop()
    assert len(lines) == 1 and lines[0].startswith("quality: MOS 4.4, loss 0.0 %, jitter ")
    assert "round trip" in lines[0] and "heard there with loss 0.0 %" in lines[0]
    lines.clear()
    a.part.end()
    assert not lines, "a call that never began has no quality"


def test_a_part_serves_one_call_after_the_other():
    wire, a, b = two()
    wire.drop = lambda data, source, destination: source[0] == "10.0.0.2" and data[3] % 10 == 0
    wire.run(12_000)
    assert a.stop()["lost"] > 10
    wire.drop = None
    b.part.end()
    a.part.describe(a)
    b.part.describe(b)
    for end in (a, b):
        end.udp = wire.Socket(end.host, 4000)
        end.extras = (end.part.way,)
    meet(a, b)
    wire.run(12_000)
    record = a.part.record()
    assert record["lost"] == 0 and record["far_lost"] == 0 and record["reports_bad"] == 0 and record["mos"] == 4.41


def test_another_source_begins_a_count_of_its_own():
    wire, a, b = two()
    wire.drop = lambda data, source, destination: source[0] == "10.0.0.2" and data[3] % 10 == 0
    wire.run(10_000)
    wire.drop = None
    lost = a.part.record()["lost"]
    b.start(b"\x77\x66\x55\x00\x10\x00\x00\x00\x20\x00")
    wire.run(10_000)
    data = wire.reports("10.0.0.1")[-1][1]
    assert data[28:31] == b"\x77\x66\x55" and data[33:36] == b"\0\0\0"  # nothing of it is lost
    assert int.from_bytes(data[36:40], "big") - 0x1000 < 510
    assert a.part.record()["lost"] == lost > 20


class Cipher:
    """What siplet.sound.security.Cipher is to RTCP; the voice goes on in plain, which is faster."""

    def __init__(self, room, ours, theirs):
        self.sender, self.receiver = srtp.Sender(room), srtp.Receiver(room)
        self.sender.key(bytearray(range(ours, ours + 30)), 10)
        self.receiver.key(bytearray(range(theirs, theirs + 30)), 10)
        self.protect_control = self.sender.protect_control
        self.unprotect_control = self.receiver.unprotect_control

    def protect(self, packet):
        return packet

    def unprotect(self, data, at, end):
        return end


def test_reports_are_ciphered_when_the_voice_is():
    for strip in (b"", b"a=rtcp-mux"):
        wire, a, b = two(30, strip)
        room = srtp.Room()
        a.stream.cipher, b.stream.cipher = Cipher(room, 1, 101), Cipher(room, 101, 1)
        wire.run(14_000)
        for end in (a, b):
            record = end.part.record()
            assert record["reports_received"] >= 1 and record["reports_bad"] == 0, (strip, record)
            assert record["loss_percent"] == 0 and record["round_trip_ms"] is not None
        for _, data in wire.reports("10.0.0.1"):
            assert not rtcp.check(data, 0, len(data)) and data[-14] & 0x80  # the index says that it is ciphered
        a.stop()
        wire.run(400)
        assert b.part.schedule.members == 1


# --- what comes together ---


def report(ssrc, kind=201):
    return b"\x80" + bytes([kind]) + b"\x00\x01" + ssrc + b"\x81\xca\x00\x03" + ssrc + b"\x01\x04a@bc\0\0"


def test_reports_that_were_sent_at_once_come_in_one_read():
    """PJSIP sends some when a call begins."""
    wire, a, b = two(30, b"a=rtcp-mux")
    wire.run(400)
    ssrc = bytes(b.stream.sender.ssrc)
    for _ in range(3):
        wire.carry(report(ssrc), ("10.0.0.2", 4001), ("10.0.0.1", 4001))
    wire.run(200)
    assert (a.part.received, a.part.bad) == (3, 0)


def test_ciphered_reports_that_were_sent_at_once_come_in_one_read():
    wire, a, b = two(30, b"a=rtcp-mux")
    room = srtp.Room()
    a.stream.cipher, b.stream.cipher = Cipher(room, 1, 101), Cipher(room, 101, 1)
    wire.run(400)
    ssrc = bytes(b.stream.sender.ssrc)
    for _ in range(3):
        data = b.stream.cipher.protect_control(bytearray(report(ssrc)))
        wire.carry(data, ("10.0.0.2", 4001), ("10.0.0.1", 4001))
    wire.run(200)
    assert (a.part.received, a.part.bad) == (3, 0)


def test_a_report_whose_length_lies_takes_no_voice_with_it():
    """Too long, too short, and so that it would end with the voice: the packet behind it is heard all the same."""
    for strange in (b"\x80\xc9\xff\xff", b"\x80\xc9\x00\x02", b"\x80\xc9\x00\x31", b"\x80\xc9\x00\x00"):
        wire, a, b = two(30, b"")
        wire.run(1000)
        received = a.stream.stats.received
        lie = bytearray(report(bytes(b.stream.sender.ssrc)))
        lie[:4] = strange
        for _ in range(20):
            # both arrive between the same two ticks, the lie first
            wire.carry(lie, ("10.0.0.2", 4000), ("10.0.0.1", 4000))
            wire.run(100)
        stats = a.stream.stats
        assert stats.received - received >= 99 and stats.lost == stats.bad == 0, (strange, stats.received - received)
        assert a.part.bad == 20 and a.part.record()["lost"] == 0


def test_a_packet_without_a_report_is_passed_over():
    """baresip begins with an APP packet alone."""
    for strip in (b"", b"a=rtcp-mux"):
        wire, a, b = two(30, strip)
        wire.run(400)
        ssrc = bytes(b.stream.sender.ssrc)
        port = 4001 if strip else 4000
        for data in (b"\x80\xcc\x00\x03" + ssrc + b"test\0\0\0\0", b"\x81\xce\x00\x02" + ssrc + ssrc):
            wire.carry(data, ("10.0.0.2", port), ("10.0.0.1", port))
            wire.run(200)
        assert (a.part.received, a.part.bad, a.part.ignored) == (0, 0, 2), strip
        wire.carry(b"\x80\xcc\x00\x09" + ssrc, ("10.0.0.2", port), ("10.0.0.1", port))
        wire.run(200)
        assert (a.part.bad, a.part.ignored) == (1, 2)


def test_a_far_end_with_our_ssrc_hears_a_goodbye_of_it_and_another_one():
    """RFC 3550 8.2."""
    wire = SoundWire()
    a, b = wire.end("10.0.0.1"), wire.end("10.0.0.2")
    meet(a, b)
    ours = bytes(a.stream.sender.ssrc)
    wire.run(9000)
    before = wire.reports("10.0.0.1")
    packets = a.stream.stats.sent
    b.start(ours[:3] + b"\x00\x10\x00\x00\x00\x20\x00")
    for packet in (b.stream.sender.voice, b.stream.sender.event):
        packet[8:12] = ours
    b.stream.sender.ssrc[:] = ours
    b.stream.sender.changed = 4  # it does not move
    wire.run(9000)
    new = bytes(a.stream.sender.ssrc)
    assert a.stream.sender.changed == 1 and new != ours and a.stream.source._ssrc == ours
    told = [data for _, data in wire.reports("10.0.0.1")[len(before) :]]
    goodbye, rest = told[0], told[1:]
    assert before and {data[4:8] for _, data in before} == {ours}
    assert goodbye[:8] == b"\x80\xc9\x00\x01" + ours and goodbye[-8:] == b"\x81\xcb\x00\x01" + ours
    assert rtcp.check(goodbye, 0, len(goodbye))
    assert rest and {data[4:8] for data in rest} == {new}
    name = goodbye[16:34]
    for data in rest:  # the same name, and counts that begin anew
        assert data.find(name) > 0 and int.from_bytes(data[20:24], "big") < a.stream.stats.sent - packets + 2
    assert a.part.compound._writer.ssrc == new == a.part._reader.own
    assert int.from_bytes(rest[-1][20:24], "big") * 160 == int.from_bytes(rest[-1][24:28], "big")
    wire.run(9000)
    record = a.part.record()
    assert record["far_lost"] == 0 and record["far_loss_percent"] == 0 and record["reports_bad"] == 0


def test_what_a_record_says_of_its_scale():
    wire, a, _b = two()
    wire.run(2000)
    record = a.part.record()
    assert record["mos_scale"] == "narrowband" and not record["wideband"]
    assert "scale" not in sentence(record)
    a.stream._agreed = Agreement("10.0.0.2", 4000, b"G722", 9, 101, "sendrecv", 20)
    record = a.part.record()
    assert record["wideband"] and record["mos"] == 4.41
    assert sentence(record).startswith("quality: MOS 4.4 on the narrowband scale, loss 0.0 %")


# --- enemies ---


def test_a_flood_is_read_in_part_and_counted():
    wire, a, _b = two(30, b"a=rtcp-mux")
    wire.run(5000)
    junk = b"\x81\xc9\x00\x07" + b"EVIL" + bytes(24)
    before = a.part.received
    for _ in range(50):
        for _ in range(100):
            wire.carry(junk, ("10.0.0.2", 4001), ("10.0.0.1", 4001))
        wire.run(20)
    assert a.part.received - before <= 8 * 6 and a.part.bad > 0
    wire.run(10_000)
    assert a.part.record()["far_mos"] == 4.4


def test_strangers_and_rubbish_change_nothing():
    wire, a, _b = two(30, b"a=rtcp-mux")
    chance = Chance(3)
    wire.run(6000)
    received = a.part.received
    real = wire.reports("10.0.0.2")[-1][1]
    for i in range(80):
        data = bytearray(real if i % 3 else chance.bytes(1 + chance.below(300)))
        for _ in range(chance.below(6)):
            data[chance.below(len(data))] = chance.below(256)
        if i % 2:
            wire.carry(data, ("66.6.6.6", 666), ("10.0.0.1", 4001))  # its socket does not even take it
        else:
            wire.carry(data, ("10.0.0.2", 4001), ("10.0.0.1", 4001))
            wire.carry(b"\x80\xc8" + bytes(data[2:]), ("10.0.0.2", 4000), ("10.0.0.1", 4000))
        wire.run(100)
    assert a.part.bad > 10 and a.part.received > received
    record = a.part.record()
    # what says to be longer than it is may take the packet with it that lay behind it in the same read
    assert record["lost"] <= 40 and record["packets_received"] > 600
    assert record["round_trip_ms"] < 30_000
    assert sentence(record) and a.stop()["over"]


def full(*_):
    raise MemoryError


def test_a_full_heap_costs_a_report_and_not_the_sound():
    wire, a, _b = two()
    a.phone.handlers["quality"] = print
    a.part.record = full
    wire.run(30_000)
    assert a.part.sent > 3 and a.stream.stats.received > 1400


def test_a_full_heap_costs_a_way_for_reports_and_not_the_sound():
    for lacking in ("reopen", "connect"):
        wire, a, b = two(30, b"a=rtcp-mux")
        socket = a.part.way.udp
        setattr(socket, lacking, full)
        if lacking == "connect":
            a.part.way._told = ("10.0.0.2", 4003)
            a.part.agree(a.stream)
        else:
            wire.drop = lambda data, source, destination: not is_voice(data)  # for so long that another port may be it
        wire.run(30_000)
        assert a.stream.stats.received > 1400 and (a.part.received == 0) == (lacking == "reopen")
        delattr(socket, lacking)
        wire.drop = None
        wire.run(15_000)
        assert a.part.received and a.part.way.connected and a.stop() and b.stop()


def test_a_call_without_memory_for_its_record_has_none_and_not_the_next_one_s():
    wire, a, _b = two()
    wire.run(2000)
    a.part._count = full
    assert a.stop() == {} and a.part.way.udp is None
