# The PC's microphone and speaker as an audio object, by the library sounddevice (PortAudio), when it is installed.
# Imports errors, measure; siplet.audio.rates where the device runs at 48 kHz alone.
#
# PortAudio calls back in a thread of its own with blocks of 20 ms; the phone's clock takes and gives frames beside it.
# Between them stand two short queues: where the clocks drift apart a frame is left out or is missing, and is counted.

from array import array
from collections import deque

from siplet_tools.errors import ToolError
from siplet_tools.wire import measure

_FRAME_BYTES = 2 * measure.FRAME
_QUEUED = 4  # frames: 80 ms, most of them for a PC that is busy
HOW = "install it beside these tools: pip install 'siplet-tools[sound]' (on Linux also: apt install libportaudio2)"


class SoundCard:
    """Source and sink: the default microphone and speaker. ToolError when there is no library, or no such device.

    missing: frames that the microphone did not have in time; left_out: that the speaker had no room for, or the phone.
    """

    def __init__(self, library=None):
        self._library = library or _load()
        self.missing = self.left_out = 0
        self._spoken, self._heard = deque(), deque()
        self._stream = None
        self._down = self._up = None
        self.rate = self._supported_rate()
        if self.rate != measure.RATE:
            from siplet_tools import firmware

            self._down = firmware.load("audio.rates").Rates(self.rate, measure.RATE)
            self._frame = bytearray(_FRAME_BYTES)
            self._resample = firmware.load("audio.resample")

    def _supported_rate(self):
        reason = ""
        for rate in (measure.RATE, 48000):
            try:
                self._library.check_input_settings(channels=1, dtype="int16", samplerate=rate)
                self._library.check_output_settings(channels=1, dtype="int16", samplerate=rate)
                return rate
            except Exception as error:  # the library's own class, or ValueError for no device
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ToolError(f"the sound card cannot be used ({reason}); call without --sound-card, or connect a headset")

    def check(self):
        """ToolError when the device cannot be opened now, because another program has it, say."""
        try:
            self.start()
        except OSError as error:
            raise ToolError(f"{error}; end who has it open, or call without --sound-card") from None
        self.stop()

    def start(self):
        """A call begins; OSError."""
        self._spoken.clear()
        self._heard.clear()
        try:
            self._stream = self._library.RawStream(
                samplerate=self.rate,
                blocksize=self.rate // 50,
                channels=1,
                dtype="int16",
                latency="low",
                callback=self._callback,
            )
            self._stream.start()
        except Exception as error:
            raise OSError(f"sound card: {error}") from None

    def stop(self):
        stream, self._stream = self._stream, None
        if stream:
            stream.stop()
            stream.close()

    def _callback(self, incoming, outgoing, frames, time, status):
        # In PortAudio's thread
        self._put(self._spoken, bytes(incoming))
        size = 2 * frames
        data = self._heard.popleft() if self._heard else b""
        outgoing[:] = data[:size].ljust(size, b"\0")

    def _put(self, queue, data):
        if len(queue) >= _QUEUED:
            queue.popleft()
            self.left_out += 1
        queue.append(data)

    def read(self, frame):
        if not self._spoken:
            self.missing += 1
            return False
        data = self._spoken.popleft()
        if self._down:
            if len(data) != self.rate // 25:
                return False
            self._down.convert(data, self._frame)
            data = self._frame
        if len(data) != len(frame):
            return False
        frame[:] = data
        return True

    def write(self, frame):
        self._put(self._heard, self._raised(frame) if self._down else bytes(frame))

    def _raised(self, frame):
        # 8 to 48 kHz, with the low-pass of siplet's boards
        kit = self._resample
        past = kit.PHASE - 1
        if self._up is None:
            silence = array("H", [0x8000] * (past + measure.FRAME))
            self._up = silence, kit.taps(self.rate // measure.RATE), bytearray(self.rate // 25)
        samples, taps, made = self._up
        kit.gather(frame, 0, 1, samples, past, measure.FRAME)
        kit.interpolate(samples, taps, made, 0, self.rate // measure.RATE, measure.FRAME, 1)
        kit.move(samples, measure.FRAME, past)
        return bytes(made)


def _load():
    try:
        import sounddevice
    except ImportError:
        raise ToolError(f"--sound-card wants the library sounddevice; {HOW}") from None
    except OSError as error:  # the library is there, PortAudio is not
        raise ToolError(f"the sound card cannot be used ({error}); {HOW}") from None
    return sounddevice
