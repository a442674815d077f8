# What stands around the board's processor and outlives its resets: levels of pins, the air, the room's sound, the
# clock. Pure but for the time of day. Imports chips.
#
# Lines that device/ tells: "up" before boot.py, "done" after main.py, "pin N LEVEL|-", "wifi joined NAME", "wifi left",
# "i2s ID hears|plays RATE" or "i2s ID off", "clock SECONDS", "nvs SPACE KEY [VALUE]". Lines that it understands: "world
# press|release N", "world drive N LEVEL|-", "air on|off|rssi N", "sound ..." (device/board_i2s.py).

import time

_EPOCH_2000 = 946684800


class Parts:
    """levels: {pin: level} of the board's outputs; joined: the Wi-Fi network that it is in, or ""; buses: {id: (what it
    does, rate)} of the I2S buses that are open; idle: boot.py and main.py are done, the REPL is there.
    """

    def __init__(self, settings):
        self._settings = settings
        self.idle = False
        self.levels = {}
        self.joined = ""
        self.buses = {}
        self.air = True
        self.rssi = -55
        self.room, self.ear = [], []  # lines that say what there is to hear, and where what is heard goes
        self.walls = []  # how much of what is said comes back
        self.played_rate = 48000
        self._held = {}  # {pin: line} of what the world does to inputs
        self._nvs = {}
        self.clock = None

    def reset(self, hard):
        """The processor begins anew."""
        self.idle = False
        if hard:
            self.levels.clear()
        self.buses.clear()
        if hard:
            self.joined = ""

    def power_off(self):
        """Without power the clock stands."""
        self.clock = None

    def options(self):
        """What device/board_start.py has to know, a dict for JSON."""
        settings, kind = self._settings, self._settings.kind
        if self.clock is None:
            self.clock = _EPOCH_2000 - int(time.time())
        return {
            "files": settings.files,
            "folder": settings.folder,
            "romfs": settings.romfs,
            "room": settings.room,
            "flash_ms": settings.flash_ms or 0,
            "chip": kind.name,
            "platform": "esp32",
            "machine": kind.machine,
            "build": kind.build,
            "release": settings.release,
            "date": settings.date,
            "mac": settings.mac,
            "pins": len(kind.pins),
            "buses": kind.buses,
            "frequency": kind.frequency,
            "flash_size": settings.flash_size,
            "address": settings.address,
            "networks": settings.networks,
            "air": self.air,
            "rssi": self.rssi,
            "joined": self.joined,
            "clock": self.clock,
            "nvs": self._nvs,
            "sound": self.room + self.ear + self.walls,
            "levels": list(self.levels.items()),
            "held": list(self._held.values()),
        }

    def hear(self, line):
        """A line that the device's side told. Unknown ones are passed over."""
        word, _, rest = line.partition(" ")
        words = rest.split(" ")
        if word == "pin" and words[1] == "-":
            self.levels.pop(int(words[0]), None)
        elif word == "pin":
            self.levels[int(words[0])] = int(words[1])
        elif word == "wifi":
            self.joined = rest[7:] if words[0] == "joined" else ""
        elif word == "i2s" and words[1] == "off":
            self.buses.pop(int(words[0]), None)
        elif word == "i2s":
            self.buses[int(words[0])] = (words[1], int(words[2]))
            if words[1] == "plays":
                self.played_rate = int(words[2])
        elif word == "done":
            self.idle = True
        elif word == "clock":
            self.clock = int(rest)
        elif word == "nvs":
            key = " ".join(words[:2])
            if len(words) > 2:
                self._nvs[key] = " ".join(words[2:])
            else:
                self._nvs.pop(key, None)

    def hold(self, pin, line):
        """line is what the world does to that pin from now on; None: nothing."""
        self._held.pop(pin, None)
        if line:
            self._held[pin] = line
