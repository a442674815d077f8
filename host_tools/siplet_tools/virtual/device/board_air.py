# The air around the virtual board: the access points of a simulated room, and the driver of a station in it, with the
# ESP32 port's habits (ports/esp32/network_wlan.c). Imports board_channel.
#
# What happens in the air takes time, but needs nobody to do it: the state follows from when it was asked for.

import time

import board_channel

BEACON_TIMEOUT, NO_AP_FOUND, WRONG_PASSWORD, OTHER_SECURITY = 200, 201, 202, 210  # reasons, esp_wifi_types.h
_TRY_MS = 250  # of a try to join


class Air:
    """The simulated room. networks: [(name, password or "", channel), ...]; on: whether their access points run."""

    def __init__(self):
        self.networks = []
        self.on = True
        self.rssi = -55
        self.since = 0  # when `on` changed

    def find(self, name):
        for network in self.networks:
            if network[0] == name and self.on:
                return network
        return None


air = Air()


class Station:
    """What the driver knows of the station."""

    def __init__(self):
        self.active = False
        self.wanted = None  # (name, password)
        self.connected = False
        self.reason = 0
        self.tries = 0
        self.reconnects = 0  # as the driver keeps it: 0 for ever
        self.next = 0  # when the try that is under way ends

    def look(self):
        """Brings the state up to now."""
        now = time.ticks_ms()
        if self.connected:
            if air.find(self.wanted[0]):
                return
            self.connected = False
            self.reason = BEACON_TIMEOUT
            self.tries = 0
            self.next = time.ticks_add(air.since, _TRY_MS)
            self.tell()
        while self.wanted and self.active and not self.connected and time.ticks_diff(now, self.next) >= 0:
            if self.reconnects and self.tries >= self.reconnects:
                return
            self.tries += 1
            self.next = time.ticks_add(self.next, _TRY_MS)
            self._try()

    def joining(self):
        """Whether a try is under way."""
        if not self.wanted or self.connected or (self.reconnects and self.tries >= self.reconnects):
            return False
        return time.ticks_diff(self.next, time.ticks_ms()) > 0

    def _try(self):
        name, password = self.wanted
        found = air.find(name)
        if not found:
            self.reason = NO_AP_FOUND
        elif found[1] and not password:
            self.reason = OTHER_SECURITY
        elif found[1] != password and found[1]:
            self.reason = WRONG_PASSWORD
        else:
            self.connected = True
            self.reason = 0
            self.tell()

    def tell(self):
        """The world may know whether we are in a network."""
        board_channel.tell("wifi " + (f"joined {self.wanted[0]}" if self.connected else "left"))

    def start(self, name, password):
        """Begins to join a network."""
        self.wanted = name, password
        self.drop()
        self.tries = 0
        self.next = time.ticks_add(time.ticks_ms(), _TRY_MS)

    def drop(self):
        """Is in no network any more."""
        was, self.connected = self.connected, False
        if was:
            self.tell()


station = Station()


def _world(text):
    # "on", "off", "rssi -70" from outside
    word, *value = text.split(" ")
    if word == "rssi":
        air.rssi = int(value[0])
    else:
        air.on = word == "on"
        air.since = time.ticks_ms()


def set_up(options):
    air.networks = options["networks"]
    air.on = options["air"]
    air.rssi = options["rssi"]
    board_channel.on("air", _world)
    if options["joined"]:  # a soft reset does not end Wi-Fi
        station.active = True
        for network in air.networks:
            if network[0] == options["joined"]:
                station.wanted = network[:2]
                station.connected = True
