"""The trace of a phone's SIP messages, a file, read as it grows. Imports the standard library alone.

A trace (configuration key log.sip; firmware/siplet/trace.py writes it) is a file of records: one header line
    >>> TICKS HOST:PORT LEN     sent          <<< TICKS HOST:PORT LEN     received
then LEN raw bytes and a newline; TICKS are milliseconds that wrap at 2**30. It holds secrets.
"""

import os
import re

_HEAD = re.compile(rb"(>>>|<<<) (\d{1,10}) (\S{1,300}) (\d{1,6})$")
_MAX = 65536  # bytes of one message; a larger LEN is damage, not a message
_PIECE = 4096  # bytes that are looked through at once
_LONGEST = 1024  # bytes of a line that may be a record's head


class Record:
    """One traced message: sent (bool), ticks (ms), peer ("host:port"), data (bytes)."""

    def __init__(self, sent, ticks, peer, data):
        self.sent = sent
        self.ticks = ticks
        self.peer = peer
        self.data = data


class Reader:
    """Takes a trace as it comes, in pieces of any size; gives its records; skips what is damaged."""

    def __init__(self):
        self._buffer = b""

    def feed(self, piece):
        """List of the Records that `piece` (bytes) completes."""
        records = []
        for start in range(0, len(piece), _PIECE):
            self._buffer += piece[start : start + _PIECE]
            self._take(records)
        return records

    def _take(self, records):
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if not newline:
                if len(line) > _LONGEST:
                    self._buffer = b" "  # so that the rest of this line is no head, either
                return
            head = _HEAD.match(line)
            if not head or int(head[4]) > _MAX:
                self._buffer = rest
                continue
            size = int(head[4])
            if len(rest) <= size:
                return
            peer = head[3].decode("ascii", "replace")
            records.append(Record(head[1] == b">>>", int(head[2]), peer, rest[:size]))
            self._buffer = rest[size + 1 :] if rest[size : size + 1] == b"\n" else rest[size:]


class Follower:
    """Reads a trace file that grows: `new()` iterates the Records added since the last time (none without a file).

    A file that has become shorter is a new trace: the phone that writes it was started again.
    """

    def __init__(self, path):
        self._path = path
        self._place = 0
        self._reader = Reader()

    def new(self):
        try:
            with open(self._path, "rb") as file:
                if os.fstat(file.fileno()).st_size < self._place:
                    self._place, self._reader = 0, Reader()
                file.seek(self._place)
                while True:
                    piece = file.read(_MAX)
                    if not piece:
                        return
                    self._place += len(piece)
                    yield from self._reader.feed(piece)
        except OSError:
            return
