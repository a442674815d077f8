# The room that a virtual board hears and is heard in: WAV files made fit for the rate of its bus, and WAV files made of
# what its amplifier played. Imports wav_file, errors. In between are files of raw 16-bit samples, for the device.

import math
import os
import sys
from array import array
from operator import mul

from siplet_tools import wav_file
from siplet_tools.errors import USAGE, ToolError

RATES = (16000, 48000)  # that siplet runs its buses at
_SOURCES = (8000, 16000, 24000, 48000)
_CROSSINGS = 12  # of the filter's sinc, to each side


def read(path):
    """(samples, rate) of a mono WAV file; ToolError when it is none of 8, 16, 24 or 48 kHz."""
    for rate in _SOURCES:
        try:
            return wav_file.read_wav(path, rate), rate
        except wav_file.SpeechError as error:
            trouble = str(error)
    if "want" in trouble:
        trouble = trouble.partition("; want")[0] + "; want 8, 16, 24 or 48 kHz, mono, PCM16 or G.711"
    raise ToolError(trouble, USAGE)


def resample(samples, rate, wanted):
    """samples at another rate, array("h"): a windowed sinc below the lower of the two bands; as they are when equal."""
    if rate == wanted:
        return array("h", samples)
    common = math.gcd(rate, wanted)
    up, down = wanted // common, rate // common
    width = _CROSSINGS * max(up, down)  # of the filter, in steps of the common rate, to each side
    taps = [_tap(i, max(up, down), width) * up for i in range(-width, width + 1)]
    phases = [taps[i::up] for i in range(up)]
    phases = [(phase[::-1], len(phase)) for phase in phases]
    padding = [0] * (2 * width // up + 2)
    source = padding + list(samples) + padding
    out = array("h", bytes(2 * (len(samples) * up // down)))
    for i in range(len(out)):
        place = i * down + width
        phase, count = phases[place % up]
        end = place // up + 1 + len(padding)
        value = round(sum(map(mul, source[end - count : end], phase)))
        out[i] = max(-32768, min(32767, value))
    return out


def _tap(i, factor, width):
    x = math.pi * i / factor
    sinc = math.sin(x) / x if i else 1.0
    return sinc * (0.5 + 0.5 * math.cos(math.pi * i / (width + 1))) / factor


def prepare(path, folder):
    """Writes the sound of a WAV file for each of RATES into folder; the lines that tell the device, [str, ...]."""
    samples, rate = read(path)
    lines = []
    for wanted in RATES:
        data = resample(samples, rate, wanted)
        if sys.byteorder == "big":
            data.byteswap()
        raw = os.path.join(folder, f"room-{wanted}.raw")
        with open(raw + ".new", "wb") as file:
            file.write(data.tobytes())
        os.replace(raw + ".new", raw)
        lines.append(f"say {wanted} {raw}")
    return lines


def finish(raw, path, rate):
    """Makes the WAV file `path` of what the device has put into the file raw, at that rate; the count of samples."""
    data = array("h")
    if os.path.exists(raw):
        with open(raw, "rb") as file:
            content = file.read()
        data.frombytes(content[: len(content) & ~1])
        if sys.byteorder == "big":
            data.byteswap()
    wav_file.write_wav(path, data, rate)
    return len(data)
