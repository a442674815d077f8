# Capture files, frame by frame: pcap with micro- or nanoseconds, and pcapng. Imports the standard library alone.
#
# dpkt knows one interface of a pcapng file, and its first section; a capture of all interfaces has more. Nothing that a
# damaged file says is believed: where it makes no sense, the frames before that place count.

import struct

_PCAP = {
    b"\xd4\xc3\xb2\xa1": ("<", 1e-6),
    b"\xa1\xb2\xc3\xd4": (">", 1e-6),
    b"\x4d\x3c\xb2\xa1": ("<", 1e-9),
    b"\xa1\xb2\x3c\x4d": (">", 1e-9),
}
_PCAPNG = b"\n\r\r\n"
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE, _ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6  # kinds of blocks
_RESOLUTION, _OFFSET = 9, 14  # options of an interface


def is_capture(data):
    """Whether a file that begins with data is a pcap or pcapng."""
    return data[:4] in _PCAP or data[:4] == _PCAPNG


class Frames:
    """Iterates (time in s, link type, bytes) of a capture file's bytes. whole: False once its end was found missing."""

    def __init__(self, data):
        self._data = data
        self.whole = True

    def __iter__(self):
        return self._pcapng() if self._data[:4] == _PCAPNG else self._pcap()

    def _pcap(self):
        data = self._data
        order, unit = _PCAP[data[:4]]
        if len(data) < 24:
            self.whole = False
            return
        link = struct.unpack_from(order + "I", data, 20)[0] & 0xFFFF  # above it: how long a frame's checksum is
        record = struct.Struct(order + "IIII")
        place = 24
        while place < len(data):
            if place + 16 > len(data):
                self.whole = False
                return
            seconds, fraction, kept, _ = record.unpack_from(data, place)
            place += 16
            if kept > 1 << 18 or place + kept > len(data):
                self.whole = False
                return
            yield seconds + fraction * unit, link, data[place : place + kept]
            place += kept

    def _pcapng(self):
        data, place = self._data, 0
        order, interfaces, time = "<", [], 0.0
        while place < len(data):
            if place + 12 > len(data):
                self.whole = False
                return
            if data[place : place + 4] == _PCAPNG:  # a section: the order of its bytes, its own interfaces
                order = {b"\x4d\x3c\x2b\x1a": "<", b"\x1a\x2b\x3c\x4d": ">"}.get(data[place + 8 : place + 12])
                interfaces = []
            if order is None:
                self.whole = False
                return
            kind, size = struct.unpack_from(order + "II", data, place)
            if size < 12 or size % 4 or place + size > len(data):
                self.whole = False
                return
            body = data[place + 8 : place + size - 4]
            place += size
            if kind == _INTERFACE and len(body) >= 8:
                interfaces.append(_interface(order, body))
            elif kind in (_ENHANCED, _OLD_PACKET) and len(body) >= 20:
                number, high, low, kept = struct.unpack_from(order + "IIII", body)
                if kind == _OLD_PACKET:
                    number = struct.unpack_from(order + "H", body)[0]
                if number < len(interfaces) and 20 + kept <= len(body):
                    link, unit, offset = interfaces[number]
                    time = offset + (high << 32 | low) * unit
                    yield time, link, body[20 : 20 + kept]
            elif kind == _SIMPLE and len(body) >= 4 and interfaces:
                length = struct.unpack_from(order + "I", body)[0]
                yield time, interfaces[0][0], body[4 : 4 + length]


def _interface(order, body):
    # (link type, unit of its clock in s, s to add)
    link, unit, offset, place = struct.unpack_from(order + "H", body)[0], 1e-6, 0, 8
    while place + 4 <= len(body):
        option, size = struct.unpack_from(order + "HH", body, place)
        value = body[place + 4 : place + 4 + size]
        if option == _RESOLUTION and len(value) == 1:
            unit = 2.0 ** -(value[0] & 0x7F) if value[0] & 0x80 else 10.0 ** -value[0]
        elif option == _OFFSET and len(value) == 8:
            offset = struct.unpack(order + "q", value)[0]
        place += 4 + size + -size % 4
    return link, unit, offset
