# An echo canceller: what the speaker's sound becomes in a room, learned and taken out of the microphone's; ITU-T G.167
# names the figures. Pure; imports its kernels.
#
#     far  -> differences -> ring of delay + tail --------------> window -> filter -> echo -+
#                                                                              ^            v
#     near -> differences ------------------------------------------------- (-) error <- near - echo -> frame
#
# A normalised LMS filter in the time domain, in blocks of 5 ms. It works on differences, x[n] - 7/8 x[n-1], which are
# nearly white for speech: so it converges several times faster. Only the echo goes back through the inverse; near
# speech is not touched by it. The arithmetic is that of 31 bits: weights Q16, differences of 14 bits, the step a block
# floating one of 11.
#
# Bulk delay: the correlations of both sides' means of 0.5 ms, at 320 delays (0 to 160 ms), fade within 320 ms; one that
# stands out at the same place for 8 frames is where the filter begins. It is looked for again when the filter does
# nothing there for 2 s of speech.
#
# Double talk: the error beside the loudness of far has a usual share, which falls when the filter gets better and rises
# slowly. An error twice as large is somebody who speaks, and nothing is learned from it for 80 ms. Unless there is more
# of it than the microphone heard: then the path is another one, and everything may change.

from array import array

from micropython import const

try:  # not every build compiles viper: WebAssembly, some RISC-V ones, CPython; or a .mpy of another build
    from siplet.media.canceller_viper import correlate, gather, means, peak, push, scale, subtract
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.canceller_plain import correlate, gather, means, peak, push, scale, subtract

_DELAYS = const(320)  # of 0.5 ms
_AHEAD = const(5)  # of 0.5 ms, by which the filter begins before what stands out
_QUIET = const(12)  # mean magnitude of far's differences below which nothing is learned: -50 dB or so
_BLOCKS = const(4)


class Canceller:
    """tail: ms of the room's answer that are cancelled, 32 to 128. wide: frames of 16 kHz may come.

    rate: of the frames now. delay: ms between far() and its echo in near(), None while it is not known. loss: dB by
    which the echo is lower. lost: another path has taken the place of the one that was learned; who has seen it sets
    it to False.
    """

    def __init__(self, tail=32, wide=True):
        self._tail = (tail + 1) // 2 * 2
        per_ms = 16 if wide else 8
        taps = self._tail * per_ms
        frame = 20 * per_ms
        self._weights = array("i", bytes(4 * taps))
        self._window = array("i", bytes(4 * (taps + frame)))
        self._room = array("H", bytes(2 * ((self._tail + 19) // 20 + 9) * frame))
        self._sums = array("i", bytes(4 * _DELAYS))
        self._state = array("i", bytes(4 * 408))
        self._means = array("i", bytes(4 * 40))
        self._both = array("i", bytes(8))
        self._echo = array("i", bytes(4 * (frame // _BLOCKS)))
        self._error = array("i", bytes(4 * (frame // _BLOCKS)))
        self.tune(8000)

    def tune(self, rate):
        """Frames of rate samples a second from now on: 8000, or 16000 when wide. Forgets everything."""
        self.rate = rate
        self._samples = rate // 50
        self._taps = self._tail * rate // 1000
        self._size = ((self._tail + 19) // 20 + 9) * self._samples
        self.reset()

    def reset(self):
        """Another room, perhaps: forget everything."""
        for data in (self._weights, self._sums, self._state, self._echo):
            self._clear(data)
        i = 0
        while i < len(self._room):
            self._room[i] = 32768
            i += 1
        self._state[0] = 32768
        self._state[1] = self._state[2] = 65536
        self._at = 0
        self._place = -1  # of the delay in the sums
        self._like = self._known = 0
        self._before = self._left = self._far = 0
        self._usual = 1 << 18
        self._hang = self._worse = self._poor = 0
        self._ticks = 0
        self._use = self.lost = False

    def _clear(self, data):
        i = 0
        while i < len(data):
            data[i] = 0
            i += 1

    @property
    def delay(self):
        return None if self._place < 0 else (_DELAYS - self._place) // 2

    @property
    def loss(self):
        ratio = 16 * self._before // (self._left + 1)
        db = 0
        while ratio > 22:
            ratio = ratio * 10 // 14
            db += 3
        return db

    def far(self, frame):
        """A frame goes to the speaker."""
        push(self._samples, frame, self._room, self._at, self._state)
        self._at += self._samples
        if self._at == self._size:
            self._at = 0

    def near(self, frame):
        """A frame came from the microphone: the echo in it is taken away, in place."""
        n = self._samples
        state = self._state
        if self._place < 0:
            self._search(n, frame)
            return
        taps = self._taps
        both = self._both
        # Delay 0 is the frame of the last far(): its sample beside ours
        start = self._at - n - taps - (_DELAYS - self._place - _AHEAD) * (n // 40)
        if start < 0:
            start += self._size
        if start < 0:
            start += self._size
        gather(taps + n, self._room, self._window, start, self._size, both)
        far = both[0] // (taps + n)
        # (small ints, for the longest tail, too)
        power = both[1] * taps // (taps + n) if both[1] < 500000 else both[1] // (taps + n) * taps
        # power * 2**8 is what divides: m * 2**q, m of 15 bits
        q = 0
        m = power + 16
        while m > 0x7FFF:
            m >>= 1
            q += 1
        while m < 0x4000:
            m <<= 1
            q -= 1
        inverse = 0x20000000 // m
        size = n // _BLOCKS
        at = 0
        while at < n:
            correlate(taps, self._weights, self._window, at + 1, self._echo, size, 16)
            subtract(size, frame, at, self._echo, self._error, state, self._use)
            if far > _QUIET:
                self._learn(size, at, far, q, inverse)
            at += size

    def _learn(self, size, at, far, q, inverse):
        state = self._state
        self._before += (state[3] * 16 // size - self._before) >> 3
        self._left += (state[4] * 16 // size - self._left) >> 3
        self._far += (far * 16 - self._far) >> 3
        left = self._left
        share = (left << 12) // (self._far + 1)
        usual = self._usual
        if share < usual:
            usual -= (usual - share) >> 4
        else:
            self._ticks = (self._ticks + 1) & 7
            if not (self._hang and self._ticks):
                usual += (usual >> 10) + 1
        self._usual = usual
        if left > self._before + (self._before >> 2):
            self._worse += 1
            if self._worse > 12:  # 60 ms
                self._worse = 0
                self._usual = 1 << 18
                self._use = False
                self.lost = True
        else:
            self._worse = 0
            self._use = self._use or left < self._before - (self._before >> 3)
        if left < self._before >> 1:
            self._poor = 0
        else:
            self._poor += 1
            if self._poor > 400 and not self._use:  # 2 s of far: it begins at another place, perhaps
                self._poor = 0
                self._place = -1
                self._like = 0
                self._clear(self._weights)
                self._clear(self._sums)
                return
        if share > 2 * usual:
            self._hang = 16
        elif self._hang:
            self._hang -= 1
        top = state[6]
        if self._hang or not top:
            return
        # error * inverse, 11 bits
        shift = 15
        top = top * inverse >> 15
        while top > 0x7FF:
            top >>= 1
            shift += 1
        scale(size, self._error, inverse, shift)
        shift = q + 25 - shift
        if 2 <= shift < 30:
            correlate(size, self._error, self._window, at + 1, self._weights, self._taps, shift)

    def _search(self, n, frame):
        means(n, frame, self._means)
        correlate(40, self._means, self._state, 48, self._sums, _DELAYS, 8)
        found = peak(_DELAYS, self._sums)
        place = found >> 8
        if found & 0xFF > 24 and -3 < place - self._known < 3:
            self._like += 1
            if self._like > 7:
                self._place = place if place < _DELAYS - _AHEAD else _DELAYS - _AHEAD
        else:
            self._like = 0
        self._known = place
