# The board's flash as a file system: a folder of the PC, with a flash's size and littlefs' ways.
#
# Nothing outside of the folder can be reached: paths are resolved here, before the PC sees them.

import io
import time

import vfs

_BLOCK = 4096
_ENOENT, _EEXIST, _ENOTDIR, _EISDIR, _EINVAL, _ENOSPC, _ENAMETOOLONG, _ENOTEMPTY = 2, 17, 20, 21, 22, 28, 36, 39
_DIRECTORY, _FILE = 0x4000, 0x8000


def _blocks(size):
    return (size + _BLOCK - 1) // _BLOCK


class VfsLfs2:
    """Named as what a board has. folder: of the PC; room: bytes of the whole file system, a multiple of 4096;
    block_ms: how long a block takes to be written."""

    def __init__(self, folder, room, block_ms=0):
        self._real = vfs.VfsPosix(folder)
        # With a folder of its own, VfsPosix.rename() loses the first of its two paths
        self._folder, self._rename = folder, vfs.VfsPosix().rename
        self._here = "/"
        self._blocks = room // _BLOCK
        self._block_ms = block_ms
        self._written = 0  # bytes since the last block was written
        self._used = 0

    def mount(self, readonly, mkfs):
        if mkfs:
            raise OSError(1)

    def umount(self):
        pass

    def _path(self, path):
        # Absolute, without "." and ".."
        if path[:1] != "/":
            path = self._here + "/" + path
        parts = []
        for part in path.split("/"):
            if part == "..":
                if parts:
                    parts.pop()
            elif part and part != ".":
                if len(part.encode()) > 255:
                    raise OSError(_ENAMETOOLONG)
                parts.append(part)
        return "/" + "/".join(parts)

    def chdir(self, path):
        path = self._path(path)
        if not self._real.stat(path)[0] & _DIRECTORY:
            raise OSError(_ENOENT)
        self._here = path

    def getcwd(self):
        return self._here

    def stat(self, path):
        found = self._real.stat(self._path(path))
        if found[0] & 0xF000 == _DIRECTORY:
            return (_DIRECTORY, 0, 0, 0, 0, 0, 0, 0, 0, 0)
        return (_FILE, 0, 0, 0, 0, 0, found[6], found[8], found[8], found[8])

    def ilistdir(self, path):
        path = self._path(path)
        found = []
        names = [entry[0] for entry in self._real.ilistdir(path)]
        names.sort()
        for name in names:
            entry = self.stat(path + "/" + name)
            found.append((name, entry[0], 0, entry[6]))
        return iter(found)

    def statvfs(self, path):
        self.count()
        free = max(0, self._blocks - self._used)
        return (_BLOCK, _BLOCK, self._blocks, free, free, 0, 0, 0, 0, 255)

    def count(self):
        """Counts the blocks in use: whoever uses the PC may have put a file there."""
        self._used = self._count("/")

    def _count(self, path):
        used = 2  # a directory is a pair of blocks
        for entry in self._real.ilistdir(path):
            inside = path + "/" + entry[0]
            if entry[1] == _DIRECTORY:
                used += self._count(inside)
            else:
                used += _blocks(self._real.stat(inside)[6])
        return used

    def take(self, count):
        """count more blocks; OSError(28) when there are not so many."""
        if count > 0 and self._used + count > self._blocks:
            raise OSError(_ENOSPC)
        self._used += count

    def spend(self, size):
        """The time that size more bytes take."""
        self._written += size
        if self._block_ms:
            time.sleep_ms(self._written // _BLOCK * self._block_ms)
        self._written %= _BLOCK

    def open(self, path, mode):
        path = self._path(path)
        if "w" not in mode and "a" not in mode and "+" not in mode and "x" not in mode:
            file = self._real.open(path, mode)
            if self._real.stat(path)[0] & _DIRECTORY:
                file.close()
                raise OSError(_EISDIR)
            return file
        self.count()
        size = 0
        try:
            size = self._real.stat(path)[6]
            if "x" in mode:
                raise OSError(_EEXIST)
        except OSError as error:
            if error.errno != _ENOENT:
                raise
            self.take(0 if self._used < self._blocks else 1)
        if "w" in mode:
            self.take(-_blocks(size))
            size = 0
        return File(self, self._real.open(path, mode), mode, size)

    def mkdir(self, path):
        self.count()
        self.take(2)
        self._real.mkdir(self._path(path))

    def remove(self, path):
        path = self._path(path)
        if self._real.stat(path)[0] & _DIRECTORY:
            self._real.rmdir(path)
        else:
            self._real.remove(path)

    def rmdir(self, path):
        if self._path(path) == "/":
            raise OSError(_EINVAL)
        self.remove(path)

    def rename(self, old, new):
        self._rename(self._folder + self._path(old), self._folder + self._path(new))


class File(io.IOBase):
    """A file that is being written, and grows block by block."""

    def __init__(self, files, real, mode, size):
        self._files, self._real, self._size = files, real, size
        self._append = "a" in mode

    def write(self, data, *count):
        if isinstance(data, str):
            data = data.encode()
        data = memoryview(data)
        if count:
            data = data[: count[0]]
        end = (self._size if self._append else self._real.tell()) + len(data)
        if end > self._size:
            self._files.take(_blocks(end) - _blocks(self._size))
            self._size = end
        self._files.spend(len(data))
        return self._real.write(data)

    def read(self, *count):
        return self._real.read(*count)

    def readinto(self, *arguments):
        return self._real.readinto(*arguments)

    def readline(self, *count):
        return self._real.readline(*count)

    def readlines(self):
        return self._real.readlines()

    def seek(self, *place):
        return self._real.seek(*place)

    def tell(self):
        return self._real.tell()

    def flush(self):
        self._real.flush()

    def close(self):
        self._real.close()

    def ioctl(self, request, argument):
        if request == 4:
            self.close()
        return 0

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        self.close()

    def __iter__(self):
        return self

    def __next__(self):
        line = self._real.readline()
        if not line:
            raise StopIteration
        return line
