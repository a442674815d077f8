# From the jitter buffer's ring to a frame, in native code, the twin of playout_plain, where
# @micropython.viper exists. Refuses to be imported elsewhere. May import sys.

import sys

import micropython
from micropython import const

if sys.implementation.name != "micropython":
    raise ImportError("viper")

_READ = const(0)
_COUNT = const(2)
_PIECES = const(40)
_SIZE = const(2048)
_PLACE = const(1)
_CLOCK = const(3)
_NOW = const(15)
_END = const(16)
_WIDE = const(17)
_LEVEL = const(21)
_NOISE = const(22)
_EDGE = const(38)
_MASK = const(1073741823)
_RING = const(2047)
_FRAME = const(160)
_HISTORY = const(390)
_LIMIT = const(1040)


@micropython.viper
def take(samples: ptr16, ring: ptr8, pcm: ptr16, s: ptr32, n: int):
    place = int(s[_PLACE])
    to = int(s[_END])
    s[_END] = to + n
    s[_READ] = int(s[_READ]) + n & _MASK
    s[_PLACE] = place + n & _RING
    place += int(ring)
    pcm = ptr16(int(pcm) + 2 * to)
    i = int(ring) + _SIZE - place
    ring = ptr8(place)
    if i > n:
        i = n
    k = n - i
    while True:
        while i > 7:
            i -= 8
            pcm[0] = samples[ring[0]]
            pcm[1] = samples[ring[1]]
            pcm[2] = samples[ring[2]]
            pcm[3] = samples[ring[3]]
            pcm[4] = samples[ring[4]]
            pcm[5] = samples[ring[5]]
            pcm[6] = samples[ring[6]]
            pcm[7] = samples[ring[7]]
            pcm = ptr16(int(pcm) + 16)
            ring = ptr8(int(ring) + 8)
        while i:
            i -= 1
            pcm[0] = samples[ring[0]]
            pcm = ptr16(int(pcm) + 2)
            ring = ptr8(int(ring) + 1)
        if not k:
            break
        ring = ptr8(int(ring) - _SIZE)
        i = k
        k = 0
    top = _PIECES + 2 * int(s[_COUNT])
    i = to = _PIECES
    while i < top:
        if int(s[i + 1]) > n:
            s[to] = int(s[i]) - n if int(s[i]) > n else 0
            s[to + 1] = int(s[i + 1]) - n
            to += 2
        i += 2
    s[_COUNT] = to - _PIECES >> 1
    if n >= 80:
        i = n >> 3
        level = 0
        pcm = ptr16(int(pcm) - 16)
        while i:
            i -= 1
            x = int(pcm[0])
            if x > 32767:
                x = 65536 - x
            level += x
            pcm = ptr16(int(pcm) - 16)
        level = (level << 3) // n
        s[_LEVEL] = level
        level = level << 4
        noise = int(s[_NOISE])
        if level < noise:
            noise -= noise - level + 3 >> 2
        else:
            noise += (noise >> 7) + 1
        s[_NOISE] = noise


@micropython.viper
def load(s: ptr32, pcm: ptr16, frame: ptr16, n: int, codes: int):
    to = int(s[_END])
    i = 0
    while i < n:
        pcm[to] = int(frame[i])
        to += 1
        i += 1
    s[_END] = to
    s[_READ] = int(s[_READ]) - _MASK - 1 + codes & _MASK
    s[_PLACE] = int(s[_PLACE]) + codes & _RING
    top = _PIECES + 2 * int(s[_COUNT])
    i = to = _PIECES
    while i < top:
        if int(s[i + 1]) > codes:
            s[to] = int(s[i]) - codes if int(s[i]) > codes else 0
            s[to + 1] = int(s[i + 1]) - codes
            to += 2
        i += 2
    s[_COUNT] = to - _PIECES >> 1
    if n >= 80:
        i = n >> 3
        level = 0
        pcm = ptr16(int(pcm) + 2 * int(s[_END]) - 16)
        while i:
            i -= 1
            x = int(pcm[0])
            if x > 32767:
                x = 65536 - x
            level += x
            pcm = ptr16(int(pcm) - 16)
        level = (level << 3) // n
        s[_LEVEL] = level
        level = level << 4
        noise = int(s[_NOISE])
        if level < noise:
            noise -= noise - level + 3 >> 2
        else:
            noise += (noise >> 7) + 1
        s[_NOISE] = noise


@micropython.viper
def give(s: ptr32, pcm: ptr16, frame: ptr16):
    n = _FRAME << int(s[_WIDE])
    now = int(s[_NOW])
    end = int(s[_END])
    start = int(pcm)
    pcm = ptr16(start + 2 * now)
    now += n
    n = n >> 3
    while n:
        n -= 1
        frame[0] = pcm[0]
        frame[1] = pcm[1]
        frame[2] = pcm[2]
        frame[3] = pcm[3]
        frame[4] = pcm[4]
        frame[5] = pcm[5]
        frame[6] = pcm[6]
        frame[7] = pcm[7]
        frame = ptr16(int(frame) + 16)
        pcm = ptr16(int(pcm) + 16)
    s[_CLOCK] = int(s[_CLOCK]) + _FRAME & _MASK
    s[_EDGE] = 0
    if now > _LIMIT:
        n = _HISTORY << int(s[_WIDE])
        pcm = ptr16(start + 2 * (now - n))
        frame = ptr16(start)
        end -= now - n
        now = n
        s[_END] = end
        n = end >> 2
        while n >= 0:
            n -= 1
            frame[0] = pcm[0]
            frame[1] = pcm[1]
            frame[2] = pcm[2]
            frame[3] = pcm[3]
            frame = ptr16(int(frame) + 8)
            pcm = ptr16(int(pcm) + 8)
    s[_NOW] = now


@micropython.viper
def flow(samples: ptr16, ring: ptr8, pcm: ptr16, s: ptr32, frame: ptr16):
    n = _FRAME
    first = int(pcm)
    place = int(s[_PLACE])
    to = int(s[_END])
    s[_END] = to + n
    s[_READ] = int(s[_READ]) + n & _MASK
    s[_PLACE] = place + n & _RING
    place += int(ring)
    pcm = ptr16(int(pcm) + 2 * to)
    i = int(ring) + _SIZE - place
    ring = ptr8(place)
    if i > n:
        i = n
    k = n - i
    while True:
        while i > 7:
            i -= 8
            pcm[0] = samples[ring[0]]
            pcm[1] = samples[ring[1]]
            pcm[2] = samples[ring[2]]
            pcm[3] = samples[ring[3]]
            pcm[4] = samples[ring[4]]
            pcm[5] = samples[ring[5]]
            pcm[6] = samples[ring[6]]
            pcm[7] = samples[ring[7]]
            pcm = ptr16(int(pcm) + 16)
            ring = ptr8(int(ring) + 8)
        while i:
            i -= 1
            pcm[0] = samples[ring[0]]
            pcm = ptr16(int(pcm) + 2)
            ring = ptr8(int(ring) + 1)
        if not k:
            break
        ring = ptr8(int(ring) - _SIZE)
        i = k
        k = 0
    top = _PIECES + 2 * int(s[_COUNT])
    i = to = _PIECES
    while i < top:
        if int(s[i + 1]) > n:
            s[to] = int(s[i]) - n if int(s[i]) > n else 0
            s[to + 1] = int(s[i + 1]) - n
            to += 2
        i += 2
    s[_COUNT] = to - _PIECES >> 1
    if n >= 80:
        i = n >> 3
        level = 0
        pcm = ptr16(int(pcm) - 16)
        while i:
            i -= 1
            x = int(pcm[0])
            if x > 32767:
                x = 65536 - x
            level += x
            pcm = ptr16(int(pcm) - 16)
        level = (level << 3) // n
        s[_LEVEL] = level
        level = level << 4
        noise = int(s[_NOISE])
        if level < noise:
            noise -= noise - level + 3 >> 2
        else:
            noise += (noise >> 7) + 1
        s[_NOISE] = noise
    pcm = ptr16(first)
    n = _FRAME << int(s[_WIDE])
    now = int(s[_NOW])
    end = int(s[_END])
    start = int(pcm)
    pcm = ptr16(start + 2 * now)
    now += n
    n = n >> 3
    while n:
        n -= 1
        frame[0] = pcm[0]
        frame[1] = pcm[1]
        frame[2] = pcm[2]
        frame[3] = pcm[3]
        frame[4] = pcm[4]
        frame[5] = pcm[5]
        frame[6] = pcm[6]
        frame[7] = pcm[7]
        frame = ptr16(int(frame) + 16)
        pcm = ptr16(int(pcm) + 16)
    s[_CLOCK] = int(s[_CLOCK]) + _FRAME & _MASK
    s[_EDGE] = 0
    if now > _LIMIT:
        n = _HISTORY << int(s[_WIDE])
        pcm = ptr16(start + 2 * (now - n))
        frame = ptr16(start)
        end -= now - n
        now = n
        s[_END] = end
        n = end >> 2
        while n >= 0:
            n -= 1
            frame[0] = pcm[0]
            frame[1] = pcm[1]
            frame[2] = pcm[2]
            frame[3] = pcm[3]
            frame = ptr16(int(frame) + 8)
            pcm = ptr16(int(pcm) + 8)
    s[_NOW] = now
