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
_PERIOD = const(23)
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


@micropython.viper
def begin(s: ptr32, pcm: ptr16, last: ptr16, ahead: int):
    n = _LAST << int(s[_WIDE])
    end = int(s[_END])
    base = int(pcm)
    k = int(last)
    pcm = ptr16(base + 2 * (end - n))
    while n:
        n -= 6
        last[0] = pcm[0]
        last[1] = pcm[1]
        last[2] = pcm[2]
        last[3] = pcm[3]
        last[4] = pcm[4]
        last[5] = pcm[5]
        last = ptr16(int(last) + 12)
        pcm = ptr16(int(pcm) + 12)
    pcm = ptr16(base)
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
        # What needs no thought, at one go: no seam, no change of the periods
        if not fade and not steps and speed == 1 and span < over:
            k = periods * period
            m = k - quarter - at
            if n - to < m:
                m = n - to
            i = over
            if span < fading:
                i = fading
            elif periods == 1:
                i = second
            elif periods == 2:
                i = third
            if i - span < m:
                m = i - span
            if m > 0:
                source = ptr16(int(last) + 2 * (size - k + at))
                out = ptr16(int(pcm) + 2 * to)
                at += m
                to += m
                if span < fading:
                    span += m
                    while m > 3:
                        m -= 4
                        out[0] = source[0]
                        out[1] = source[1]
                        out[2] = source[2]
                        out[3] = source[3]
                        source = ptr16(int(source) + 8)
                        out = ptr16(int(out) + 8)
                    while m:
                        m -= 1
                        out[m] = source[m]
                    continue
                k = over - span
                span += m
                i = 0
                while i < m:
                    gain = (k - i >> wide) * 41 >> 2
                    x = (int(source[i]) ^ 32768) - 32768
                    if gain < 4096:
                        seed = seed * 13077 + 6925 & 32767
                        x = (x * gain >> 12) + ((seed - 16384) * comfort * (4096 - gain >> 6) >> 19)
                        if x > 32767:
                            x = 32767
                        elif x < -32768:
                            x = -32768
                    out[i] = x
                    i += 1
                continue
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
def bridge(s: ptr32, pcm: ptr16, at: int, n: int):
    period = int(s[_PERIOD])
    quarter = period >> 2
    to = at + n
    w = 4096 // (quarter + 1)
    i = 0
    while i < quarter:
        x = (int(pcm[to + period + i]) ^ 32768) - 32768
        y = (int(pcm[to + i]) ^ 32768) - 32768
        pcm[to + i] = x + ((y - x) * (i + 1) * w >> 12) & 65535
        i += 1
    k = 80 << int(s[_WIDE])
    if k > n:
        k = n
    own = 0
    true = 0
    i = 0
    while i < k:
        i += 1
        x = int(pcm[to - i])
        own += x if x < 32768 else 65536 - x
        x = int(pcm[to + i])
        true += x if x < 32768 else 65536 - x
    gain = (true << 6) // ((own >> 6) + 1)
    if gain > 4096:
        gain = 4096
    k = n
    while k > 0:
        k -= period
    k = -k
    step = 0x100000 // (n + 1)
    w = 0
    while at < to:
        w += step
        i = w >> 8
        x = (int(pcm[at]) ^ 32768) - 32768
        x = x * (4096 - ((4096 - gain) * i >> 12)) >> 12
        y = (int(pcm[to + k]) ^ 32768) - 32768
        pcm[at] = x + ((y - x) * i >> 12) & 65535
        at += 1
        k += 1
        if k == period:
            k = 0


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
