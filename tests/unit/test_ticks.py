# Ticks that wrap at 2**30 (12.4 days of ms), forwards and backwards.

from siplet.ticks import ticks_add, ticks_diff

TOP = 2**30 - 1
FAR = 2**29 - 1


def test_adding_wraps_both_ways():
    assert ticks_add(5, 10) == 15 and ticks_add(15, -10) == 5 and ticks_add(7, 0) == 7
    assert ticks_add(TOP, 1) == 0 and ticks_add(TOP, FAR) == FAR - 1
    assert ticks_add(0, -1) == TOP and ticks_add(5, -FAR) == TOP - FAR + 6


def test_the_difference_is_signed_and_undoes_the_sum():
    for start in (0, 1, FAR, FAR + 1, TOP - 1, TOP):
        for delta in (0, 1, -1, 499, 32000, FAR, -FAR):
            assert ticks_diff(ticks_add(start, delta), start) == delta
            assert ticks_diff(start, ticks_add(start, delta)) == -delta
