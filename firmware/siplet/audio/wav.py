# The audio object of a PC: what is said comes from a WAV file, what is heard goes into another. Imports null, errors
# and, when they are needed, g711, recorder and wav_wide.
#
# RIFF/WAVE of 8 kHz, one channel: 16-bit PCM (format 1), A-law (6), mu-law (7); wav_wide does the rest. Both files
# start anew with each call.

import struct

from micropython import const

from siplet.audio.null import Null
from siplet.errors import LocalError

_FRAME = const(320)
_TOP = const(0x3FFF0000)  # bytes of what is played: 18 hours
_CHUNKS = const(16)  # looked at before the sound; editors write three or four


def _open_play(path):
    # The open file, its format, and where its sound begins and how many bytes it has; None: not for us.
    try:
        file = open(path, "rb")
        head = file.read(12)
        kind = rate = 0
        for _ in range(_CHUNKS):
            if head[:4] != b"RIFF" or head[8:] != b"WAVE":
                break
            data = file.read(8)
            if len(data) < 8:
                break
            name, size = struct.unpack("<4sI", data)
            if name == b"data" and kind:
                if rate != 8000 or kind not in (1, 6, 7):
                    return None
                return file, kind, file.tell(), min(size, _TOP)
            if name == b"fmt " and size >= 16:
                data = file.read(16)
                if len(data) < 16:
                    break
                kind, channels, rate, _, _, bits = struct.unpack("<HHIIHH", data)
                if channels != 1 or bits != (16 if kind == 1 else 8):
                    rate = 0
                size -= 16
            file.seek(size + (size & 1), 1)
    except OSError:
        raise LocalError(path + ": cannot be read")
    raise LocalError(path + ": is not a WAV file")


class Wav(Null):
    """play, record: paths, or None for silence and for nothing kept. repeat: play again from the start when it ends.

    LocalError with a line for the user when a file is missing or of another format. errors counts failures of the disk.
    """

    acoustic = False  # the microphone does not hear the speaker

    def __init__(self, play=None, record=None, repeat=False):
        self._play = self._recorder = None
        self._repeat = repeat
        self._end = self.errors = 0
        if play:
            found = _open_play(play)
            if not found:
                # without a name more on a heap that has no such file
                __import__("siplet.audio.wav_wide", None, None, ("Wav",)).Wav(self, play, record, repeat)
                return
            self._play, kind, self._begin, self._size = found
            self._codes = None
            if kind != 1:
                from siplet.media.g711 import PCMA, PCMU, decode, table

                self._decode = decode
                self._table = table(PCMA if kind == 6 else PCMU)
                self._codes = bytearray(_FRAME // 2)
        if record:
            from siplet.audio.recorder import Recorder

            self._recorder = Recorder(self, record)

    def start(self):
        self.stop()
        self._end = 0
        if self._play:
            self._play.seek(self._begin)
            self._end = self._size
        if self._recorder:
            self._recorder.start()

    def stop(self):
        self._end = -1
        if self._recorder:
            self._recorder.stop()

    def read(self, frame):
        if self._end <= 0:
            return Null.read(self, frame)
        into = self._codes or frame
        try:
            n = min(self._play.readinto(into), self._end)
        except OSError:
            self.errors += 1
            n = 0
        self._end -= n
        if n < len(into):
            self._end = 0
        if into is not frame:
            self._decode(n, into, frame, 0, self._table)
            n *= 2
        while n < _FRAME:
            frame[n] = 0
            n += 1
        if not self._end and self._repeat:
            self._play.seek(self._begin)
            self._end = self._size
        return True

    def write(self, frame):
        if self._recorder:
            self._recorder.write(frame)
