# What is heard: the adaptive jitter buffer, concealment, comfort noise, and the clocks' drift. May import
# media and sound.gap.
#
#     rtp.Receiver -> put -> ring -> decode -> pcm: [ history | decoded, not played yet ] -> frame
#                                                   conceal -^   splice -^
#
# Each 20 ms check() tells what the next frame needs. Usually that is one packet. When the sound is later or earlier
# than adaptive.py's target, it is made shorter or longer while nobody speaks. Who does not stop to speak for a second
# is helped by whole periods of an even voice when it is far off, else by one sample, faded over 4 ms, each 80 ms. So
# the clocks' drift is nothing of its own. What is missing is gap.py's.

from micropython import const

from siplet.media.adaptive import Adaptive, check, excess
from siplet.media.conceal import magnitude, splice, synthesize
from siplet.media.pitch import pitch
from siplet.media.playout import flow, give
from siplet.sound.gap import Gap

# Numbers of the state, see adaptive.py
_COUNT = const(2)
_WAIT = const(13)
_NOW = const(15)
_END = const(16)
_WIDE = const(17)
_CONCEALING = const(18)
_SPAN = const(19)
_HOLD = const(20)
_LEVEL = const(21)
_NOISE = const(22)
_PERIOD = const(23)
_LIKENESS = const(24)
_STEPS = const(31)
_COMFORT = const(33)
_SPEED = const(34)
_SILENT = const(35)
_RESTLESS = const(36)
_AHEAD = const(37)
_EDGE = const(38)
_PIECES = const(40)

_FRAME = const(160)
_LAST = const(780)  # samples that concealment draws on, at 16 kHz
_GONE = const(480)  # samples of 8 kHz after which concealment is silence
_PROMPT = const(30)
_FAR = const(100)  # samples of 8 kHz that are too many for single ones
_NEAR = const(-64)
_EVEN = const(92)  # likeness: a correlation of 0.85
_QUIET = const(32)  # mean magnitude: -60 dB
_PATIENCE = const(25)  # turns: 1 s
_MUCH = const(480)


class Player(Gap):
    """A part of siplet.sound, a stream's player and, by its buffer, the stream's jitter. options: sound.jitter_*_ms.

    delay: ms of sound that were there when the last frame was played. discarded: packets that came and were not heard.
    nominal, maximum: ms, what the buffer would have a packet wait that comes on time, and any packet (RFC 3611 4.7.7).
    """

    def __init__(self, options):
        least = options.get("sound.jitter_least_ms", 20)
        most = options.get("sound.jitter_most_ms", 200)
        super().__init__(Adaptive(None, least, most, options.get("sound.jitter_first_ms", 60)))

    @property
    def delay(self):
        return self._state[_AHEAD] >> 3

    @property
    def discarded(self):
        return self.buffer.discarded

    @property
    def nominal(self):
        return self.buffer.nominal

    @property
    def maximum(self):
        return self.buffer.maximum

    # -- the part

    def begin(self, call):
        """Hang into a Call's stream."""
        stream = call.stream
        buffer = self.buffer
        self._stats = buffer.stats = stream.stats
        buffer.clear()
        self.concealed = self.late = self.wary = 0
        self._silence(0)
        stream.jitter = buffer
        stream.player = self

    def end(self):
        """The call is over."""
        self._wide = self._table = None

    # -- the stream's player

    def tune(self, wide, table=None):
        """wide: the codec of 16 kHz or None; table: of G.711's law. (As a part's it is told the rate: nothing new.)"""
        if isinstance(wide, int):
            return
        self._table = table
        self._wide = wide
        rate = 1 if wide else 0
        if rate != self._state[_WIDE]:
            self._silence(rate)

    def comfort(self, data, at, size):
        """The payload of a comfort noise packet, RFC 3389, data[at:at + size]: the far end has nothing to say."""
        if size:
            state = self._state
            state[_SILENT] = 1
            state[_COMFORT] = magnitude(data[at])

    def watch(self):
        """What comes from now on, until the next play(), comes in the last moment."""
        self._state[_EDGE] = 5  # steps of 32 samples

    def play(self, frame):
        """Write the next 20 ms to frame."""
        state = self._state
        what = check(state)
        if what > 1:
            self._work_out(what, state, frame)
        elif not what:
            if not self._wide:
                flow(self._table, self._ring, self._pcm, state, frame)
                self._stats.delay = state[_AHEAD] >> 3
                return
            self._decode(_FRAME, state, frame)
        give(state, self._pcm, frame)
        self._stats.delay = state[_AHEAD] >> 3

    # -- inside

    def _silence(self, wide):
        # As if nothing had been heard yet
        state = self._state
        state[_WIDE] = wide
        state[_NOW] = state[_END] = _LAST
        state[_CONCEALING] = state[_SPEED] = 1
        state[_SPAN] = _GONE << wide
        state[_COMFORT] = state[_SILENT] = state[_STEPS] = 0
        state[_NOISE] = 256
        state[_LEVEL] = state[_HOLD] = 0
        pcm = self._pcm
        i = _LAST
        while i:
            i -= 1
            pcm[i] = 0

    def _work_out(self, what, state, frame):
        wide = state[_WIDE]
        size = _FRAME << wide
        if what == 2:
            self._adapt(state, frame, wide)
        hidden = False
        while True:
            left = size + state[_NOW] - state[_END]
            if left <= 0:
                break
            if not state[_CONCEALING]:
                there = 0 if state[_WAIT] else self._there(state)
                if there:
                    self._decode(min(there, _FRAME), state, frame)
                    continue
                self._conceal(state, wide)
            lack = self._lack(state, wide)
            if lack <= 0:
                self._resume(state, frame, wide)
                continue
            if self._bridges(state, wide, lack):
                hidden = True
                self.concealed += lack
                self._bridge(state, frame, wide, lack)
                continue
            n = min(lack << wide, left)
            if state[_SPAN] < _GONE << wide and not state[_SILENT]:
                hidden = True
                self.concealed += n >> wide
            synthesize(state, self._last, self._pcm, state[_END], n)
            state[_END] += n
        if hidden:
            self._stats.concealed += 1
        if (
            not state[_CONCEALING] | state[_WAIT]
            and state[_COUNT]
            and state[_PIECES]
            and state[_END] - state[_NOW] - size < _PROMPT << wide
        ):
            self._conceal(state, wide)

    def _adapt(self, state, frame, wide):
        # Make what comes next shorter or longer
        pcm = self._pcm
        late = excess(state)
        n = _FRAME << wide
        have = state[_END] - state[_NOW]
        if have < n + (n if late > _FAR else 1) and self._there(state) >= _FRAME:
            self._decode(_FRAME, state, frame)
            if late > _FAR and have <= 0 and self._there(state) >= _FRAME:
                self._decode(_FRAME, state, frame)
        end = state[_END]
        have = end - state[_NOW]
        if have < n:
            return
        if state[_LEVEL] <= max(_QUIET, state[_NOISE] * 3 >> 4):
            state[_RESTLESS] = 0
            if late < 0:
                n = min(-late, 80) << wide
                splice(state, pcm, end - n, -n, n)
            else:
                n = min(late, 96) << wide
                splice(state, pcm, end - n - (64 << wide), n, 64 << wide)
            return
        state[_RESTLESS] += 1
        if state[_RESTLESS] > _PATIENCE or late > _MUCH:
            if late > _FAR or late < _NEAR:
                pitch(self._work, self._work, 0, state, pcm, end)
                period = state[_PERIOD]
                if state[_LIKENESS] >= _EVEN and (late < 0 or late >= period >> wide):
                    state[_HOLD] = 4
                    if late < 0:
                        splice(state, pcm, end - period, -period, period)
                    elif have >= 2 * period:
                        splice(state, pcm, end - 2 * period, period, period)
                    return
            if state[_RESTLESS] > 2 * _PATIENCE and have > n:
                state[_HOLD] = 3
                splice(state, pcm, state[_NOW], 1 if late > 0 else -1, 32)
                return
        state[_HOLD] = 1
