# RTCP: packets written by hand from the figures of RFC 3550 section 6.4 and RFC 3611 section 4, and read the other way.

from siplet.media import rtcp, rtcp_xr
from siplet.media.rtcp_out import Writer, name
from siplet.media.rtcp_timing import Schedule, interval

US = b"\x11\x22\x33\x44"
THEM = b"\xaa\xbb\xcc\xdd"
BLOCK = US + b"\x40\x00\x00\x05" + b"\x00\x01\xff\xfe" + b"\x00\x00\x00\x28" + b"\xb7\x05\x20\x00" + b"\x00\x05\x40\x00"
SR = (
    b"\x81\xc8\x00\x0c"
    + THEM
    + b"\x12\x34\xb7\x05\x20\x00\x00\x00"
    + b"\x00\x00\x01\x40\x00\x00\x00\x64\x00\x00\x3e\x80"
)
SDES = b"\x81\xca\x00\x03" + THEM + b"\x01\x04a@bc" + b"\x00\x00"
RR = b"\x80\xc9\x00\x01" + THEM
BYE = b"\x81\xcb\x00\x01" + THEM


def reader():
    one = rtcp.Reader()
    one.own[:] = US
    one.source[:] = THEM
    return one


def take(data):
    one = reader()
    padded = bytearray(b"......" + data + b"......")
    assert rtcp.check(padded, 6, 6 + len(data))
    return one, one.take(padded, 6, 6 + len(data))


def test_a_sender_report_with_a_block_about_us_is_read():
    one, found = take(SR + BLOCK + SDES)
    assert found == rtcp.SENT | rtcp.HEARD
    assert (one.sent_high, one.sent_low) == (0xB705, 0x2000)
    assert (one.fraction, one.lost, one.jitter) == (64, 5, 40)
    assert (one.echo_high, one.echo_low, one.kept_high, one.kept_low) == (0xB705, 0x2000, 5, 0x4000)


def test_the_example_of_rfc_3550_figure_2():
    # A = 0xb710:8000, LSR = 0xb705:2000, DLSR = 0x0005:4000: 6.125 s
    one, _ = take(SR + BLOCK + SDES)
    assert one.round_trip(0xB710, 0x8000) == 6125


def test_a_round_trip_of_nothing_and_nonsense():
    one, _ = take(SR + BLOCK + SDES)
    assert one.round_trip(0xB70A, 0x6000) == 0
    assert one.round_trip(0xB70A, 0x5000) == 0  # both ends' clocks have steps
    assert one.round_trip(0xB708, 0x6000) == -1
    assert one.round_trip(0xB7FF, 0x6000) == -1
    one, _ = take(SR + BLOCK[:16] + bytes(8) + SDES)
    assert one.round_trip(0xB70A, 0x6000) == -1  # it has heard no report of ours


def test_time_wraps_in_the_middle_of_a_round_trip():
    one = reader()
    one.echo_high, one.echo_low, one.kept_high, one.kept_low = 0xFFFF, 0x8000, 0, 0x4000
    assert one.round_trip(0, 0x4000) == 500


def test_packets_that_came_twice_make_less_than_no_loss():
    one, _ = take(RR[:1] + RR[1:] + SDES)
    data = SR + BLOCK[:5] + b"\xff\xff\xfe" + BLOCK[8:] + SDES
    one, _ = take(data)
    assert one.lost == -2


def test_blocks_about_others_and_reports_of_others_are_left():
    other = b"\x00\x00\x00\x09" + BLOCK[4:]
    assert take(SR + other + SDES)[1] == rtcp.SENT
    strange = SR[:4] + b"\x00\x00\x00\x09" + SR[8:]
    assert take(strange + BLOCK)[1] == rtcp.HEARD
    assert take(RR + b"\x81\xcb\x00\x01\x00\x00\x00\x09")[1] == 0
    assert take(RR + BYE)[1] == rtcp.LEFT
    two = b"\x82\xc9\x00\x0d" + THEM + other + BLOCK
    assert take(two)[1] == rtcp.HEARD


def test_what_is_no_compound_packet():
    def wrong(data):
        return not rtcp.check(bytearray(data), 0, len(data))

    whole = SR + BLOCK + SDES
    assert not wrong(whole)
    for size in range(len(whole)):  # no piece of it is one, but where a packet ends
        assert wrong(whole[:size]) == (size != 52), size
    assert wrong(SDES) and wrong(BYE)  # no report first
    assert wrong(b"\x41" + whole[1:]) and wrong(b"\xc1" + whole[1:])  # another version
    assert wrong(b"\xa1" + whole[1:])  # padding in the first of several
    assert wrong(SR + BLOCK + b"\x41" + SDES[1:])
    assert wrong(RR + b"\xa1" + SDES[1:] + BYE)  # padding, and not the last
    assert wrong(RR * 17)
    assert wrong(b"\x80\xc9\xff\xff" + THEM)
    padded = RR + b"\xa1\xcb\x00\x02" + THEM + b"\x00\x00\x00\x04"
    assert not wrong(padded) and take(padded)[1] == rtcp.LEFT
    assert wrong(padded[:-1] + b"\x00") and wrong(padded[:-1] + b"\xff")


def test_counts_that_lie_read_nothing_beyond_the_packet():
    assert take(b"\x9f" + SR[1:] + BLOCK + SDES)[1] == rtcp.SENT | rtcp.HEARD  # 31 blocks, says it
    assert take(b"\x81" + RR[1:] + SDES)[1] == 0
    assert take(RR + b"\x9f" + BYE[1:])[1] == rtcp.LEFT
    assert take(b"\x80\xc8\x00\x01" + THEM)[1] == 0  # a sender report without its middle
    assert take(RR + b"\x80\xcf\x00\x00")[1] == 0
    one = reader()
    for kind in range(256):  # whatever is in an XR block, for each length that does not fit
        for words in (0, 1, 2, 8, 255):
            body = bytes([kind, 0, 0, words]) + US + bytes(20)
            data = RR + bytes([0x80, 207, 0, 1 + len(body) // 4]) + THEM + body
            assert rtcp.check(data, 0, len(data))
            one.take(bytearray(data), 0, len(data))


METRICS = (
    b"\x07\x00\x00\x08" + US + b"\x0d\x02\x80\x01" + b"\x00\x78\x0f\xa0" + b"\x00\x19\x00\x5a"
    b"\x7f\x7f\x7f\x10" + b"\x57\x7f\x29\x28" + b"\xf0\x00\x00\x3c" + b"\x00\x78\x00\xf0"
)


def test_extended_reports_are_read():
    xr = b"\x80\xcf\x00\x0f" + THEM + b"\x01\x00\x00\x01\x00\x00\x00\x00" + METRICS
    xr += b"\x04\x00\x00\x02" + b"\x00\x01\x10\x20\x30\x40\x00\x00"
    one, found = take(RR + xr)
    assert found == rtcp.METRICS | rtcp.ASKED
    assert bytes(one.metrics) == METRICS
    assert one.metrics[rtcp_xr.R_FACTOR] == 87 and rtcp_xr.pair(one.metrics, rtcp_xr.END_SYSTEM) == 90
    assert bytes(one.asker) == THEM and (one.asked_high, one.asked_low) == (0x1020, 0x3040)
    answer = b"\x05\x00\x00\x06" + THEM + bytes(8) + US + b"\x10\x20\x30\x40\x00\x01\x00\x00"
    one, found = take(RR + b"\x80\xcf\x00\x08" + THEM + answer)
    assert found == rtcp.ECHOED and one.round_trip(0x1022, 0x3040) == 1000


def test_compounds_glued_to_others_are_told_apart():
    voice = b"\x80\x00\x00\x01\x00\x00\x00\xa0" + THEM + bytes(160)
    whole = SR + BLOCK + SDES
    data = bytearray(whole + RR + BYE + voice + bytes(9))
    n = len(data) - 9
    assert rtcp.bound(data, 0, n) == len(whole)
    assert rtcp.bound(data, len(whole), n) == len(whole) + len(RR + BYE)
    assert rtcp.bound(data, 0, len(whole)) == len(whole)
    assert rtcp.bound(data, 0, 30) == 30  # cut off


def test_ciphered_ones_glued_together_are_told_apart_by_their_source():
    ciphered = RR + b"\x5a" * 40 + b"\x80\x00\x00\x01" + b"\x77" * 10
    voice = b"\x80\x00\x00\x01\x00\x00\x00\xa0" + THEM + bytes(160)
    first = len(ciphered)
    data = bytearray(b"...." + ciphered + ciphered + ciphered[:9])
    ssrc = bytearray(4)
    assert rtcp.bound_ciphered(data, 4, len(data), ssrc) == 4 + first and ssrc == THEM
    assert rtcp.bound_ciphered(data, 4 + first, len(data), ssrc) == 4 + 2 * first
    assert rtcp.bound_ciphered(data, 4 + 2 * first, len(data), ssrc) == len(data)
    data = bytearray(ciphered + voice)
    assert rtcp.bound_ciphered(data, 0, len(data), ssrc) == first
    data = bytearray(ciphered + b"????" + THEM + bytes(20))  # what looks like neither
    assert rtcp.bound_ciphered(data, 0, len(data), ssrc) == len(data)


def test_what_is_rtcp_and_no_report():
    app = b"\x80\xcc\x00\x03" + THEM + b"test" + bytes(4)
    feedback = b"\x81\xce\x00\x02" + THEM + US
    for data in (app, feedback, SDES, BYE, b"\x80\xcb\x00\x00", app + feedback, b"\xa0" + app[1:-1] + b"\x04"):
        assert rtcp.chain(data, 0, len(data)) and not rtcp.check(data, 0, len(data)), data
        assert not rtcp.chain(data, 0, len(data) - 1) and not rtcp.chain(data + b"\x80", 0, len(data) + 1)
    assert not rtcp.chain(b"\x80\x00" + app[2:], 0, len(app)) and not rtcp.chain(b"\x40" + app[1:], 0, len(app))
    assert not rtcp.chain(b"\x80\xcc", 0, 2)


def test_how_long_ago_something_came():
    clock = rtcp.Clock()
    came = rtcp.Moment()
    assert not came.is_fresh(clock)
    clock.advance(2_250_000)
    came.take(clock, 500_000)
    assert (came.high, came.low) == (2, 0xC000) and came.is_fresh(clock)
    clock.advance(5_500_000)
    assert (came.kept_high(clock), came.kept_low(clock)) == (3, 0xC000)
    clock.advance(62_000_000)
    assert came.is_fresh(clock)
    clock.advance(63_000_000)
    assert not came.is_fresh(clock)
    came.take(clock, 0)
    assert not came.known


class Figures:
    loss, discard, burst_density, gap_density, burst, gap = 13, 2, 128, 1, 120, 4000
    round_trip, end_system, gmin, r, mos_lq, mos_cq = 25, 90, 16, 87, 41, 40
    config, nominal, maximum, limit = 0xF0, 60, 120, 240


def test_ours_are_written_as_the_figures_have_them():
    w = Writer()
    w.ssrc[:] = THEM
    w.name[:] = b"abcdefghijklmnop"
    clock = rtcp.Clock()
    clock.advance(500000)
    w.start()
    w.sender(clock, 0x1234, 0x5678, 1, 2, 3, 4)
    w.block(US, 64, 5, 1, 0xFFFE, 40)
    w.echo(0xB705, 0x2000, 5, 0x4000)
    w.describe()
    w.extend()
    w.metrics(US, Figures)
    w.answer(US, 1, 2, 3, 4)
    w.goodbye()
    sr = b"\x81\xc8\x00\x0c" + THEM + b"\x00\x00\x00\x01\x80\x00\x00\x00" + b"\x12\x34\x56\x78\0\1\0\2\0\3\0\4" + BLOCK
    sdes = b"\x81\xca\x00\x06" + THEM + b"\x01\x10abcdefghijklmnop\x00\x00"
    dlrr = b"\x05\x00\x00\x03" + US + b"\0\1\0\2\0\3\0\4"
    xr = b"\x80\xcf\x00\x0e" + THEM + METRICS + dlrr
    assert bytes(w.finish()) == sr + sdes + xr + BYE
    w.start()
    w.receiver()
    w.describe()
    w.extend()
    w.reference(clock)
    assert bytes(w.finish()) == RR + sdes + b"\x80\xcf\x00\x04" + THEM + b"\x04\x00\x00\x02\0\0\0\1\x80\0\0\0"


def test_losses_that_do_not_fit_are_as_many_as_can_be_said():
    w = Writer()
    w.start()
    w.receiver()
    w.block(US, 255, 0x1000000, 0, 0, 1 << 20)
    w.echo(0, 0, 0, 0)
    data = bytearray(w.finish())
    one = reader()
    assert one.take(data, 0, len(data)) == rtcp.HEARD
    assert (one.fraction, one.lost, one.jitter) == (255, 0x7FFFFF, 0xFFFF)


def test_a_cname_says_nothing_of_us():
    assert name(bytes(12)) == b"AAAAAAAAAAAAAAAA" and name(b"\xff" * 12) == b"////////////////"
    assert name(b"siplet siple") == b"c2lwbGV0IHNpcGxl"  # base64, as it happens


# --- the clock ---


def test_the_clock_counts_in_65536ths_through_a_wrap_of_the_ticks():
    clock = rtcp.Clock()
    clock.reset(2**30 - 1_500_000)
    for us in (250_000, 1_250_000, 1_000_001, 0):
        clock.advance((clock._last + us) & 0x3FFFFFFF)
    assert (clock.era, clock.seconds, clock.ms) == (0, 3, 2500)
    assert (clock.fraction << 16 | clock.fine) == 500001 * 2**32 // 1000000
    clock.advance(clock._last - 1)  # back: not with us
    assert clock.ms == 2500
    clock.seconds = 0xFFFF
    clock.advance(clock._last + 1_000_000)
    assert (clock.era, clock.seconds) == (1, 0)


# --- when ---


def test_the_interval_is_that_of_appendix_a_7():
    low, middle, high = (interval(2, 2, 500, True, 180, False, chance) for chance in (0, 0x8000, 0xFFFF))
    # 5 s, times 0.5 to 1.5, divided by 1.21828
    assert abs(low - 2052) < 5 and abs(middle - 4104) < 5 and abs(high - 6156) < 10
    assert abs(interval(2, 2, 500, True, 180, True, 0x8000) - 2052) < 5
    # many members: 180 bytes of each in 500 bytes a second; all of it, for more than a quarter of them send
    assert abs(interval(100, 50, 500, True, 180, False, 0x8000) - 29550) < 60
    # few senders have a quarter for themselves, the rest share three quarters
    assert abs(interval(100, 1, 500, True, 4000, False, 0x8000) - 32 * 1000 / 1.21828) < 60
    assert abs(interval(100, 1, 500, False, 400, False, 0x8000) - 99 * 400 / 375 * 1000 / 1.21828) < 60
    assert interval(64, 2, 1, False, 1500, False, 0xFFFF) < 2**20


def test_reports_come_every_five_seconds_on_average_and_never_in_step():
    schedule = Schedule()
    schedule.reset(2**30 - 7000, 4711)
    now, times = 2**30 - 7000, []
    schedule.came(100)
    for sent in range(1, 50 * 600):
        now = (now + 20) & 0x3FFFFFFF
        if schedule.due(now, sent, sent):
            assert schedule.ours
            schedule.told(now, 152, sent, sent)
            times.append(now)
    gaps = [(times[i + 1] - times[i]) & 0x3FFFFFFF for i in range(len(times) - 1)]
    assert 1000 <= (times[0] + 7000) & 0x3FFFFFFF <= 3100
    assert min(gaps) >= 2050 and max(gaps) <= 6200
    # what is put off when the time has come (6.3.6) makes up for the divisor
    assert 4400 < sum(gaps) / len(gaps) < 5400, sum(gaps) / len(gaps)
    assert len({gap // 100 for gap in gaps}) > 20


def test_a_goodbye_brings_the_next_report_nearer():
    early = []
    for goes in (False, True):
        schedule = Schedule()
        schedule.reset(0, 99)
        schedule.came(100)
        schedule.told(1000, 100, 0, 0)
        if goes:
            schedule.left(1500)
            assert schedule.members == 1
        early.append(1000 + schedule._interval if not goes else schedule._last + schedule._interval)
    assert early[1] - 1500 == (early[0] - 1500) // 2


def test_who_has_not_sent_for_two_intervals_is_no_sender():
    schedule = Schedule()
    schedule.reset(0, 1)
    now = 0
    told = []
    while len(told) < 5:
        now += 20
        sent = min(now // 20, 200)
        if schedule.due(now, sent, 0):
            told.append(schedule.ours)
            schedule.told(now, 100, sent, 0)
    assert told[0] and not told[-1]
