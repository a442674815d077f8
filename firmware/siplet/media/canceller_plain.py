# The kernels of siplet.media.canceller in bytecode, where @micropython.viper does not exist. Imports nothing.
#
# Arrays are of type "i", but ring (type "H": values + 32768). A difference is a sample less 7/8 of the one before, over
# 8: it makes the spectrum of speech flat, which is what the filter converges by.


def push(n, pcm, ring, at, state):
    """The differences of n samples of the far end go to ring[at:]; their means of n // 40 to the front's end of state.

    state: 0 last sample + 32768; from 8 on the last 400 means, newest last.
    """
    last = state[0] - 32768
    few = n // 40
    shift = 5 if few == 4 else 6
    i = 8
    while i < 368:
        state[i] = state[i + 40]
        i += 1
    total = 0
    k = 0
    i = 0
    while i < n:
        x = ((pcm[2 * i] | pcm[2 * i + 1] << 8) ^ 0x8000) - 32768
        ring[at + i] = (x * 8 - last * 7 >> 6) + 32768
        last = x
        total += x
        i += 1
        k += 1
        if k == few:
            state[i // few + 367] = total >> shift
            total = k = 0
    state[0] = last + 32768


def means(n, pcm, out):
    """The 40 means of n samples of the microphone, as push() makes them."""
    few = n // 40
    shift = 5 if few == 4 else 6
    i = k = 0
    while i < 40:
        total = 0
        j = few
        while j:
            total += ((pcm[k] | pcm[k + 1] << 8) ^ 0x8000) - 32768
            k += 2
            j -= 1
        out[i] = total >> shift
        i += 1


def gather(n, ring, window, start, size, sums):
    """n differences from ring[start:], around its end at size, to window; sums[0]: of their magnitudes, sums[1]: of
    their squares by 256."""
    total = squares = 0
    i = 0
    while i < n:
        x = ring[start] - 32768
        start += 1
        if start == size:
            start = 0
        window[i] = x
        squares += x * x >> 8
        total += x if x >= 0 else -x
        i += 1
    sums[0] = total
    sums[1] = squares


def correlate(n, a, b, at, out, count, shift):
    """out[i] += sum of a[k] * b[at + i + k] for the n of k, by 2**shift; for count of i. n: a multiple of 8.

    The sums lie within 31 bits and a sign.
    """
    half = 1 << shift - 1
    sign = 1 << 31 - shift
    i = 0
    while i < count:
        total = half
        k = 0
        j = at + i
        while k < n:
            total += a[k] * b[j]
            k += 1
            j += 1
        out[i] += ((total >> shift & 2 * sign - 1) ^ sign) - sign
        i += 1


def subtract(n, pcm, at, echo, error, state, use):
    """Take the echo (n differences) from the samples pcm[at:], when use; error: what is left as differences; echo: zero
    again.

    state: 1 last sample, 2 last of the echo (both + 65536); 3, 4, 5: sums of the magnitudes of the microphone's
    differences, of error and of echo; 6: the largest of error.
    """
    last = state[1] - 65536
    heard = state[2] - 65536
    before = left = taken = top = 0
    i = 0
    at *= 2
    while i < n:
        d = ((pcm[at] | pcm[at + 1] << 8) ^ 0x8000) - 32768
        y = echo[i]
        if y > 16383:
            y = 16383
        elif y < -16384:
            y = -16384
        echo[i] = 0
        x = d * 8 - last * 7 >> 6
        last = d
        before += x if x >= 0 else -x
        taken += y if y >= 0 else -y
        x -= y
        error[i] = x
        if x < 0:
            x = -x
        left += x
        if x > top:
            top = x
        heard *= 7
        if heard < 0:
            heard += 7  # it fades to zero from below, too
        heard = y * 8 + (heard >> 3)
        if heard > 65535:
            heard = 65535
        elif heard < -65536:
            heard = -65536
        if use:
            d -= heard
            if d > 32767:
                d = 32767
            elif d < -32768:
                d = -32768
            pcm[at] = d & 0xFF
            pcm[at + 1] = d >> 8 & 0xFF
        at += 2
        i += 1
    state[1] = last + 65536
    state[2] = heard + 65536
    state[3] = before
    state[4] = left
    state[5] = taken
    state[6] = top


def scale(n, error, factor, shift):
    """error[i] = error[i] * factor >> shift."""
    half = 1 << shift - 1
    i = 0
    while i < n:
        error[i] = error[i] * factor + half >> shift
        i += 1


def peak(n, sums):
    """(place << 8 | how far it stands out, in 1/8 of the mean) of the largest magnitude among n sums; fades them."""
    total = best = place = 0
    i = 0
    while i < n:
        x = sums[i]
        sums[i] = x - (x >> 4)
        if x < 0:
            x = -x
        total += x >> 8
        if x > best:
            best = x
            place = i
        i += 1
    x = (best >> 5) * n // (total + 1)
    if x > 255:
        x = 255
    return place << 8 | x
