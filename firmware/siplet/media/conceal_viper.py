# The kernels of concealment, in native code, the twin of conceal_plain, where
# @micropython.viper exists. Refuses to be imported elsewhere. May import sys.

import sys

import micropython
from micropython import const

if sys.implementation.name != "micropython":
    raise ImportError("viper")

_END = const(16)
_WIDE = const(17)
_SPAN = const(19)
_NOISE = const(22)
_PERIOD = const(23)
_LIKENESS = const(24)
_PERIODS = const(25)
_AT = const(26)
_FORMER = const(27)
_FORMER_AT = const(28)
_FADE = const(29)
_STEP = const(30)
_STEPS = const(31)
_SEED = const(32)
_COMFORT = const(33)
_SPEED = const(34)
_LAST = const(390)
_SPAN_ALL = const(280)
_WINDOW = const(160)


@micropython.viper
def pitch(s: ptr32, pcm: ptr16, end: int, work: ptr8):
    wide = int(s[_WIDE])
    start = end - (_SPAN_ALL << wide)
    top = 0
    i = 0
    while i < _SPAN_ALL:
        x = int(pcm[start + (i << wide)])
        if x > 32767:
            x = 65536 - x
        top |= x
        i += 1
    shift = 0
    while top > 127:
        top = top >> 1
        shift += 1
    i = 0
    while i < _SPAN_ALL:
        x = int(pcm[start + (i << wide)])
        work[i] = ((x ^ 32768) - 32768 >> shift) + 128
        i += 1
    i = 0
    while i < 70:
        k = i << 2
        work[_SPAN_ALL + i] = int(work[k]) + int(work[k + 1]) + int(work[k + 2]) + int(work[k + 3]) >> 2
        i += 1
    mean = 0
    i = 310
    while i < 350:
        mean += int(work[i])
        i += 1
    mean -= 128 * 40
    total = 0
    power = 0
    i = 303
    while i < 343:
        x = int(work[i])
        total += x
        x -= 128
        power += x * x
        i += 1
    best = 8
    most = -1
    lag = 8
    first = 302
    while lag <= 30:
        x = int(work[first])
        total += x
        x -= 128
        power += x * x
        x = int(work[first + 40])
        total -= x
        x -= 128
        power -= x * x
        acc = 0
        i = first
        k = 310
        while k < 350:
            acc += int(work[k]) * int(work[i])
            i += 1
            k += 1
        acc -= mean + total << 7
        if acc > 0:
            x = acc >> 6
            x = x * x // ((power >> 6) + 1)
            if x > most:
                most = x
                best = lag
        lag += 1
        first -= 1
    lag = (best << 2) - 4
    if lag < 30:
        lag = 30
    stop = (best << 2) + 4
    if stop > 120:
        stop = 120
    own = 0
    i = 120
    while i < _SPAN_ALL:
        x = int(work[i]) - 128
        own += x * x
        i += 2
    own = (own >> 7) + 1
    best = lag
    most = 0
    while lag <= stop:
        acc = 0
        power = 0
        i = 120
        while i < _SPAN_ALL:
            x = int(work[i - lag]) - 128
            power += x * x
            acc += (int(work[i]) - 128) * x
            i += 2
        if acc > 0:
            x = acc >> 7
            x = x * x // ((power >> 7) + 1)
            if x > most:
                most = x
                best = lag
        lag += 1
    most = (most << 7) // own
    if most < 30 and best < 60:
        best = best << 1
    s[_PERIOD] = best << wide
    s[_LIKENESS] = most


@micropython.viper
def begin(s: ptr32, pcm: ptr16, last: ptr16, ahead: int):
    n = _LAST << int(s[_WIDE])
    end = int(s[_END])
    k = end - n
    i = 0
    while i < n:
        last[i] = int(pcm[k + i])
        i += 1
    period = int(s[_PERIOD])
    quarter = period >> 2
    s[_PERIODS] = 1
    s[_AT] = 0
    s[_FADE] = 0
    s[_SPAN] = 0
    s[_STEPS] = 0
    if ahead >= quarter:
        w = 4096 // (quarter + 1)
        k = end - quarter
        i = 0
        while i < quarter:
            x = (int(pcm[k + i]) ^ 32768) - 32768
            y = (int(pcm[k + i - period]) ^ 32768) - 32768
            pcm[k + i] = x + ((y - x) * (i + 1) * w >> 12) & 65535
            i += 1
    else:
        x = (int(pcm[end - 1]) ^ 32768) - 32768
        y = (int(pcm[end - 1 - period]) ^ 32768) - 32768
        s[_STEP] = x - y + 65536
        s[_STEPS] = quarter


@micropython.viper
def synthesize(s: ptr32, last: ptr16, pcm: ptr16, to: int, n: int):
    wide = int(s[_WIDE])
    size = _LAST << wide
    period = int(s[_PERIOD])
    quarter = period >> 2
    w = 4096 // (quarter + 1)
    span = int(s[_SPAN])
    periods = int(s[_PERIODS])
    at = int(s[_AT])
    fade = int(s[_FADE])
    former = int(s[_FORMER])
    former_at = int(s[_FORMER_AT])
    steps = int(s[_STEPS])
    step = int(s[_STEP]) - 65536
    speed = int(s[_SPEED])
    seed = int(s[_SEED])
    comfort = int(s[_COMFORT])
    fading = 80 << wide
    second = 160 << wide
    third = 240 << wide
    over = 480 << wide
    n += to
    while to < n:
        x = 0
        gain = 0
        if span < over:
            if (span >= second and periods == 1) or (span >= third and periods == 2):
                former = periods
                former_at = at
                fade = quarter
                periods += 1
                while at >= period:
                    at -= period
            k = periods * period
            x = (int(last[size - k + at]) ^ 32768) - 32768
            i = at - k + quarter
            if i >= 0:
                y = x
                x = (int(last[size - k - quarter + i]) ^ 32768) - 32768
                x = y + ((x - y) * (i + 1) * w >> 12)
            at += 1
            if at == k:
                at = 0
            if fade:
                k = former * period
                y = (int(last[size - k + former_at]) ^ 32768) - 32768
                i = former_at - k + quarter
                if i >= 0:
                    z = (int(last[size - k - quarter + i]) ^ 32768) - 32768
                    y = y + ((z - y) * (i + 1) * w >> 12)
                former_at += 1
                if former_at == k:
                    former_at = 0
                x = x + ((y - x) * fade * w >> 12)
                fade -= 1
            if steps:
                x += step * steps * w >> 12
                steps -= 1
            gain = 4096
            if span >= fading:
                gain = (over - span >> wide) * 41 >> 2
                if gain > 4096:
                    gain = 4096
                x = x * gain >> 12
            span += speed
        if gain < 4096:
            seed = seed * 13077 + 6925 & 32767
            x += (seed - 16384) * comfort * (4096 - gain >> 6) >> 19
        if x > 32767:
            x = 32767
        elif x < -32768:
            x = -32768
        pcm[to] = x & 65535
        to += 1
    s[_SPAN] = span
    s[_PERIODS] = periods
    s[_AT] = at
    s[_FADE] = fade
    s[_FORMER] = former
    s[_FORMER_AT] = former_at
    s[_STEPS] = steps
    s[_SEED] = seed


@micropython.viper
def fade(pcm: ptr16, a: int, b: int, n: int):
    w = 4096 // (n + 1)
    i = 0
    while i < n:
        x = (int(pcm[a + i]) ^ 32768) - 32768
        y = (int(pcm[b + i]) ^ 32768) - 32768
        pcm[b + i] = x + ((y - x) * (i + 1) * w >> 12) & 65535
        i += 1


@micropython.viper
def splice(s: ptr32, pcm: ptr16, at: int, cut: int, n: int):
    w = 4096 // (n + 1)
    end = int(s[_END])
    if cut > 0:
        i = 0
        while i < n:
            x = (int(pcm[at + i]) ^ 32768) - 32768
            y = (int(pcm[at + cut + i]) ^ 32768) - 32768
            pcm[at + i] = x + ((y - x) * (i + 1) * w >> 12) & 65535
            i += 1
        at += n
        i = at + cut
        while i < end:
            pcm[at] = int(pcm[i])
            at += 1
            i += 1
    else:
        k = -cut
        i = end
        while i > at:
            i -= 1
            pcm[i + k] = int(pcm[i])
        i = 0
        while i < n:
            x = (int(pcm[at + k + i]) ^ 32768) - 32768
            y = (int(pcm[at - k + i if i < k else at + i]) ^ 32768) - 32768
            pcm[at + i] = x + ((y - x) * (i + 1) * w >> 12) & 65535
            i += 1
    s[_END] = end - cut
