# A ROMFS image in a board's partition for it: carried by mpremote's own command, read back. Imports errors and link's.
#
# MicroPython mounts whatever begins as an image does, the first part of one too. So an image goes over with a length
# that no partition has, and gets its own once all of it is there: on flash that only clears some bits, so it needs no
# erasing and is a matter of a moment. Until then, and after a cable was pulled, nothing is mounted.

import contextlib
import hashlib
import io
import os
import re
import tempfile
from types import SimpleNamespace

from siplet_tools.errors import FAILED, ToolError

_MARK = b"\xd2\xcd1"
_NO_LENGTH = b"\xff\xff\xff\x7f"  # 256 MB less one: more than a partition has, less than an address space

# Size of the partition, SHA-256 of the image in it or -, whether that is siplet's
_LOOK = """
def _():
    import vfs, os, hashlib
    from binascii import hexlify
    rom = vfs.rom_ioctl(2, 0)
    if isinstance(rom, int):
        return
    view = memoryview(rom)
    if bytes(view[:3]) != b'\\xd2\\xcd1':
        return print(len(view), '-', 0)
    size = 0
    for i in range(3, 16):
        size = size << 7 | view[i] & 127
        if view[i] < 128:
            break
    size += i + 1
    if size > len(view):
        return print(len(view), '-', 0)
    hash = hashlib.sha256()
    for i in range(0, size, 1024):
        hash.update(view[i:min(i + 1024, size)])
    try:
        os.stat('/rom/siplet')
        ours = 1
    except OSError:
        ours = 0
    print(len(view), hexlify(hash.digest()).decode(), ours)
_()
del _
"""

# Whether what was written is what was sent; then the true length
_FINISH = """
def _(size, digest, head):
    import vfs, hashlib
    rom = vfs.rom_ioctl(2, 0)
    view = memoryview(rom)
    hash = hashlib.sha256()
    for i in range(0, size, 1024):
        hash.update(view[i:min(i + 1024, size)])
    if hash.digest() != digest:
        return print(0)
    if head:
        rom.writeblocks(0, head, 0)
    print(1)
"""

_FORGET = """
def _():
    import vfs
    try:
        vfs.umount('/rom')
    except OSError:
        pass
    rom = vfs.rom_ioctl(2, 0)
    if hasattr(rom, 'ioctl'):
        rom.writeblocks(0, bytes(4), 0)
    else:
        size = vfs.rom_ioctl(6, 0)
        vfs.rom_ioctl(3, 0, *((0, size) if size < len(rom) else (size,)))
_()
del _
"""


def look(link):
    """(bytes of the board's partition, SHA-256 of the whole image in it, hex or "", whether that is one of siplet's).

    The board has just been started anew, which mounts an image.
    """
    words = link.run(_LOOK, timeout_s=30).decode("ascii", "replace").split()
    if len(words) != 3 or not words[0].isdigit():
        return 0, "", False
    return int(words[0]), words[1].strip("-"), words[2] == "1"


def padded(image):
    """The image with a head in which any length has room."""
    content = image[_start(image) :]
    size = bytes(len(content) >> shift & 0x7F | (0x80 if shift else 0) for shift in (21, 14, 7, 0))
    return _MARK + b"\x80" * (1 + len(content) % 2) + size + content  # an image is of even length


def closed(image):
    """An image of padded() that is not mounted: of a length that it cannot have."""
    start = _start(image)
    return image[: start - len(_NO_LENGTH)] + _NO_LENGTH + image[start:]


def _start(image):
    # Where the content begins: behind the mark and a number of 7 bits a byte; all but its last have bit 7 set
    i = len(_MARK)
    while image[i] & 0x80:
        i += 1
    return i + 1


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
    """Puts an image of padded() into the partition; progress(done, total) of its bytes. ToolError when it is not there
    afterwards, as it was sent.

    A partition that is no block device, as an RP2 has it, takes no second writing: there it goes as it is.
    """
    from mpremote.commands import CommandError, do_romfs

    device = link.value("hasattr(__import__('vfs').rom_ioctl(2, 0), 'ioctl')")
    sent = closed(image) if device else image
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "siplet.romfs")
        with open(path, "wb") as file:
            file.write(sent)
        state = SimpleNamespace(transport=link.transport, ensure_raw_repl=lambda: None, did_action=lambda: None)
        arguments = SimpleNamespace(command=["deploy"], path=path, partition=0, mpy=False)
        try:
            with link._told(), contextlib.redirect_stdout(_Progress(progress, len(image))):
                do_romfs(state, arguments)
        except CommandError as error:
            raise ToolError(f"{link.port}: {error}") from None
        except SystemExit:
            raise ToolError(f"{link.port}: the board's ROMFS partition does not take the image") from None
    digest, head = hashlib.sha256(sent).digest(), image[: _start(image)] if device else b""
    done = link.run(f"{_FINISH}_({len(sent)}, {digest!r}, {head!r})\ndel _", timeout_s=30)
    if done.split()[:1] != [b"1"]:
        raise ToolError(f"{link.port}: the ROMFS image arrived damaged; deploy again", FAILED)
    if progress:
        progress(len(image), len(image))


def forget(link):
    """What is in the partition is no image any more."""
    link.run(_FORGET)
