# The trace of a phone's SIP messages: a file that grows, or the console. Loaded when one is asked for. May import
# platform, errors, trace_rtp.

import sys

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


class _Console:
    """Standard output as a file of bytes. A board's has no flush(); CPython keeps printed text apart until then."""

    def write(self, data):
        if hasattr(sys.stdout, "flush"):
            sys.stdout.flush()
        sys.stdout.buffer.write(data)

    def flush(self):
        if hasattr(sys.stdout.buffer, "flush"):
            sys.stdout.buffer.flush()


class Trace:
    """Phone's trace function that writes a file: host tools draw a ladder of it while it grows.

    path: "console" for standard output, where a record stands between the lines of the log; siplet monitor reads both.
    "console headers" and "console whole" tell of RTP, too (siplet.trace_rtp).
    A record is a line ">>> TICKS HOST:PORT LEN" (sent) or "<<< ..." (received), then LEN raw bytes and a newline; TICKS
    are ms that wrap at 2**30. Keys of SRTP are written as stars. LocalError when the file cannot be written; a disk
    that fails later harms nobody.
    """

    def __init__(self, path):
        path, _, kept = path.partition(" ") if path[:8] == "console " else (path, "", "")
        if kept:
            if kept not in ("headers", "whole"):
                raise LocalError("must be console, console headers, console whole or a file")
            from siplet.trace_rtp import install

            install(self, kept == "whole")
        try:
            self._file = _Console() if path == "console" else open(path, "wb")
        except OSError:
            raise LocalError(path + ": cannot be written")

    def __call__(self, sent, data, address):
        data = _masked(bytes(data))
        self.record(">>>" if sent else "<<<", data, address, str(len(data)))

    def record(self, mark, data, address, sizes):
        """One record: what stands at its beginning, its bytes, the far end, what stands at the end of its line."""
        host, port = address
        if ":" in host:
            host = f"[{host}]"
        try:
            self._file.write(f"{mark} {now()} {host}:{port} {sizes}\n".encode())
            self._file.write(data)
            self._file.write(b"\n")
            self._file.flush()
        except OSError:
            pass
