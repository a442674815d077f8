"""Was the speech heard? Compares a recorded WAV file with the clip that was spoken.

Imports wav_file: it judges siplet, so it borrows nothing from it, not even the G.711 decoder.

How: both files are samples of one rate. Their envelopes, correlated, say roughly where the clip stands in the
recording; the loudest 160 ms of it then fix the place to the sample, and the other blocks are followed from there to
both sides, since a jitter buffer may add or drop a frame on the way. At the end each 20 ms frame of the clip that
carries voice was either heard (it correlates with what stands in its place) or was not. A wrong clip, noise, another
speed and missing frames all come out as voice that was not heard; the level, the gaps and the slips are judged beside
it.
"""

import argparse
import math
import operator
import sys
from array import array

from siplet_tools.wav_file import RATE, SpeechError, read_wav

FRAME_MS = 20  # what one packet carries; "frame" below is its samples
BLOCK = 8  # frames followed as one piece; long enough to be found again without doubt
HOPS = 4  # steps of the envelope in a frame: 5 ms each
SLIP = 2  # frames: how far from its neighbour a block is looked for
HEARD = 0.8  # correlation from which a frame counts as heard; an intact one comes to 0.99, an unrelated one to 0.1
VOICE = 0.05  # share of the loudest frame's level from which a frame is voice

MIN_HEARD = 0.95
MAX_GAP_MS = 100
MAX_DRIFT_MS = 120
MAX_LEVEL_DB = 6.0


class Comparison:
    """What was found; `ok` is the verdict and `reason` says in words why it failed ("" when it did not).

    heard: share of the voice frames found again, 0 to 1; correlation and snr_db: over the whole clip, in its place;
    offset_ms: where the clip starts in the recording (negative: its start is missing); gap_ms: longest stretch of
    voice not heard; drift_ms: how far the blocks slipped against each other; level_db: recorded against spoken.
    """

    def __init__(self, heard=0.0, correlation=0.0, snr_db=0.0, offset_ms=0, gap_ms=0, drift_ms=0, level_db=0.0):
        self.heard = heard
        self.correlation = correlation
        self.snr_db = snr_db
        self.offset_ms = offset_ms
        self.gap_ms = gap_ms
        self.drift_ms = drift_ms
        self.level_db = level_db
        faults = []
        if heard < MIN_HEARD:
            faults.append(f"only {heard:.0%} of the voice was heard")
        if gap_ms > MAX_GAP_MS:
            faults.append(f"a gap of {gap_ms} ms")
        if drift_ms > MAX_DRIFT_MS:
            faults.append(f"slipped by {drift_ms} ms")
        if heard and abs(level_db) > MAX_LEVEL_DB:
            faults.append(f"level off by {level_db:+.1f} dB")
        self.reason = ", ".join(faults)
        self.ok = not faults

    def __str__(self):
        verdict = "heard" if self.ok else "NOT heard: " + self.reason
        return (
            f"{verdict} ({self.heard:.1%} of the voice, correlation {self.correlation:.4f}, SNR {self.snr_db:.1f} dB, "
            f"offset {self.offset_ms} ms, longest gap {self.gap_ms} ms)"
        )


def compare(spoken, recorded, rate=RATE):
    """Comparison of the clip `spoken` with `recorded`: WAV files' paths, or sequences of 16-bit samples, of `rate`."""
    spoken, recorded = _samples(spoken, rate), _samples(recorded, rate)
    frame = rate * FRAME_MS // 1000
    pieces = [spoken[i : i + frame] for i in range(0, len(spoken) - frame + 1, frame)]
    levels = [math.sqrt(_dot(piece, piece) / frame) for piece in pieces]
    if not pieces or max(levels) < 50:
        raise SpeechError("the spoken clip is silent: nothing to compare")
    voice = [level >= VOICE * max(levels) for level in levels]
    best = None
    for rough in _places(spoken, recorded, frame // HOPS):
        lags = _follow(spoken, recorded, rough, frame)
        if lags:
            found = _judge(spoken, recorded, voice, lags, frame)
            if best is None or found.heard > best.heard + 0.01:
                best = found
            if best.heard > 0.7:
                break  # that is the clip, whole or not: the other places need no look
    return best or Comparison(gap_ms=_longest([not v for v in voice]))


def _samples(source, rate):
    return read_wav(source, rate) if isinstance(source, str) or hasattr(source, "__fspath__") else array("h", source)


def _dot(a, b):
    return sum(map(operator.mul, a, b))


def _correlation(a, b):
    """Normalised correlation of two stretches, -1 to 1; 0 when one is silent or they differ in length."""
    if len(a) != len(b):
        return 0.0
    power = _dot(a, a) * _dot(b, b)
    return _dot(a, b) / math.sqrt(power) if power else 0.0


def _envelope(samples, hop):
    return [sum(map(abs, samples[i : i + hop])) for i in range(0, len(samples) - hop + 1, hop)]


def _places(spoken, recorded, hop):
    """The likeliest places of the clip in the recording, in samples, best first, at most four."""
    clip, long = _envelope(spoken, hop), _envelope(recorded, hop)
    if not any(long):
        return []
    mean = sum(clip) / len(clip)
    clip = [value - mean for value in clip]
    margin = len(clip) // 2  # up to half of the clip may stand before the recording or after it
    long = [0] * margin + long + [0] * margin
    total, power = sum(long[: len(clip)]), _dot(long[: len(clip)], long[: len(clip)])
    scores = []
    for place in range(max(1, len(long) - len(clip) + 1)):
        piece = long[place : place + len(clip)]
        spread = math.sqrt(max(1.0, power - total * total / len(clip)))
        scores.append((_dot(clip, piece) / spread, place - margin))
        if place + len(clip) < len(long):
            gone, new = long[place], long[place + len(clip)]
            total += new - gone
            power += new * new - gone * gone
    scores.sort(reverse=True)
    chosen = []
    for _, place in scores:
        if all(abs(place - other) > 20 for other in chosen):
            chosen.append(place)
            if len(chosen) == 4:
                break
    return [place * hop for place in chosen]


def _seek(block, start, recorded, lag, reach):
    """(correlation, lag) of the best place of the clip's block at `start`, `reach` samples around `lag`."""
    best = (0.0, lag)
    power = _dot(block, block)
    if not power:
        return best
    for candidate in range(max(lag - reach, -start), lag + reach + 1):
        piece = recorded[start + candidate : start + candidate + len(block)]
        if len(piece) < len(block):
            break
        product = _dot(block, piece)
        if product > 0:
            score = product / math.sqrt(power * _dot(piece, piece))
            if score > best[0]:
                best = (score, candidate)
    return best


def _follow(spoken, recorded, rough, frame):
    """The lag of each block of the clip (samples into the recording), or None when it is not there at all."""
    starts = range(0, len(spoken) - frame + 1, BLOCK * frame)
    blocks = [spoken[start : start + BLOCK * frame] for start in starts]
    powers = [_dot(block, block) for block in blocks]
    loudest = sorted(range(len(blocks)), key=powers.__getitem__, reverse=True)
    # The loudest block may be the very one that was lost: the best of three is where to start from.
    (score, lag), anchor = max((_seek(blocks[i], starts[i], recorded, rough, frame), i) for i in loudest[:3])
    if score < 0.5:
        return None
    lags = [lag] * len(blocks)
    for order in (range(anchor + 1, len(blocks)), range(anchor - 1, -1, -1)):
        lag = lags[anchor]
        for i in order:
            # A block that is nowhere (a pause, or lost) keeps its neighbour's lag.
            if powers[i] * 400 > powers[loudest[0]]:
                score, near = _seek(blocks[i], starts[i], recorded, lag, 1)
                if score < 0.8:
                    far, place = _seek(blocks[i], starts[i], recorded, lag, SLIP * frame)
                    near = place if far > max(score, 0.6) else lag
                lag = near
            lags[i] = lag
    return lags


def _longest(missing):
    longest = run = 0
    for absent in missing:
        run = run + 1 if absent else 0
        longest = max(longest, run)
    return longest * FRAME_MS


def _judge(spoken, recorded, voice, lags, frame):
    heard, total, place = 0, 0, array("h")
    missing = []
    for number, is_voice in enumerate(voice):
        start = number * frame
        block = number // BLOCK
        said = spoken[start : start + frame]
        best = None
        # At a slip inside a block some of its frames stand where the next or the former block does.
        for lag in dict.fromkeys((lags[block], lags[max(block - 1, 0)], lags[min(block + 1, len(lags) - 1)])):
            at = start + lag
            piece = recorded[at : at + frame] if at >= 0 else array("h")
            score = _correlation(said, piece)
            if best is None or score > best[0]:
                best = (score, piece)
            if score >= HEARD:
                break
        place.extend(best[1] if len(best[1]) == frame else array("h", bytes(2 * frame)))
        missing.append(is_voice and best[0] < HEARD)
        total += is_voice
        heard += is_voice and best[0] >= HEARD
    clip = spoken[: len(place)]
    power, received, both = _dot(clip, clip), _dot(place, place), _dot(clip, place)
    gain = both / power
    noise = received - gain * both  # what is left of the recording when the clip, at its level, is taken away
    snr = 10 * math.log10(gain * both / noise) if noise > 0 and both > 0 else 99.0 if both > 0 else 0.0
    return Comparison(
        heard / total,
        both / math.sqrt(power * received) if received else 0.0,
        min(snr, 99.0),
        round(lags[0] * FRAME_MS / frame),
        _longest(missing),
        round((max(lags) - min(lags)) * FRAME_MS / frame),
        20 * math.log10(gain) if gain > 0 else -99.0,
    )


def main(arguments=None):
    """Prints the comparison of two files; the exit status is the verdict."""
    parser = argparse.ArgumentParser(prog="speech", description="Was the spoken clip heard in the recording?")
    parser.add_argument("spoken", help="WAV of what was said")
    parser.add_argument("recorded", help="WAV of what was heard")
    choice = parser.parse_args(arguments)
    try:
        found = compare(choice.spoken, choice.recorded)
    except SpeechError as error:
        print(error, file=sys.stderr)
        return 2
    print(found)
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main())
