# Runs a script with a ROMFS image first in sys.path: from_romfs.py IMAGE FILE.py [ARGUMENT ...]. The unix port has no
# flash, so the image lies on the heap as one block: take its size off whatever is measured.

import sys

import vfs

vfs.mount(vfs.VfsRom(open(sys.argv[1], "rb").read()), "/rom")
sys.path.insert(0, "/rom")
del sys.argv[:2]
with open(sys.argv[0]) as script:
    exec(script.read())
