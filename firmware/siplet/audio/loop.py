# The audio object that hears what it says: the echo. Imports null.

from siplet.audio.null import ALL, Null


class Loop(Null):
    """One frame deep: a frame is heard 20 ms after it was said, and of two frames in one tick the later one stays."""

    returns_sound = True  # on purpose: no echo that anybody should be rid of

    def __init__(self):
        self._frame = bytearray(320)
        self._fresh = False

    def start(self):
        self._fresh = False

    def read(self, frame):
        if not self._fresh:
            return Null.read(self, frame)
        self._fresh = False
        frame[ALL] = self._frame
        return True

    def write(self, frame):
        self._frame[ALL] = frame
        self._fresh = True
