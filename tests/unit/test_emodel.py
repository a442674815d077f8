# The E-model against its formulas in floating point (ITU-T G.107), and bursts against packets drawn by hand.

from math import log

from siplet.media.bursts import GMIN, Bursts
from siplet.media.emodel import CONCEALED, SILENCED, idd, mos, rating


def formula_idd(ms):
    if ms <= 100:
        return 0
    x = log(ms / 100) / log(2)
    return 25 * ((1 + x**6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)


def formula_ie(packets, missing, runs, bpl):
    loss = 100 * missing / packets
    burst = min(max(missing / runs * (1 - missing / packets), 1), 8)
    return 95 * loss / (loss / burst + bpl)


def formula_mos(r):
    return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6


def test_delay_costs_what_the_formula_says():
    for ms in range(0, 1000, 7):
        assert abs(idd(ms) / 10 - formula_idd(ms)) < 0.2, ms
    assert idd(100) == 0 and idd(5000) == idd(1000)


def test_loss_costs_what_the_formula_says():
    for packets, missing, runs in (
        (1000, 10, 10),
        (1000, 50, 10),
        (50, 1, 1),
        (70000, 7000, 3500),
        (3, 3, 1),
        (10, 9, 2),
    ):
        for bpl in (CONCEALED, SILENCED):
            want = max(93.2 - formula_ie(packets, missing, runs, bpl / 100), 0)
            assert abs(rating(packets, missing, runs, bpl, 0) / 10 - want) < 0.3, (packets, missing, runs)
    assert rating(53_000_000, 530_000, 530_000, CONCEALED, 0) == rating(1000, 10, 10, CONCEALED, 0)
    assert rating(0, 0, 0, CONCEALED, 0) == 932
    assert rating(100, 100, 1, SILENCED, 1000) == 0


def test_opinions_are_what_the_formula_says():
    for r in range(65, 1000):
        assert abs(mos(r) / 100 - formula_mos(r / 10)) < 0.01, r
    assert mos(932) == 441 and mos(0) == 100 and mos(1000) == 450
    assert [mos(r) for r in (900, 700, 600, 500)] == [434, 360, 310, 258]  # G.107 table B.1


def feed(text):
    bursts = Bursts()
    for letter in text:
        if letter == "x":
            bursts.lose(1)
        elif letter == "R":
            bursts.receive(1)
    return bursts


def figures(bursts):
    return bursts.packets, bursts.lost, bursts.runs, bursts.bursts, bursts.burst_packets, bursts.burst_lost


FAR = "R" * GMIN


def test_single_losses_belong_to_the_gap():
    assert figures(feed(FAR + "x" + FAR + "x" + FAR)) == (50, 2, 2, 0, 0, 0)


def test_losses_near_each_other_are_a_burst():
    assert figures(feed("RRR" + "xRRx" + FAR)) == (23, 2, 2, 1, 4, 2)
    assert figures(feed(FAR + "xx" + "R" * 15 + "x" + FAR + "x")) == (16 + 18 + 16 + 1, 4, 3, 1, 18, 3)
    assert figures(feed(FAR + "xx" + FAR + "xx" + FAR + "x" + FAR)) == (16 * 4 + 5, 5, 3, 2, 4, 4)


def test_a_burst_that_goes_on_counts_as_far_as_it_has_come():
    assert figures(feed("xRx")) == (3, 2, 2, 1, 3, 2)
    assert figures(feed("xRx" + "RRR")) == (6, 2, 2, 1, 3, 2)
    assert feed("").gaps == 1 and feed("xRx").gaps == 2


def test_many_at_once_are_as_many_one_by_one():
    one = feed("RRRxxxxRRRRRRRRRRRRRRRRRRRRx")
    many = Bursts()
    many.receive(3)
    many.lose(4)
    many.lose(0)
    many.receive(20)
    many.lose(1)
    assert figures(one) == figures(many) == (28, 5, 2, 1, 4, 4)
