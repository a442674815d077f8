# What people would say of the sound: the E-model of ITU-T G.107 in small whole numbers. Imports nothing.
#
#     R = 93.2 - Idd(delay) - Ie,eff(loss)
#
# 93.2 is what the model gives when all it asks of rooms, telephones and echoes has its default value. Idd is what a
# long delay does to a conversation, with echoes cancelled. Ie,eff is what lost packets do to the sound; how much it is
# depends on the codec and on what is played in their place, Ie and Bpl of G.113 appendix I: G.711 has Ie 0, and a Bpl
# of 25.1 when gaps are concealed, of 4.3 when they are silent. Of wideband speech the same figures are used: the result
# says what the network took away, on the narrowband scale, as RFC 3611 4.7.5 wants R. The wideband model (G.107.1) has
# a scale of its own, to 129, of which the far end's figures are none: G.722 would seem worse there than G.711 here.

from micropython import const

CONCEALED = const(2510)  # Bpl of G.711, hundredths: with concealment (G.711 appendix I), and without
SILENCED = const(430)

_BEST = const(932)
_STEP = const(25)  # ms
# Idd in fifths, from 100 ms in steps of 25 ms to 1 s
_IDD = (
    b"\x00\x00\x01\x05\x0f\x1d\x2d\x3c\x4a\x57\x63\x6e\x78\x82\x8a\x92\x99\xa0\xa6"
    b"\xab\xb0\xb5\xb9\xbd\xc1\xc4\xc7\xca\xcc\xcf\xd1\xd3\xd5\xd6\xd8\xda\xdb"
)


def idd(ms):
    """Tenths of R that a delay of ms costs, from mouth to ear: nothing up to 100 ms, 30 at 200, 150 at 300."""
    if ms <= 100:
        return 0
    if ms >= 1000:
        return 2 * _IDD[36]
    i = (ms - 100) // _STEP
    part = (ms - 100) % _STEP
    return (2 * (_IDD[i] * (_STEP - part) + _IDD[i + 1] * part) + _STEP // 2) // _STEP


def rating(packets, missing, runs, bpl, ms):
    """R in tenths, 0 to 1000.

    packets: expected; missing: those of them that were lost or came too late; runs: in how many pieces they were
    missing; bpl: hundredths; ms: the delay from mouth to ear.
    """
    while packets > 100000:
        packets >>= 1
        missing >>= 1
        runs >>= 1
    impairment = 0
    if missing and packets:
        loss = min(missing * 10000 // packets, 10000)  # hundredths of a percent
        # BurstR: how much longer the runs are than those of losses at random
        burst = min(missing * 100 // max(runs, 1), 2000) * (10000 - loss) // 10000
        impairment = 950 * loss // (loss * 100 // min(max(burst, 100), 800) + bpl)
    return min(max(_BEST - impairment - idd(ms), 0), 1000)


def mos(r):
    """The mean opinion score in hundredths, 100 to 450, of an R in tenths (G.107 annex B)."""
    if r < 65:
        return 100
    return min(100 + (7 * r // 2 + 7 * r * (r - 600) // 1000 * (1000 - r) // 1000 + 5) // 10, 450)
