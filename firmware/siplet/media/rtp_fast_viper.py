# The usual RTP packet in native code, the twin of rtp_fast_plain, where @micropython.viper exists. Refuses to be
# imported elsewhere. May import sys.

import sys

import micropython

if sys.implementation.name != "micropython":
    raise ImportError("viper")


@micropython.viper
def number(packet: ptr8, state: ptr16, kind: int, stamp: int, samples: int) -> int:
    """See rtp_fast_plain.number."""
    packet[1] = kind
    x = int(state[0])
    packet[2] = x >> 8
    packet[3] = x
    state[0] = x + 1
    x = int(state[1])
    y = int(state[2])
    if stamp:
        packet[4] = x >> 8
        packet[5] = x
        packet[6] = y >> 8
        packet[7] = y
    y += samples
    state[2] = y
    x += y >> 16
    state[1] = x
    return (x & 0x3FFF) << 16 | y & 0xFFFF


@micropython.viper
def advance(state: ptr16, samples: int) -> int:
    """See rtp_fast_plain.advance."""
    y = int(state[2]) + samples
    state[2] = y
    x = int(state[1]) + (y >> 16)
    state[1] = x
    return (x & 0x3FFF) << 16 | y & 0xFFFF


@micropython.viper
def expected(self, data: ptr8, at: int, end: int) -> int:
    """See rtp_fast_plain.expected."""
    data = ptr8(int(data) + at)
    kind = int(self.audio)
    if end - at < 12 or data[0] != 0x80 or data[1] != kind:
        return 0
    last = int(self._last) + 1 & 0xFFFF
    if data[2] << 8 | data[3] != last:
        return 0
    ssrc = ptr8(self._ssrc)
    if data[8] != ssrc[0] or data[9] != ssrc[1] or data[10] != ssrc[2] or data[11] != ssrc[3]:
        return 0
    seen = int(self._seen)
    if not seen or kind == int(self.event):
        return 0
    self._last = last
    self._seen = (seen & 0x1FFFFFFF) << 1 | 1
    self._next = -1
    self.payload_type = kind
    x = (data[4] & 0x3F) << 24 | data[5] << 16 | data[6] << 8 | data[7]
    self.timestamp = x
    self.at = at + 12
    end -= at
    self.length = end
    self.size = end - 12
    last = int(self._transit)
    x = int(self.clock) - x & 0x3FFFFFFF
    self._transit = x
    stats = self.stats
    stats.received = int(stats.received) + 1
    if last >= 0:
        x = x - last & 0x3FFFFFFF
        if x > 0x1FFFFFFF:
            x = 0x3FFFFFFF - x + 1
        if x < 0x8000:
            last = int(self._jitter)
            last += x - (last + 8 >> 4)
            self._jitter = last
            stats.jitter = last >> 7
    return 1
