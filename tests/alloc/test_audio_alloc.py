# Zero bytes a frame, heard and said, by every audio object, whatever state it is in: under a locked heap.

import os
import sys

from locked import locked
from siplet.audio.loop import Loop
from siplet.audio.null import Null
from siplet.audio.wav import Wav
from siplet.platform import random

NEEDS = ("heap_lock",)

NAME = "/tmp/siplet-%s" % "".join("%02x" % b for b in random(6))
HEADER = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0%s\1\0@\x1f\0\0\x80>\0\0\2\0%s\0data%s\0\0"
FRAME = bytearray(b"\x12\x34" * 160)


def talk(audio, frames):
    """A call of so many frames, every one of them without an allocation."""
    audio.start()
    i = 0
    while i < frames:
        locked(audio.read, FRAME)
        locked(audio.write, FRAME)
        i += 1
    audio.stop()
    locked(audio.read, FRAME)  # what comes after the end
    locked(audio.write, FRAME)


def test_silence_and_echo():
    talk(Null(), 3)
    talk(Loop(), 3)


def test_wav_files_over_their_ends_and_header_updates():
    for kind, bits in ((b"\1\0", b"\x10"), (b"\6\0", b"\x08"), (b"\7\0", b"\x08")):
        with open(NAME + ".play", "wb") as file:
            file.write(HEADER % (kind, bits, b"\x84\x03") + bytes(900))
        for repeat in (False, True):
            audio = Wav(NAME + ".play", NAME + ".record", repeat)
            talk(audio, 120)
            assert audio.errors == 0
    os.remove(NAME + ".play")
    os.remove(NAME + ".record")


class Bus:
    """A machine.I2S that moves all it is asked for, or nothing."""

    RX, TX, MONO, STEREO = 1, 2, 0, 1
    there = 0

    def __init__(self, id, **arguments):
        pass

    def deinit(self):
        pass

    def readinto(self, buffer):
        n = min(len(buffer), self.there)
        self.there -= n
        return n

    write = readinto


class Machine:
    I2S = Bus


class Select:
    POLLIN = POLLOUT = 0

    class poll:
        def register(self, bus, flag):
            pass

        def poll(self, timeout):
            return ()


def test_i2s_in_good_times_and_bad():
    former = sys.modules.get("machine")
    sys.modules["machine"] = Machine
    try:
        from siplet.audio import i2s
    finally:
        if former:
            sys.modules["machine"] = former
        else:
            del sys.modules["machine"]
    i2s.machine, i2s.select = Machine, Select
    time = [0]
    i2s.now = lambda: time[0]
    for bits in (16, 32):
        for rate in (16000, 48000):
            part = {"id": 0, "bits": bits}
            audio = i2s.I2S(part, part, rate)
            frame = FRAME
            if bits == 32:
                audio.tune(16000)
                frame = bytearray(FRAME + FRAME)
            audio.start()
            size = rate // 50 * bits // 8
            # On time, slowly too much, suddenly too much, nothing at all for 100 ms, on time again
            for there, ms in ((size, 20), (size + 8, 20), (4 * size, 20), (0, 100), (size, 20), (size - 8, 20)):
                i = 0
                while i < 6:
                    time[0] += ms
                    audio._rx.there = audio._tx.there = there
                    locked(audio.read, frame)
                    locked(audio.write, frame)
                    i += 1
            assert audio.underruns > 3 and audio.overruns > 0
            audio.stop()
