# Many files onto a board in one go, at the speed of its line. Imports errors and link's BoardError.
#
# One script receives all of them, so that a file costs its bytes and little else. What goes over the line:
#
#     host  -> board   5 letters: the size of a frame as 4 hexadecimal digits and its kind, then the frame
#                      n: a file's name; z: 4 KB of it, deflated; r: 4 KB as they are; e: its end; q: the end of all
#     board -> host    one ACK for each 128 bytes taken, and the SHA-256 of each file as it was read back from its flash
#
# The host is 256 bytes ahead at most: a UART of an ESP32 holds 260 while the flash is written. Byte 3, which interrupts
# a program, never goes out as it is, so that Ctrl-C ends an upload that the host has left. Every file is written beside
# its name, as NAME.new: put_in_place() renames them all once everything is there.

import zlib

from siplet_tools.board.link import BoardError, talks_on

_PIECE = 128  # bytes for which the board sends one ACK
_AHEAD = 2  # pieces that may be on their way
_BLOCK = 4096
_BITS = 12  # the board's deflate keeps 2 ** 12 bytes of what it made
_ACK = 6
_ERROR = 4096  # bytes of a traceback, at most
_ESCAPES = ((b"\xdb", b"\xdb\xdc"), (b"\x03", b"\xdb\xdd"))

_RECEIVE = """
def _():
    import os, sys, io, hashlib
    from binascii import hexlify
    try:
        from deflate import DeflateIO, RAW
    except ImportError:
        DeflateIO = None
    buffer = bytearray(%d)
    view = memoryview(buffer)
    read = sys.stdin.buffer.readinto
    write = sys.stdout.write
    state = [0]
    def take(size):
        got = 0
        while got < size:
            n = read(view[got:min(size, got + %d - state[0])])
            if not n:
                raise OSError(5)
            got += n
            state[0] += n
            if state[0] == %d:
                state[0] = 0
                write('\\x06')
        return bytes(view[:size])
    file = path = None
    while 1:
        head = take(5)
        kind = head[4:]
        data = take(int(head[:4], 16)).replace(b'\\xdb\\xdd', b'\\x03').replace(b'\\xdb\\xdc', b'\\xdb')
        if kind == b'q':
            break
        if kind == b'n':
            path = data.decode() + '.new'
            place = ''
            for part in path.split('/')[1:-1]:
                place += '/' + part
                try:
                    os.mkdir(place)
                except OSError:
                    pass
            file = open(path, 'wb')
        elif kind == b'e':
            file.close()
            hash = hashlib.sha256()
            with open(path, 'rb') as file:
                while 1:
                    n = file.readinto(buffer)
                    if not n:
                        break
                    hash.update(view[:n])
            write(hexlify(hash.digest()).decode() + '\\n')
        else:
            if kind == b'z':
                data = DeflateIO(io.BytesIO(data), RAW, %d).read()
            file.write(data)
            data = None
try:
    _()
except Exception:
    # What is on its way must not reach the REPL as a program
    import sys, select
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)
    while poll.poll(200):
        sys.stdin.buffer.read(1)
    raise
""" % (_BLOCK + 512, _PIECE, _PIECE, _BITS)

_CAN_INFLATE = "try:\n from deflate import RAW\n print(1)\nexcept ImportError:\n print(0)"

# Renames in one go. The manifest, last in the list, says that all before it is whole.
_COMMIT = """
def _(paths, gone):
    import os
    sync = getattr(os, 'sync', lambda: None)
    sync()
    for path in gone:
        try:
            os.rmdir(path[:-1]) if path[-1] == '/' else os.remove(path)
        except OSError:
            pass
    for path in paths:
        os.rename(path + '.new', path)
    sync()
"""


def _frame(kind, data=b""):
    for plain, escaped in _ESCAPES:
        data = data.replace(plain, escaped)
    return b"%04x" % len(data) + kind + data


def frames(path, data, deflate):
    """The frames of one file, bytes."""
    yield _frame(b"n", path.encode())
    for i in range(0, len(data), _BLOCK):
        block = data[i : i + _BLOCK]
        if deflate:
            packer = zlib.compressobj(9, zlib.DEFLATED, -_BITS, 9)
            packed = packer.compress(block) + packer.flush()
            frame = _frame(b"z", packed)
            if len(frame) < len(block) - len(block) // 16:
                yield frame
                continue
        # Blocks of bytes that all have to be escaped would not fit the board's buffer
        for j in range(0, len(block), _BLOCK // 2):
            yield _frame(b"r", block[j : j + _BLOCK // 2])
    yield _frame(b"e")


def upload(link, files, progress=None):
    """Writes files, {path: bytes}, as path.new each; returns {path: SHA-256 of what the board's flash has, hex}.

    progress(done, total): bytes of the line, with everything compressed as it goes out. ToolError when the line breaks,
    BoardError when the board cannot write: OSError 28 means that its file system is full.
    """
    if not files:
        return {}
    deflate = link.run(_CAN_INFLATE).strip() == b"1"
    wire = b"".join(b"".join(frames(path, data, deflate)) for path, data in files.items()) + _frame(b"q")
    with link._told():
        link.transport.exec_raw_no_follow(_RECEIVE)
        told, error = _send(link, wire, _ERROR + 65 * len(files), progress)
    if error:
        raise BoardError(link.port, error.decode("utf-8", "replace"))
    return dict(zip(files, told.decode("ascii", "replace").split()))


def _send(link, wire, most, progress):
    # The bytes, with as many ahead as the board may have; what the script printed besides its ACKs, and its error: most
    # bytes, for a board that starts again and again prints for ever
    serial = link.transport.serial
    sent = acked = 0
    told = b""
    while told.count(b"\x04") < 2:
        while sent < len(wire) and sent < acked + _AHEAD * _PIECE and b"\x04" not in told:
            sent += serial.write(wire[sent : acked + _AHEAD * _PIECE])
        came = serial.read(1)  # no more, because mpremote waits for the prompt after it
        if not came:
            raise OSError("the board takes nothing more")
        acked += _PIECE * came.count(_ACK)
        told += came.replace(bytes((_ACK,)), b"")
        if len(told) > most:
            raise talks_on(link.port)
        if progress:
            progress(min(acked, len(wire)), len(wire))
    if progress:
        progress(len(wire), len(wire))
    printed, error, _ = told.split(b"\x04", 2)
    return printed, error


def put_in_place(link, paths, gone=()):
    """Renames path.new to path for all paths, in their order, after what is in gone is removed: files, folders with a
    slash at the end."""
    fresh = {path + ".new" for path in paths}  # left-overs of the same names have been written over
    gone = [path for path in gone if path not in fresh]
    link.run(_COMMIT + f"_({list(paths)!r}, {gone!r})\ndel _", timeout_s=60)
