# What was said, found again in what was heard: delay, gain, how alike. Pure; imports measure.
#
# The shape in time (5 ms steps) gives the rough delay; the loudest pieces are then compared sample by sample near that
# place, since jitter buffers stretch and cut on the way. Sound is array("h"), 8000 samples a second; what was said and
# what was heard are counted by one clock, a frame of each every 20 ms, so a sample's place is its time.

import math
from dataclasses import dataclass
from itertools import accumulate
from operator import mul

from siplet_tools.wire.measure import RATE

_HOP = 40  # samples of a step of the envelope, 5 ms
_FARTHEST = 3 * RATE  # samples: an echo that takes longer is no conversation
_PIECE = 800  # samples compared at once, 100 ms
_PIECES = 12
_SLIP = 960  # samples by which jitter buffers may have moved a piece, either way
_ALIKE = 0.5  # correlation from which a piece counts as found; a strange one comes to 0.2
_SURE = 0.8  # and from which it need not be looked for elsewhere
_HOPELESS = 0.3  # below which the four loudest pieces are nowhere
_SAME = 320  # samples within which pieces agree, beside what a buffer may adapt


@dataclass
class Echo:
    """delay_ms: from saying to hearing, the median; least_ms, most_ms; gain_db: heard against said; correlation: 0 to
    1, of the pieces found, the median; found, looked_for: pieces.
    """

    delay_ms: float
    least_ms: float
    most_ms: float
    gain_db: float
    correlation: float
    found: int
    looked_for: int


def find_echo(said, heard):
    """The Echo of what was said in what was heard; None when it does not come back."""
    n = min(len(said), len(heard))
    said, heard = said[:n], heard[:n]
    pieces = _loudest(said)
    if not pieces:
        return None
    # Sums of squares up to each sample: the energy of any piece is a difference of two
    sums = [0, *accumulate(map(mul, heard, heard))]
    best = []
    for rough in _candidates(said, heard):
        first = [_seek(said, heard, sums, place, rough, _HOP) for place in pieces[:4]]
        first = sorted((match for match in first if match), reverse=True)
        if first:
            best.append((first[0][0], rough))
    if not best or max(best)[0] < _HOPELESS:
        return None
    near = max(best)[1]
    found = []
    for place in sorted(pieces):
        match = _seek(said, heard, sums, place, near, 2 * _HOP)
        if not match or match[0] < _SURE:
            match = _seek(said, heard, sums, place, near, _SLIP)
        if match and match[0] >= _ALIKE:
            found.append(match)
            near = match[1]
    if not found:
        return None
    middle = _median([match[1] for match in found])
    found = [match for match in found if abs(match[1] - middle) <= _SLIP]
    near = [match for match in found if abs(match[1] - middle) <= _SAME]
    if len(found) < 2 or 3 * len(near) < len(pieces):
        return None
    lags = [match[1] * 1000 / RATE for match in found]
    return Echo(
        delay_ms=round(_median(lags), 1),
        least_ms=round(min(lags), 1),
        most_ms=round(max(lags), 1),
        gain_db=round(20 * math.log10(_median([match[2] for match in found])), 1),
        correlation=round(_median([match[0] for match in found]), 3),
        found=len(found),
        looked_for=len(pieces),
    )


def _median(values):
    ordered = sorted(values)
    return ordered[len(ordered) // 2]


def _loudest(said):
    # Places of pieces with sound, spread over all of it, the loudest first; the end's echo may not have come back
    end = len(said) - _PIECE - RATE // 2
    if end <= 0:
        return []
    slot = max(_PIECE, end // _PIECES)
    found = []
    for start in range(0, end, slot):
        places = range(start, min(start + slot, end), _PIECE // 2)
        energy, place = max((_energy(said[place : place + _PIECE]), place) for place in places)
        if energy > _PIECE * 100 * 100:
            found.append((energy, place))
    return [place for _, place in sorted(found, reverse=True)]


def _energy(samples):
    return sum(map(mul, samples, samples))


def _candidates(said, heard):
    # The lags, in samples, at which the envelopes are most alike, at most six
    one, other = _envelope(said), _envelope(heard)
    n = len(one)
    scores = []
    for lag in range(min(_FARTHEST // _HOP, n // 2)):
        part = n - lag
        scores.append(sum(map(mul, one, other[lag:])) / part)
    best = []
    for lag in sorted(range(len(scores)), key=scores.__getitem__, reverse=True):
        if all(abs(lag - taken) > 3 for taken in best):
            best.append(lag)
            if len(best) == 6:
                break
    return [lag * _HOP for lag in best]


def _envelope(samples):
    steps = [math.sqrt(_energy(samples[i : i + _HOP])) for i in range(0, len(samples) - _HOP + 1, _HOP)]
    mean = sum(steps) / len(steps) if steps else 0
    return [value - mean for value in steps]


def _seek(said, heard, sums, place, rough, reach):
    # (correlation, lag, gain) of the piece where it fits best, `reach` samples around a rough lag; None: not there
    piece = said[place : place + _PIECE]
    energy = _energy(piece)
    best = None
    first = max(place, place + rough - reach)
    for at in range(first, min(place + rough + reach, len(heard) - _PIECE) + 1):
        there = sums[at + _PIECE] - sums[at]
        if there <= 0:
            continue
        alike = sum(map(mul, piece, heard[at : at + _PIECE]))
        score = abs(alike) / math.sqrt(energy * there)
        if best is None or score > best[0]:
            best = score, at - place, math.sqrt(there / energy)
    if best:
        # Of what was heard in that place the part that is like what was said
        best = best[0], best[1], max(best[0] * best[2], 1e-6)
    return best
