# What runs on the board when it is not MicroPython: the ROM that finds nothing to start, and the ROM's loader.
# Both have a Child's form, so the supervisor need not know. Imports loader.

from siplet_tools.virtual import loader

_AGAIN_S = 0.35  # the watchdog ends a start that leads nowhere


class Firmware:
    """filenos(), due(now), feed(data), turn(now, room) and kill(), as child.Child has them; never soft-reset."""

    ended = full = False

    def filenos(self):
        return []

    def kill(self):
        return b""


class BootLoop(Firmware):
    """Prints text again and again; esptool's knocking brings it into the loader, as the button BOOT would.

    unread: what it knocked with.
    """

    def __init__(self, text):
        self._text = text
        self._next = 0.0
        self.unread = b""

    def due(self, now):
        return self._next

    def feed(self, data):
        self.unread = (self.unread + data)[-1024:]

    def turn(self, now, room=4096):
        if loader.knocks(self.unread):
            return b"", ["bootloader"]
        if now < self._next:
            return b"", []
        self._next = now + _AGAIN_S
        return self._text, []


class Download(Firmware):
    """The ROM's loader, and esptool's stub in its place. unread: bytes for it that have come already."""

    def __init__(self, chip, flash, mac, unread=b""):
        self._loader = loader.Loader(chip, flash, mac)
        self._out = self._loader.greeting
        self.feed(unread)

    @property
    def baud(self):
        """Bits a second that the host asked for."""
        return self._loader.baud

    def due(self, now):
        return now if self._out else now + 0.25

    def feed(self, data):
        self._out += self._loader.feed(data)

    def turn(self, now, room=4096):
        sent, self._out = self._out[:room], self._out[room:]
        return sent, ["left"] if self._loader.left and not self._out else []
