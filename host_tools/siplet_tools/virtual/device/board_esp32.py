# The module `esp32` of the virtual board: numbers kept without a file system, the chip's temperature. Imports
# board_channel. docs.micropython.org, library/esp32.

import board_channel as _channel

_ESP_ERR_NVS_NOT_FOUND, _TYPE = -0x1102, -0x1103
_kept = {}  # {"space key": value as text}


class NVS:
    """A name space of what is kept: small numbers and bytes."""

    def __init__(self, space):
        self._space = space

    def _find(self, key, kind):
        value = _kept.get(f"{self._space} {key}")
        if value is None or value[0] != kind:
            raise OSError(_ESP_ERR_NVS_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        return value[1:]

    def _set(self, key, value):
        if not 0 < len(key) < 16 or " " in key:
            raise OSError(-0x1109, "ESP_ERR_NVS_KEY_TOO_LONG")
        _kept[f"{self._space} {key}"] = value

    def set_i32(self, key, value):
        self._set(key, "i" + str(value))

    def get_i32(self, key):
        return int(self._find(key, "i"))

    def set_blob(self, key, value):
        self._set(key, "b" + bytes(value).hex())

    def get_blob(self, key, buffer):
        value = bytes.fromhex(self._find(key, "b"))
        if len(buffer) < len(value):
            raise OSError(-0x110C, "ESP_ERR_NVS_INVALID_LENGTH")
        buffer[: len(value)] = value
        return len(value)

    def erase_key(self, key):
        if _kept.pop(f"{self._space} {key}", None) is None:
            raise OSError(_ESP_ERR_NVS_NOT_FOUND, "ESP_ERR_NVS_NOT_FOUND")
        _channel.tell(f"nvs {self._space} {key}")

    def commit(self):
        start = self._space + " "
        for name, value in _kept.items():
            if name.startswith(start):
                _channel.tell(f"nvs {name} {value}")


def mcu_temperature():
    return 41


def raw_temperature():
    return 106


def wake_on_ext0(*pin, **names):
    pass


def wake_on_ext1(*pins, **names):
    pass


def set_up(options):
    _kept.update(options["nvs"])
