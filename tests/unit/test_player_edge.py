# sound/player at its least delay, 20 ms: each packet is played at the tick that takes it in, and which tick that is,
# is decided by the phase between the far end's clock and ours. In stories, each a simulated network or a whole stream.

from media_parts import Agreement, rtp
from player_parts import CALM, Random, Run, arrivals, begin, encode, hasty, voice
from siplet import platform
from siplet.media.adaptive import Adaptive
from siplet.sound.stream import Stream

SECOND = 50  # packets, and frames


def quiet_and_voice():
    pcm = bytearray(8000)
    random = Random(1)
    for i in range(4000):
        pcm[2 * i] = random.below(64)
    return voice(4000) + encode(pcm)


CODES = quiet_and_voice()


class Story:
    """Packets that come over a network as arrivals() says."""

    def __init__(self, looks=True):
        self.player, self.stats = begin()
        self.run = Run(self.player, self.stats, CODES, False)
        self.told = 0
        if not looks:
            self.player.watch = lambda: None

    def hear(self, seconds, late=(), **network):
        """Go on for so long; (frames that were concealed, packets that were not heard) in it. late: the numbers of
        packets that come 14 ms later.
        """
        run = self.run
        concealed, discarded = self.stats.concealed, self.player.discarded
        begin = self.told * 20000
        packets = [(begin + at + (14000 if i in late else 0), i) for at, i in arrivals(seconds * SECOND, **network)]
        run.start = 1000 + self.told * 160
        self.told += seconds * SECOND
        run.play(packets)
        return self.stats.concealed - concealed, self.player.discarded - discarded


def mean(values):
    return sum(values) / len(values)


def test_whatever_the_phase_and_a_little_jitter_no_frame_is_missing():
    for phase in range(20):
        for jitter in range(6):
            story = Story()
            assert story.hear(4, phase=1000 * phase + 10, jitter=jitter, seed=7 * phase + jitter) == (0, 0)
            wait = story.player.nominal
            if phase + jitter < 15:  # all come in good time
                assert wait == story.stats.delay == 20, (phase, jitter, wait)
            else:
                assert wait == 40 or (phase < 15 and wait == 20), (phase, jitter, wait)


def test_a_clock_that_crosses_the_ticks_takes_no_frame_with_it():
    for ppm, phase, jitter in ((200, 7000, 0), (200, 19000, 5), (-200, 11000, 3)):
        story = Story()
        assert story.hear(150, ppm=ppm, phase=phase, jitter=jitter) == (0, 0), (ppm, phase)
        later = story.run.depths[5 * SECOND :]
        assert min(later) >= 20 and max(later) <= 44 and mean(later) < 36, (ppm, mean(later))
        assert story.stats.late == story.stats.skipped == 0


def test_who_cannot_look_between_two_ticks_misses_one_frame_when_the_packets_come_to_the_next_one():
    for ppm, phase, most in ((200, 11000, 1), (-200, 9000, 0)):  # 9 ms take 45 s
        story = Story(looks=False)
        assert story.hear(60, ppm=ppm, phase=phase) == (most, 0)
        assert story.run.depths[4 * SECOND] == 20


def test_a_packet_that_misses_its_tick_makes_40_ms_of_20_at_once():
    story = Story()
    story.hear(5, phase=9000)
    assert story.player.nominal == 20
    assert story.hear(1, phase=9000, late=(10,)) == (1, 0)  # heard late, but whole
    assert story.player.nominal == 40 and min(story.run.depths[-35:]) >= 38
    # It is not forgotten for 20 s, and such another one costs nothing meanwhile
    assert story.hear(10, phase=9000, late=(300,)) == (0, 0) and story.player.nominal == 40
    assert story.hear(20, phase=9000) == (0, 0)
    assert story.player.nominal == story.stats.delay == 20


def test_a_call_has_40_ms_for_its_first_20_s():
    story = Story()
    story.player.buffer.state[CALM] = Adaptive().state[CALM]
    assert story.hear(19, phase=9000, late=(800,)) == (0, 0) and story.player.nominal == 40
    story = Story()
    story.player.buffer.state[CALM] = Adaptive().state[CALM]
    story.hear(19, phase=9000)
    assert story.player.nominal == story.stats.delay == 40
    story.hear(4, phase=9000)
    assert story.player.nominal == story.stats.delay == 20


def test_a_loss_is_a_reason_for_40_ms_too():
    story = Story()
    story.hear(5, phase=9000)
    assert story.hear(2, phase=9000, away=(10, 11)) == (1, 0)
    assert story.player.nominal == 40


def test_a_calm_that_ends_with_60_ms_of_jitter():
    for seed in range(1, 6):
        story = Story()
        assert story.hear(10, phase=7000) == (0, 0) and story.player.nominal == 20
        concealed, discarded = story.hear(10, jitter=60, seed=seed)
        assert concealed <= 5 and discarded <= 2, (seed, concealed, discarded)
        assert 80 <= story.player.nominal <= 110
        assert mean(story.run.depths[-5 * SECOND :]) < 62


# -- a whole stream, its run() on a clock that is moved by who sleeps


class Wire:
    """Clock, socket and far end. phase: microseconds after the first tick at which packets come, 20 ms apart."""

    source = ("10.0.0.1", 4000)

    def __init__(self, phase, jitter=0, ppm=0):
        self.now = 2**30 - 5_000_000  # wraps soon
        self.first = self.now + phase
        self.jitter, self.ppm = jitter, ppm
        self.random = Random(3)
        self.number = 0
        self.due = self.first

    def now_us(self):
        return self.now & 0x3FFFFFFF

    async def sleep_ms(self, ms):
        self.now += 1000 * ms

    def sleep_us(self, us):
        self.now += us

    def packet(self):
        """The next one that has come, None when there is none yet."""
        if self.due > self.now:
            return None
        i = self.number
        self.number = i = i + 1
        self.due = self.first + 20000 * i + i * self.ppm // 50 + self.random.below(1000 * self.jitter + 1)
        at = i * 160 % (len(CODES) - 160)
        return rtp(i, i * 160, CODES[at : at + 160], 0)

    def receive(self, view):
        n = 0
        while n + 172 <= len(view):
            data = self.packet()
            if data is None:
                break
            view[n : n + 172] = data
            n += 172
        return n

    def receive_from(self, view):
        data = self.packet()
        if data is None:
            return -1
        view[:172] = data
        return 172

    def connect(self, address):
        return True

    def reopen(self):
        return True

    def send(self, view):
        return True

    def send_to(self, view, address):
        return True


class Audio:
    """Ends its stream after so many frames."""

    rate = 8000

    def __init__(self, frames):
        self.frames = frames
        self.delays = []
        self.stream = None

    def start(self):
        pass

    stop = start

    def read(self, frame):
        return False

    def write(self, frame):
        self.delays.append(self.stream.stats.delay)
        if len(self.delays) == self.frames:
            self.stream.stop()


class Call:
    def __init__(self, stream):
        self.stream = stream


async def talk(seconds, options=None, **network):
    """A stream that ran for so long, and its Player."""
    wire = Wire(**network)
    audio = Audio(seconds * SECOND)
    names = ("now_us", "sleep_ms", "sleep_us")
    true = [getattr(platform, name) for name in names]
    for name in names:
        setattr(platform, name, getattr(wire, name))
    try:
        stream = audio.stream = Stream(audio, wire, lambda n: bytes(range(7, 7 + n)))
        player = hasty(options)
        player.begin(Call(stream))
        stream.configure(Agreement("10.0.0.1", 4000))
        await stream.run()
    finally:
        for name, one in zip(names, true):
            setattr(platform, name, one)
    return stream, player, audio.delays


async def test_a_stream_is_as_near_as_20_ms_where_the_phase_allows_it():
    for phase, wait in ((500, 20), (8000, 20), (14000, 20), (15500, 40), (19500, 40)):
        stream, player, delays = await talk(10, phase=phase)
        assert player.nominal == wait and delays[-1] == wait, (phase, player.nominal)
        assert delays[10] == 60 and min(delays[10:]) == wait
        assert stream.stats.concealed == stream.stats.late == player.discarded == stream.stats.slips == 0
        assert stream.stats.received >= 10 * SECOND - 2 and stream.stats.jitter == 0  # to look does not count as late


async def test_a_stream_whose_clock_is_another_one_sees_the_border_come():
    stream, player, delays = await talk(110, phase=12000, ppm=200)
    assert 40 in [delay // 4 * 4 for delay in delays[6 * SECOND :]] and 20 in delays[6 * SECOND :]
    assert stream.stats.concealed == player.discarded == 0


async def test_the_least_delay_is_what_is_configured():
    for least in (20, 40, 60):
        stream, player, delays = await talk(6, {"sound.jitter_least_ms": least}, phase=5000)
        assert player.nominal == delays[-1] == least and stream.stats.concealed == 0
