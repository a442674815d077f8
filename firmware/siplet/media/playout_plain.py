# From the jitter buffer's ring to a frame, in bytecode, where @micropython.viper does not exist. adaptive.py tells what
# the numbers in s are. Imports adaptive_plain.

from micropython import const

from siplet.media.adaptive_plain import advance

_PLACE = const(1)
_CLOCK = const(3)
_NOW = const(15)
_END = const(16)
_WIDE = const(17)
_LEVEL = const(21)
_NOISE = const(22)
_EDGE = const(38)
_MASK = const(0x3FFFFFFF)
_RING = const(2047)
_FRAME = const(160)
_HISTORY = const(390)  # samples of 8 kHz that concealment draws on
_LIMIT = const(1040)  # of pcm's 2240: after it there is room for three frames and a period of 16 kHz


def take(samples, ring, pcm, s, n):
    """Decode the next n codes, which are there, to the end of pcm; samples: see g711.table()."""
    place = s[_PLACE]
    to = s[_END]
    i = n
    while i:
        i -= 1
        k = ring[place] << 1
        pcm[to] = samples[k] | samples[k + 1] << 8
        to += 1
        place = (place + 1) & _RING
    s[_END] = to
    advance(s, n)
    measure(s, pcm, n)


def load(s, pcm, frame, n, codes):
    """Append the n samples of frame, which another codec made of codes bytes."""
    to = s[_END]
    i = 0
    while i < n:
        pcm[to] = frame[2 * i] | frame[2 * i + 1] << 8
        to += 1
        i += 1
    s[_END] = to
    advance(s, codes)
    measure(s, pcm, n)


def give(s, pcm, frame):
    """Copy the next frame out; at times all is moved to the front."""
    n = _FRAME << s[_WIDE]
    now = s[_NOW]
    i = 0
    while i < n:
        x = pcm[now + i]
        frame[2 * i] = x & 0xFF
        frame[2 * i + 1] = x >> 8
        i += 1
    now += n
    s[_CLOCK] = (s[_CLOCK] - _MASK - 1 + _FRAME) & _MASK
    s[_EDGE] = 0
    if now > _LIMIT:
        history = _HISTORY << s[_WIDE]
        k = now - history
        end = s[_END]
        i = 0
        while k < end:
            pcm[i] = pcm[k]
            i += 1
            k += 1
        s[_END] = i
        now = history
    s[_NOW] = now


def flow(samples, ring, pcm, s, frame):
    """take() and give() of the next 20 ms."""
    take(samples, ring, pcm, s, _FRAME)
    give(s, pcm, frame)


def measure(s, pcm, n):
    """The mean magnitude of the last n samples of pcm, and that of the background."""
    if n >= 80:
        i = s[_END]
        k = i - (n >> 3 << 3)
        level = 0
        while i > k:
            i -= 8
            x = pcm[i]
            level += x if x < 0x8000 else 0x10000 - x
        level = (level << 3) // n
        s[_LEVEL] = level
        level = level << 4
        noise = s[_NOISE]
        if level < noise:
            noise -= (noise - level + 3) >> 2
        else:
            noise += (noise >> 7) + 1
        s[_NOISE] = noise
