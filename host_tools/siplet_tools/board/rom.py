# A ROMFS image in a board's partition for it: written by mpremote's own command, read back. Imports link's errors.

import contextlib
import io
import os
import re
import tempfile
from types import SimpleNamespace

from siplet_tools.errors import ToolError

_HASH = """
def _(size):
    import vfs, hashlib
    from binascii import hexlify
    rom = vfs.rom_ioctl(2, 0)
    if isinstance(rom, int):
        return
    if hasattr(rom, 'ioctl'):
        rom = memoryview(rom)
    rom = memoryview(rom)
    hash = hashlib.sha256()
    for i in range(0, size, 1024):
        hash.update(rom[i:min(i + 1024, size)])
    print(hexlify(hash.digest()).decode())
"""


def sha256(link, size):
    """SHA-256, hex, of the first size bytes of the board's ROMFS partition; "" when there is none."""
    return link.run(f"{_HASH}_({size})\ndel _", timeout_s=30).decode("ascii", "replace").strip()


class _Progress(io.TextIOBase):
    # mpremote prints where it is: "Writing at offset 4096"
    def __init__(self, progress, total):
        self._progress, self._total = progress, total

    def write(self, text):
        found = re.search(r"Writing at offset (\d+)", text)
        if found and self._progress:
            self._progress(int(found.group(1)), self._total)
        return len(text)


def write(link, image, progress=None):
    """Writes the image, bytes; progress(done, total) of its bytes. ToolError when it does not fit."""
    from mpremote.commands import CommandError, do_romfs

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "siplet.romfs")
        with open(path, "wb") as file:
            file.write(image)
        state = SimpleNamespace(transport=link.transport, ensure_raw_repl=lambda: None, did_action=lambda: None)
        arguments = SimpleNamespace(command=["deploy"], path=path, partition=0, mpy=False)
        try:
            with link._told(), contextlib.redirect_stdout(_Progress(progress, len(image))):
                do_romfs(state, arguments)
        except CommandError as error:
            raise ToolError(f"{link.port}: {error}") from None
        except SystemExit:
            raise ToolError(
                f"{link.port}: the image of {len(image) // 1024} KB does not fit into the board's ROMFS partition: "
                "deploy without --romfs"
            ) from None
