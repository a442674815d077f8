# A gap in what is heard: what stands for it, and how the true sound begins again. Player is built on it. May import
# media.
#
# A gap lasts as long as what is missing. When what follows on it is there, both sides of it tell what was between: all
# of the gap is made at once then, unless a packet for which that was done came after all shortly before. When nothing
# at all is there, who can tell whether it is lost or late? Whatever comes first ends the gap, and the sound is later
# from then on.

from array import array

from micropython import const

from siplet.media.adaptive import advance, excess
from siplet.media.conceal import begin, bridge, fade, synthesize
from siplet.media.pitch import pitch
from siplet.media.playout import load, take

# Numbers of the state, see adaptive.py
_PLACE = const(1)
_COUNT = const(2)
_WAIT = const(13)
_NOW = const(15)
_END = const(16)
_CONCEALING = const(18)
_SPAN = const(19)
_HOLD = const(20)
_NOISE = const(22)
_PERIOD = const(23)
_STEPS = const(31)
_COMFORT = const(33)
_SPEED = const(34)
_SILENT = const(35)
_DOUBT = const(39)
_PIECES = const(40)

_FRAME = const(160)
_RING = const(2048)
_LAST = const(780)  # samples that concealment draws on, at 16 kHz
_WORK = const(350)  # bytes that it works on
_PCM = const(2240)  # samples: history, what is decoded, and room to move on before it is moved back
_FADE = const(160)  # samples behind that: how a gap would have gone on
_GONE = const(480)  # samples of 8 kHz after which concealment is silence
_LOUD = const(300)  # more is no background
_DOUBTED = const(62)  # times 16 packets, 20 s: for so long nothing is risked after sound that was not there in time
_REACH = const(400)  # samples of 8 kHz by which what is late may make all later, when the target does not ask for that
_BRIDGE = const(320)  # samples of pcm, the longest gap that is closed from both sides: pcm has no room for more
_WARY = const(8)  # gaps


class Gap:
    """What is decoded, and what stands for it where nothing is.

    buffer: a siplet.media.adaptive.Adaptive. concealed: samples of 8 kHz that stood for sound that did not come. late,
    wary: the count of late packets when it was last looked at, and for how many gaps more one is waited for.
    """

    def __init__(self, buffer):
        self.buffer = buffer
        self._state = buffer.state
        self._ring = buffer.data
        self._pcm = array("H", bytes(2 * (_PCM + _FADE)))
        self._last = array("H", bytes(2 * _LAST))
        self._work = bytearray(_WORK)
        self._wide = self._table = None
        self._stats = None
        self.concealed = self.late = self.wary = 0

    def _decode(self, n, state, frame):
        # frame is free until give()
        wide = self._wide
        if not wide:
            take(self._table, self._ring, self._pcm, state, n)
            return
        data = self._ring
        while n:
            place = state[_PLACE]
            part = min(n, _RING - place)
            wide.decode(part, data, frame, place)
            load(state, self._pcm, frame, 2 * part, part)
            n -= part

    def _there(self, state):
        # Codes that can be decoded at once
        return state[_PIECES + 1] if state[_COUNT] and not state[_PIECES] else 0

    def _conceal(self, state, wide):
        # The true sound ends at _END
        pitch(self._work, self._work, 0, state, self._pcm, state[_END])
        begin(state, self._pcm, self._last, state[_END] - state[_NOW])
        state[_CONCEALING] = 1
        state[_SPEED] = 1
        if state[_SILENT]:
            state[_SPEED] = 6
        else:
            state[_DOUBT] = _DOUBTED
            state[_COMFORT] = min(state[_NOISE] >> 4, _LOUD)

    def _lack(self, state, wide):
        # Samples of 8 kHz to be concealed before what is there may be heard
        if not state[_COUNT]:
            return _FRAME
        first = state[_PIECES]
        lack = first - excess(state)
        span = state[_SPAN] >> wide
        if state[_WAIT] | state[_SILENT] or span >= _GONE:
            return lack
        return min(lack, first - span)

    def _bridges(self, state, wide, lack):
        # Whether what comes after the gap is there, near enough to tell of it, and nothing else is to be expected
        n = lack << wide
        if (
            not state[_COUNT]
            or state[_WAIT] | state[_SILENT]
            or state[_PIECES + 1] - state[_PIECES] < _FRAME
            or n > _BRIDGE
            or (state[_SPAN] >> wide) + lack > _GONE
        ):
            return False
        late = self._stats.late
        if late != self.late:
            self.late = late
            self.wary = _WARY
        if self.wary and not state[_SPAN]:
            self.wary -= 1
        return not self.wary

    def _bridge(self, state, frame, wide, lack):
        n = lack << wide
        at = state[_END]
        synthesize(state, self._last, self._pcm, at, n)
        advance(state, state[_PIECES])
        state[_END] = at + n
        state[_CONCEALING] = state[_STEPS] = 0
        state[_HOLD] = 3
        self._decode(_FRAME, state, frame)
        pitch(self._work, self._work, 0, state, self._pcm, state[_END])
        bridge(state, self._pcm, at, n)

    def _resume(self, state, frame, wide):
        first = state[_PIECES]
        span = state[_SPAN] >> wide
        n = 40
        if not state[_WAIT] | state[_SILENT] and span < _GONE:
            n = state[_PERIOD] >> 2 + wide
            most = min(span, state[_PIECES + 1] - 80)
            first = max(first, min(excess(state) - _REACH, most))
        n = n << wide
        if first > 0:
            advance(state, first)
        synthesize(state, self._last, self._pcm, _PCM, n)
        state[_CONCEALING] = state[_WAIT] = state[_SILENT] = state[_STEPS] = 0
        state[_HOLD] = 3
        start = state[_END]
        self._decode(min(self._there(state), _FRAME), state, frame)
        fade(self._pcm, _PCM, start, min(n, state[_END] - start))
