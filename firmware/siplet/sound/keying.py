# Presses keys as tones, ITU-T Q.23, in the microphone's place. A part of siplet.sound, made when the first one is
# sent this way. May import media and platform.

from micropython import const

from siplet import platform
from siplet.errors import LocalError
from siplet.media.q23 import GRID, HIGH, LOW
from siplet.media.tone import Tones
from siplet.sound.inband import Inband
from siplet.sound.parts import find, insert

_LOW = const(-6)  # dBm0; the high group 2 dB above, as lines take more from it
_HIGH = const(-4)
_PAUSE = const(4)  # frames: 80 ms, of which detectors want 40
_SHORTEST = const(3)  # frames: 60 ms, and 4 to fade out
_LONGEST = const(250)


class Keying:
    """busy: keys are being pressed, and the microphone is not heard."""

    order = 40

    def __init__(self):
        self._tones = Tones(2)
        self._queue = b""  # places in GRID
        self._at = self._left = self._on = 0
        self._ear = self._stream = None

    @property
    def busy(self):
        return self._left > 0 or self._at < len(self._queue)

    def begin(self, call):
        self._stream = call.stream
        self._ear = find(call, Inband)

    def press(self, digits, ms):
        """Press keys, one after the other, after those that wait. LocalError: one of them is no key."""
        places = [GRID.find(digit.upper()) for digit in digits]
        if min(places) < 0:
            raise LocalError("not a key")
        self._on = min(max((ms + 19) // 20, _SHORTEST), _LONGEST)
        self._queue = self._queue[self._at :] + bytes(places)
        self._at = 0

    def near(self, frame):
        left = self._left
        if not left:
            if self._at >= len(self._queue) or not self._stream._sending:  # on hold keys wait, as RTP events do
                return
            key = self._queue[self._at]
            self._at += 1
            self._tones.set(LOW[key >> 2], _LOW, HIGH[key & 3], _HIGH)
            left = self._on + _PAUSE
        if left == _PAUSE:
            self._tones.off()
        self._left = left - 1
        left = len(frame) >> 1
        self._tones.fill(frame, left, 50 * left)
        if self._ear:
            self._ear.said = platform.now()


async def send(call, digits, ms):
    """Press keys as tones; returns when all were sent, False when the call ended first.

    LocalError: one of them is no key, or the phone is a plain one.
    """
    if not hasattr(call.stream, "parts"):
        raise LocalError("keys are sent as tones by a phone with sound.complete alone")
    keying = find(call, Keying)
    if not keying:
        keying = Keying()
        insert(call, keying)
    keying.press(digits, ms)
    while keying.busy:
        await platform.sleep_ms(20)
        if call.state != "up" or not call.stream:
            return False
    return True
