# A complete stream with all its parts, and a far end that sends anything: sound in packets of any length, clocks and
# numbers that jump over every border, sources that change, RTCP that lies, keys, comfort noise, rubbish; glued together
# or cut off, plain or ciphered, while the codec changes, the call is held, and keys change. Nothing is raised,
# the scores stay what scores can be, and at last the far end that speaks sense is heard.

import gc
import sys

from media_parts import Audio, Net, rtp
from siplet.media.srtp import MASTER, Room, Sender
from siplet.offer import Agreement

try:
    from siplet.sound.parts import Sound, insert
except ImportError:  # the WebAssembly port has no sockets, and here nobody needs one
    for name in ("socket", "select"):
        sys.modules.setdefault(name, object())
    from siplet.sound.parts import Sound, insert

    for name in ("socket", "select"):
        del sys.modules[name]
from siplet.sound.record import sentence
from siplet.sound.security import _SUITES, Cipher, Crypto
from siplet.sound.stream import Stream
from siplet.sound.wideband import widen

FAST = sys.implementation.name == "micropython" and sys.maxsize > 1 << 32  # native code
STORIES, TICKS = (24, 300) if FAST else (2, 150) if sys.maxsize > 1 << 32 else (1, 100)
HOST = "192.0.2.7"
NUMBERS = {b"PCMU": 0, b"PCMA": 8, b"G722": 9}
OUTSIDE = ("Srtp", "Local")  # parts that want a whole phone


class Random:
    """The same numbers on every interpreter."""

    def __init__(self, seed):
        self._seed = seed * 2 + 1

    def below(self, n):
        self._seed = (self._seed * 20077 + 12345) & 0x1FFFFF
        return (self._seed >> 5) % n

    def choice(self, of):
        return of[self.below(len(of))]

    def bytes(self, n):
        return bytes([self.below(256) for _ in range(n)])


class Wire(Net):
    errors = 0

    def __init__(self, address="127.0.0.1", port=4000):
        super().__init__()
        self.address, self.port = address, port
        self.keep = False
        self._read = self.receive

    def close(self):
        self.incoming.clear()


class Device(Audio):
    """Takes frames of the rate that it was told, and no others."""

    rates = (8000, 16000)

    def tune(self, rate):
        self.rate = rate

    def read(self, frame):
        assert len(frame) == self.rate // 25
        return bool(self.level)

    def write(self, frame):
        assert len(frame) == self.rate // 25


class Phone:
    def __init__(self):
        self.handlers = {}
        self.faults = 0
        self.last_quality = None

    def _guard(self, visit, *arguments):
        visit(*arguments)


class Call:
    """What parts see of a call and of its line."""

    state = "up"
    session = None
    extras = ()

    def __init__(self, random, parts):
        self.phone = Phone()
        self._keys = []
        self.audio = Device()
        self.audio.level = random.below(2)
        self.udp = Wire()
        self.line = self
        self.parts = [part for part in parts if part.__class__.__name__ not in OUTSIDE]
        for part in self.parts:
            if hasattr(part, "describe"):
                part.describe(self)
        stream = self.stream = Stream(self.audio, self.udp, random.bytes)
        stream.on_digit = self.on_digit
        for part in self.parts:
            insert(self, part)

    def on_digit(self, digit):
        self.press(digit, "rtp")

    def notify(self):
        pass

    def end(self):
        if self.stream.wide:
            widen(self.stream)
        for part in self.parts:
            if hasattr(part, "end"):
                part.end()
        self.stream = None


def number(value, n):
    return bytes([value >> 8 * (n - 1 - i) & 255 for i in range(n)])


class Far:
    """The far end. packets(): what it sends in a tick."""

    def __init__(self, random, call):
        self.random = random
        self.call = call
        self.ssrc = random.bytes(4)
        self.sequence = random.choice((0, 65530, 32760, random.below(65536)))
        self.time = random.choice((0, 0x3FFFFF00, 0x7FFFFF00, 0xFFFFFF00, 0x1FFFFF00))
        self.size = 160
        self.deed = self.speak
        self.cipher = None
        self.kept = []  # to be played again
        self.deeds = (
            self.speak,
            self.speak_much,
            self.be_silent,
            self.rubbish,
            self.report,
            self.all_at_once,
            self.jump,
            self.change_source,
            self.change_clock,
            self.odd_header,
            self.press,
            self.comfort,
            self.cut_off,
            self.fill,
        )

    def packets(self):
        random = self.random
        if not random.below(12):
            self.deed = random.choice(self.deeds)
            self.size = random.choice((160, 160, 160, 0, 1, 8, 80, 240, 480, 800, 1000, 4000))
        found = self.deed()
        if self.cipher:
            found = [self.protect(data) for data in found]
        return found

    def protect(self, data):
        random = self.random
        if random.below(8) and len(data) > 12 and len(data) < 500:
            control = 200 <= data[1] <= 207
            data = bytes(self.cipher.protect_control(data) if control else self.cipher.protect(bytearray(data)))
        else:
            data = random.choice(self.kept) if self.kept and random.below(2) else data
        what = random.below(10)
        if what == 0:
            data = data[: random.below(len(data) + 1)]
        elif what == 1 and data:
            data = bytearray(data)
            data[random.below(len(data))] ^= 1 << random.below(8)
            data = bytes(data)
        elif what == 2 and len(self.kept) < 8:
            self.kept.append(data)
        return data

    def voice(self, payload=None):
        random = self.random
        size = self.size
        if payload is None:
            some = random.bytes(min(size, 16))
            payload = some * (size // 16) if size > 16 else some
        stream = self.call.stream
        kind = stream.source.audio if random.below(30) else random.choice((0, 8, 9, 13, 18, 72, 127))
        data = rtp(self.sequence, self.time, payload, kind, self.ssrc)
        self.sequence = self.sequence + 1 & 0xFFFF
        self.time = self.time + (size or 160) & 0xFFFFFFFF
        return data

    def speak(self):
        return [self.voice()]

    def speak_much(self):
        return [self.voice() for _ in range(self.random.below(8))]

    def be_silent(self):
        return []

    def rubbish(self):
        return [self.random.bytes(self.random.below(300)) for _ in range(3)]

    def jump(self):
        self.sequence = self.random.below(65536)
        return [self.voice(), self.voice(), self.voice()]

    def change_source(self):
        self.ssrc = self.random.choice((self.random.bytes(4), bytes(4), bytes(self.call.stream.sender.ssrc)))
        return [self.voice(), self.voice(), self.voice()]

    def change_clock(self):
        by = self.random.choice((1 << 30, 1 << 31, 1 << 29, -160 * 300, 8000, -8000))
        self.time = self.time + by & 0xFFFFFFFF
        return [self.voice(), self.voice()]

    def odd_header(self):
        data = bytearray(self.voice())
        data[0] = 0x80 | self.random.below(64)
        return [bytes(data)]

    def event(self):
        random = self.random
        body = random.bytes(random.choice((0, 1, 3, 4, 4, 4, 8)))
        data = rtp(self.sequence, self.time, body, self.call.stream.source.event & 127, self.ssrc)
        self.sequence = self.sequence + 1 & 0xFFFF
        return data

    def press(self):
        return [self.event(), self.event()]

    def comfort(self):
        data = rtp(self.sequence, self.time, self.random.bytes(self.random.below(3)), 13, self.ssrc)
        self.sequence = self.sequence + 1 & 0xFFFF
        return [data]

    def one_report(self):
        random = self.random
        own = bytes(self.call.stream.sender.ssrc)
        if not random.below(4):  # what it says of its length is not so
            size = random.choice((0, 1, 6, 7, 12, 65535))
            return (
                bytes([0x80 | random.below(64), random.choice((200, 201, 202, 203, 207))]) + number(size, 2) + own * 6
            )
        kind = 200 + random.below(2)
        body = self.ssrc + (random.bytes(20) if kind == 200 else b"") + own
        body += random.choice((random.bytes(8), b"\xff" * 8)) + random.choice((bytes(4), b"\xff" * 4, random.bytes(4)))
        body += random.choice((random.bytes(8), b"\xff" * 8, bytes(8)))
        data = bytes([0x81, kind]) + number(len(body) // 4, 2) + body
        if not random.below(3):
            data += b"\x81\xcb\x00\x01" + random.choice((own, self.ssrc))
        if random.below(2):
            blocks = b""
            for _ in range(random.below(20)):
                kind = random.choice((4, 5, 7, 255))
                words = {4: 2, 5: 3 * random.below(4), 7: 8}.get(kind, 0)
                said = words if random.below(6) else random.choice((0, 1, 65535))
                blocks += bytes([kind, 0]) + number(said, 2) + (own + random.bytes(4 * words - 4) if words else b"")
            data += b"\x80\xcf" + number(1 + len(blocks) // 4, 2) + self.ssrc + blocks
        return data

    def report(self):
        return [self.one_report() for _ in range(self.random.below(6))]

    def all_at_once(self):
        return [self.voice(), self.one_report(), self.event(), self.voice()]

    def cut_off(self):
        return [self.one_report()[: self.random.below(60)] for _ in range(4)] + [self.voice()]

    def fill(self):
        # A read to its last byte, which is any of a packet
        data = b""
        while len(data) < 1092:
            short = rtp(self.sequence, self.time, b"?" * self.random.below(30), 0, self.ssrc)
            data += self.random.choice((b"\x80\xc8\x00\x00", b"\x80\xca\x00\x00", b"\x81\xc9\x00\x01SSRC", short))
        return [data[: self.random.choice((1092, 1056, 1032, 1031, 1029))]]


def agreement(random):
    codec = random.choice((b"PCMU", b"PCMA", b"G722"))
    way = random.choice(("sendrecv", "sendrecv", "sendrecv", "sendonly", "recvonly", "inactive"))
    port = random.choice((4000, 4000, 4000, 4002))
    return Agreement(HOST, port, codec, NUMBERS[codec], random.choice((101, 101, -1, 96)), way, 20)


def change_keys(random, call, cipher, far):
    suite = random.choice(_SUITES)
    ours, theirs = [Crypto(1, suite, bytearray(random.bytes(MASTER))) for _ in range(2)]
    cipher.agree(ours, theirs)
    far.cipher.key(theirs.key, suite[1])
    call.stream.read_into(bytearray(6 * (172 + suite[1])))
    call.stream.cipher = cipher
    cipher.stats = call.stream.stats


def weigh(reports):
    record = reports.record()
    assert record["mos"] is None or 1 <= record["mos"] <= 4.5
    assert 0 <= reports.quality.rating <= 1000
    for key in ("loss", "discard", "burst_density", "gap_density", "r", "mos_lq", "mos_cq"):
        assert 0 <= getattr(reports.quality, key) <= 255
    for key in ("burst", "gap", "round_trip", "end_system", "nominal", "maximum", "limit"):
        assert 0 <= getattr(reports.quality, key) <= 65535, key
    assert sentence(record)


def story(seed, parts, cipher):
    random = Random(seed)
    call = Call(random, parts)
    stream = call.stream
    stream.configure(agreement(random))
    far = Far(random, call)
    reports = next(part for part in parts if part.__class__.__name__ == "Reports")
    now = 2**30 - 1000000
    reports.now = lambda: now
    reports._clock.reset(now)
    if cipher:
        far.cipher = Sender(Room())
        change_keys(random, call, cipher, far)
    for _ in range(TICKS):
        now = now + 20000 & 0x3FFFFFFF
        if not random.below(60):
            stream.configure(agreement(random))
        if cipher and not random.below(100):
            change_keys(random, call, cipher, far)
        if not random.below(100):
            stream.send_digit("5", 100)
        for data in far.packets():
            port = stream.udp.peer[1] if stream.udp.peer else random.choice((4000, 4000, 4002))
            stream.udp.incoming.append((HOST, port, data))
        stream.tick()
        if not random.below(60):
            weigh(reports)
    # Sense at last
    stream.configure(Agreement(HOST, 4000, b"PCMU", 0, 101, "sendrecv", 20))
    stream.udp.incoming.clear()
    if cipher:
        change_keys(random, call, cipher, far)
    far.ssrc = b"LAST"
    far.size = 160
    received = stream.stats.received
    for i in range(100):
        now = now + 20000 & 0x3FFFFFFF
        data = rtp(1000 + i, 160 * i, b"\x55" * 160, 0, far.ssrc)
        if cipher:
            data = bytes(far.cipher.protect(bytearray(data)))
        stream.udp.incoming.append((HOST, stream.udp.peer[1] if stream.udp.peer else 4000, data))
        stream.tick()
    assert stream.stats.received - received > 80, seed
    assert stream.player.delay < 300
    weigh(reports)
    call.end()
    assert call.phone.faults == 0 and call.audio.rate == 8000
    if cipher:
        cipher.wipe()


def storm(first, cipher):
    parts = Sound({})._spare[0]
    used = []
    for seed in range(first, first + STORIES):
        story(seed, parts, cipher)
        gc.collect()
        if FAST:
            used.append(gc.mem_alloc())
    if FAST:  # the same parts in every call: nothing stays behind
        assert used[-1] - used[STORIES // 3] < 2000, used


def test_whatever_the_far_end_sends_nothing_is_raised_and_sense_is_heard_afterwards():
    storm(1, None)


def test_nor_when_the_sound_is_ciphered_and_keys_change():
    storm(1000, Cipher())
