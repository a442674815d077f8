# The adaptive jitter buffer's kernels, in native code, the twin of adaptive_plain, where
# @micropython.viper exists. Refuses to be imported elsewhere. May import sys.

import sys

import micropython
from micropython import const

if sys.implementation.name != "micropython":
    raise ImportError("viper")

_READ = const(0)
_PLACE = const(1)
_COUNT = const(2)
_CLOCK = const(3)
_BASE = const(4)
_ON = const(5)
_TARGET = const(6)
_SEEN = const(7)
_LOW = const(8)
_FAR = const(9)
_LEAST = const(10)
_MOST = const(11)
_FIRST = const(12)
_WAIT = const(13)
_SKIPPED = const(14)
_NOW = const(15)
_END = const(16)
_WIDE = const(17)
_CONCEALING = const(18)
_HOLD = const(20)
_AHEAD = const(37)
_EDGE = const(38)
_DOUBT = const(39)
_PIECES = const(40)
_COUNTS = const(64)
_CALM = const(128)
_MASK = const(1073741823)
_HALF = const(536870912)
_SIZE = const(2048)
_RING = const(2047)
_MOST_PIECES = const(12)
_LONGEST = const(1024)
_LEAP = const(8000)
_FRAME = const(160)
_LONG = const(62)
_PROMPT = const(30)


@micropython.viper
def keep(s: ptr32, ring: ptr8, data: ptr8, timestamp: int, at: int, n: int) -> int:
    if n < 1 or n > _LONGEST:
        return 4
    what = 0
    t = (int(s[_CLOCK]) - timestamp & _MASK) - int(s[_BASE])
    t = (t & _MASK ^ _HALF) - _HALF
    if not int(s[_ON]) or t < -_LEAP or t > _LEAP:
        if int(s[_COUNT]):
            i = int(s[_PIECES + 2 * int(s[_COUNT]) - 1])
            s[_SKIPPED] = int(s[_SKIPPED]) + (i + _FRAME - 1) // _FRAME
            what = 5
        s[_ON] = 1
        s[_WAIT] = 1
        if int(s[_DOUBT]) < int(s[_CALM]):
            s[_DOUBT] = int(s[_CALM])
        s[_COUNT] = 0
        s[_READ] = timestamp
        t = int(s[_LOW])
        s[_BASE] = (int(s[_CLOCK]) - timestamp & _MASK) - t & _MASK
    k = 0 - t >> 5
    if k > 0:
        i = 63
        while i >= 0:
            s[_COUNTS + i] = int(s[_COUNTS + i - k]) if i >= k else 0
            i -= 1
        k = k << 5
        s[_BASE] = int(s[_BASE]) - k & _MASK
        s[_TARGET] = int(s[_TARGET]) + k
        s[_LOW] = int(s[_LOW]) + k
        t += k
    i = t + 31 >> 5
    if t <= int(s[_LOW]):
        i += int(s[_EDGE])
    elif t >= int(s[_LOW]) + _FRAME:
        s[_DOUBT] = _LONG
    if i > 63:
        i = 63
        s[_FAR] = int(s[_FAR]) + 1
        if int(s[_FAR]) == 25:
            s[_FAR] = 0
            s[_BASE] = int(s[_BASE]) - _MASK - 1 + t - int(s[_LOW]) & _MASK
            t = int(s[_LOW])
            i = t + 31 >> 5
    else:
        s[_FAR] = 0
    s[_COUNTS + i] = int(s[_COUNTS + i]) + 1024
    s[_SEEN] = int(s[_SEEN]) + 1
    if t > int(s[_TARGET]) or not int(s[_SEEN]) & 15:
        total = 0
        i = 0
        if not int(s[_SEEN]) & 15:
            while i < 64:
                k = int(s[_COUNTS + i])
                k -= k >> 4
                s[_COUNTS + i] = k
                total += k
                i += 1
            if int(s[_DOUBT]):
                s[_DOUBT] = int(s[_DOUBT]) - 1
            if int(s[_SEEN]) > 1048575:
                s[_SEEN] = 1024
        else:
            while i < 64:
                total += int(s[_COUNTS + i])
                i += 1
        k = total >> 4
        i = 0
        while i < 63:
            k -= int(s[_COUNTS + i])
            if k < 0:
                break
            i += 1
        low = i << 5
        k = (total >> 8) + 512
        i = 63
        while i > 0:
            k -= int(s[_COUNTS + i])
            if k < 0:
                break
            i -= 1
        i = i << 5
        if i > low + _FRAME:
            i += 32
        k = low + int(s[_LEAST]) - _FRAME
        if i < k:
            i = k
        k = low + _FRAME
        if i < k and int(s[_DOUBT]):
            i = k
        k = low + int(s[_FIRST]) - _FRAME
        if i < k and int(s[_SEEN]) < 25:
            i = k
        k = low + int(s[_MOST]) - _FRAME
        if i > k:
            i = k
        if low > int(s[_LOW]) and int(s[_SEEN]) > 511:
            s[_DOUBT] = 0
        s[_LOW] = low
        s[_TARGET] = i
        if low >= 512:
            k = (low >> 5) - 4
            i = 0
            while i < 64:
                s[_COUNTS + i] = int(s[_COUNTS + i + k]) if i + k < 64 else 0
                i += 1
            k = k << 5
            s[_BASE] = int(s[_BASE]) - _MASK - 1 + k & _MASK
            s[_TARGET] = int(s[_TARGET]) - k
            s[_LOW] = int(s[_LOW]) - k
    offset = timestamp - int(s[_READ]) & _MASK
    offset = (offset ^ _HALF) - _HALF
    count = int(s[_COUNT])
    top = _PIECES + 2 * count
    if offset < 0:
        k = -offset
        if int(s[_WAIT]) and count and (int(s[top - 1]) + k <= _SIZE):
            s[_READ] = timestamp
            s[_PLACE] = int(s[_PLACE]) - k & _RING
            i = _PIECES
            while i < top:
                s[i] = int(s[i]) + k
                i += 1
            offset = 0
        elif k >= n:
            return 1
        else:
            at += k
            n -= k
            offset = 0
    if offset + n > _SIZE:
        if count:
            k = (offset + n - _SIZE + _FRAME - 1) // _FRAME
            s[_SKIPPED] = int(s[_SKIPPED]) + k
            what = 5
            k *= _FRAME
        if not count or k >= int(s[top - 1]):
            k = offset
        s[_READ] = int(s[_READ]) - _MASK - 1 + k & _MASK
        s[_PLACE] = int(s[_PLACE]) + k & _RING
        offset -= k
        i = to = _PIECES
        while i < top:
            if int(s[i + 1]) > k:
                s[to] = int(s[i]) - k if int(s[i]) > k else 0
                s[to + 1] = int(s[i + 1]) - k
                to += 2
            i += 2
        top = to
        count = top - _PIECES >> 1
        s[_COUNT] = count
    stop = offset + n
    i = _PIECES
    while i < top and int(s[i + 1]) < offset:
        i += 2
    if i == top or int(s[i]) > stop:
        if count == _MOST_PIECES:
            return 3
        while top > i:
            top -= 1
            s[top + 2] = int(s[top])
        s[i] = offset
        s[i + 1] = stop
        s[_COUNT] = count + 1
    else:
        if int(s[i]) <= offset and stop <= int(s[i + 1]):
            return 2
        if offset < int(s[i]):
            s[i] = offset
        if stop < int(s[i + 1]):
            stop = int(s[i + 1])
        k = i + 2
        while k < top and int(s[k]) <= stop:
            if stop < int(s[k + 1]):
                stop = int(s[k + 1])
            k += 2
        s[i + 1] = stop
        i += 2
        if k > i:
            s[_COUNT] = count - (k - i >> 1)
            while k < top:
                s[i] = int(s[k])
                i += 1
                k += 1
    i = int(s[_PLACE]) + offset & _RING
    k = _SIZE - i
    if k > n:
        k = n
    n -= k
    data = ptr8(int(data) + at)
    i += int(ring)
    while True:
        ring = ptr8(i)
        while k > 7:
            k -= 8
            ring[0] = data[0]
            ring[1] = data[1]
            ring[2] = data[2]
            ring[3] = data[3]
            ring[4] = data[4]
            ring[5] = data[5]
            ring[6] = data[6]
            ring[7] = data[7]
            ring = ptr8(int(ring) + 8)
            data = ptr8(int(data) + 8)
        while k:
            k -= 1
            ring[0] = data[0]
            ring = ptr8(int(ring) + 1)
            data = ptr8(int(data) + 1)
        if not n:
            return what
        i = int(ring) - _SIZE
        k = n
        n = 0


@micropython.viper
def check(s: ptr32) -> int:
    wide = int(s[_WIDE])
    count = int(s[_COUNT])
    have = int(s[_END]) - int(s[_NOW])
    s[_AHEAD] = (int(s[_PIECES + 2 * count - 1]) if count else 0) + (have >> wide)
    if int(s[_CONCEALING]) | int(s[_WAIT]):
        return 3
    there = 0
    if count and (not int(s[_PIECES])):
        there = int(s[_PIECES + 1])
        count -= 1
    rest = have - (_FRAME << wide)
    what = 1
    if rest < 0:
        what = 0
        if there < _FRAME:
            return 3
        there -= _FRAME
        rest = have
    if count and (not there) and (rest < _PROMPT << wide):
        return 3
    if int(s[_HOLD]):
        s[_HOLD] = int(s[_HOLD]) - 1
        return what
    d = (int(s[_CLOCK]) - int(s[_READ]) & _MASK) - int(s[_BASE])
    d = (d & _MASK ^ _HALF) - _HALF
    d += (have >> wide) - int(s[_TARGET])
    if d > 24 or d < 0:
        return 2
    return what


@micropython.viper
def excess(s: ptr32) -> int:
    d = (int(s[_CLOCK]) - int(s[_READ]) & _MASK) - int(s[_BASE])
    d = (d & _MASK ^ _HALF) - _HALF
    return d + (int(s[_END]) - int(s[_NOW]) >> int(s[_WIDE])) - int(s[_TARGET])


@micropython.viper
def advance(s: ptr32, n: int):
    s[_READ] = int(s[_READ]) - _MASK - 1 + n & _MASK
    s[_PLACE] = int(s[_PLACE]) + n & _RING
    top = _PIECES + 2 * int(s[_COUNT])
    i = to = _PIECES
    while i < top:
        if int(s[i + 1]) > n:
            s[to] = int(s[i]) - n if int(s[i]) > n else 0
            s[to + 1] = int(s[i + 1]) - n
            to += 2
        i += 2
    s[_COUNT] = to - _PIECES >> 1
