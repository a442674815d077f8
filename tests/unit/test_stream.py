# The 20 ms task, ticked by hand: a fake network, a fake audio device, no clock.

from media_parts import Agreement, Audio, Net, rtp, voice
from siplet.media import g711
from siplet.stream import Stream

HERE = ("192.0.2.7", 4000)
SEED = b"\x12\x34\x56\x78\xff\xfe\xff\xff\xff\x00"  # both the sequence number and the timestamp are about to wrap


def stream(agreement=None, seed=SEED):
    s = Stream(Audio(), Net(), lambda n: seed[:n])
    if agreement is not None:
        s.configure(agreement)
    return s


def come(s, *packets):
    for data in packets:
        s.udp.incoming.append((HERE[0], HERE[1], data))


def hear(s, packets, per_tick=1):
    # tick with per_tick packets each
    while packets:
        come(s, *packets[:per_tick])
        packets = packets[per_tick:]
        s.tick()


def decoded(code, law=0):
    pcm = bytearray(320)
    g711.decode(160, bytes([code & 255]) * 160, pcm, 0, g711.table(law))
    return bytes(pcm)


def frames_heard(s):
    return [f for f in s.audio.heard if f != bytes(320)]


def test_sends_a_frame_each_tick():
    s = stream(Agreement())
    s.audio.level = 1000
    for _ in range(4):
        s.tick()
    sent = [data for host, port, data in s.udp.outgoing]
    assert [(h, p) for h, p, d in s.udp.outgoing] == [HERE] * 4
    code = bytearray(1)
    g711.encode(1, b"\xe8\x03", code, 0, 0)
    assert all(len(d) == 172 and d[0] == 0x80 and d[8:12] == SEED[:4] for d in sent)
    assert all(d[12:] == bytes(code) * 160 for d in sent)
    # numbers wrap: sequence 0xfffe, 0xffff, 0, 1; timestamp 0xffffff00 + 160 is 0xffffffa0, then 0x40
    assert [d[2:4] for d in sent] == [b"\xff\xfe", b"\xff\xff", b"\0\0", b"\0\1"]
    assert [d[4:8] for d in sent] == [b"\xff\xff\xff\0", b"\xff\xff\xff\xa0", b"\0\0\0\x40", b"\0\0\0\xe0"]
    assert [d[1] for d in sent] == [0x80, 0, 0, 0]  # the marker begins the talk
    assert s.stats.sent == 4


def test_silence_and_mute_are_sent_as_silence():
    s = stream(Agreement(codec=b"PCMA"))
    s.tick()
    s.audio.level = 1000
    s.muted = True
    s.tick()
    s.muted = False
    s.tick()
    sent = [d[12:] for h, p, d in s.udp.outgoing]
    assert sent[0] == sent[1] == b"\xd5" * 160 and sent[2] != sent[0]
    assert s.udp.outgoing[1][2][1] == 8


def test_before_an_agreement_nothing_moves():
    s = stream()
    come(s, voice(0))
    s.tick()
    assert not s.udp.outgoing and s.stats.received == 0 and s.audio.heard == [bytes(320)]


def test_hears_after_the_prefetch_and_in_order():
    s = stream(Agreement())
    hear(s, [voice(i) for i in range(10)])
    assert s.udp.peer == HERE
    assert s.audio.heard == [bytes(320)] * 2 + [decoded(i) for i in range(8)]
    assert (s.stats.received, s.stats.lost, s.stats.concealed, s.stats.jitter) == (10, 0, 0, 0)
    assert s.stats.delay == 60


def test_several_packets_in_one_read():
    s = stream(Agreement())
    hear(s, [voice(0)])  # connected now
    key = rtp(1002, 160, b"\x05\x0a\x00\xa0", 101)
    control = b"\x81\xc8\x00\x06SSRC" + bytes(20)
    come(s, voice(1), key, control, voice(2, first=1001, code=2))
    s.tick()
    assert (s.stats.received, s.stats.control, s.stats.bad, s.stats.lost) == (4, 1, 0, 0)
    hear(s, [voice(i, first=1001) for i in range(3, 6)])
    assert frames_heard(s) == [decoded(i) for i in range(3)]


def test_10_and_30_ms_packets():
    for samples in (80, 240, 320, 480):
        s = stream(Agreement())
        packets = [voice(i, samples=samples) for i in range(24)]
        due = 0
        while packets:
            due += 160
            now = []
            while packets and due >= samples:
                due -= samples
                now.append(packets.pop(0))
            come(s, *now)
            s.tick()
        for _ in range(3):
            s.tick()
        heard = b"".join(s.audio.heard).lstrip(b"\0")
        whole = b"".join(decoded(i)[: 2 * 80] * (samples // 80) for i in range(24))
        assert len(heard) > 320 * 8 and heard[: len(whole)] == whole[: len(heard)], samples
        assert s.stats.lost == s.stats.concealed == s.stats.late == s.stats.duplicate == 0


def test_direction_is_honoured():
    for direction, sends, hears in (
        ("sendrecv", True, True),
        ("sendonly", True, False),
        ("recvonly", False, True),
        ("inactive", False, False),
    ):
        s = stream(Agreement(direction=direction))
        s.audio.level = 500
        hear(s, [voice(i) for i in range(6)])
        assert bool(s.udp.outgoing) == sends, direction
        assert bool(frames_heard(s)) == hears, direction
        assert s.stats.received == 6


def test_hold_and_back():
    s = stream(Agreement())
    hear(s, [voice(i) for i in range(6)])
    before = s.udp.outgoing[-1][2]
    s.configure(Agreement(direction="inactive"))
    count = len(s.udp.outgoing)
    for _ in range(10):
        s.tick()
    assert len(s.udp.outgoing) == count and s.audio.heard[-10:] == [bytes(320)] * 10
    s.configure(Agreement())
    hear(s, [voice(i) for i in range(50, 56)])
    after = s.udp.outgoing[count][2]
    # the next sequence number, but the clock went on: 10 frames held and one; marked as a new talk
    assert (after[3] - before[3]) & 255 == 1 and after[1] == 0x80
    assert ((after[6] - before[6]) << 8) + after[7] - before[7] & 0xFFFF == 11 * 160
    assert frames_heard(s)[-4:] == [decoded(i) for i in range(50, 54)]
    assert s.udp.reopened == 0


def test_a_new_address_by_reinvite():
    s = stream(Agreement())
    hear(s, [voice(0), voice(1)])
    s.configure(Agreement(address="192.0.2.9", port=6000))
    assert s.udp.reopened == 1 and s.udp.peer is None
    s.tick()
    assert s.udp.outgoing[-1][:2] == ("192.0.2.9", 6000)
    s.udp.incoming.append(("192.0.2.9", 6002, rtp(7, 7, bytes(160), 0, b"NEW!")))
    s.tick()
    assert s.udp.peer is None  # one packet of another source is none yet
    s.udp.incoming.append(("192.0.2.9", 6002, rtp(8, 167, bytes(160), 0, b"NEW!")))
    s.tick()
    s.tick()
    assert s.udp.peer == ("192.0.2.9", 6002) and s.udp.outgoing[-1][:2] == ("192.0.2.9", 6002)


def test_foreign_hosts_are_not_heard():
    s = stream(Agreement())
    for i in range(6):
        s.udp.incoming.append(("198.51.100.1", 4000, voice(i)))
        s.tick()
    assert s.stats.foreign == 6 and s.stats.received == 0 and s.udp.peer is None
    hear(s, [voice(i, first=5) for i in range(4)])
    assert s.stats.received == 4 and s.udp.peer == HERE


def test_peer_behind_another_port():
    s = stream(Agreement())
    s.udp.incoming.append((HERE[0], 5555, voice(0)))
    s.tick()
    assert s.udp.peer is None  # one packet may be a stray
    s.udp.incoming.append((HERE[0], 5555, voice(1)))
    s.tick()
    s.tick()
    assert s.udp.outgoing[-1][:2] == (HERE[0], 5555)
    for _ in range(160):  # then it falls silent and returns from yet another port
        s.tick()
    assert s.udp.reopened == 1 and s.udp.outgoing[-1][:2] == (HERE[0], 5555)
    s.udp.incoming.append((HERE[0], 7777, voice(161)))
    s.tick()
    s.tick()
    assert s.udp.outgoing[-1][:2] == (HERE[0], 7777)


def test_loss_is_played_as_silence_and_counted():
    s = stream(Agreement())
    hear(s, [voice(i) for i in range(6)])
    s.tick()  # 6 is lost
    hear(s, [voice(i) for i in range(7, 12)])
    assert s.stats.lost == 1 and s.stats.concealed == 1
    heard = s.audio.heard
    assert heard[2:] == [decoded(i) if i != 6 else bytes(320) for i in range(10)]


def test_hostile_packets_do_not_end_the_call():
    s = stream(Agreement())
    hear(s, [voice(i) for i in range(4)])
    hostile = [
        b"",
        b"\x80",
        b"\x80\x00\x03",
        bytes(11),
        bytes(1480),
        b"\xff" * 1480,
        b"\r\n\r\n",
        b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12),  # STUN
        rtp(1003, 0, b"\xff" * 2000),
        b"\xbf" + rtp(1004, 0, b"\xff" * 30)[1:],  # padding, extension and 15 contributors in 30 bytes
        b"\xa0" + rtp(1004, 0, b"\0" * 30)[1:],  # padding of no byte
        b"\xa0" + rtp(1004, 0, b"\xff" * 30)[1:],  # padding of more than there is
        b"\x90" + rtp(1004, 0, b"\xff" * 30)[1:],  # an extension of 256 kB
        rtp(1004, 480, b"", 101),
        rtp(1005, 480, b"\xff\xff\xff\xff", 101),
        rtp(1006, 480, b"\x05", 101),
        rtp(1007, 0xFFFFFFFF, b"x"),
        rtp(1008, 0x7FFFFFFF, b"x" * 640),
        rtp(1009, 640, b"x" * 641),
        rtp(1010, 640, b"x" * 160, 77),
        rtp(40000, 640, b"x" * 160),
        rtp(1, 1, b"x" * 160, 0, b"EVIL"),
    ]
    for data in hostile:
        come(s, data)
        s.tick()
    come(s, *hostile)
    s.tick()
    assert s.stats.bad > 10
    s.stats.received = 0
    hear(s, [voice(i, start=777) for i in range(20, 40)])
    assert s.stats.received >= 18
    assert frames_heard(s)[-1] == decoded(37), "the stream was not heard again"


def test_a_flood_does_not_hold_the_clock():
    s = stream(Agreement())
    come(s, *[voice(0, ssrc=bytes([0, i & 255, 0, i >> 8])) for i in range(1000)])
    s.tick()
    assert len(s.udp.incoming) > 900 and len(s.udp.outgoing) == 1


def test_keys_are_sent_with_redundancy():
    s = stream(Agreement())
    s.audio.level = 500
    s.tick()
    assert s.send_digit("5", 60) and s.send_digit("#", 40)
    for _ in range(15):
        s.tick()
    events = [d for h, p, d in s.udp.outgoing if d[1] & 0x7F == 101]
    assert [d[1] >> 7 for d in events] == [1, 0, 0, 0, 0, 1, 0, 0, 0]
    assert [d[12] for d in events] == [5] * 5 + [11] * 4
    assert [d[13] >> 7 for d in events] == [0, 0, 1, 1, 1, 0, 1, 1, 1]
    assert [(d[14] << 8) + d[15] for d in events] == [160, 320, 480, 480, 480, 160, 320, 320, 320]
    assert len({d[4:8] for d in events}) == 2, "one timestamp for each press"
    numbers = [(d[2] << 8) + d[3] for h, p, d in s.udp.outgoing]
    assert all(numbers[i + 1] == (numbers[i] + 1) & 0xFFFF for i in range(len(numbers) - 1))
    # no audio while a key is pressed, some between the two, and its clock went on
    kinds = [d[1] & 0x7F for h, p, d in s.udp.outgoing]
    assert kinds == [0] + [101] * 5 + [0] * 3 + [101] * 4 + [0] * 3


def test_keys_need_an_agreement():
    s = stream(Agreement(dtmf=-1))
    assert not s.send_digit("1")
    s.tick()
    assert s.udp.outgoing[0][2][1] & 0x7F == 0
    s.configure(Agreement())
    assert s.send_digit("1")
    s.tick()
    s.configure(Agreement(dtmf=-1))  # taken back in the middle of a press
    s.tick()
    assert [d[1] & 0x7F for h, p, d in s.udp.outgoing] == [0, 101, 0]


def test_keys_are_heard_once():
    s = stream(Agreement())
    digits = []
    s.on_digit = digits.append
    hear(s, [voice(i) for i in range(3)])
    n = 1003
    for press, key in enumerate(b"\x01\x01\x0b"):
        for duration, end in ((160, 0), (320, 0), (480, 0x80), (480, 0x80), (480, 0x80)):
            packet = rtp(n, 480 + press * 2000, bytes([key, end | 10, duration >> 8, duration & 255]), 101)
            n += 1
            hear(s, [packet, packet])  # each one twice
    assert digits == ["1", "1", "#"]
    assert s.stats.duplicate == 15


def test_peer_changes_the_law():
    s = stream(Agreement(codec=b"PCMA"))
    hear(s, [voice(i, kind=8) for i in range(5)])
    hear(s, [voice(i, kind=0) for i in range(5, 12)])
    assert frames_heard(s)[0] == decoded(0, 8) and frames_heard(s)[-1] == decoded(9, 0)
    assert s.stats.bad == 0


def test_a_new_source_from_the_same_host():
    s = stream(Agreement())
    hear(s, [voice(i) for i in range(5)])
    hear(s, [voice(i, ssrc=b"next", first=50000, start=123456789) for i in range(8)])
    assert s.stats.lost == 0 and s.stats.foreign == 1
    assert frames_heard(s)[-1] == decoded(5)


def test_behind_the_clock():
    s = stream(Agreement())
    s.tick()
    s.skip(5)
    s.tick()
    a, b = [d for h, p, d in s.udp.outgoing]
    assert b[1] == 0x80 and s.stats.slips == 1
    assert (b[6] << 8) + b[7] - ((a[6] << 8) + a[7]) & 0xFFFF == 6 * 160
    assert (b[3] - a[3]) & 255 == 1


async def test_run_starts_and_stops_the_audio():
    s = stream(Agreement())
    tick = s.tick

    def three():
        assert s.audio.running
        tick()
        if s.stats.sent == 3:
            s.stop()

    s.tick = three
    await s.run()
    assert s.stats.sent == 3 and not s.audio.running


def test_gaps_are_filled_with_the_law_s_silence():
    for law, codec in ((0, b"PCMU"), (8, b"PCMA")):
        s = stream(Agreement(codec=codec))
        hear(s, [voice(i, kind=law) for i in range(3)] + [voice(6, kind=law, samples=80)])  # half a frame: 480 to 560
        s.tick()
        s.tick()
        assert s.audio.heard[5][160:] == decoded(0xD5 if law else 0xFF, law)[:160], law
        code = bytearray(1)
        g711.encode(1, bytes(2), code, 0, law)
        assert code[0] == (0xD5 if law else 0xFF)
