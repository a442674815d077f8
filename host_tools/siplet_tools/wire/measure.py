# The probe that a measured call says, which echo finds again, and what can be told of any sound: level, silence,
# clipping. Pure; imports the standard library alone, and of siplet nothing: it judges it.
#
# Sound is array("h"), 8000 samples a second. The probe is like speech where telephones care: syllables of noise in the
# telephone band, each unlike all others, with pauses between. So it gets through G.711, voice switching and level
# control, and wherever a piece of it comes back it is known which one it was.

import math
import random
from array import array
from functools import lru_cache
from operator import mul

RATE = 8000
FRAME = 160
FULL = 32768
_SILENT = 16  # of 32768: the smallest step of A-law is 8
_TOP = 32000  # G.711 ends at 32124 (mu-law) or 32256 (A-law)

PROBE_SECONDS = 12
PROBE_LEVEL = -22.0  # dBov, active
_SEED = 3261


# -- the probe


@lru_cache
def probe(seconds=PROBE_SECONDS):
    """The probe, array("h"), the same each time: syllables of 100 to 260 ms at PROBE_LEVEL, a longer pause now and
    then. The first syllable begins after 0.3 s.
    """
    chance = random.Random(_SEED)
    end = int(seconds * RATE)
    samples = [0.0] * end
    for start, length in _syllables(chance, end):
        _add_syllable(chance, samples, start, length)
    level, _ = active_level(array("h", (_clipped(value * 4000) for value in samples)))
    if level is None:
        return array("h", bytes(2 * end))
    gain = 4000 * 10 ** ((PROBE_LEVEL - level) / 20)
    return array("h", (_clipped(value * gain) for value in samples))


def _syllables(chance, end):
    at = int(0.3 * RATE)
    count = 0
    while True:
        length = chance.randrange(int(0.10 * RATE), int(0.26 * RATE))
        if at + length > end:
            return
        yield at, length
        count += 1
        pause = (0.04, 0.12) if count % 8 else (0.35, 0.5)
        at += length + int(chance.uniform(*pause) * RATE)


def _add_syllable(chance, samples, start, length):
    # Noise through a band pass around a frequency of its own, as vowels differ; faded in and out over 15 ms
    centre = chance.uniform(600, 1800)
    radius = 0.90
    a1, a2 = 2 * radius * math.cos(2 * math.pi * centre / RATE), -radius * radius
    y1 = y2 = x1 = x2 = 0.0
    fade = int(0.015 * RATE)
    for i in range(length):
        x = chance.uniform(-1, 1)
        y = x - x2 + a1 * y1 + a2 * y2  # x - x2: nothing at 0 Hz and at 4 kHz
        x2, x1, y2, y1 = x1, x, y1, y
        samples[start + i] += y * min(1.0, (i + 1) / fade, (length - i) / fade)


def _clipped(value):
    return max(-32767, min(32767, int(value)))


# -- levels


def dbov(rms):
    """dB below the overload point (RMS 32768, ITU-T G.100.1), None for silence."""
    return 20 * math.log10(rms / FULL) if rms > 0 else None


def rms(samples):
    """Root mean square of samples, 0 of none."""
    return math.sqrt(sum(map(mul, samples, samples)) / len(samples)) if len(samples) else 0.0


def active_level(samples):
    """(level, activity): the active speech level, dBov, and the share of the time that is active, 0 to 1, by ITU-T
    P.56 method B (envelope of 30 ms twice, hangover of 200 ms, margin of 15.9 dB); (None, 0.0) for silence.

    Activity is looked at each ms, not at each sample: the envelope does not change faster.
    """
    keep = math.exp(-1 / (0.03 * RATE))
    take = 1 - keep
    hangover = 200  # ms
    counts = [0] * 16  # ms for which the envelope was above 2**j, or is remembered to have been
    last = [-hangover] * 16
    p = q = 0.0
    step = RATE // 1000
    now = 0
    for start in range(0, len(samples) - step + 1, step):
        for x in samples[start : start + step]:
            p = keep * p + take * (x if x >= 0 else -x)
            q = keep * q + take * p
        now += 1
        top = int(q).bit_length()  # 2**j <= q for all j below
        for j in range(16):
            if j < top:
                last[j] = now
            if now - last[j] < hangover:
                counts[j] += 1
            elif j >= top:
                break
    energy = float(sum(map(mul, samples, samples)))
    if energy <= 0 or not counts[0]:
        return None, 0.0
    return _at_margin(energy / step, counts, now)


def _at_margin(energy, counts, whole):
    # Where the level of the active part lies 15.9 dB above the threshold that calls it active
    before = None
    for j in range(16):
        if not counts[j]:
            break
        level = 10 * math.log10(energy / counts[j])
        threshold = 20 * math.log10(2**j)
        over = level - threshold - 15.9
        if over <= 0:
            if before:
                share = before[1] / (before[1] - over)
                level = before[0] + (level - before[0]) * share
            return _active(level, energy, whole)
        before = level, over
    return _active(before[0], energy, whole)


def _active(level, energy, whole):
    mean = 10 * math.log10(energy / whole)
    return level - 20 * math.log10(FULL), min(1.0, 10 ** ((mean - level) / 10))


def is_silent(samples):
    """Whether it is digital silence: no microphone's noise, nothing; the traces of a concealed packet do not count."""
    return sum(1 for x in samples if x > _SILENT or x < -_SILENT) <= len(samples) // 200


def clipped_percent(samples):
    """Samples at the end of the scale that stand in a row, in percent of those that are loud at all."""
    loud = sum(1 for x in samples if x > 3000 or x < -3000)
    if not loud:
        return 0.0
    cut = 0
    former = False
    for x in samples:
        at_top = x >= _TOP or x <= -_TOP
        if at_top and former:
            cut += 1
        former = at_top
    return 100.0 * cut / loud
