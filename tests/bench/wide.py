# Time of G.722 on the unix port: wide.py N prints the microseconds of 20 ms, encoded and decoded.

import sys
import time

sys.path.append("tests/unit")

from siplet.media.g722 import G722
from wide_signal import FRAME, speech, vector

pcm = [bytearray(FRAME) for _ in range(12)]
said = speech(12)
for i in range(12):
    pcm[i][:] = said[FRAME * i : FRAME * i + FRAME]
codec = G722()
packet = bytearray(160)
frame = bytearray(FRAME)


def run(frames):
    for i in range(frames):
        codec.encode(160, pcm[i % 12], packet, 0)
        codec.decode(160, packet, frame, 0)


run(12)
if packet != vector("speech.g722")[-160:]:
    raise ValueError("the codes are wrong")
count = int(sys.argv[1])
start = time.ticks_us()
run(count)
print(time.ticks_diff(time.ticks_us(), start) / count)
