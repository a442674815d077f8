# RTP packets for who has the room: rtp's Sender and Receiver, of which the usual packet costs a fifth. Imports rtp and
# its kernels: rtp_fast_viper where the build can run it, else rtp_fast_plain.
#
# The usual one is the next packet of the voice that comes already: expected() takes it in at one look. Whatever is not
# so simple goes the long way of rtp.

from micropython import const

from siplet.media.rtp import Receiver as PlainReceiver
from siplet.media.rtp import Sender as PlainSender

try:  # as in g711
    from siplet.media.rtp_fast_viper import advance, expected, number
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.rtp_fast_plain import advance, expected, number

_RECENT = const(1000)
_UNKNOWN = const(126)  # and 127, RFC 6263 4.6
_NEAR = const(64)  # numbers; more packets are in no read
_CHANGES = const(4)  # somebody who follows us on purpose is not run from


def _half(place):
    def get(self):
        return self.state[place] | self.state[place + 1] << 8

    def put(self, value):
        self.state[place] = value & 0xFF
        self.state[place + 1] = value >> 8

    return property(get, put)


class Sender(PlainSender):
    """rtp.Sender, with state: the sequence number of the next packet and the halves of the time, 16 bits each,
    little-endian; what the kernel number() takes. Who calls that instead may be told the clock of a Receiver by it.

    ssrc: ours; former: the one before; changed: how often it was another one's, too, and we took a new one; first: the
    number of the first packet under it, then.
    """

    def __init__(self, random):
        self.state = bytearray(6)
        super().__init__(random)
        self.ssrc = bytearray(self.voice[8:12])
        self.former = bytearray(4)
        self.changed = self.first = 0

    _sequence = _half(0)
    high = _half(2)
    low = _half(4)

    def number(self, packet, payload_type, marker, stamp):
        """See rtp.Sender."""
        number(packet, self.state, payload_type | 0x80 if marker else payload_type, 1 if stamp else 0, 0)

    def advance(self, samples):
        """See rtp.Sender. Returns the lower 30 bits of the time."""
        return advance(self.state, samples)

    def change(self):
        """Go on under another SSRC (RFC 3550 8.2). Made of the former one and the clock, which began at random."""
        state = self.state
        i = 4
        while i:
            i -= 1
            self.former[i] = self.ssrc[i]
            value = (self.ssrc[i] * 5 + state[i] + 0x35) & 0xFF
            if i == 3 and value == self.ssrc[i]:
                value ^= 0x80
            self.ssrc[i] = self.voice[8 + i] = self.event[8 + i] = value
        self.first = state[0] | state[1] << 8
        self.changed += 1

    def sent(self, sequence):
        """Whether one of our last packets, 20 s of them, had that sequence number."""
        return 0 < ((self.state[0] | self.state[1] << 8) - sequence) & 0xFFFF <= _RECENT


class Receiver(PlainReceiver):
    """rtp.Receiver, whose take() is for who does not call expected() first.

    own: our Sender, for the packets that have its SSRC. They are another one's, who has happened to choose the same:
    then ours changes, at most _CHANGES times. Or they are ours, which somebody sends back: echoes counts them as far as
    no source was adopted yet; deaf: they are not heard.
    """

    own = None
    deaf = False

    def __init__(self, stats):
        super().__init__(stats)
        self.echoes = 0

    def take(self, data, at, end):
        """See rtp.Receiver."""
        return expected(self, data, at, end) == 1 or super().take(data, at, end)

    def _begins(self, data, at):
        # Who keeps a way open sends types that nobody agrees on, in sequence: no part of the sound before them
        if super()._begins(data, at):
            return True
        if data[at] != 0x80 or data[at + 1] & 0x7E != _UNKNOWN or not self._seen:
            return False
        return (data[at + 2] << 8 | data[at + 3]) - self._last & 0xFFFF < _NEAR

    def _adopt(self, data, at, sequence):
        own = self.own
        if own and data.find(own.ssrc, at, at + 4) >= 0:
            if own.sent(sequence):
                self.echoes += 1
                if self.deaf:
                    return False
            elif own.changed < _CHANGES:
                own.change()
        return super()._adopt(data, at, sequence)
