# Plays sound files as a call would and keeps what is heard: clip_copy.py RATE FROM TO [FROM TO ...]. For MicroPython.

import sys

from siplet.audio.clip import Clip
from siplet.audio.recorder import Recorder


class Owner:
    errors = 0


rate = int(sys.argv[1])
frame = bytearray(rate // 25)
for i in range(2, len(sys.argv), 2):
    clip = Clip(sys.argv[i], rate)
    recorder = Recorder(Owner, sys.argv[i + 1], rate)
    recorder.start()
    more = True
    while more:
        more = clip.read(frame)
        recorder.write(frame)
    recorder.stop()
    assert clip.errors == Owner.errors == 0
