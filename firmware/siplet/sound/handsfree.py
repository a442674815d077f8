# A call without a handset: both levels controlled, and no echo of our speaker for the far end. May import media.level,
# and, when an echo is to be cancelled instead of lowered, sound.canceller.
#
# What it does to a frame stands in siplet.media.level. With sound.hands_free = "cancel" the canceller works before it,
# and what it leaves of the echo is lowered here by the less, the less it is.

from siplet.media.level import DEPTH, forget, level, make, reset, treat


class HandsFree:
    """options: sound.hands_free: "switch", "cancel" or "level" (no echo is expected); sound.level_target: dB below full
    scale at which speech is to lie, both ways; sound.level_range: most dB by which it is made louder or softer;
    sound.switch_depth: most dB by which the microphone is lowered while the far end speaks.

    near_speaks, far_speaks: bool. coupling: dB by which the microphone hears the speaker louder than it is driven.
    """

    order = 20

    def __init__(self, options):
        kind = options.get("sound.hands_free", "switch")
        most = options.get("sound.level_range", 12) * 4252 // 100
        depth = 0 if kind == "level" else options.get("sound.switch_depth", 45) * 266 // 100
        self._depth = depth
        self._state = make(level(options.get("sound.level_target", 22)), most, depth)
        self._samples = 160
        self.canceller = self._call = self._stream = None
        if kind == "cancel":
            from siplet.sound.canceller import Canceller

            try:
                self.canceller = Canceller(options)
            except MemoryError:  # an echo that is only lowered is better than one that is heard
                pass

    def begin(self, call):
        if getattr(call.audio, "returns_sound", False):  # siplet.audio.loop
            return False
        reset(self._state)
        # Where no sound comes back from the speaker, from files or a handset, who speaks at once is no echo
        self._state[DEPTH] = self._depth if getattr(call.audio, "acoustic", True) else 0
        self._samples = 160
        self._stream = call.stream
        if self.canceller:
            self._call = call
            self._parts().insert(call, self.canceller)
        return True

    def tune(self, rate):
        self._samples = rate // 50

    def near(self, frame):
        if not self._stream.muted:
            if self.canceller and self.canceller.lost():
                forget(self._state)
            treat(self._samples, frame, 0, self._state)

    def far(self, frame):
        treat(self._samples, frame, 16, self._state)

    def end(self):
        if self._call:
            self._parts().remove(self._call, self.canceller)
            self.canceller.end()
            self._call = None
        self._stream = None

    def _parts(self):
        from siplet.sound import parts

        return parts

    @property
    def near_speaks(self):
        return bool(self._state[8] and (self._state[36] or not self._state[10]))

    @property
    def far_speaks(self):
        return bool(self._state[24])

    @property
    def coupling(self):
        return (self._state[34] - 8192) * 10 // 425
