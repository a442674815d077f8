# Prints the keys that siplet hears in a file of raw samples, 16 bits at 8 kHz. Runs on MicroPython: dtmf.py.

import sys

from siplet.media.keytones import Ear

ear = Ear()
frame = bytearray(320)
heard = ""
with open(sys.argv[1], "rb") as file:
    while file.readinto(frame) == 320:
        heard += ear.hear(frame) or ""
print(heard)
