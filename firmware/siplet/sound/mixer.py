# Prompts, tones and beeps in a call: what is said or heard instead of the microphone and the far end, or beside them. A
# part of siplet.sound, put into a call by the first prompt. May import audio.null and media.
#
# A voice is what can be read frame by frame: read(frame) -> whether there is more; rate, tune(rate), close(). Each side
# has two places, for a prompt and for a tone over it. The player of a voice waits for its place's event, which the
# 20 ms task sets: that allocates nothing.

import asyncio

from siplet.audio.null import ALL
from siplet.media.mix import mix


class Place:
    """Where one voice plays at a time. queue: who waits for it, and first of all who has it."""

    def __init__(self):
        self.voice = None
        self.beside = False  # what was there before is heard, too
        self.left = 0  # frames, when they are counted
        self.whole = True  # the voice came to its own end
        self.done = asyncio.Event()
        self.queue = []

    def begin(self, voice, beside, frames=0):
        """Play a voice from the next frame on, frames of it at most (0: all)."""
        self.done.clear()
        self.beside = beside
        self.left = frames
        self.whole = False
        self.voice = voice

    def stop(self, whole=False):
        """Nothing plays here any more."""
        self.voice = None
        self.whole = whole
        self.done.set()

    def play(self, frame, own):
        """Change a frame; own: memory for another one."""
        more = self.voice.read(own)
        if self.beside:
            mix(len(own) >> 1, frame, own)
        else:
            frame[ALL] = own
        if self.left:
            self.left -= 1
            if not self.left:
                more = False
        if not more:
            self.stop(True)


class Mixer:
    """near: what goes to the far end; far: what is heard here; each a pair of Places, of prompts and of tones."""

    order = 30

    def __init__(self, options=None):
        self.says = Place(), Place()
        self.hears = Place(), Place()
        self.wanted = False  # by a call
        self.rate = 8000
        self._data = memoryview(bytearray(640))
        self._own = self._data[:320]

    @property
    def places(self):
        return self.says + self.hears

    def begin(self, call):
        self.rate = 8000
        self._own = self._data[:320]
        return self.wanted

    def tune(self, rate):
        self.rate = rate
        self._own = self._data[: rate // 25]
        for place in self.places:
            if place.voice:
                try:
                    place.voice.tune(rate)
                except MemoryError:  # for a filter; the call goes on without it
                    place.stop()

    def near(self, frame):
        prompt, tone = self.says
        if prompt.voice:
            prompt.play(frame, self._own)
        if tone.voice:
            tone.play(frame, self._own)

    def far(self, frame):
        prompt, tone = self.hears
        if prompt.voice:
            prompt.play(frame, self._own)
        if tone.voice:
            tone.play(frame, self._own)

    def stop(self):
        """Stop all that plays, and let nothing begin that waits for it."""
        for place in self.places:
            place.queue.clear()
            place.stop()

    def end(self):
        self.wanted = False
        self.stop()
