# Sound from a file, frame by frame, whatever its form: what prompts are read with. Loaded with the first of them.
# Imports errors, null and mix, and as the file wants it g711 and rates.
#
# RIFF/WAVE with 16-bit PCM (format 1), A-law (6) or mu-law (7), plainly or as WAVE_FORMAT_EXTENSIBLE, of one or two
# channels (their mean is played), at 8, 16 or 48 kHz; and G.711 without any header, known by the file's name.
#
# A frame is one read of the file, 160 bytes (G.711 of 8 kHz) to 3840 (two channels of PCM at 48 kHz), into memory that
# is there already. On a board's flash that takes well below a millisecond as long as nobody writes to it. A file of the
# call's own rate costs some 10,000 instructions a frame, one of another rate 300,000 to 800,000 for its filter: for a
# small board prompts are best made at 8 kHz.

import struct

from micropython import const

from siplet.audio.null import ALL
from siplet.errors import LocalError
from siplet.media.mix import fold, hush

_TOP = const(0x3FFF0000)  # bytes of sound that are played: more than a small board's disk holds
_CHUNKS = const(16)  # looked at before the sound; editors write three or four
_PCM = const(1)
_A_LAW = const(6)
_MU_LAW = const(7)
_EXTENSIBLE = const(0xFFFE)
_RAW = (("al alaw pcma g711a", _A_LAW), ("ul ulaw mulaw pcmu g711u", _MU_LAW))


def _look(path):
    # (file at its first sample, kind, channels, rate, bytes of sound)
    end = path.split(".")[-1].lower()
    try:
        file = open(path, "rb")
    except OSError:
        raise LocalError(path + ": cannot be read")
    try:
        for names, kind in _RAW:
            if end in names.split():
                return file, kind, 1, 8000, _TOP
        found = _riff(file)
    except OSError:
        found = None
    except Exception:
        file.close()
        raise
    why = ": is not a WAV file"
    if found:
        kind, channels, rate, bits, size = found
        if 1 <= channels <= 2 and rate in (8000, 16000, 48000) and (kind, bits) in ((1, 16), (6, 8), (7, 8)):
            return file, kind, channels, rate, size
        why = ": a WAV of 8, 16 or 48 kHz, one or two channels, 16-bit PCM, A-law or mu-law is wanted"
    file.close()
    raise LocalError(path + why)


def _riff(file):
    # (kind, channels, rate, bits, bytes of sound), the file at its first sample; None when it is no such file
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return None
    form = None
    for _ in range(_CHUNKS):
        data = file.read(8)
        if len(data) < 8:
            return None
        name, size = struct.unpack("<4sI", data)
        if name == b"data" and form:
            if not size:  # a recording that nobody finished: what there is of it now, for it may be under way
                begin = file.tell()
                size = file.seek(0, 2) - begin
                file.seek(begin)
            return form + (min(size, _TOP),)
        if name == b"fmt " and size >= 16:
            data = file.read(26 if size >= 26 else 16)
            if len(data) < 16:
                return None
            kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", data[:16])
            if kind == _EXTENSIBLE and len(data) == 26:
                kind = data[24] | data[25] << 8
            form = kind, channels, rate, bits
            size -= len(data)
        if size >= _TOP:
            return None
        file.seek(size + (size & 1), 1)
    return None


def check(path):
    """LocalError with a line for the user when a file cannot be played."""
    _look(path)[0].close()


class Clip:
    """One file that is played, at the rate 8000 or 16000 after tune(). errors: failures of the disk.

    LocalError with a line for the user when it is missing or of another form.
    """

    def __init__(self, path, rate=8000):
        self.errors = 0
        self._file, kind, self._channels, self.rate, self._size = _look(path)
        try:
            self._prepare(kind, rate)
        except MemoryError:
            self._file.close()
            raise

    def _prepare(self, kind, rate):
        self._begin = self._file.tell()
        samples = self.rate // 50 * self._channels
        self._codes = None
        self._pcm = bytearray(2 * samples)
        if kind != _PCM:
            from siplet.media.g711 import PCMA, PCMU, decode, table

            self._decode = decode
            self._table = table(PCMA if kind == _A_LAW else PCMU)
            self._codes = bytearray(samples)
        self._whole = memoryview(self._pcm)[: self.rate // 25]
        self._left = self._size
        self._to = self.rate
        self._rates = None
        self.tune(rate)

    def tune(self, rate):
        """8000 or 16000 samples a second from the next frame on."""
        if rate != self._to:
            self._to = rate
            self._rates = None
            if rate != self.rate:
                from siplet.audio.rates import Rates

                self._rates = Rates(self.rate, rate)

    def rewind(self):
        """From its beginning again."""
        self._file.seek(self._begin)
        self._left = self._size

    def close(self):
        """No more is wanted of it."""
        self._left = 0
        self._file.close()

    def read(self, frame):
        """Fill frame, 20 ms at the rate, with what comes next, silence behind the end; False with the last of it.

        Allocates nothing.
        """
        pcm = self._pcm
        into = self._codes or pcm
        n = 0
        if self._left:
            try:
                n = min(self._file.readinto(into) or 0, self._left)
            except OSError:
                self.errors += 1
            self._left -= n
            if n < len(into):
                self._left = 0
        if into is not pcm:
            self._decode(n, into, pcm, 0, self._table)
            n += n
        end = len(pcm) >> 1
        hush(n >> 1, end, pcm)
        if self._channels == 2:
            fold(end >> 1, pcm)
        if self._rates:
            self._rates.convert(pcm, frame)
        else:
            frame[ALL] = self._whole
        return self._left > 0
