# An ESP32 as a station of a Wi-Fi network. May import network, machine, siplet's platform, ticks and errors. Needed
# while a board starts, and dropped then: what happens to a network later is the driver's, which joins it again.

import machine
import network
from siplet import platform
from siplet.errors import LocalError
from siplet.ticks import ticks_diff

_LIMIT_MS = 20000  # DHCP of a slow router included
# The driver tells its last reason, which may be one of long ago, until it has an address: a reason counts from here on
_SETTLED_MS = 4000
_TRIES = 2  # after the first, within that time; the first one often fails beside a busy access point
_MOST = 20  # networks of a scan
# The driver's reasons (esp_wifi_types.h, wifi_err_reason_t) that a user can do something about
_NOT_THERE = (201, 212)  # no such network; too weak
_REFUSED = (15, 202, 204)  # four-way handshake timeout, authentication failed, handshake timeout
_OTHER_SECURITY = (210, 211)  # no network of that name takes what we offer: it wants a password, or a newer one


class Station:
    """hostname: "" for siplet- and the end of the chip's address; country: two letters, or ""."""

    def __init__(self, hostname="", country=""):
        self.hostname = hostname or "siplet-" + machine.unique_id()[-3:].hex()
        try:
            if country:
                network.country(country)
        except ValueError as error:
            raise LocalError(f"wifi.country_code: {country} is none ({error})")
        network.hostname(self.hostname)  # DHCP tells it, so it comes before the interface is up
        self._wlan = network.WLAN(network.WLAN.IF_STA)
        self._wlan.active(True)
        self._wlan.config(pm=network.WLAN.PM_NONE)  # modem sleep would delay sound by 100 ms and more

    @property
    def address(self):
        """Our address, str; "" without a network."""
        return self._wlan.ifconfig()[0] if self._wlan.isconnected() else ""

    async def connect(self, name, password, limit_ms=_LIMIT_MS):
        """Joins that network, unless it has; LocalError, one line for the user, when it cannot within limit_ms."""
        wlan = self._wlan
        if wlan.isconnected():
            if wlan.config("ssid") == name:
                return
            wlan.disconnect()
        done = False
        try:
            # With endless tries, its default, the driver never tells why it does not succeed
            wlan.config(reconnects=_TRIES)
            wlan.connect(name, password or None)
            begun = platform.now()
            while not wlan.isconnected():
                await platform.sleep_ms(100)
                gone = ticks_diff(platform.now(), begun)
                status = wlan.status()
                trying = status in (network.STAT_CONNECTING, network.STAT_IDLE, network.STAT_GOT_IP)
                if gone >= limit_ms:
                    raise LocalError(f"wifi.network: {name} gives no address within {limit_ms // 1000} s")
                if not trying and gone >= _SETTLED_MS and not self._has_joined():
                    raise LocalError(_explain(name, status))
            wlan.config(reconnects=-1)
            done = True
        except (OSError, ValueError) as error:
            raise LocalError(f"wifi.network: {name} cannot be joined ({error})")
        finally:
            if not done:
                self.disconnect()

    def _has_joined(self):
        try:
            self._wlan.status("rssi")
        except OSError:
            return False
        return True

    def disconnect(self):
        """Leaves the network, and ends a try to join one."""
        try:
            self._wlan.disconnect()
        except OSError:  # it was not even started
            pass

    def scan(self):
        """[(name, signal in dBm, whether it wants a password), ...] of the networks in reach, the strongest first.

        Blocks for about two seconds. OSError when the driver cannot: while it joins a network.
        """
        found = {}
        for row in self._wlan.scan():
            try:
                name = row[0].decode()
            except UnicodeError:
                continue
            if name and (name not in found or found[name][1] < row[3]):
                found[name] = name, row[3], row[4] != network.WLAN.SEC_OPEN
        return sorted(found.values(), key=lambda one: -one[1])[:_MOST]


def _explain(name, status):
    # Names of networks are the user's own words here; a stranger's never come into such a line
    if status in _NOT_THERE:
        return f"wifi.network: no network {name} in reach (2.4 GHz alone can be)"
    if status in _REFUSED:
        return f"wifi.password: {name} does not take it"
    if status in _OTHER_SECURITY:
        return f"wifi.password: {name} wants one, or another kind of security"
    return f"wifi.network: {name} cannot be joined (reason {status})"
