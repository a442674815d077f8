# Sounds of 16 kHz by whole numbers alone, the same on every interpreter, and the folder of what others made of them.

FOLDER = __file__.rsplit("/", 2)[0] if __file__.count("/") > 1 else ".."
FOLDER += "/vectors/g722/"
FRAME = 640  # bytes of 20 ms


class _Random:
    def __init__(self):
        self.state = 1

    def below(self, n):
        self.state = (self.state * 75 + 74) % 65537
        return self.state * n >> 16


def _pack(samples):
    data = bytearray()
    for sample in samples:
        data.append(sample & 0xFF)
        data.append(sample >> 8 & 0xFF)
    return data


def speech(frames):
    """Pulses through three resonators, as vowels are made, and hiss between them; s16le."""
    random = _Random()
    places = [[0, 0] for _ in range(3)]
    samples = []
    for i in range(320 * frames):
        x = 9000 if i % 133 == 0 else 0
        if i // 1280 % 3 == 2:
            x = random.below(3000) - 1500
        total = 0
        for place, turn, damp in zip(places, (32100, 26500, -12000), (31500, 30000, 29000)):  # 0.4, 1.5 and 5 kHz
            y = x + (2 * turn * place[0] * 31 >> 20) - (damp * place[1] >> 15)
            place[1] = place[0]
            place[0] = y
            total += y
        total >>= 1
        samples.append(max(-20000, min(20000, total)))
    return _pack(samples)


def overload(frames):
    """Noise of full scale, square waves and silence, 20 ms each in turn: each sum saturates; s16le."""
    random = _Random()
    samples = []
    for i in range(320 * frames):
        kind = i // 320 % 4
        if kind == 0:
            x = random.below(65536) - 32768
        elif kind == 1:
            x = 32767 if i // 8 & 1 else -32768
        elif kind == 2:
            x = 32767 if random.below(2) else -32768
        else:
            x = 32767 if i // 107 & 1 else -32768 if i % 320 < 200 else 0
        samples.append(x)
    return _pack(samples)


def codes(frames):
    """Codes that no encoder would send, the loud ones among them."""
    random = _Random()
    data = bytearray()
    for i in range(160 * frames):
        data.append((4, 36, 196, 228, 63, 0)[random.below(6)] if i // 480 & 1 else random.below(256))
    return bytes(data)


def vector(name):
    """A file of tests/vectors/g722."""
    with open(FOLDER + name, "rb") as file:
        return file.read()
