# SLIP frames (RFC 1055) as the ESP32's loaders send them: 0xC0 before and after. Imports nothing.

_LONGEST = 0x10000  # of a frame; a longer one is noise


def encode(frame):
    """The frame for the line."""
    return b"\xc0" + frame.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


class Decoder:
    """feed(data) returns each frame that is complete, a list of bytes; noise between frames, broken and oversized ones
    are dropped.
    """

    def __init__(self):
        self._frame = None
        self._bad = False
        self._escape = False

    def feed(self, data):
        frames = []
        # Whole runs between two ends at once: a loader moves megabytes
        for i, run in enumerate(data.split(b"\xc0")):
            if i:
                if self._frame and not self._bad and not self._escape:
                    frames.append(bytes(self._frame))
                self._frame, self._bad, self._escape = bytearray(), False, False
            if run and self._frame is not None:
                self._add(run)
        return frames

    def _add(self, run):
        if self._bad:
            return
        if self._escape:
            run = b"\xdb" + run
            self._escape = False
        if run.endswith(b"\xdb"):
            self._escape = True
            run = run[:-1]
        parts = run.split(b"\xdb")
        self._frame += parts[0]
        for part in parts[1:]:
            if part[:1] not in (b"\xdc", b"\xdd"):
                self._bad = True
                return
            self._frame += (b"\xc0" if part[0] == 0xDC else b"\xdb") + part[1:]
        if len(self._frame) > _LONGEST:
            self._bad = True
