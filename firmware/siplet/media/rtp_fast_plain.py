# The usual RTP packet in bytecode, where @micropython.viper does not exist. Imports nothing of siplet.


def number(packet, state, kind, stamp, samples):
    """Write kind, the byte with payload type and marker, the next sequence number and, if stamp is 1, the present time
    into packet; then let the time go on by samples, and return its lower 30 bits. state: a Sender's.
    """
    packet[1] = kind
    low = state[0]
    packet[2] = state[1]
    packet[3] = low
    state[0] = low + 1 & 0xFF
    if low == 0xFF:
        state[1] = state[1] + 1 & 0xFF
    if stamp:
        packet[4] = state[3]
        packet[5] = state[2]
        packet[6] = state[5]
        packet[7] = state[4]
    return advance(state, samples)


def advance(state, samples):
    """Let the time go on by samples, 0 to 2**29; returns its lower 30 bits."""
    low = (state[4] | state[5] << 8) + samples
    state[4] = low & 0xFF
    state[5] = low >> 8 & 0xFF
    low >>= 16
    if low:
        low += state[2] | state[3] << 8
        state[2] = low & 0xFF
        state[3] = low >> 8 & 0xFF
    return (state[3] & 0x3F) << 24 | state[2] << 16 | state[5] << 8 | state[4]


def expected(self, data, at, end):
    """1 when data[at:end] is a plain packet of voice, of the source known and the next in sequence: what take() does
    with it is done. 0: nothing was done. self: an rtp.Receiver.
    """
    kind = self.audio
    last = self._last + 1 & 0xFFFF
    if (
        end - at < 12
        or data[at] != 0x80
        or data[at + 1] != kind
        or kind == self.event
        or data[at + 2] << 8 | data[at + 3] != last
        or not self._seen
    ):
        return 0
    ssrc = self._ssrc
    if data[at + 8] != ssrc[0] or data[at + 9] != ssrc[1] or data[at + 10] != ssrc[2] or data[at + 11] != ssrc[3]:
        return 0
    self._last = last
    self._seen = (self._seen & 0x1FFFFFFF) << 1 | 1
    self._next = -1
    self.payload_type = kind
    self.timestamp = x = (data[at + 4] & 0x3F) << 24 | data[at + 5] << 16 | data[at + 6] << 8 | data[at + 7]
    self.at = at + 12
    self.length = end - at
    self.size = end - at - 12
    last = self._transit
    self._transit = x = (self.clock - x) & 0x3FFFFFFF
    stats = self.stats
    stats.received += 1
    if last >= 0:
        x = (x - last) & 0x3FFFFFFF
        if x > 0x1FFFFFFF:
            x = 0x3FFFFFFF - x + 1
        if x < 0x8000:
            self._jitter = x = self._jitter + x - (self._jitter + 8 >> 4)
            stats.jitter = x >> 7
    return 1
