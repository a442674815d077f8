# How fast bytes pass a serial line: 8N1, so ten bit times each. Pure: the time is an argument. Imports nothing.

_GRAIN = 0.001  # seconds; bytes are delivered in portions of about that


class Pace:
    """One direction of a line. baud: bits a second; None: as fast as can be. Times in seconds."""

    def __init__(self, baud=None):
        self._waiting = bytearray()
        self._since = 0.0  # when the first waiting byte's start bit went out
        self.baud = baud

    def __len__(self):
        """Bytes under way."""
        return len(self._waiting)

    def put(self, data, now):
        """data is given to the sender."""
        if not self._waiting:
            self._since = max(now, self._since)  # the byte before may still be on its way
        self._waiting += data

    def take(self, now):
        """The bytes that have arrived by now."""
        count = len(self._waiting)
        if self.baud:
            # A hair more, so that the time that due() tells is enough
            count = max(0, min(count, int((now - self._since) * self.baud / 10 + 1e-6)))
            self._since += count * 10 / self.baud
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        return data

    def due(self):
        """When to call take() next; None while nothing is under way."""
        if not self._waiting:
            return None
        if not self.baud:
            return self._since
        portion = max(1, int(self.baud * _GRAIN / 10))
        return self._since + min(portion, len(self._waiting)) * 10 / self.baud

    def clear(self):
        """What is under way is lost."""
        self._waiting.clear()
