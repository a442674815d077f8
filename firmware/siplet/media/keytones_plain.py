# The kernels that hear keys, in bytecode, where @micropython.viper does not exist: the reference. Imports nothing.
# keytones.py says what they do.

from micropython import const

_QUIET = const(280)  # of 23 samples, 10 bits each: half a frame of two waves of -37 dBm0
_FLOOR = const(19000)  # the power of a wave of -36 dBm0: keytones_viper has these, too

# Places in a room. What is known of the block before:
_CODE = const(0)  # its key + 1, 0: none
_WAVES = const(1)  # cosine and sine of its low wave, of its high one, + 32768 each
_BOTH = const(5)  # the power of the two, and of all
_ALL = const(6)
_FOUND = const(7)  # of a group: the strongest wave's place, cosine, sine
_EVEN = const(10)  # the folded block: even and odd part in turn, + 8192 each
_ODD = const(11)
_BUSY = const(50)  # 1: somebody waits for the end of a press
_WIDE = const(51)  # 1: frames are of 16 kHz
_KEPT = const(52)  # 1: the second block was copied, not looked at


def hear(e, waves, room, frame, later):
    """What a block of 10 ms is, the 80 samples of frame from sample e on: 0, or a key of q23.GRID + 1.

    32 more: it goes on from the block before. e 0 is the beginning of a frame, of 8 or 16 kHz: 64 when all of it is
    quiet, 128 added when it is not; but 0 when it has nothing and nobody waits: then the samples from 80 on are copied
    to those of later. waves: what keytones.py made. room: array("i") of 53. later: 640 bytes, in the last 320 of which
    a frame of 16 kHz lies at 8 kHz after this. viper keeps its first names in registers: hence their order.
    """
    first = not e
    at = e + e
    if first:
        step = 14 + 14 * room[_WIDE]
        n = 23
        while n:
            n -= 1
            x = (_word(frame, at) >> 6) - 512
            e += x * x
            at += step
        at = 0
        if e < _QUIET:
            room[_CODE] = room[_KEPT] = 0
            return room[_BUSY] << 6
        if room[_WIDE]:
            _halve(frame, later)
            frame = later
            at = 320
    # Half the rate, by 1 2 1, folded at the middle of 39 samples
    energy = evens = odds = m = 0
    while m < 20:
        right = at + 78 + 4 * m
        left = at + 78 - 4 * m
        x = _word(frame, right)
        y = _word(frame, right - 2) + x + x + _word(frame, right + 2) >> 6
        x = (x >> 4) - 2048
        energy += x * x
        if m:
            x = _word(frame, left)
            z = _word(frame, left - 2) + x + x + _word(frame, left + 2) >> 6
            x = (x >> 4) - 2048
            energy += x * x
            evens += y + z - 4096
            odds += y - z
            room[_EVEN + m + m] = y + z + 4096
            room[_ODD + m + m] = y - z + 8192
        else:
            evens += y - 2048
            room[_EVEN] = y + 6144
            room[_ODD] = 8192
        m += 1
    energy += energy - (energy >> 3)
    # The strongest of each group
    low = _strongest(waves, 0, evens, odds, room)
    code = 0
    if low > (energy >> 6) * 3 and low > _FLOOR >> 1:
        row = room[_FOUND]
        lc = room[_FOUND + 1]
        ls = room[_FOUND + 2]
        high = _strongest(waves, 8, evens, odds, room)
        column = room[_FOUND]
        hc = room[_FOUND + 1]
        hs = room[_FOUND + 2]
        key = 4 * row + column
        # What each group sees of the other is taken away
        t = 320 + 4 * key
        a0 = lc - ((waves[t] - 128) * hc >> 9)
        a1 = ls - ((waves[t + 1] - 128) * hs >> 9)
        a2 = hc - ((waves[t + 2] - 128) * lc >> 9)
        a3 = hs - ((waves[t + 3] - 128) * ls >> 9)
        low = a0 * a0 + a1 * a1
        high = a2 * a2 + a3 * a3
        both = a0 * lc + a1 * ls + a2 * hc + a3 * hs
        enough = low > _FLOOR and high > _FLOOR and both > (energy >> 5) * 21
        if enough and low > high >> 4 and high > low >> 4:
            code = key + 1
            if room[_CODE] == code:
                turned = _turned(waves, 384 + 3 * row, room, _WAVES, a0, a1, low)
                more = _turned(waves, 396 + 3 * column, room, _WAVES + 2, a2, a3, high)
                if turned is not None and more is not None:
                    turned += more
                    if both + room[_BOTH] + (turned >> 5) * 5 > (energy + room[_ALL] >> 6) * 57:
                        code += 32
            room[1] = a0 + 32768
            room[2] = a1 + 32768
            room[3] = a2 + 32768
            room[4] = a3 + 32768
            room[_BOTH] = both
            room[_ALL] = energy
    room[_CODE] = code & 31
    if first:
        if code or room[_BUSY]:
            return 128 + code
        room[_KEPT] = 1
        m = 160
        at += m
        while m < 320:
            later[m] = frame[at]
            at += 1
            m += 1
    return code


def _word(frame, at):
    return (frame[at] | frame[at + 1] << 8) ^ 0x8000


def _strongest(waves, t, evens, odds, room):
    # The power of the strongest wave of a group
    found = -1
    k = 0
    while k < 4:
        c = s = m = 0
        while m < 20:
            c += (room[_EVEN + m + m] - 8192) * waves[16 * m + t + k]
            s += (room[_ODD + m + m] - 8192) * waves[16 * m + t + k + 4]
            m += 1
        c = c - (evens << 7) >> 8
        s = s - (odds << 7) >> 8
        power = c * c + s * s
        if power > found:
            found = power
            room[_FOUND] = k
            room[_FOUND + 1] = c
            room[_FOUND + 2] = s
        k += 1
    return found


def _turned(waves, t, room, at, c, s, power):
    # Twice the power that the phase's error hides when a wave goes on from the block before; None when it does not
    x = room[at] - 32768
    y = room[at + 1] - 32768
    was = x * x + y * y
    same = (x * (waves[t] - 128) + y * (waves[t + 1] - 128) >> 7) * c
    same += (y * (waves[t] - 128) - x * (waves[t + 1] - 128) >> 7) * s
    total = was + power
    if was > power >> 1 and power > was >> 1 and same > (total >> 8) * (waves[t + 2] - 128):
        return total - same - same
    return None


def _halve(frame, later):
    i = 0
    while i < 320:
        x = (_word(frame, i + i) + _word(frame, i + i + 2) >> 1) ^ 0x8000
        later[320 + i] = x & 0xFF
        later[321 + i] = x >> 8
        i += 2
