# Runs a script with a ROMFS image first in sys.path: from_romfs.py IMAGE FILE.py [ARGUMENT ...]. The unix port has no
# flash, so the image lies on the heap as one block, read in place: take its size off whatever is measured.

import os
import sys

import vfs

image = bytearray(os.stat(sys.argv[1])[6])
with open(sys.argv[1], "rb") as file:
    file.readinto(image)
vfs.mount(vfs.VfsRom(image), "/rom")
sys.path.insert(0, "/rom")
del sys.argv[:2]
with open(sys.argv[0]) as script:
    exec(script.read())
