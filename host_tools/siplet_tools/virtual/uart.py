# What the unix port of MicroPython prints becomes what a board's UART sends. Pure: bytes in, bytes out.
# Imports nothing.
#
# A board ends a printed line with two bytes, has a banner of its own, and comes back in the raw REPL when a soft reset
# was asked for there. What a program writes to sys.stdout.buffer is sent as it is: device/board_console.py marks it.

LITERAL = b"\x1b\x00\xfd"  # before a byte that is meant as it is
RAW = b"raw REPL; CTRL-B to exit\r\n"


class Uart:
    """native: the line that MicroPython's REPL begins with on this PC, bytes; banner: the one to print instead.

    raw: whether the raw REPL is what the board is in. enter_raw: a run that has to come up in the raw REPL;
    wants_raw is True once it is time to type Ctrl-A for that. hidden: how a line of a trace begins that names a place
    in the simulation, where a board has C.
    """

    def __init__(self, native, banner, enter_raw=False, hidden=b"\0hidden"):
        self._native, self._banner, self._hidden = native, banner, hidden
        self._words = (native, RAW, hidden)
        self.raw = enter_raw
        self.entering = enter_raw
        self.wants_raw = False
        self._hushed = False  # between the friendly REPL and the raw one
        self._held = b""  # may be the beginning of something that matters
        self._last = b""

    @property
    def holds(self):
        """Whether something waits for what comes next."""
        return bool(self._held)

    def sent(self, data, more=True):
        """The bytes that go out for these; more: further ones may follow soon."""
        data = self._held + data
        self._held = b""
        out = []
        while True:
            at, word = min((data.find(word) % (1 << 62), word) for word in self._words)
            if at >= len(data):
                break
            end = at + len(word)
            if word == self._hidden:
                end = data.find(b"\n", end) + 1
                if not end:
                    out.append(self._plain(data[:at]))
                    self._held = data[at:] if more else b""
                    return b"".join(out)
            out.append(self._plain(data[:at]))
            data = data[end:]
            self._meet(word, out)
        if more:
            keep = max(_overlap(data, word) for word in (*self._words, LITERAL + b"?"))
            if data.endswith((b">>> ", b"... ")):  # a prompt, and no trace
                keep = 0
            self._held = data[len(data) - keep :]
            data = data[: len(data) - keep]
        out.append(self._plain(data))
        return b"".join(out)

    def _meet(self, word, out):
        if word == RAW:
            self.raw, self.entering, self._hushed = True, False, False
            out.append(RAW)
        elif word == self._hidden:
            return
        elif self.entering:
            self.wants_raw = self._hushed = True
        else:
            self.raw = False
            out.append(self._banner)
        self._last = b"\n"

    def _plain(self, data):
        if self._hushed or not data:
            return b""
        first, *rest = data.split(LITERAL)
        out = [self._lines(first)]
        for piece in rest:
            out.append(piece[:1])
            self._last = piece[:1]
            out.append(self._lines(piece[1:]))
        return b"".join(out)

    def _lines(self, data):
        if not data:
            return b""
        former, self._last = self._last, data[-1:]
        done = data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return done[1:] if former == b"\r" and data[:1] == b"\n" else done


def _overlap(data, word):
    # How many bytes at the end of data may be the beginning of word
    return next((n for n in range(min(len(word) - 1, len(data)), 0, -1) if data.endswith(word[:n])), 0)
