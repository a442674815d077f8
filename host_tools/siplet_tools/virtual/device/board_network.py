# The module `network` of the virtual board, of the ESP32 port's form: a station in a simulated room, an access point
# that nobody joins. Imports board_air. docs.micropython.org, library/network.WLAN.

import time as _time

from board_air import air as _air
from board_air import station as _station

STA_IF, AP_IF = 0, 1
STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
STAT_BEACON_TIMEOUT, STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD = 200, 201, 202
STAT_ASSOC_FAIL, STAT_HANDSHAKE_TIMEOUT = 203, 204
STAT_NO_AP_FOUND_IN_RSSI_THRESHOLD, STAT_NO_AP_FOUND_IN_AUTHMODE_THRESHOLD = 212, 211
STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY = 210
MODE_11B, MODE_11G, MODE_11N, MODE_LR = 1, 2, 4, 8
AUTH_OPEN, AUTH_WEP, AUTH_WPA_PSK, AUTH_WPA2_PSK, AUTH_WPA_WPA2_PSK = 0, 1, 2, 3, 4
AUTH_WPA2_ENTERPRISE, AUTH_WPA3_PSK, AUTH_WPA2_WPA3_PSK = 5, 6, 7
_LEFT = 8  # the driver's reason after disconnect()
_NOT_STARTED, _WRONG_STATE = 0x3002, 0x3006
_SCAN_MS = 300
_NOWHERE = "0.0.0.0"
_hostname = "mpy-esp32"
_country = "XX"


_point = {"active": False, "ssid": "", "authmode": 0, "channel": 1, "hidden": False, "max_clients": 4}


class WLAN:
    """WLAN(IF_STA) or WLAN(IF_AP)."""

    IF_STA, IF_AP = 0, 1
    SEC_OPEN, SEC_WEP, SEC_WPA, SEC_WPA2, SEC_WPA_WPA2, SEC_WPA2_ENT, SEC_WPA3, SEC_WPA2_WPA3 = 0, 1, 2, 3, 4, 5, 6, 7
    PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 2
    PROTOCOL_DEFAULT, PROTOCOL_LR = 7, 8

    def __new__(cls, id=0):
        if id not in (0, 1):
            raise ValueError("invalid WLAN interface identifier")
        if _both[id] is None:
            _both[id] = object.__new__(cls)
            _both[id]._id = id
            _both[id]._set = {"pm": 1, "txpower": 20.0, "channel": 1, "protocol": 7, "bandwidth": 2}
        return _both[id]

    def __init__(self, id=0):
        pass

    def active(self, *on):
        if self._id:
            if on:
                _point["active"] = bool(on[0])
            return _point["active"]
        if on and bool(on[0]) != _station.active:
            _station.active = bool(on[0])
            if not on[0]:
                _station.wanted = None
                _station.drop()
        return _station.active

    def connect(self, ssid=None, key=None, *, bssid=None):
        if not _station.active:
            raise OSError("Wifi Not Started", _NOT_STARTED)
        _station.look()
        if _station.joining():
            raise OSError("Wifi Internal State Error", _WRONG_STATE)
        if ssid is None and _station.wanted:
            _station.start(*_station.wanted)
        else:
            _station.start(_text(ssid or ""), _text(key or ""))

    def disconnect(self):
        if not _station.active:
            raise OSError("Wifi Not Started", _NOT_STARTED)
        _station.drop()
        _station.wanted = None
        _station.reason = _LEFT

    def isconnected(self):
        if self._id:
            return False
        _station.look()
        return _station.connected

    def status(self, *what):
        if what == ("rssi",):
            if self._id:
                raise OSError("STA required")
            _station.look()
            if not _station.connected:
                raise OSError("Wifi Not Connected", 0x300F)
            return _air.rssi
        if what == ("stations",):
            if not self._id:
                raise OSError("AP required")
            return []
        if what:
            raise ValueError("unknown status param")
        if self._id:
            return None
        _station.look()
        if _station.connected:
            return STAT_GOT_IP
        if _station.reason in (201, 202, 210, 211, 212):
            return _station.reason
        if _station.reason == _LEFT and not _station.wanted:
            return STAT_IDLE
        if _station.wanted and (not _station.reconnects or _station.tries < _station.reconnects):
            return STAT_CONNECTING
        return _station.reason or STAT_IDLE

    def scan(self):
        if not _station.active:
            raise OSError("STA must be active")
        _station.look()
        if _station.joining():
            raise OSError("Wifi Internal State Error", _WRONG_STATE)
        _time.sleep_ms(_SCAN_MS)
        found = []
        for i, (name, password, channel) in enumerate(_air.networks if _air.on else ()):
            bssid = b"\x02\x00\x00\x00\x00" + bytes([i + 1])
            found.append((name.encode(), bssid, channel, _air.rssi - 7 * i, 3 if password else 0, False))
        return found

    def config(self, *what, **values):
        if what and values:
            raise TypeError("either pos or kw args are allowed")
        for name, value in values.items():
            self._configure(name, value)
        if values:
            return None
        if len(what) != 1:
            raise TypeError("can query only one param")
        return self._ask(what[0])

    def _configure(self, name, value):
        name = {"essid": "ssid", "security": "authmode", "password": "key", "dhcp_hostname": "hostname"}.get(name, name)
        if name in ("ssid", "hidden", "authmode", "key", "max_clients"):
            if not self._id:
                raise OSError("AP required")
            if name != "key":
                _point[name] = value
        elif name == "reconnects":
            if self._id:
                raise OSError("STA required")
            _station.reconnects = 0 if value == -1 else value + 1
        elif name == "hostname":
            hostname(value)
        elif name in ("pm", "txpower", "channel", "protocol", "bandwidth"):
            self._set[name] = value
        elif name != "mac":
            raise ValueError("unknown config param")

    def _ask(self, name):
        if name == "mac":
            mac = bytearray(_mac)
            mac[5] = mac[5] + self._id & 255
            return bytes(mac)
        if name in ("ssid", "essid"):
            return _point["ssid"] if self._id else _station.wanted[0] if _station.wanted else ""
        if name in ("hostname", "dhcp_hostname"):
            return _hostname
        if name == "reconnects":
            return _station.reconnects - 1
        if name in ("security", "authmode", "hidden", "max_clients"):
            if not self._id and name != "max_clients":
                raise OSError("AP required")
            return _point[{"security": "authmode"}.get(name, name)]
        if name == "channel" and not self._id and _station.connected:
            return (_air.find(_station.wanted[0]) or (0, 0, 1))[2]
        if name in self._set:
            return self._set[name]
        raise ValueError("unknown config param")

    def ifconfig(self, *new):
        if new:
            if isinstance(new[0], tuple):
                raise OSError("this board's address is simulated, and fixed")
            return None
        if self._id:
            return ("192.168.4.1", "255.255.255.0", "192.168.4.1", _NOWHERE)
        if not self.isconnected():
            return (_NOWHERE, _NOWHERE, _NOWHERE, _NOWHERE)
        return (_address, "255.0.0.0", "127.0.0.1", "127.0.0.1")

    def ipconfig(self, *what, **values):
        if values:
            return None
        address, mask, gateway, _ = self.ifconfig()
        known = {"addr4": (address, mask), "gw4": gateway, "dhcp4": True, "has_dhcp4": self.isconnected()}
        if what[0] not in known:
            raise ValueError("unknown config param")
        return known[what[0]]


_both = [None, None]


def _text(value):
    return value if isinstance(value, str) else bytes(value).decode()


def hostname(*name):
    global _hostname
    if not name:
        return _hostname
    if len(name[0]) > 32:
        raise ValueError()
    _hostname = name[0]
    return None


def country(*code):
    global _country
    if not code:
        return _country
    if len(code[0]) != 2:
        raise ValueError()
    _country = code[0].upper()
    return None


def ipconfig(*what, **values):
    if what == ("dns",):
        return "127.0.0.1"
    return None


def online():
    """Whether packets come and go."""
    _station.look()
    return _station.connected


def own_address():
    return _address


def set_up(options):
    global _address, _mac
    _address = options["address"]
    _mac = bytes.fromhex(options["mac"])
