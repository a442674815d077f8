"""WAV files of one channel, read and written: PCM16 and G.711. Imports the standard library alone.

RIFF/WAVE. The two laws are worked out here anew: the judge of siplet's speech borrows nothing from siplet.
"""

import struct
import sys
from array import array

RATE = 8000  # samples a second where nobody says another number


class SpeechError(Exception):
    """A file that cannot be judged: unreadable, or not 8 kHz mono PCM16, mu-law or A-law."""


def read_wav(path, wanted=RATE):
    """Samples (16-bit signed, array 'h') of a mono WAV file of the `wanted` rate in PCM16, mu-law or A-law; SpeechError
    otherwise.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise SpeechError(f"{path}: {error.strerror}") from None
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise SpeechError(f"{path}: no WAV file")
    place, form = 12, None
    while place + 8 <= len(data):
        name, size = data[place : place + 4], struct.unpack_from("<I", data, place + 4)[0]
        chunk = data[place + 8 : place + 8 + size]
        if name == b"fmt ":
            if len(chunk) < 16:
                raise SpeechError(f"{path}: cut short")
            form, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
            if channels != 1 or rate != wanted or (form, bits) not in ((1, 16), (6, 8), (7, 8)):
                found = f"{rate} Hz, {channels} channels, format {form}, {bits} bits"
                raise SpeechError(f"{path}: {found}; want {wanted // 1000} kHz, mono, PCM16 or G.711")
        elif name == b"data" and form:
            # A recording cut off before its header was patched says 0 or too much: what is there counts.
            chunk = chunk if size else data[place + 8 :]
            if form == 1:
                samples = array("h", chunk[: len(chunk) & ~1])
                if sys.byteorder == "big":
                    samples.byteswap()
                return samples
            return array("h", map((_MU_LAW if form == 7 else _A_LAW).__getitem__, chunk))
        place += 8 + size + (size & 1)
    raise SpeechError(f"{path}: no sound in it")


def write_wav(path, samples, rate=RATE):
    """Writes `samples` (16-bit signed) as a mono PCM16 WAV file."""
    data = array("h", samples)
    size = 2 * len(data)
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16)
    head += struct.pack("<4sI", b"data", size)
    if sys.byteorder == "big":
        data.byteswap()
    with open(path, "wb") as file:
        file.write(head + data.tobytes())


def _mu_law(code):
    code ^= 0xFF
    value = (((code & 15) << 3) + 132 << (code >> 4 & 7)) - 132
    return -value if code & 0x80 else value


def _a_law(code):
    code ^= 0x55
    exponent = code >> 4 & 7
    value = ((code & 15) << 4) + 8
    if exponent:
        value = value + 256 << exponent - 1
    return value if code & 0x80 else -value


_MU_LAW = [_mu_law(code) for code in range(256)]
_A_LAW = [_a_law(code) for code in range(256)]
