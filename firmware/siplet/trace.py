# The trace of a phone's SIP messages: a file that grows. Loaded when one is asked for. May import platform, errors.

from siplet.errors import LocalError
from siplet.platform import now


def _masked(data):
    # The same, as long as it was, without the keys of a=crypto lines (RFC 4568)
    low = data.lower()
    i = low.find(b"inline:")
    while i >= 0:
        i = end = i + 7
        while end < len(data) and data[end] > 32 and data[end] not in b"|;":
            end += 1
        data = data[:i] + b"*" * (end - i) + data[end:]
        i = low.find(b"inline:", end)
    return data


class Trace:
    """Phone's trace function that writes a file: host tools draw a ladder of it while it grows.

    A record is a line ">>> TICKS HOST:PORT LEN" (sent) or "<<< ..." (received), then LEN raw bytes and a newline; TICKS
    are ms that wrap at 2**30. Keys of SRTP are written as stars. LocalError when the file cannot be written; a disk
    that fails later harms nobody.
    """

    def __init__(self, path):
        try:
            self._file = open(path, "wb")
        except OSError:
            raise LocalError(path + ": cannot be written")

    def __call__(self, sent, data, address):
        host, port = address
        if ":" in host:
            host = f"[{host}]"
        try:
            self._file.write(f"{'>>>' if sent else '<<<'} {now()} {host}:{port} {len(data)}\n".encode())
            self._file.write(_masked(bytes(data)))
            self._file.write(b"\n")
            self._file.flush()
        except OSError:
            pass
