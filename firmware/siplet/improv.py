# Improv Wi-Fi over a serial line, the device's side (improv-wifi.com/serial, version 1): bytes in, bytes and events
# out. Imports ticks.
#
#     IMPROV 01 type length data checksum      checksum: the sum of all bytes before it
#
# The line is shared with a terminal, and its bytes may be anybody's. What is no frame is not ours, but two bytes:
# Ctrl-C and Ctrl-A outside of a frame mean that a person or mpremote wants the prompt.

from micropython import const

from siplet.ticks import ticks_diff

_HEADER = b"IMPROV\x01"
_STATE = const(1)  # types: the first two and the last go out, commands come in
_ERROR = const(2)
_COMMAND = const(3)
_RESULT = const(4)
READY, PROVISIONING, PROVISIONED = 2, 3, 4  # states
NO_ERROR, INVALID, UNKNOWN, NO_CONNECTION, BAD_HOSTNAME, OTHER = 0, 1, 2, 3, 5, 255
_SETTINGS = const(1)  # commands
_ASK_STATE = const(2)
_ASK_DEVICE = const(3)
_SCAN = const(4)
_HOSTNAME = const(5)
_NAME = const(6)
_PAUSE_MS = 500  # a frame that stops for that long has been given up
_WORDS = "-0123456789abcdefghijklmnopqrstuvwxyz"


class Improv:
    """device: what the client is told about us, texts: firmware, its version, chip, name[, system, its version].

    state: READY or PROVISIONED, set by who knows; urls: where a browser may go once we are provisioned.
    """

    def __init__(self, device):
        self.device = device
        self.state = READY
        self.urls = ()
        self._sent = bytearray()
        self._frame = bytearray()
        self._last = 0

    def receive(self, byte, now):
        """One byte, an int, that came at now (ms). Returns None, or an event, a tuple:

        ("prompt",): Ctrl-C or Ctrl-A outside of a frame. ("wifi", name, password): join that network, then
        provisioned() or failed(). ("scan",): then networks(). ("hostname", text): then renamed(). ("heard",): answered.
        """
        frame = self._frame
        if frame and ticks_diff(now, self._last) > _PAUSE_MS:
            frame[:] = b""
        self._last = now
        n = len(frame)
        if n < len(_HEADER):
            if byte == _HEADER[n]:
                frame.append(byte)
                return None
            frame[:] = b""
            if byte == _HEADER[0]:
                frame.append(byte)
            return ("prompt",) if byte in (1, 3) else None
        frame.append(byte)
        if n < 9 or n < 9 + frame[8]:
            return None
        self._frame = bytearray()
        if frame[7] != _COMMAND:  # ours, that came back from an echoing line, or none that there is
            return None
        return self._obey(frame)

    def take(self):
        """The bytes that are to be sent."""
        sent, self._sent = self._sent, bytearray()
        return bytes(sent)

    def tell_state(self):
        """Sends the state, asked or not."""
        self._send(_STATE, bytes([self.state]))

    def provisioned(self, urls=()):
        """The network of "wifi" was joined, and is remembered."""
        self.urls = urls
        self.state = PROVISIONED
        self.tell_state()
        self._answer(_SETTINGS, urls)

    def failed(self, error=NO_CONNECTION):
        """It was not."""
        self.state = READY
        self._error(error)
        self.tell_state()

    def networks(self, found):
        """found: [(name, signal in dBm, whether it wants a password), ...]."""
        for name, signal, locked in found:
            self._answer(_SCAN, (name, str(signal), "YES" if locked else "NO"))
        self._answer(_SCAN, ())

    def renamed(self, name):
        """Our hostname is that one now; "" when it cannot be changed."""
        if name:
            self.device = self.device[:3] + (name,) + self.device[4:]
            self._answer(_HOSTNAME, (name,))
        else:
            self._error(OTHER)

    def _obey(self, frame):
        data = frame[9:-1]
        if sum(frame[:-1]) & 255 != frame[-1] or len(data) < 2 or data[1] != len(data) - 2:
            return self._refuse(INVALID)
        command = data[0]
        data = bytes(data[2:])
        if command == _SETTINGS:
            return self._take_settings(data)
        if command == _HOSTNAME and data:
            return self._take_hostname(data)
        if data or command < _ASK_STATE or command > _NAME:
            # A name besides the hostname is nothing that we have: it can be asked for, but not be set
            return self._refuse(INVALID if data and command < _NAME else UNKNOWN)
        self._error(NO_ERROR)
        if command == _SCAN:
            return ("scan",)
        if command == _ASK_STATE:
            self.tell_state()
            if self.state == PROVISIONED:
                self._answer(_ASK_STATE, self.urls)
        elif command == _ASK_DEVICE:
            self._answer(_ASK_DEVICE, self.device)
        else:
            self._answer(command, self.device[3:4])
        return ("heard",)

    def _take_settings(self, data):
        texts = _strings(data)
        if texts is None or len(texts) != 2 or not 0 < len(texts[0].encode()) <= 32 or len(texts[1]) > 64:
            return self._refuse(INVALID)
        if self.state == PROVISIONING:
            return self._refuse(OTHER)
        self._error(NO_ERROR)
        self.state = PROVISIONING
        self.tell_state()
        return "wifi", texts[0], texts[1]

    def _take_hostname(self, data):
        # RFC 1123 section 2.1; 32 letters are what the driver takes
        name = "".join([chr(c) for c in data])
        if len(name) > 32 or name[0] == "-" or name[-1] == "-" or any(c not in _WORDS for c in name.lower()):
            return self._refuse(BAD_HOSTNAME)
        self._error(NO_ERROR)
        return "hostname", name

    def _refuse(self, error):
        self._error(error)
        return ("heard",)

    def _error(self, error):
        self._send(_ERROR, bytes([error]))

    def _answer(self, command, texts):
        """A result; what does not fit into a frame is left out at the end."""
        data = bytearray((command, 0))
        for text in texts:
            text = text.encode()
            if len(data) + 1 + len(text) > 255:
                break
            data.append(len(text))
            data.extend(text)
        data[1] = len(data) - 2
        self._send(_RESULT, data)

    def _send(self, kind, data):
        # The line end is not the protocol's: clients look for frames at the beginning of a line
        start = len(self._sent)
        self._sent.extend(_HEADER)
        self._sent.append(kind)
        self._sent.append(len(data))
        self._sent.extend(data)
        self._sent.append(sum(self._sent[start:]) & 255)
        self._sent.append(10)


def _strings(data):
    """The texts of a list of strings, each with its length before it; None when it is none, or holds control bytes."""
    texts = []
    i = 0
    while i < len(data):
        end = i + 1 + data[i]
        part = data[i + 1 : end]
        if end > len(data) or any(c < 32 or c == 127 for c in part):
            return None
        try:
            texts.append(part.decode())
        except UnicodeError:
            return None
        i = end
    return texts
