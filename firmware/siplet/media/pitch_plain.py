# The period of a voice, in bytecode, where @micropython.viper does not exist. adaptive.py tells what the numbers in s
# are. Imports nothing of siplet.

from micropython import const

_WIDE = const(17)
_PERIOD = const(23)
_LIKENESS = const(24)
_SPAN_ALL = const(280)


def pitch(work, twice, acc, s, pcm, end):
    """Find the period of what stands before pcm[end]; work: 350 bytes, and once more; acc: 0. (Native code keeps its
    first three arguments in registers.)

    PERIOD: 30 to 120 samples of 8 kHz, in samples of pcm. LIKENESS: 0 to 128, the square of the correlation between
    what lies a period apart.
    """
    wide = s[_WIDE]
    start = end - (_SPAN_ALL << wide)
    # As bytes, as loud as they can be
    top = 0
    i = 0
    while i < _SPAN_ALL:
        x = pcm[start + (i << wide)]
        if x > 0x7FFF:
            x = 0x10000 - x
        top |= x
        i += 1
    shift = 0
    while top > 127:
        top = top >> 1
        shift += 1
    i = 0
    while i < _SPAN_ALL:
        x = pcm[start + (i << wide)]
        work[i] = (((x ^ 0x8000) - 0x8000) >> shift) + 128
        i += 1
    # The same, four in one
    i = 0
    while i < 70:
        k = i << 2
        work[_SPAN_ALL + i] = (work[k] + work[k + 1] + work[k + 2] + work[k + 3]) >> 2
        i += 1
    mean = 0
    i = 310
    while i < 350:
        mean += work[i]
        i += 1
    mean -= 128 * 40
    # Lags of 8 to 30 fours. total: of the lagged samples, power: of their squares
    total = 0
    power = 0
    i = 303
    while i < 343:
        x = work[i]
        total += x
        x -= 128
        power += x * x
        i += 1
    best = 8
    most = -1
    lag = 8
    first = 302
    while lag <= 30:
        x = work[first]
        total += x
        x -= 128
        power += x * x
        x = work[first + 40]
        total -= x
        x -= 128
        power -= x * x
        acc = 0
        i = first
        k = 310
        while k < 350:
            acc += work[k] * work[i]
            i += 1
            k += 1
        acc -= (mean + total) << 7
        if acc > 0:
            x = acc >> 6
            x = x * x // ((power >> 6) + 1)
            if x > most:
                most = x
                best = lag
        lag += 1
        first -= 1
    # Around the best one, on every other sample of the last 10 ms
    lag = (best << 2) - 4
    if lag < 30:
        lag = 30
    stop = (best << 2) + 4
    if stop > 120:
        stop = 120
    own = 0
    i = 200
    while i < _SPAN_ALL:
        x = work[i] - 128
        own += x * x
        i += 2
    own = (own >> 6) + 1
    best = lag
    most = 0
    while lag <= stop:
        acc = 0
        power = 0
        i = 200
        while i < _SPAN_ALL:
            x = work[i - lag] - 128
            power += x * x
            acc += (work[i] - 128) * x
            i += 2
        if acc > 0:
            x = acc >> 6
            x = x * x // ((power >> 6) + 1)
            if x > most:
                most = x
                best = lag
        lag += 1
    most = (most << 7) // own
    if most < 30 and best < 60:
        best = best << 1  # no voice: a short piece of noise again and again is a tone
    s[_PERIOD] = best << wide
    s[_LIKENESS] = most
