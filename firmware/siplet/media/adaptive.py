# The adaptive jitter buffer: keeps packets of any length in the order of their timestamps, and knows how late they
# come and so how long to wait for them. Imports its kernels: adaptive_viper where the build can run it, else
# adaptive_plain.
#
# Time is the 8 kHz RTP clock, 30 bits of it, and a sample of it one byte (G.711; G.722 alike). What has arrived lies in
# a ring and is known as pieces, [offset from the next code to be decoded, its end):
#
#      played | decoded, not played yet | next code ...... |  a gap  | ...... |
#                                       [ first piece      ]         [ second ]
#
# A transit is the local clock at a packet's arrival less its timestamp; its zero does not matter. 64 counts, each of 32
# samples, tell how often which transit came; a count halves in 3.5 s, as packets of 20 ms go. The sound is as late as
# all but 1 packet in 256 ask for, and at least as much later than the fastest ones as `least` says: TARGET. The clocks'
# drift is nothing but transits that grow or shrink, and is answered by the same rule. Who plays sees to it by check()
# and excess(): sound/player.py.
#
# The local clock is the one of the speaker, the frames that were played, so that what a slow processor left out counts,
# too. It steps by 20 ms: a packet is played at the earliest at the step that finds it there, and with 20 ms in all it
# is. How long it had been there shows nowhere in the transits; where it was a moment only, the least jitter makes the
# next packet miss its step. So the stream looks for packets shortly before a step, too, at one in eight, and what comes
# after that counts as if it had missed the step (EDGE). Where a twentieth of the packets do, 20 ms become 40 before a
# frame is missing. In the first 20 s of a way, and for 20 s after a packet that came a step later than the fastest ones
# or a frame that was missing, 20 ms are not risked (DOUBT).

from array import array

from micropython import const

_SIZE = const(2048)  # of the ring: 256 ms; a power of two
_NUMBERS = const(129)  # of state

# What the numbers in state are. The kernels here, of playout.py and of conceal.py share them.
_READ = const(0)  # the timestamp of the next code to be decoded
_PLACE = const(1)  # and its place in the ring
_COUNT = const(2)  # of the pieces
_CLOCK = const(3)  # the local one
_BASE = const(4)  # the transit at which the counts begin
_ON = const(5)  # 0: the next packet begins anew
_TARGET = const(6)  # the transit to play at, from BASE on
_SEEN = const(7)  # packets that were counted
_LOW = const(8)  # the fastest transits, from BASE on: one packet in 16
_FAR = const(9)  # packets in a row that were later than can be counted
_LEAST = const(10)
_MOST = const(11)
_FIRST = const(12)
_WAIT = const(13)  # 1: nothing of what is there was played yet; wait for _TARGET
_SKIPPED = const(14)  # frames for which there was no room
_NOW = const(15)  # the next sample to be played, an index of pcm
_END = const(16)  # of what is decoded
_WIDE = const(17)  # 1: 16 samples a millisecond
_CONCEALING = const(18)
_SPAN = const(19)  # samples since the last true one
_HOLD = const(20)  # frames until the length of the sound may change again
_LEVEL = const(21)  # the mean magnitude of what was decoded last
_NOISE = const(22)  # 16 times that of the background
_PERIOD = const(23)
_LIKENESS = const(24)
_PERIODS = const(25)  # how many of them are repeated
_AT = const(26)  # where in them
_FORMER = const(27)
_FORMER_AT = const(28)
_FADE = const(29)
_STEP = const(30)
_STEPS = const(31)
_SEED = const(32)
_COMFORT = const(33)  # the mean magnitude of the noise
_SPEED = const(34)  # of the fading, usually 1
_SILENT = const(35)  # 1: the far end said that it falls silent
_RESTLESS = const(36)  # turns in a row in which the length should have changed and somebody spoke
_AHEAD = const(37)  # samples buffered when the last frame was taken
_EDGE = const(38)  # steps of 32 samples: what comes now nearly misses the next frame, and counts as that much later
_DOUBT = const(39)  # times 16 packets: for so long the sound is a frame later than the fastest packets at the least
_PIECES = const(40)  # 12 pairs
_COUNTS = const(64)
_CALM = const(128)  # times 16 packets: for so long a new way is doubted

_FRAME = const(160)

try:  # not every build compiles viper: WebAssembly, some RISC-V ones, CPython; or a .mpy of another build
    from siplet.media.adaptive_viper import advance, check, excess, keep
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.adaptive_plain import advance, check, excess, keep  # noqa: F401


class Adaptive:
    """stats: an object with the attributes late, duplicate, bad (longer than any packet may be) and skipped (frames
    thrown away for want of room). least, most, first: ms, the delay at the least, at most, and until 25 packets came;
    of a packet of 20 ms that comes on time, itself included.

    data: the ring. state: see above. discarded: packets that came and will not be heard: late, or without room.
    silence: nothing here.
    """

    def __init__(self, stats=None, least=20, most=200, first=60):
        self.stats = stats
        self.data = bytearray(_SIZE)
        self.state = array("i", bytes(4 * _NUMBERS))
        self.state[_LEAST] = max(8 * least, _FRAME)
        self.state[_MOST] = 8 * max(most, least)
        self.state[_FIRST] = 8 * min(max(first, least), most)
        self.state[_CALM] = 62
        self.silence = 0
        self.clear()

    def clear(self):
        """Another call, another network."""
        state = self.state
        i = 0
        while i < _NUMBERS:
            if (i < _LEAST or i > _FIRST) and i < _CALM:
                state[i] = 0
            i += 1
        self.discarded = 0
        state[_TARGET] = state[_FIRST] - _FRAME

    def reset(self):
        """Throw away all that is buffered and start anew with the next packet."""
        self.state[_ON] = self.state[_COUNT] = 0

    @property
    def ahead(self):
        """Samples buffered when the last frame was taken out."""
        return self.state[_AHEAD]

    @property
    def nominal(self):
        """ms for which a packet that comes on time waits, itself included."""
        return (self.state[_TARGET] - self.state[_LOW] + _FRAME) >> 3

    @property
    def maximum(self):
        """ms: no packet waits longer."""
        return self.state[_MOST] >> 3

    def put(self, timestamp, data, at, n):
        """Keep the n codes data[at:] of a packet with timestamp (30 bits), or count why not."""
        what = keep(self.state, self.data, data, timestamp, at, n)
        if what:
            self._count(what)

    def _count(self, what):
        stats = self.stats
        if what == 4:
            stats.bad += 1
        elif what == 2:
            stats.duplicate += 1
        elif what != 5:
            self.discarded += 1
            if what == 1:
                stats.late += 1
        skipped = self.state[_SKIPPED]
        self.state[_SKIPPED] = 0
        stats.skipped += skipped
        self.discarded += skipped
