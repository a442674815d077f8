# The kernels of concealment in bytecode, where @micropython.viper does not exist. adaptive.py tells what the numbers
# in s are. Imports nothing of siplet.

from micropython import const

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
_LAST = const(390)  # samples of 8 kHz that synthesis draws on: three periods and a quarter of the longest


def begin(s, pcm, last, ahead):
    """What stands before the end of pcm is to be continued; ahead samples of it have not been played yet."""
    n = _LAST << s[_WIDE]
    end = s[_END]
    k = end - n
    i = 0
    while i < n:
        last[i] = pcm[k + i]
        i += 1
    period = s[_PERIOD]
    quarter = period >> 2
    s[_PERIODS] = 1
    s[_AT] = 0
    s[_FADE] = 0
    s[_SPAN] = 0
    s[_STEPS] = 0
    if ahead >= quarter:
        # The last quarter becomes what leads to the period's beginning
        w = 4096 // (quarter + 1)
        k = end - quarter
        i = 0
        while i < quarter:
            x = (pcm[k + i] ^ 0x8000) - 0x8000
            y = (pcm[k + i - period] ^ 0x8000) - 0x8000
            pcm[k + i] = (x + ((y - x) * (i + 1) * w >> 12)) & 0xFFFF
            i += 1
    else:
        # Too late for that: the step between the two ends fades
        x = (pcm[end - 1] ^ 0x8000) - 0x8000
        y = (pcm[end - 1 - period] ^ 0x8000) - 0x8000
        s[_STEP] = x - y + 65536
        s[_STEPS] = quarter


def synthesize(s, last, pcm, to, n):
    """Write n samples that go on where begin() was to pcm[to:]."""
    wide = s[_WIDE]
    size = _LAST << wide
    period = s[_PERIOD]
    quarter = period >> 2
    w = 4096 // (quarter + 1)
    span = s[_SPAN]
    periods = s[_PERIODS]
    at = s[_AT]
    fade = s[_FADE]
    former = s[_FORMER]
    former_at = s[_FORMER_AT]
    steps = s[_STEPS]
    step = s[_STEP] - 65536
    speed = s[_SPEED]
    seed = s[_SEED]
    comfort = s[_COMFORT]
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
            x = (last[size - k + at] ^ 0x8000) - 0x8000
            i = at - k + quarter
            if i >= 0:
                y = x
                x = (last[size - k - quarter + i] ^ 0x8000) - 0x8000
                x = y + ((x - y) * (i + 1) * w >> 12)
            at += 1
            if at == k:
                at = 0
            if fade:
                k = former * period
                y = (last[size - k + former_at] ^ 0x8000) - 0x8000
                i = former_at - k + quarter
                if i >= 0:
                    z = (last[size - k - quarter + i] ^ 0x8000) - 0x8000
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
                gain = ((over - span) >> wide) * 41 >> 2
                if gain > 4096:
                    gain = 4096
                x = x * gain >> 12
            span += speed
        if gain < 4096:
            seed = (seed * 13077 + 6925) & 0x7FFF
            x += (seed - 16384) * comfort * (4096 - gain >> 6) >> 19
        if x > 32767:
            x = 32767
        elif x < -32768:
            x = -32768
        pcm[to] = x & 0xFFFF
        to += 1
    s[_SPAN] = span
    s[_PERIODS] = periods
    s[_AT] = at
    s[_FADE] = fade
    s[_FORMER] = former
    s[_FORMER_AT] = former_at
    s[_STEPS] = steps
    s[_SEED] = seed


def bridge(s, pcm, at, n):
    """What synthesize() wrote to pcm[at:at + n] goes over into what leads to pcm[at + n:], the true sound again.

    PERIOD is that sound's; a period and a quarter of it is there.
    """
    period = s[_PERIOD]
    quarter = period >> 2
    to = at + n
    # Its first quarter becomes what follows on the period's end
    w = 4096 // (quarter + 1)
    i = 0
    while i < quarter:
        x = (pcm[to + period + i] ^ 0x8000) - 0x8000
        y = (pcm[to + i] ^ 0x8000) - 0x8000
        pcm[to + i] = (x + ((y - x) * (i + 1) * w >> 12)) & 0xFFFF
        i += 1
    # Who falls silent does so on the way
    k = 80 << s[_WIDE]
    if k > n:
        k = n
    own = 0
    true = 0
    i = 0
    while i < k:
        i += 1
        x = pcm[to - i]
        own += x if x < 0x8000 else 0x10000 - x
        x = pcm[to + i]
        true += x if x < 0x8000 else 0x10000 - x
    gain = (true << 6) // ((own >> 6) + 1)
    if gain > 4096:
        gain = 4096
    # Back from its begin, one period after the other
    k = n
    while k > 0:
        k -= period
    k = -k
    step = 0x100000 // (n + 1)
    w = 0
    while at < to:
        w += step
        i = w >> 8
        x = (pcm[at] ^ 0x8000) - 0x8000
        x = x * (4096 - ((4096 - gain) * i >> 12)) >> 12
        y = (pcm[to + k] ^ 0x8000) - 0x8000
        pcm[at] = (x + ((y - x) * i >> 12)) & 0xFFFF
        at += 1
        k += 1
        if k == period:
            k = 0


def fade(pcm, a, b, n):
    """pcm[b:b + n] goes over from what stands at pcm[a:]."""
    w = 4096 // (n + 1)
    i = 0
    while i < n:
        x = (pcm[a + i] ^ 0x8000) - 0x8000
        y = (pcm[b + i] ^ 0x8000) - 0x8000
        pcm[b + i] = (x + ((y - x) * (i + 1) * w >> 12)) & 0xFFFF
        i += 1


def splice(s, pcm, at, cut, n):
    """Leave cut samples out at pcm[at], or put -cut of them in, as like ones go over into each other for n samples."""
    w = 4096 // (n + 1)
    end = s[_END]
    if cut > 0:
        i = 0
        while i < n:
            x = (pcm[at + i] ^ 0x8000) - 0x8000
            y = (pcm[at + cut + i] ^ 0x8000) - 0x8000
            pcm[at + i] = (x + ((y - x) * (i + 1) * w >> 12)) & 0xFFFF
            i += 1
        at += n
        i = at + cut
        while i < end:
            pcm[at] = pcm[i]
            at += 1
            i += 1
    else:
        k = -cut
        i = end
        while i > at:
            i -= 1
            pcm[i + k] = pcm[i]
        i = 0
        while i < n:
            x = (pcm[at + k + i] ^ 0x8000) - 0x8000
            y = (pcm[at - k + i if i < k else at + i] ^ 0x8000) - 0x8000
            pcm[at + i] = (x + ((y - x) * (i + 1) * w >> 12)) & 0xFFFF
            i += 1
    s[_END] = end - cut
