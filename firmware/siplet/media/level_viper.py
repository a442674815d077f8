# The kernel of siplet.media.level in native code, the twin of level_plain, which explains it, where @micropython.viper
# exists. Refuses to be imported elsewhere. May import sys.
#
# pcm should lie at a word border (it costs time where it does not). Loops count down and the busiest names are the
# first arguments, because those are what viper keeps in registers.

import sys

import micropython

if sys.implementation.name != "micropython":
    raise ImportError("viper")


@micropython.viper
def treat(x: int, p: ptr16, i: int, state: ptr32):
    """See level_plain.treat."""
    n = x
    pcm = int(p)
    me = i
    offset = state[me + 6] - 2097152
    dc = offset + 32 >> 6
    zero = 32768 + dc
    drift = raw = 0
    i = 0  # total
    runs = 16
    while runs:
        runs -= 1
        x = p[0]
        raw |= x
        x = (x ^ 0x8000) - zero
        drift += x
        if x < 0:
            x = 0 - x
        i += x
        x = p[5]
        raw |= x
        x = (x ^ 0x8000) - zero
        drift += x
        if x < 0:
            x = 0 - x
        i += x
        p = ptr16(int(p) + (n >> 3))
        if runs == 8:
            p = ptr16(int(p) + 4)
    total = i
    deaf = state[me + 14]
    if raw:
        deaf = 0
    elif deaf < 10:
        deaf += 1
    state[me + 14] = deaf
    level = 0
    x = total >> 1
    while x > 31:
        x >>= 1
        level += 16
    level += x
    # Noise floor and voice
    low = state[me + 2]
    if raw:
        if level < low:
            low = level
        x = state[me + 4] + 1
        if x == 64:
            x = 0
            state[me + 3] = low
            low = level
        state[me + 4] = x
        state[me + 2] = low
    floor = state[me + 3]
    if low < floor:
        floor = low
    voice = 0
    if level > floor + 26 and level > 84:
        voice = 1
    hang = state[me + 7]
    if voice:
        state[me + 7] = 10
    elif hang:
        state[me + 7] = hang - 1
    speaks = voice
    loss = state[me + 10]
    noise = 0
    if me:
        x = state[38]
        loss = loss - 8 if loss - 8 > x else x
    else:
        offset += (drift >> 5) << (0 if voice else 2)
        if offset > 262143:
            offset = 262143
        elif offset < -262144:
            offset = -262144
        state[6] = offset + 2097152
        most = state[35]
        opened = state[36]
        if most:
            # What the speaker would sound like here: held as long as the sound may take, then fading in the room
            loud = state[32] - 6
            i = 40 + state[33]
            while i > 39:
                x = state[i]
                if x > loud:
                    loud = x
                i -= 1
            state[32] = loud
            coupling = state[34] - 8192
            lowest = 512
            if loud > 110:
                gate = loud - 40
                if gate < 110:
                    gate = 110
                best = 4096
                at = lag = 0
                i = 40
                while i < 48:
                    x = state[i]
                    if x < lowest:
                        lowest = x
                    if x > gate and raw:
                        mean = state[i + 12]
                        x = (level - x + 256 << 4) - mean
                        mean += x >> 3
                        state[i + 12] = mean
                        if x < 0:
                            x = 0 - x
                        stray = state[i + 20]
                        stray += x - stray >> 3
                        state[i + 20] = stray
                        if stray < best:
                            best = stray
                            at = mean
                            lag = i
                    i += 1
                if best < 144:
                    coupling += at - 4096 + best + (best >> 1) - coupling >> 3
                    state[33] = lag - 38
                    if state[39] < 50:
                        state[39] += 1
                elif lowest > 110 and (raw or deaf > 9):
                    x = level - lowest << 4
                    if state[39]:
                        state[39] -= 1
                    if x < coupling:
                        coupling += x - coupling >> 3
                state[34] = coupling + 8192
            echo = loud + (coupling >> 4)
            # Who speaks
            x = echo + 12
            if opened and state[39] < 12:
                x = echo - 24  # who spoke already when the far end began may be no echo at all
            if voice and level > x:
                if opened:
                    opened = 10
                else:
                    opened = 2  # one loud frame may be an echo
            else:
                speaks = 0
                if opened:
                    opened -= 1
            state[36] = opened
            x = (coupling >> 4) + 117
            if x < 0:
                x = 0
            elif x > most:
                x = most
            state[38] = 0
            if opened and x > 48 and loud > 110 and state[39] > 10:
                state[38] = 16
            if opened or loud < 100 or echo < floor - 16:
                x = 0
            loss = x if opened or x > loss - 8 else loss - 8
            if loss and raw:
                noise = floor if floor < 140 else 140
    if hang:
        voice = 1
    state[me + 8] = voice
    state[me + 9] = level
    state[me + 10] = loss
    # Level control
    gain = state[me + 1]
    if speaks:
        heard = state[me + 5]
        x = (level << 4) - heard
        if x > -640:
            heard += x >> 5
            state[me + 5] = heard
        x = state[me + 11] - heard
        if x > 128:
            x -= 128
        elif x < -128:
            x += 128
        else:
            x = 0
        most = state[me + 12]
        if x > most:
            x = most
        elif x < 0 - most:
            x = 0 - most
        x += 2048 - gain
        if x > 5:
            x = 5
        elif x < -16:
            x = -16
        gain += x
    fine = gain - (loss << 4)
    if fine < 0:
        fine = 0
    g = (256 + (fine & 255) << (fine >> 8)) >> 4
    was = state[me]
    # What lies beyond 8 is taken away: less is no offset, and silence stays silence
    if dc > 8:
        dc -= 8
    elif dc < -8:
        dc += 8
    else:
        dc = 0
    # Limiter
    top = was
    if g > was:
        top = g
    if top > 4096 or dc:
        i = 1
        p = ptr16(pcm)
        rest = n >> 2
        if pcm & 3:
            i = 0xFFFF
            rest = 0
        while rest:  # two samples in one go: what spills over into the lowest bit of one is not looked at
            rest -= 1
            x = ptr32(p)[0]
            i |= x ^ x << 1
            x = ptr32(p)[1]
            i |= x ^ x << 1
            p = ptr16(int(p) + 8)
        i = (i | i >> 16) & 0xFFFE | 1
        x = 1
        while x << 1 <= i:
            x <<= 1
        if dc < 0:
            x -= dc
        else:
            x += dc
        if x * top > 131072000:
            i = 1
            p = ptr16(pcm)
            zero = 32768 + dc
            rest = n
            while rest:
                rest -= 1
                x = (p[0] ^ 0x8000) - zero
                if x < 0:
                    x = 0 - x
                if x > i:
                    i = x
                p = ptr16(int(p) + 2)
            x = 131072000 // i
            if x < was:
                was = x
            if x < g:
                g = x
                gain -= 32
                if gain < 1024:
                    gain = 1024
    state[me + 1] = gain
    state[me] = g
    if me:
        level += fine - 2048 >> 4
        if level < 0 or not raw:
            level = 0
        i = 51
        while i > 40:
            state[i] = state[i - 1]
            i -= 1
        state[40] = level
    elif noise:
        # As loud as the background that the loss takes away
        noise = (16 + (noise & 15) << (noise >> 4)) >> 1
        noise = noise * (4096 - g) >> 12
    if g == 4096 and was == 4096 and not dc:
        return
    if noise < 0:
        noise = 0
    ramp = n // 20
    step = g - was >> (3 if ramp == 8 else 4)
    rest = n >> 2
    p = ptr16(pcm)
    i = was
    if noise:
        zero = 32768 + dc
        seed = state[me + 13]
        while rest:
            rest -= 1
            if ramp:
                ramp -= 1
                i += step
                if not ramp:
                    i = g
            seed = seed * 8121 + 28411 & 0xFFFF
            x = ((seed >> 8) - 128) * noise >> 10
            p[0] = (((p[0] ^ 0x8000) - zero) * i >> 12) + x
            p[1] = (((p[1] ^ 0x8000) - zero) * i >> 12) + x
            seed = seed * 8121 + 28411 & 0xFFFF
            x = ((seed >> 8) - 128) * noise >> 10
            p[2] = (((p[2] ^ 0x8000) - zero) * i >> 12) + x
            p[3] = (((p[3] ^ 0x8000) - zero) * i >> 12) + x
            p = ptr16(int(p) + 8)
        state[me + 13] = seed
        return
    x = 32768 + dc
    while rest:
        rest -= 1
        if ramp:
            ramp -= 1
            i += step
            if not ramp:
                i = g
        p[0] = ((p[0] ^ 0x8000) - x) * i >> 12
        p[1] = ((p[1] ^ 0x8000) - x) * i >> 12
        p[2] = ((p[2] ^ 0x8000) - x) * i >> 12
        p[3] = ((p[3] ^ 0x8000) - x) * i >> 12
        p = ptr16(int(p) + 8)
