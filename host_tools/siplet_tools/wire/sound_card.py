# The PC's microphone and speaker as an audio object, by the library sounddevice (PortAudio), when it is installed.
# Imports console, errors, call_report, measure, sound_device; siplet.audio.rates where the devices run at 48 or 16 kHz
# alone.
#
# sound_device, a process of its own, holds the devices. The phone's clock takes and gives frames beside theirs, and
# between stand two short queues: where the clocks drift apart, or a device takes several blocks at once, a frame is
# left out or is missing, and is counted; so a queue becomes as long as its device needs it.

import contextlib
import json
import queue
import subprocess
import sys
import threading
from array import array
from collections import deque

from siplet_tools import console
from siplet_tools.errors import ToolError
from siplet_tools.wire import measure, sound_device
from siplet_tools.wire.call_report import FAULT
from siplet_tools.wire.sound_device import BLOCKS_S, HEAD, QUEUED

# By its path, and with no folder before those of Python's own: neither ours nor the one we are in
_RUN = "import sys; sys.path = [one for one in sys.path if one]; import runpy; runpy.run_path(sys.argv.pop(1), "
_PROGRAM = (sys.executable, "-c", _RUN + "run_name='__main__')", sound_device.__file__)
_FRAME_BYTES = 2 * measure.FRAME
_MANY = 0.02  # of the frames: that is heard
_OPEN_S = 10  # in which devices that work have opened
_END_S = 2  # and ended
HOW = "install it beside these tools: pip install 'siplet-tools[sound]' (on Linux also: apt install libportaudio2)"
_INSTEAD = "or call without --sound-card"


class _Way:
    """A device, in a call. idle: frames of the phone since its last sign; lost: those too few or too many; lives: it
    gave a sign.
    """

    def __init__(self, name):
        self.name = name
        self.idle = self.lost = self.frames = 0
        self.lives = False

    def sign(self, lost=0):
        # In the thread that listens
        self.lives = True
        self.idle = 0
        self.lost += lost

    def count(self):
        # In the phone's
        self.idle += 1
        self.frames += 1


class SoundCard:
    """Source and sink: the default microphone and speaker."""

    def __init__(self, program=_PROGRAM):
        self._program = list(program)
        self._child = None
        self._down = self._up = None
        self.rate = 0
        self._begin()

    def _begin(self):
        self._microphone, self._speaker = _Way("microphone"), _Way("speaker")
        self._heard = deque()
        self._said = queue.Queue(QUEUED)
        self._error = ""

    def check(self):
        """ToolError when there is no library, no such device, or when it cannot be opened now."""
        try:
            done = subprocess.run(self._program, stdin=subprocess.DEVNULL, capture_output=True, timeout=_OPEN_S)
            found = json.loads(done.stdout)
        except subprocess.TimeoutExpired:
            raise ToolError(
                f"the sound card does not answer within {_OPEN_S} s: end its sound server, {_INSTEAD}"
            ) from None
        except (OSError, ValueError):
            raise ToolError(
                f"the sound card cannot be used (PortAudio broke down); connect a headset, {_INSTEAD}"
            ) from None
        if "missing" in found:
            raise ToolError(f"--sound-card wants the library sounddevice ({console.clean(found['missing'])}); {HOW}")
        if "error" in found:
            reason = console.clean(found["error"])
            raise ToolError(
                f"the sound card cannot be used ({reason}); connect a headset, end who has it open, {_INSTEAD}"
            )
        self.rate = found["rate"]
        if self.rate != measure.RATE:
            from siplet_tools import firmware

            self._down = firmware.load("audio.rates").Rates(self.rate, measure.RATE)
            self._frame = bytearray(_FRAME_BYTES)
            self._resample = firmware.load("audio.resample")

    def start(self):
        """A call begins; check() was before it. OSError. The devices open meanwhile: notes() has what is wrong then."""
        self.stop()
        self._begin()
        self._child = subprocess.Popen(
            [*self._program, str(self.rate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        work = [threading.Thread(target=one, args=(self._child,), daemon=True) for one in (self._listen, self._say)]
        self._threads = work
        for thread in work:
            thread.start()

    def stop(self):
        child, self._child = self._child, None
        if child:
            with contextlib.suppress(queue.Empty):
                while True:
                    self._said.get_nowait()
            self._said.put(None)
            try:
                child.wait(_END_S)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            for thread in self._threads:
                thread.join(_END_S)

    def notes(self):
        """What there is to say of the call that is over, a line each: a device that was gone, sound that was lost."""
        if self._error:
            return [f"{FAULT}sound card: {self._error}"]
        found = []
        for way, did in ((self._microphone, "gave"), (self._speaker, "took")):
            if way.idle > BLOCKS_S:
                since = f"{did} nothing in the last {way.idle / BLOCKS_S:.0f} s of the call: was it unplugged?"
                found.append(f"{FAULT}the {way.name} {since if way.lives else 'never began'}")
            elif way.lost > _MANY * way.frames:
                percent = min(100, 100 * way.lost / way.frames)
                found.append(f"the {way.name} lost {percent:.0f} % of the sound: was this computer busy?")
        return found

    # -- in threads of their own, until the process ends

    def _listen(self, child):
        microphone, speaker, heard = self._microphone, self._speaker, self._heard
        with child.stdout as source:
            while len(head := source.read(HEAD.size)) == HEAD.size:
                kind, size = HEAD.unpack(head)
                data = source.read(size)
                if kind == b"M":
                    full = len(heard) >= QUEUED
                    if full:
                        with contextlib.suppress(IndexError):
                            heard.popleft()
                    heard.append(data)
                    microphone.sign(full)
                elif kind == b"S":
                    speaker.sign(data[0] if speaker.lives else 0)
                else:
                    self._error = console.clean(data.decode("utf-8", "replace"))

    def _say(self, child):
        said = self._said
        with contextlib.suppress(OSError), child.stdin as sink:
            while block := said.get():
                sink.write(block)
                sink.flush()

    # -- in the phone's

    def read(self, frame):
        way = self._microphone
        way.count()
        try:
            data = self._heard.popleft()
        except IndexError:
            way.lost += way.lives
            return False
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
        self._speaker.count()
        with contextlib.suppress(queue.Full):  # the process hangs, and that is seen by its signs
            self._said.put_nowait(self._raised(frame) if self._down else bytes(frame))

    def _raised(self, frame):
        # 8 to 48 or 16 kHz, with the low-pass of siplet's boards
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
