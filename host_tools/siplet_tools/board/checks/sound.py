# Checks of microphone and speaker, through the board's own audio object at 8 kHz. Imports checking, network, parts.
#
# The tone has 1 kHz, so eight samples are a period, and a frame's part at 1 kHz, one term of a discrete Fourier
# transform and 50 Hz wide, comes of eight sums without a multiplication a sample; Goertzel's recurrence ends in the
# same number. It is compared with the same term of the silence before: what hums there all the time is no tone.

import math

from siplet_tools.board.checking import Verdict
from siplet_tools.board.checks import network, parts

_FRAME = 160
_SETTLE = 10  # frames, 200 ms, until a microphone is awake and the buffers run
_LISTEN = 30
_TONE = 50  # a second
_PEAK = 8000  # of the tone, 12 dB below full scale: loud enough for a room, soft enough for a small speaker
_FULL = 32700
_CLIPS = 0.002  # of all samples
_LOUD, _FAINT = -18, -80  # dB below full scale
_HEARD, _DOUBTFUL = 15, 6  # dB over the noise: speech in a quiet room has the first; chance does not reach the second

# For each of the stages (frames, whether the tone sounds, whether it is listened to) one row of sums: frames, missing
# ones, lowest, highest, sum, sum of squares, samples at full scale, energy at 1 kHz in steps of the frame's amplitude
_HEAR = """
def _(stages, peak, full):
    import gc, time
    from array import array
    audio = _b.audio()
    frame = bytearray(320)
    silence = bytes(320)
    r = 0.70710678
    wave = [0, r, 1, r, 0, -r, -1, -r]
    tone = bytes(array('h', [int(peak * value) for value in wave] * 20))
    rows = []
    gc.collect()
    audio.start()
    try:
        due = time.ticks_ms()
        for frames, loud, wanted in stages:
            missing = clipped = total = squares = 0
            energy = 0.0
            low, high = 32767, -32768
            for i in range(frames):
                there = audio.read(frame)
                audio.write(tone if loud else silence)
                if wanted and not there:
                    missing += 1
                elif wanted:
                    data = array('h', frame)
                    least, most = min(data), max(data)
                    low, high = min(low, least), max(high, most)
                    total += sum(data)
                    shift = 0 if least > -2048 and most < 2048 else 8
                    square = 0
                    p = [0, 0, 0, 0, 0, 0, 0, 0]
                    k = 0
                    for value in data:
                        square += value * value >> shift
                        p[k] += value
                        k = k + 1 & 7
                    squares += square << shift
                    if most > full or least < -full:
                        for value in data:
                            if value > full or value < -full:
                                clipped += 1
                    a = p[0] - p[4] + r * (p[1] - p[3] - p[5] + p[7])
                    b = p[2] - p[6] + r * (p[1] + p[3] - p[5] - p[7])
                    energy += (a * a + b * b) / 6400
                due = time.ticks_add(due, 20)
                while time.ticks_diff(due, time.ticks_ms()) > 0:
                    time.sleep_ms(1)
            if wanted:
                rows.append((frames, missing, low, high, total, squares, clipped, int(energy)))
    finally:
        audio.stop()
    return rows
"""


class Heard:
    """One row of sums: alive (samples came), constant, level and tone in dB below full scale, clipped (a part of 1)."""

    def __init__(self, row):
        frames, missing, self.low, self.high, total, squares, clipped, energy = (int(value) for value in row)
        there = frames - missing
        self.alive = there > 0
        if not self.alive:
            return
        count = there * _FRAME
        mean = total / count
        self.constant = self.high - self.low <= 2
        self.level = decibels(max(0.0, squares / count - mean * mean))
        self.peak = decibels(max(abs(self.low - mean), abs(self.high - mean)) ** 2)
        self.clipped = clipped / count
        self.tone = decibels(energy / there / 2)


def decibels(square):
    """dB below full scale of a mean square; -96 is the least that 16 bits can tell."""
    return 10 * math.log10(max(square, 0.27) / 32768**2)


def microphone(session):
    yield from session.require("config")
    network.load(session)
    if not session.get("board.microphone_pins"):
        yield Verdict("note", "not configured", "siplet provision set board.microphone_pins=SCK,WS,SD")
        return
    parts.make(session)
    heard = _hear(session, "listening", (_SETTLE, 0, 0), (_LISTEN, 0, 1))[0]
    yield _judge_microphone(heard)


def _judge_microphone(heard):
    if not heard.alive:
        return Verdict("failed", "no samples come at all", "board.microphone_pins: SCK, WS and SD in this order")
    values = {"level_db": round(heard.level, 1), "peak_db": round(heard.peak, 1), "clipped": round(heard.clipped, 4)}
    if heard.constant and abs(heard.high) <= 2 and abs(heard.low) <= 2 and not heard.low == heard.high == -1:
        return Verdict(
            "failed",
            "it is stuck at 0",
            "the wire at SD, or the microphone's 3.3 V; or it speaks on the other channel: board.microphone_right",
            values,
        )
    if heard.constant:
        return Verdict(
            "failed",
            f"it is stuck at {heard.high}: no sound is like that",
            "SD is held at one level, or WS and SCK do not reach the microphone",
            values,
        )
    level = f"{heard.level:.0f} dB below full scale".replace("-", "")
    if heard.clipped > _CLIPS:
        return Verdict(
            "failed",
            f"it clips: {100 * heard.clipped:.1f} % of its samples are at full scale",
            "lower board.microphone_gain; a loose wire at SD does that, too, and so does a wrong "
            "board.microphone_32_bits",
            values,
        )
    if heard.level > _LOUD:
        return Verdict(
            "note",
            f"very loud, {level}",
            "was it loud here? Else a wire is loose, or board.microphone_gain too high",
            values,
        )
    if heard.level < _FAINT:
        return Verdict(
            "note",
            f"it hears next to nothing, {level}",
            "speak while siplet check --only microphone runs; board.microphone_gain doubles its sound up to six times",
            values,
        )
    return Verdict("ok", f"it hears the room, {level}", "", values)


def tone(session):
    yield from session.require("config")
    network.load(session)
    hears, speaks = session.get("board.microphone_pins"), session.get("board.speaker_pins")
    if not speaks:
        yield Verdict("note", "not configured", "siplet provision set board.speaker_pins=BCLK,LRC,DIN")
        return
    if not hears and not session.options.ask:
        yield Verdict("skipped", "no microphone is configured, and nobody is asked to listen (--no-ask)")
        return
    parts.make(session)
    stages = (_SETTLE, 0, 0), (_SETTLE, 0, 1), (_SETTLE, 1, 0), (_TONE - _SETTLE, 1, 1)
    quiet, loud = _hear(session, "playing 1 kHz", *stages)
    if not hears:
        yield _judge_ears(session)
    elif not loud.alive or not quiet.alive:
        yield Verdict("failed", "no samples come from the microphone", "siplet check --only microphone")
    else:
        yield _judge_tone(session, quiet, loud)


def _judge_ears(session):
    if session.options.ask("Did you hear a tone?"):
        return Verdict("ok", "heard by you; no microphone is configured")
    return Verdict("failed", "nobody heard it", _SPEAKER)


_SPEAKER = (
    "the amplifier's 5 V and its speaker, BCLK, LRC and DIN as in board.speaker_pins; its SD pin must not be low; "
    "board.speaker_32_bits, if it wants words of 32 bits"
)


def _judge_tone(session, quiet, loud):
    over = loud.tone - quiet.tone
    values = {"over_noise_db": round(over, 1), "tone_db": round(loud.tone, 1), "noise_db": round(quiet.tone, 1)}
    if (loud.constant or session.results.get("microphone") is False) and over < _HEARD:
        return Verdict("failed", "not heard, but the microphone is not well either", "mend that first", values)
    if over < _DOUBTFUL:
        return Verdict("failed", f"not heard: 1 kHz rises by {max(0, over):.0f} dB alone", _SPEAKER, values)
    if loud.clipped > _CLIPS:
        return Verdict(
            "note",
            f"heard, but so loud that the microphone clips ({over:.0f} dB over the noise)",
            "more distance or a wall between speaker and microphone, the amplifier's GAIN, board.microphone_gain",
            values,
        )
    if over < _HEARD:
        return Verdict(
            "note",
            f"faint: {over:.0f} dB over the noise",
            "is it loud here, is a hand or foil over one of them? The amplifier's GAIN makes it louder",
            values,
        )
    return Verdict("ok", f"heard, {over:.0f} dB over the noise", "", values)


def _hear(session, busy, *stages):
    rows = session.answer(_HEAR, list(stages), _PEAK, _FULL, limit_s=15, busy=busy)
    return [Heard(row) for row in rows]
