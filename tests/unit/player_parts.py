# What the tests of the player share: a simulated network, a sender with a clock of its own, seeded loss and jitter, and
# a player that plays a frame each 20 ms. Time is simulated, nothing waits.

from siplet.media import g711
from siplet.sound.player import Player
from siplet.stream import Stats

CALM = 128  # of the buffer's state: for how many times 16 packets a new way is doubted
EDGE = 5000  # microseconds before a frame, at each eighth, at which the stream looks what has come by then


class _Stream:
    pass


class _Call:
    pass


class Random:
    """The same numbers on every interpreter."""

    def __init__(self, seed):
        self._seed = seed

    def below(self, n):
        self._seed = (self._seed * 13077 + 6925) & 0x7FFF
        return self._seed * n >> 15


def voice(n, period=57, top=6000):
    """n samples of an even voice as codes of mu-law: a pulse with a decaying swing each period."""
    pcm = bytearray(2 * n)
    for i in range(n):
        k = i % period
        x = (top * (period - k) // period) * (1 if k * 4 % period < period // 2 else -1)
        pcm[2 * i] = x & 0xFF
        pcm[2 * i + 1] = x >> 8 & 0xFF
    return encode(pcm)


def encode(pcm):
    codes = bytearray(len(pcm) // 2)
    g711.encode(len(codes), pcm, codes, 0, 0)
    return bytes(codes)


def hasty(options=None):
    """A Player that trusts a new way after 2 s, not after 20."""
    player = Player(options or {})
    player.buffer.state[CALM] = 6
    return player


def begin(options=None, wide=None):
    """A hasty Player in a call that has just begun, and the call's Stats."""
    player = hasty(options)
    call = _Call()
    call.stream = _Stream()
    call.stream.stats = Stats()
    player.begin(call)
    player.tune(wide, g711.table(0))
    return player, call.stream.stats


def arrivals(n, samples=160, loss=0, jitter=0, ppm=0, phase=7000, seed=1, away=None):
    """[(microseconds, number)] in the order of arrival of n packets. loss: %; jitter: ms, even; away: (from, to), those
    are not sent.
    """
    random = Random(seed)
    found = []
    for i in range(n):
        at = i * samples * 125 + i * samples * 125 * ppm // 1000000 + phase + random.below(1000 * jitter + 1)
        if random.below(1000) >= 10 * loss and not (away and away[0] <= i < away[1]):
            found.append((at, i))
    found.sort()
    return found


class Run:
    """Plays what arrives; codes: the sender's, again and again; keep: collect what is heard."""

    def __init__(self, player, stats, codes, keep=True, start=1000):
        self.player = player
        self.stats = stats
        self.codes = codes
        self.heard = []
        self.depths = []
        self.frame = bytearray(640 if player._wide else 320)
        self.keep = keep
        self.start = start
        self.now = 0

    def play(self, packets, samples=160, more=0):
        """Play until all packets came, and more frames."""
        self._k = 0
        while self._k < len(packets) or more:
            if self._k == len(packets):
                more -= 1
            if self.now % 160000 == 0:
                self._put(packets, samples, self.now - EDGE)
                self.player.watch()
            self._put(packets, samples, self.now)
            self.player.play(self.frame)
            self.depths.append(self.stats.delay)
            if self.keep:
                self.heard.append(bytes(self.frame))
            self.now += 20000

    def _put(self, packets, samples, now):
        k = self._k
        while k < len(packets) and packets[k][0] <= now:
            i = packets[k][1] * samples
            at = i % (len(self.codes) - samples + 1) if len(self.codes) > samples else 0
            self.player.buffer.put((self.start + i) & 0x3FFFFFFF, self.codes, at, samples)
            k += 1
        self._k = k

    def sound(self):
        """All that was heard, as signed samples."""
        data = b"".join(self.heard)
        return [(data[i] | data[i + 1] << 8) - (data[i + 1] >> 7 << 16) for i in range(0, len(data), 2)]
