# The adaptive jitter buffer's kernels in bytecode, where @micropython.viper does not exist. adaptive.py tells what the
# numbers in s are. Imports nothing of siplet.
#
# Small ints have 31 bits on a board: 2**30 is taken away before something is added to a number of 30.

from micropython import const

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
_MASK = const(0x3FFFFFFF)
_HALF = const(0x20000000)
_SIZE = const(2048)
_RING = const(2047)
_MOST_PIECES = const(12)
_LONGEST = const(1024)  # 128 ms
_LEAP = const(8000)
_FRAME = const(160)
_LONG = const(62)  # times 16 packets, 20 s: for so long a way is doubted on which a packet missed a step
_PROMPT = const(30)  # samples of 8 kHz, so that concealment can go over into them


def keep(s, ring, data, timestamp, at, n):
    """Keep a packet of n codes: 0, or why not: 1 too late, 2 a duplicate, 3 too many gaps, 4 of no possible length; 5:
    it was kept, and others were left out.
    """
    if n < 1 or n > _LONGEST:
        return 4
    what = 0
    # How late is it, and how late are they?
    t = ((s[_CLOCK] - timestamp) & _MASK) - s[_BASE]
    t = ((t & _MASK) ^ _HALF) - _HALF
    if not s[_ON] or t < -_LEAP or t > _LEAP:
        # The first one, or the sender's clock was set anew: what is known of the network still holds
        if s[_COUNT]:
            i = s[_PIECES + 2 * s[_COUNT] - 1]
            s[_SKIPPED] += (i + _FRAME - 1) // _FRAME
            what = 5
        s[_ON] = 1
        s[_WAIT] = 1
        if s[_DOUBT] < s[_CALM]:
            s[_DOUBT] = s[_CALM]
        s[_COUNT] = 0
        s[_READ] = timestamp
        t = s[_LOW]
        s[_BASE] = (((s[_CLOCK] - timestamp) & _MASK) - t) & _MASK
    k = -t >> 5
    if k > 0:
        # Faster than all: the lowest step is the one of it
        i = 63
        while i >= 0:
            s[_COUNTS + i] = s[_COUNTS + i - k] if i >= k else 0
            i -= 1
        k = k << 5
        s[_BASE] = (s[_BASE] - k) & _MASK
        s[_TARGET] += k
        s[_LOW] += k
        t += k
    i = (t + 31) >> 5
    if t <= s[_LOW]:
        i += s[_EDGE]  # it may come a frame later at any time
    elif t >= s[_LOW] + _FRAME:
        s[_DOUBT] = _LONG
    if i > 63:
        i = 63
        s[_FAR] += 1
        if s[_FAR] == 25:  # a way that is longer for good
            s[_FAR] = 0
            s[_BASE] = (s[_BASE] - _MASK - 1 + t - s[_LOW]) & _MASK
            t = s[_LOW]
            i = (t + 31) >> 5
    else:
        s[_FAR] = 0
    s[_COUNTS + i] += 1024
    s[_SEEN] += 1
    if t > s[_TARGET] or not s[_SEEN] & 15:
        total = 0
        i = 0
        if not s[_SEEN] & 15:
            while i < 64:
                k = s[_COUNTS + i]
                k -= k >> 4
                s[_COUNTS + i] = k
                total += k
                i += 1
            if s[_DOUBT]:
                s[_DOUBT] -= 1
            if s[_SEEN] > 0xFFFFF:
                s[_SEEN] = 1024
        else:
            while i < 64:
                total += s[_COUNTS + i]
                i += 1
        k = total >> 4
        i = 0
        while i < 63:
            k -= s[_COUNTS + i]
            if k < 0:
                break
            i += 1
        low = i << 5
        k = (total >> 8) + 512
        i = 63
        while i > 0:
            k -= s[_COUNTS + i]
            if k < 0:
                break
            i -= 1
        i = i << 5
        if i > low + _FRAME:
            i += 32
        k = low + s[_LEAST] - _FRAME
        if i < k:
            i = k
        k = low + _FRAME
        if i < k and s[_DOUBT]:
            i = k
        k = low + s[_FIRST] - _FRAME
        if i < k and s[_SEEN] < 25:
            i = k
        k = low + s[_MOST] - _FRAME
        if i > k:
            i = k
        if low > s[_LOW] and s[_SEEN] > 511:
            s[_DOUBT] = 0  # all come later now, to the next step
        s[_LOW] = low
        s[_TARGET] = i
        if low >= 512:
            # Slower than ever: the lowest steps are not needed any more
            k = (low >> 5) - 4
            i = 0
            while i < 64:
                s[_COUNTS + i] = s[_COUNTS + i + k] if i + k < 64 else 0
                i += 1
            k = k << 5
            s[_BASE] = (s[_BASE] - _MASK - 1 + k) & _MASK
            s[_TARGET] -= k
            s[_LOW] -= k

    # Where does it belong?
    offset = (timestamp - s[_READ]) & _MASK
    offset = (offset ^ _HALF) - _HALF
    count = s[_COUNT]
    top = _PIECES + 2 * count
    if offset < 0:
        k = -offset
        if s[_WAIT] and count and s[top - 1] + k <= _SIZE:
            # Before the first one, and nothing was played yet: begin earlier
            s[_READ] = timestamp
            s[_PLACE] = (s[_PLACE] - k) & _RING
            i = _PIECES
            while i < top:
                s[i] += k
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
            # No room: leave out the oldest
            k = (offset + n - _SIZE + _FRAME - 1) // _FRAME
            s[_SKIPPED] += k
            what = 5
            k *= _FRAME
        if not count or k >= s[top - 1]:
            k = offset
        s[_READ] = (s[_READ] - _MASK - 1 + k) & _MASK
        s[_PLACE] = (s[_PLACE] + k) & _RING
        offset -= k
        i = to = _PIECES
        while i < top:
            if s[i + 1] > k:
                s[to] = s[i] - k if s[i] > k else 0
                s[to + 1] = s[i + 1] - k
                to += 2
            i += 2
        top = to
        count = (top - _PIECES) >> 1
        s[_COUNT] = count
    stop = offset + n
    i = _PIECES
    while i < top and s[i + 1] < offset:
        i += 2
    if i == top or s[i] > stop:
        # Apart from all that is there
        if count == _MOST_PIECES:
            return 3
        while top > i:
            top -= 1
            s[top + 2] = s[top]
        s[i] = offset
        s[i + 1] = stop
        s[_COUNT] = count + 1
    else:
        if s[i] <= offset and stop <= s[i + 1]:
            return 2
        if offset < s[i]:
            s[i] = offset
        if stop < s[i + 1]:
            stop = s[i + 1]
        k = i + 2
        while k < top and s[k] <= stop:
            if stop < s[k + 1]:
                stop = s[k + 1]
            k += 2
        s[i + 1] = stop
        i += 2
        if k > i:
            s[_COUNT] = count - ((k - i) >> 1)
            while k < top:
                s[i] = s[k]
                i += 1
                k += 1
    i = (s[_PLACE] + offset) & _RING
    n += at
    while at < n:
        ring[i] = data[at]
        at += 1
        i = (i + 1) & _RING
    return what


def check(s):
    """What the next frame needs: 0 one more packet of 20 ms, 1 nothing, 2 another length, 3 concealment."""
    wide = s[_WIDE]
    count = s[_COUNT]
    have = s[_END] - s[_NOW]
    s[_AHEAD] = (s[_PIECES + 2 * count - 1] if count else 0) + (have >> wide)
    if s[_CONCEALING] | s[_WAIT]:
        return 3
    there = 0
    if count and not s[_PIECES]:
        there = s[_PIECES + 1]
        count -= 1
    rest = have - (_FRAME << wide)
    what = 1
    if rest < 0:
        what = 0
        if there < _FRAME:
            return 3
        there -= _FRAME
        rest = have
    if count and not there and rest < _PROMPT << wide:
        return 3
    if s[_HOLD]:
        s[_HOLD] -= 1
        return what
    d = ((s[_CLOCK] - s[_READ]) & _MASK) - s[_BASE]
    d = ((d & _MASK) ^ _HALF) - _HALF
    d += (have >> wide) - s[_TARGET]
    if d > 24 or d < 0:
        return 2
    return what


def excess(s):
    """Samples of 8 kHz that the sound is later than it should be; below 0: earlier."""
    d = ((s[_CLOCK] - s[_READ]) & _MASK) - s[_BASE]
    d = ((d & _MASK) ^ _HALF) - _HALF
    return d + ((s[_END] - s[_NOW]) >> s[_WIDE]) - s[_TARGET]


def advance(s, n):
    """Go on by n codes."""
    s[_READ] = (s[_READ] - _MASK - 1 + n) & _MASK
    s[_PLACE] = (s[_PLACE] + n) & _RING
    top = _PIECES + 2 * s[_COUNT]
    i = to = _PIECES
    while i < top:
        if s[i + 1] > n:
            s[to] = s[i] - n if s[i] > n else 0
            s[to + 1] = s[i + 1] - n
            to += 2
        i += 2
    s[_COUNT] = (to - _PIECES) >> 1
