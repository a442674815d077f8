# Attributes of a stream's description, RFC 4566 5.13: what the extras of siplet.offer look up. Imports nothing.

from micropython import const

_MOST = const(16)  # lines of one name that are looked at


def values(media, name):
    """[value, bytes] of the lines a=name:value of an sdp.Media, b"" for a line a=name alone; name: bytes."""
    data = media.data
    i = media.start
    stop = data.find(b"\nm=", i)
    if stop < 0:
        stop = len(data)
    found = []
    line = b"\na=" + name
    while len(found) < _MOST:
        i = data.find(line, i, stop)
        if i < 0:
            break
        i += len(line)
        end = data.find(b"\n", i, stop)
        if end < 0:
            end = stop
        value = data[i:end].strip()
        if not value or value[:1] == b":":
            found.append(value[1:].strip())
    return found
