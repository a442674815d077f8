# RTP packets, out and in: RFC 3550 sections 5.1, 6.4.1 and appendix A.1. Imports nothing of siplet.
#
# Nothing here allocates once made, on 31-bit small ints either: a packet is patched in place, an outgoing timestamp is
# two halves of 16 bits, an incoming one keeps its lower 30 bits (37 hours of an 8 kHz clock), and an SSRC, with all its
# 32, is found rather than read.

from micropython import const

HEADER = const(12)

_MASK = const(0x3FFFFFFF)
_DROPOUT = const(3000)  # RFC 3550 A.1 MAX_DROPOUT: a larger step forward is not loss but another sequence
_MISORDER = const(65436)  # 65536 - MAX_MISORDER: a step of more than this is a packet that comes late
_WINDOW = const(30)  # the sequence numbers back to which a duplicate is told from a late packet: a small int's bits
_JUMP = const(32768)  # 4 s of 8 kHz clock; a larger change of transit time is the sender's clock set anew
_TRIES = const(16)  # places that look like the SSRC and are not, after which a read is not searched on
_COMFORT = const(13)  # comfort noise, RFC 3389


class Sender:
    """Our packets: voice of 20 ms, event of 4 bytes; each payload begins at HEADER.

    SSRC, sequence number and timestamp start at random (RFC 3550 5.1). random: callable(n) -> n bytes.
    high, low: the halves of the present frame's timestamp.
    """

    def __init__(self, random):
        seed = random(10)
        self.voice = bytearray(HEADER + 160)
        self.event = bytearray(HEADER + 4)
        for packet in (self.voice, self.event):
            packet[0] = 0x80
            packet[8:12] = seed[:4]
        self._sequence = seed[4] << 8 | seed[5]
        self.high = seed[6] << 8 | seed[7]
        self.low = seed[8] << 8 | seed[9]

    def number(self, packet, payload_type, marker, stamp):
        """Write the payload type, the marker, the next sequence number and, if stamp, the present time into packet."""
        packet[1] = payload_type | 0x80 if marker else payload_type
        sequence = self._sequence
        packet[2] = sequence >> 8
        packet[3] = sequence & 0xFF
        self._sequence = (sequence + 1) & 0xFFFF
        if stamp:
            packet[4] = self.high >> 8
            packet[5] = self.high & 0xFF
            packet[6] = self.low >> 8
            packet[7] = self.low & 0xFF

    def advance(self, samples):
        """Let the sampling clock go on, sent or not."""
        low = self.low + samples
        self.low = low & 0xFFFF
        if low > 0xFFFF:
            self.high = (self.high + (low >> 16)) & 0xFFFF


class Receiver:
    """One stream coming in: what each packet is, and the counts of RFC 3550, which go to stats.

    audio, event: the agreed payload types, by which glued packets are told apart; -1 for none.
    stats: an object with the attributes received, lost, late, duplicate, bad, foreign, control and jitter.
    After take() returned True: payload_type, timestamp (30 bits), the payload at data[at:at + size].
    length: of the last packet that was no event, header and all.
    clock: set it to when the packets came, 8 kHz, 30 bits.
    careful: set it when a packet comes from a port that was not agreed on.
    restarted: set when another source or another sequence began: what is buffered belongs to the former one.
    """

    def __init__(self, stats):
        self.stats = stats
        self.audio = self.event = -1
        self.payload_type = self.timestamp = self.at = self.size = self.length = self.clock = 0
        self.restarted = self.careful = False
        self._ssrc = bytearray(4)
        self._signature = bytearray(4)
        self.reset()

    def reset(self):
        """Forget the source: the next packet's is adopted."""
        self._last = 0
        self._seen = 0  # a bit for each of the last numbers, the newest one the lowest; 0: there is no source
        self._other = self._next = -1  # another source, and its next number
        self._resume = -1
        self._transit = -1
        self._jitter = 0

    # --- several packets in one read ---

    def _begins(self, data, at):
        # A header that this stream may carry
        if data[at] & 0xC0 != 0x80:
            return False
        kind = data[at + 1] & 0x7F
        return kind == self.audio or kind == self.event or kind == 0 or kind == 8 or kind == _COMFORT

    def split(self, data, at, n):
        """The end of the packet that begins at data[at], of packets glued together in data[:n] (a bytearray).

        The next packet is where the same SSRC stands behind a plausible header; when the SSRC changed in between, where
        this stream's usual length says.
        """
        if n - at == self.length or n - at < 2 * HEADER:
            return n
        signature = self._signature
        if data[at] & 0xC0 == 0x80:
            if 200 <= data[at + 1] <= 207:  # RTCP tells its length
                end = at + 4 + ((data[at + 2] << 8 | data[at + 3]) << 2)
                return end if end < n else n
            i = 4
            while i:
                i -= 1
                signature[i] = data[at + 8 + i]
        p = data.find(signature, at + HEADER + 4, n)
        tries = _TRIES
        while p >= 0 and tries:
            tries -= 1
            if p >= at + HEADER + 8 and self._begins(data, p - 8):
                return p - 8
            if data[p - 4] & 0xC0 == 0x80 and 200 <= data[p - 3] <= 207:
                return p - 4
            p = data.find(signature, p + 1, n)
        # Sound is random enough to look like a header, so the whole rest must be packets of that length.
        end = at + self.length
        if self.length and end + HEADER <= n and not (n - at) % self.length and self._begins(data, end):
            return end
        return n

    # --- one packet ---

    def take(self, data, at, end):
        """Look at the packet data[at:end]; True when its payload is to be used. Else it has been counted."""
        stats = self.stats
        first = data[at]
        if end - at < 8 or first & 0xC0 != 0x80:
            stats.bad += 1
            return False
        kind = data[at + 1]
        if 200 <= kind <= 207:  # RTCP (RFC 5761 section 4); its place
            stats.control += 1
            return False
        payload = at + HEADER + ((first & 15) << 2)
        stop = end
        if first & 0x30:
            if first & 0x10:
                payload += 4
                if payload <= end:
                    payload += (data[payload - 2] << 8 | data[payload - 1]) << 2
            if first & 0x20:
                stop -= data[end - 1] or end  # no padding would not have been told
        if payload > stop:
            stats.bad += 1
            return False
        step = data[at + 2] << 8 | data[at + 3]
        if self._seen and data.find(self._ssrc, at + 8, at + HEADER) >= 0:
            self._next = -1
        elif not self._adopt(data, at + 8, step):
            stats.foreign += 1
            return False
        last = self._last
        step = (step - last) & 0xFFFF
        if step < _DROPOUT:
            if not step:
                stats.duplicate += 1
                return False
            self._seen = (self._seen & _MASK >> step) << step | 1 if step < _WINDOW else 1
            self._last = (last + step) & 0xFFFF
            if step > 1:
                stats.lost += step - 1
        elif step > _MISORDER:
            step = 65536 - step
            if step >= _WINDOW:
                stats.late += 1
                return False
            if self._seen >> step & 1:
                stats.duplicate += 1
                return False
            self._seen |= 1 << step
            if stats.lost:
                stats.lost -= 1
        else:
            step = (last + step) & 0xFFFF
            if step != self._resume:
                self._resume = (step + 1) & 0xFFFF
                stats.bad += 1
                return False
            # Two in a row: the sender began another sequence
            self._last = step
            self._seen = 1
            self._transit = -1
            self.restarted = True
        stats.received += 1
        self.payload_type = kind = kind & 0x7F
        self.timestamp = (data[at + 4] & 0x3F) << 24 | data[at + 5] << 16 | data[at + 6] << 8 | data[at + 7]
        self.at = payload
        self.size = stop - payload
        if kind != self.event:  # an event's length says nothing of the packets around it
            self.length = end - at
        if kind == self.audio or kind == 0 or kind == 8:  # RFC 3550 6.4.1; the timestamps of events stand still
            last = self._transit
            self._transit = (self.clock - self.timestamp) & _MASK
            step = (self._transit - last) & _MASK
            if step > _MASK >> 1:
                step = _MASK - step + 1
            if last >= 0 and step < _JUMP:
                self._jitter += step - (self._jitter + 8 >> 4)
                stats.jitter = self._jitter >> 7
        return True

    def _adopt(self, data, at, sequence):
        # The first source is taken at once when it comes from the agreed address; else, and any later one, after two
        # packets in sequence without one of the present source between: two streams side by side must not alternate.
        # (Of a stranger's SSRC 30 bits are looked at.)
        other = (data[at] & 0x3F) << 24 | data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3]
        if (self._seen or self.careful) and (other != self._other or sequence != self._next):
            self._other = other
            self._next = (sequence + 1) & 0xFFFF
            return False
        self.reset()
        i = 4
        while i:
            i -= 1
            self._ssrc[i] = data[at + i]
        self._last = (sequence - 1) & 0xFFFF
        self.restarted = True
        return True
