# The ROMFS partition of the virtual board: a file of the PC with a flash's ways, seen as an ESP32 shows it: a block
# device that is a buffer as well. Imports nothing of ours. docs.micropython.org, library/vfs: rom_ioctl.

import vfs

_BLOCK = 4096
_EINVAL = 22
_NAME = "/romfs.bin"
_partition = _folder = None
_size = 0


class Partition(bytearray):
    """What vfs.rom_ioctl(2, 0) gives. Erasing sets all bits of a block, writing only clears some."""

    def info(self):
        return (1, 0x8F, 0x1E0000, len(self), "romfs", False)

    def readblocks(self, block, buffer, offset=0):
        start = block * _BLOCK + offset
        buffer[:] = memoryview(self)[start : start + len(buffer)]

    def writeblocks(self, block, data, offset=None):
        start = block * _BLOCK + (offset or 0)
        end = start + len(data)
        if start < 0 or end > len(self):
            raise OSError(-0x104, "ESP_ERR_INVALID_SIZE")
        if offset is None:
            self._put(start, b"\xff" * len(data))
        self._put(start, bytes([old & new for old, new in zip(memoryview(self)[start:end], data)]))

    def ioctl(self, request, argument):
        if request == 4:
            return len(self) // _BLOCK
        if request == 5:
            return _BLOCK
        if request == 6:
            if not 0 <= argument < len(self) // _BLOCK:
                raise OSError(-0x104, "ESP_ERR_INVALID_SIZE")
            self._put(argument * _BLOCK, b"\xff" * _BLOCK)
        return 0

    def _put(self, start, data):
        memoryview(self)[start : start + len(data)] = data
        with _folder.open(_NAME, "r+b") as file:
            file.seek(start)
            file.write(data)


def _open():
    # Read when it is asked for: most boards never have an image
    global _partition
    if _partition is None:
        _partition = Partition(_size)
        if _exists():
            with _folder.open(_NAME, "rb") as file:
                file.readinto(_partition)
        else:
            erased = b"\xff" * _BLOCK
            for start in range(0, _size, _BLOCK):
                memoryview(_partition)[start : start + _BLOCK] = erased
            with _folder.open(_NAME, "wb") as file:
                file.write(_partition)
    return _partition


def _exists():
    try:
        return _folder.stat(_NAME)[6] == _size
    except OSError:
        return False


def rom_ioctl(request, *arguments):
    """1: how many partitions there are; 2, number: that one."""
    if request == 1:
        return 1 if _size else 0
    if request == 2 and _size and not arguments[0]:
        return _open()
    return -_EINVAL


def mount(module, path, options):
    """module: vfs, which gets rom_ioctl; path: sys.path, which gets /rom when there is an image, as before /lib.

    options: of the supervisor.
    """
    global _folder, _size
    _size = options["romfs"]
    _folder = vfs.VfsPosix(options["folder"])
    module.rom_ioctl = rom_ioctl
    if _size and _exists():
        try:
            vfs.mount(vfs.VfsRom(_open()), "/rom")
        except OSError:  # nothing in it, or what is no image
            return
        path[path.index("/lib") :] = ["/rom", "/rom/lib", "/lib"]
