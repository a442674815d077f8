# A session description as it came: what the far end can hear, where, and how. RFC 4566, 3264, 3551.
# May import: limits, errors. Whoever writes one is in offer.py.
#
# It is walked by offsets and only what is kept is cut out: a list of its lines alone takes more than its own length.

from siplet.errors import RemoteError
from siplet.limits import SDP_FORMATS, SDP_LINES, SDP_MEDIA

# Eight letters each, found and cut out by their number. Its bit 0: sends, bit 1: receives (RFC 3264 5.1)
DIRECTIONS = b"inactivesendonlyrecvonlysendrecv"


class Media:
    """One m= line with what belongs to it.

    kind, proto: str; formats: list of str; port: 0 for a refused stream; address: str or None; direction: a number of
    DIRECTIONS, from the sender's point of view; ptime: ms, 0 when not said. data, start: where the line was.
    """

    address = None
    direction = 3
    ptime = 0

    def maps(self, fmt, name):
        """Whether a format is the codec name (bytes) with a clock of 8000 Hz and one channel, by its a=rtpmap line.

        The static formats need no line (RFC 3551 6). Nothing is cut out to compare it.
        """
        data = self.data
        i = self.start
        stop = data.find(b"\nm=", i)
        number = fmt.encode()
        while (i := data.find(b"\na=rtpmap:", i, stop) + 10) > 9:
            end = i + len(number)
            if data.startswith(number, i) and data[end] == 32:
                for c in name:
                    end += 1
                    if data[end] | 32 != c | 32:
                        return False
                if not data.startswith(b"/8000", end + 1):
                    return False
                end += 8 if data.startswith(b"/1", end + 6) else 6
                return data[end] <= 32
        return name == (b"PCMU" if fmt == "0" else b"PCMA" if fmt == "8" else b"G722" if fmt == "9" else None)


def parse(data):
    """[Media] of a description, bytes; RemoteError(400) when it is unreadable, 488 when it has too many m-lines.

    Lines end with CRLF or LF (RFC 4566 5); types and attributes that nobody here knows are passed over.
    """
    if not data.endswith(b"\n"):
        data += b"\n"
    found = []
    media = session = Media()
    i = 0
    try:
        if data[:3] != b"v=0" or not 8 < data[3] < 33 or data.count(b"\n") > SDP_LINES:
            raise ValueError
        while i < len(data):
            start = i + 2
            end = data.find(b"\n", i)
            kind = data[i]
            i = end + 1
            while end > start - 2 and 8 < data[end - 1] < 33:
                end -= 1
            if end == start - 2:
                continue  # blank
            if data[start - 1] != 61 or (kind == 111 and data.count(b" ", start, end) < 5):  # o=
                raise ValueError
            if kind == 97:  # a=
                place = DIRECTIONS.find(data[start:end]) if end - start == 8 else -1
                if not place & 7:
                    media.direction = place >> 3
                elif end - start < 10 and data.startswith(b"ptime:", start):
                    ptime = data[start + 6 : end]
                    if ptime.isdigit():
                        media.ptime = int(ptime)
            elif kind == 99 or kind == 109:  # c=, m=
                fields = data[start:end]
                for c in fields:
                    if not 32 <= c <= 126:
                        raise ValueError
                fields = fields.decode().split(None, SDP_FORMATS + 2)
                if kind == 99:
                    if len(fields) != 3 or fields[0] != "IN":
                        raise ValueError
                    media.address = fields[2].partition("/")[0]
                    continue
                if len(found) == SDP_MEDIA:
                    raise RemoteError(488, "too many m-lines")
                media = Media()
                media.kind, port, media.proto, *media.formats = fields
                port = port.partition("/")[0]
                if not media.formats or not port.isdigit() or len(port) > 5 or int(port) > 65535:
                    raise ValueError
                media.port = int(port)
                media.address = session.address
                media.direction = session.direction
                media.data = data
                media.start = start
                found.append(media)
    except ValueError:
        raise RemoteError(400, "SDP line " + str(data.count(b"\n", 0, i)))
    return found
