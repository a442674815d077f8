# An audio object that sounds a tone without a stream: what siplet.sound.local is heard with. May import media, platform
# and ticks.

from micropython import const

from siplet import platform
from siplet.media.cadence import Cadence
from siplet.sound.local import tones
from siplet.ticks import ticks_add, ticks_diff

_FRAME = const(320)
_LATE = const(-100)  # ms: later than that, frames are left out


class Sounder:
    """Sounds a tone at a Call's audio object for ms; with 0 as long as the call's state is "ringing"."""

    task = None

    def __init__(self, progress, call, name, ms):
        self._progress = progress
        self.call = call
        self.audio = call.audio
        self.name = name
        self.ms = self._left = ms
        self._stopped = self._started = False
        self._tone = Cadence(tones(progress.options, name))
        self._frame = memoryview(bytearray(_FRAME))

    def stop(self):
        """The audio object is free when this returns."""
        self._stopped = True
        if self._started:
            self._started = False
            self.audio.stop()

    def tick(self):
        """20 ms of it; False when it is over. Allocates nothing."""
        if self._stopped or not self._progress.phone.endpoint.max_calls:
            return False
        if self.ms:
            self._left -= 20
            if self._left < 0:
                return False
        elif self.call.state != "ringing":
            return False
        if self._progress.is_lent(self.audio):
            self._started = False  # it is another one's to stop now
            return False
        self._tone.read(self._frame)
        self.audio.write(self._frame)
        return True

    async def run(self):
        """Sound until it is over or stopped."""
        try:
            while self.call.stream and not self._stopped:  # its early sound is just ending
                await platform.sleep_ms(20)
            if self._stopped:
                return
            if hasattr(self.audio, "tune"):
                self.audio.tune(8000)
            self._started = True
            self.audio.start()
            deadline = platform.now()
            while self.tick():
                deadline = ticks_add(deadline, 20)
                rest = ticks_diff(deadline, platform.now())
                if rest < _LATE:
                    deadline = platform.now()
                await platform.sleep_ms(rest if rest > 0 else 0)
        except OSError as error:  # a device that cannot be had now: the call goes on without it
            platform.print_exception(error)
        finally:
            self.stop()
            if self._progress.player is self:
                self._progress.player = None
