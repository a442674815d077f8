# The kernel of siplet.media.level in bytecode, where @micropython.viper does not exist. Imports nothing.
#
# The state, by word. Of each side: 0 gain of the last sample (Q12), 1 level control's gain (fine steps, 2048 is 1),
# 2 and 3 lowest level now and before, 4 frames since, 5 level of voice (fine), 6 DC offset (Q6, + 2**21), 7 frames that
# voice still lasts, 8 voice, 9 level, 10 loss (steps), 11 target (fine), 12 most gain (fine), 13 seed of the noise,
# 14 frames without anything. Shared: 32 the speaker's level, held, 33 for so many frames, 34 coupling (fine, + 8192),
# 35 most loss, 36 frames for which near still speaks, 38 loss of far, 39 how sure an echo is;
# by delay: 40 levels of far (12), 52 their mean difference (8; fine, + 4096), 60 how far it strays (8). Nothing in it
# is negative, for viper reads words without a sign on 64 bits.


def treat(n, pcm, me, state):
    """Level control and switching, in place, of a frame: n samples of 16 bits, the low byte first, 160 or 320.

    me: 0 for near (of the microphone), 16 for far (to the speaker), which comes after it.
    """
    # Level: of 32 samples, in two runs out of step, so that no steady tone hides between them
    offset = state[me + 6] - 2097152
    dc = offset + 32 >> 6
    total = drift = raw = 0
    i = 0
    runs = 32
    while runs:
        runs -= 1
        x = pcm[i] | pcm[i + 1] << 8
        raw |= x
        x = (x ^ 0x8000) - 32768 - dc
        drift += x
        total += x if x >= 0 else -x
        i += 10
        if not runs & 1:
            i += n // 8 - 20
            if runs == 16:
                i += 4
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
                            x = -x
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
                opened = 10 if opened else 2  # one loud frame may be an echo
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
    state[me + 8] = 1 if voice or hang else 0
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
        x = x - 128 if x > 128 else x + 128 if x < -128 else 0
        most = state[me + 12]
        if x > most:
            x = most
        elif x < -most:
            x = -most
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
    dc = dc - 8 if dc > 8 else dc + 8 if dc < -8 else 0
    # Limiter
    top = g if g > was else was
    if top > 4096 or dc:
        bits = 1
        i = 0
        while i < 2 * n:
            x = pcm[i] | pcm[i + 1] << 8
            bits |= (x ^ x << 1) & 0xFFFF
            i += 2
        x = 1
        while x << 1 <= bits:
            x <<= 1
        if (x + (dc if dc >= 0 else -dc)) * top > 131072000:
            peak = 1
            i = 0
            while i < 2 * n:
                x = ((pcm[i] | pcm[i + 1] << 8) ^ 0x8000) - 32768 - dc
                if x < 0:
                    x = -x
                if x > peak:
                    peak = x
                i += 2
            x = 131072000 // peak
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
    seed = state[me + 13]
    ramp = n // 20
    step = g - was >> (3 if ramp == 8 else 4)
    rest = n >> 2
    i = 0
    while rest:
        rest -= 1
        if ramp:
            ramp -= 1
            was += step
            if not ramp:
                was = g
        four = 4
        while four:
            x = (((pcm[i] | pcm[i + 1] << 8) ^ 0x8000) - 32768 - dc) * was >> 12
            if noise:
                if not four & 1:
                    seed = seed * 8121 + 28411 & 0xFFFF
                x += ((seed >> 8) - 128) * noise >> 10
            pcm[i] = x & 0xFF
            pcm[i + 1] = x >> 8 & 0xFF
            i += 2
            four -= 1
    state[me + 13] = seed
