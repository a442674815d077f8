# What the tests of hands-free speech share: two voices, a room in which a microphone hears a speaker, and a part's call
# in it. All pure Python, seeded.

from siplet.media import g711

FOLDER = (__file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else "..") + "/vectors/speech/"
SIZE = 320


def voice(name):
    """The frames, bytes each, of one of the clips: "door" (mu-law) or "indoor" (A-law)."""
    with open(FOLDER + name + ".wav", "rb") as file:
        data = file.read()
    at = data.find(b"data") + 8
    table = g711.table(g711.PCMU if name == "door" else g711.PCMA)
    frames = []
    while at + 160 <= len(data):
        frame = bytearray(SIZE)
        g711.decode(160, data, frame, at, table)
        frames.append(bytes(frame))
        at += 160
    return frames


def samples(frame):
    return [(frame[i] | frame[i + 1] << 8) - (frame[i + 1] >> 7 << 16) for i in range(0, len(frame), 2)]


def pack(values):
    frame = bytearray(2 * len(values))
    i = 0
    for x in values:
        x = int(x)
        x = -32768 if x < -32768 else 32767 if x > 32767 else x
        frame[i] = x & 255
        frame[i + 1] = x >> 8 & 255
        i += 2
    return frame


def power(frames):
    total = 0.0
    for frame in frames:
        for x in samples(frame):
            total += x * x
    return total / max(1, 160 * len(frames))


def db(ratio):
    import math

    return 10 * math.log(ratio + 1e-12) / math.log(10)


class Random:
    """-1 to 1, the same on every interpreter."""

    def __init__(self, seed=1):
        self.x = seed

    def next(self):
        self.x = (self.x * 75 + 74) % 65537
        return self.x / 32768 - 1

    def noise(self, level, n=160):
        return [level * self.next() for _ in range(n)]


class Room:
    """A direct path after delay ms and reflections that fade by 60 dB in rt60 ms; their energy is that of the coupling.

    Sparse: a reflection every 4 ms on average, so that a test need not convolve for long.
    """

    def __init__(self, coupling=-6, delay=30, rt60=200, seed=1):
        random = Random(seed)
        self.paths = [(8 * delay, 1.0)]
        n = 8 * delay
        while n < 8 * (delay + rt60 // 2):
            n += 8 + int(24 * (random.next() + 1))
            self.paths.append((n, 0.7 * random.next() * 10 ** (-3 * (n / 8 - delay) / rt60)))
        energy = 0
        for _, gain in self.paths:
            energy += gain * gain
        scale = 10 ** (coupling / 20) / energy**0.5
        self.paths = [(n, gain * scale) for n, gain in self.paths]
        self.past = [0] * (self.paths[-1][0] + 160)

    def hear(self, frame):
        """What the microphone gets, 160 values, while the speaker plays a frame and the next one has not begun."""
        self.past = self.past[160:] + samples(frame)
        past = self.past
        end = len(past)
        out = [0.0] * 160
        for n, gain in self.paths:
            i = end - 160 - n
            for k in range(160):
                out[k] += gain * past[i + k]
        return out


class Call:
    """What begin() of a part gets."""

    def __init__(self):
        self.stream = self
        self.muted = False
        self.wide = None
        self.parts = []
        self.audio = None


SILENT = bytes(SIZE)


def talk(part, far, near, room=None, noise=10):
    """Frames far and near (None: silence) meet; returns lists of frames: the echo, what was sent, what was heard."""
    random = Random(9)
    echo = [0.0] * 160
    echoes, sent, heard = [], [], []
    i = 0
    while i < max(len(far or ()), len(near or ())):
        spoken = samples(near[i]) if near and i < len(near) else [0] * 160
        hiss = random.noise(noise)
        frame = pack([spoken[k] + echo[k] + hiss[k] for k in range(160)])
        echoes.append(bytes(pack(echo)))
        part.near(frame)
        sent.append(bytes(frame))
        frame[:] = far[i] if far and i < len(far) else SILENT
        part.far(frame)
        heard.append(bytes(frame))
        if room:
            echo = room.hear(frame)
        i += 1
    return echoes, sent, heard


def lost(echoes, sent, begin=0):
    """dB by which the echo is lower in what was sent, where there is one."""
    loud = [i for i in range(begin, len(sent)) if power([echoes[i]]) > 2500]
    return db(power([echoes[i] for i in loud]) / (power([sent[i] for i in loud]) + 1e-3))


def likeness(before, after):
    """(gain in dB, dB from it to what was added) of frames that went through: after the gain is taken out."""
    both = own = 0.0
    for a, b in zip(before, after):
        for x, y in zip(samples(a), samples(b)):
            both += x * y
            own += x * x
    gain = both / (own + 1e-9)
    rest = 0.0
    for a, b in zip(before, after):
        for x, y in zip(samples(a), samples(b)):
            rest += (y - gain * x) ** 2
    return db(gain * gain), db(gain * gain * own / (rest + 1e-9))
