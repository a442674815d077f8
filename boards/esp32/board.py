# An ESP32 with Wi-Fi: an I2S microphone and amplifier, a bell button, a relay and a lamp, on the pins that board.* of
# the configuration names. boards/esp32s3 and boards/esp32c3 take this same file. May import siplet's audio, log and
# platform, station beside it, and machine.

import asyncio
import sys

import machine
from siplet import platform
from siplet.errors import LocalError
from siplet.log import log
from siplet.ticks import ticks_add, ticks_diff

_DEBOUNCE_MS = 30  # contacts have settled by then; what is shorter is interference
_ONE_BUS = ("ESP32C2", "ESP32C3", "ESP32C5", "ESP32C6", "ESP32H2", "ESP32S2")  # these have one I2S bus


class Board:
    """config: the flat dict of siplet.config. Relay and lamp are off from here on; the rest begins with start().

    LocalError that names the key when a pin cannot be what it is to be.
    """

    log = staticmethod(log)

    def __init__(self, config):
        self._relay = Switch("relay", config["board.relay_pin"], config["board.relay_active_low"])
        self._led = Switch("led", config["board.led_pin"], config["board.led_active_low"])
        self._buttons = {}
        if config["board.bell_pin"] >= 0:
            self._buttons["bell"] = Button("bell", config["board.bell_pin"])
        self._address = config["sip.local_address"]
        self._config = config  # until start(), for what is in it then leaves the heap
        self._sound = (
            _part("board.microphone_pins", config, "board.microphone_32_bits"),
            _part("board.speaker_pins", config, "board.speaker_32_bits"),
            16000 if config["board.bus_at_16_khz"] else 48000,
        )
        if self._sound[0]:
            self._sound[0]["right"] = config["board.microphone_right"]
            self._sound[0]["gain"] = config["board.microphone_gain"]

    @staticmethod
    def station(hostname="", country=""):
        """The Wi-Fi (station.py): connect, scan, address."""
        from station import Station

        return Station(hostname, country)

    async def start(self):
        """Joins the Wi-Fi and returns when it has given an address; LocalError, one line for the user, when it does
        not. Later outages the driver mends by itself."""
        config = self._config
        station = self.station(config["wifi.hostname"], config["wifi.country_code"])
        await station.connect(config["wifi.network"], config["wifi.password"])
        self._address = config["sip.local_address"] or station.address
        log(f"wifi {config['wifi.network']}, address {station.address}, {station.hostname}")
        self._config = {}

    def network(self):
        """Our address in the network, str; "" before start()."""
        return self._address

    def audio(self, kind=None):
        """A new audio object (siplet/audio/null.py): microphone and amplifier, silence without any, or "loop", an echo.

        LocalError with a line for the user when this chip cannot have both.
        """
        if kind == "loop":
            from siplet.audio.loop import Loop

            return Loop()
        microphone, speaker, rate = self._sound
        if not microphone and not speaker:
            from siplet.audio.null import Null

            return Null()
        if microphone and speaker:
            chip = getattr(sys.implementation, "_machine", "").upper().replace("-", "")
            if any(name in chip for name in _ONE_BUS):
                raise LocalError("this chip has one I2S bus: board.microphone_pins or board.speaker_pins, not both")
            speaker["id"] = 1
        from siplet.audio.i2s import I2S

        return I2S(microphone, speaker, rate)

    def button(self, name="bell"):
        """The Button of that name; one without a pin is never pressed, and says so once."""
        if name not in self._buttons:
            self._buttons[name] = Button(name, -1)
        return self._buttons[name]

    def relay(self):
        """The door's relay: on(), off(), value."""
        return self._relay

    def led(self):
        """A lamp: on(), off(), value."""
        return self._led


class Button:
    """A contact between its pin and ground."""

    def __init__(self, name, number):
        self._name = name
        self._flag = asyncio.ThreadSafeFlag()
        if number < 0:
            log(f"board.{name}_pin: is not set, so nobody can press {name}")
            return
        self._contact = _pin(f"board.{name}_pin", number, machine.Pin.IN, machine.Pin.PULL_UP)
        self._contact.irq(self._fallen, machine.Pin.IRQ_FALLING)

    def _fallen(self, _pin):
        self._flag.set()

    async def pressed(self, timeout_ms=None):
        """Waits for the next press; False when the time is over first. What is pressed while nobody waits is lost."""
        until = None if timeout_ms is None else ticks_add(platform.now(), timeout_ms)
        self._flag.clear()
        while True:
            if until is None:
                await self._flag.wait()
            else:
                try:
                    await platform.within(self._flag.wait(), max(0, ticks_diff(until, platform.now())))
                except asyncio.TimeoutError:
                    return False
            # Contacts bounce when they open as well: a press is what is still closed after a while
            await platform.sleep_ms(_DEBOUNCE_MS)
            if not self._contact.value():
                log("pressed " + self._name)
                return True


class Switch:
    """Something that is on or off, and says so; without a pin it only says so."""

    def __init__(self, name, number, active_low):
        self._name = name
        self._inverted = active_low
        self.value = False
        self._pin = None
        if number >= 0:
            self._pin = _pin(f"board.{name}_pin", number, machine.Pin.OUT, value=int(active_low))

    def on(self):
        self._set(True)

    def off(self):
        self._set(False)

    def _set(self, value):
        if value != self.value:
            self.value = value
            if self._pin:
                self._pin.value(int(value != self._inverted))
            log(self._name + (" on" if value else " off"))


def _pin(key, number, *form, **value):
    """machine.Pin; LocalError with the key when the chip has no such pin, or it cannot be that."""
    try:
        return machine.Pin(number, *form, **value)
    except ValueError as error:
        raise LocalError(f"{key}: pin {number} cannot be that ({error})")


def _part(key, config, wide):
    """What siplet.audio.i2s has to know of a part; None when it has no pins."""
    if not config[key]:
        return None
    part = {}
    part["id"] = 0
    part["bits"] = 32 if config[wide] else 16
    for name, number in zip(("sck", "ws", "sd", "mck"), config[key]):
        part[name] = _pin(key, number)
    return part
