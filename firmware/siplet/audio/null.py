# The audio object without any hardware: hears silence, says nothing; what every other audio object is measured by.
# Imports nothing.
#
# An audio object is what the 20 ms task of stream.py talks to. read and write are called once per 20 ms frame, never
# block and never allocate; whatever needs memory, a file or a pin happens in the constructor and in start(). The
# board's clock and the task's clock differ by some parts in a million: an audio object evens that out and counts where
# it could not.


class _Slice:
    def __getitem__(self, key):
        return key


ALL = _Slice()[:]  # one slice object made once: `frame[ALL] = source` copies without allocating
del _Slice
SILENCE = bytes(320)  # a frame


class Null:
    rate = 8000  # samples a second of both directions

    def start(self):
        """A call begins; OSError when the hardware or a file is not there."""

    stop = start  # the call is over; start() may follow

    def read(self, frame):
        """Fills frame, 160 signed 16-bit little-endian samples (20 ms); False when silence stands for missing sound."""
        frame[ALL] = SILENCE
        return False

    def write(self, frame):
        """Takes 160 samples to be heard after those of the former frames."""
