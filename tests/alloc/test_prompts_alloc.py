# Zero bytes a frame while prompts and tones are played and a call is recorded, whatever the files' form and the call's
# rate; and while a tone is heard without a stream.

NEEDS = ("heap_lock",)

import os

from locked import locked
from siplet.audio.clip import Clip
from siplet.audio.rates import Rates
from siplet.audio.wav import Wav
from siplet.media import mix, mix_plain
from siplet.media.cadence import Cadence
from siplet.media.country_tones import tones
from siplet.platform import random
from siplet.sound.local import Local
from siplet.sound.mixer import Mixer
from siplet.sound.recording import Recording
from siplet.sound.sounder import Sounder

NAME = "/tmp/siplet-" + "".join(["%02x" % b for b in random(6)])
FORMS = ((1, 16), (6, 8), (7, 8))


def file(kind, bits, channels, rate, size):
    """A WAV file of size bytes of sound."""
    head = bytearray(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0")
    for value, n in ((kind, 2), (channels, 2), (rate, 4), (0, 4), (0, 2), (bits, 2)):
        head.extend(bytes([value >> 8 * i & 255 for i in range(n)]))
    with open(NAME, "wb") as out:
        out.write(head)
        out.write(b"data\0\0\0\0")
        out.write(bytes([i * 7 & 255 for i in range(size)]))
    return NAME


class Call:
    request = stream = None
    state = "calling"


class Stream:
    """What calls a part's methods, made once as the real one does."""

    def __init__(self, part):
        self.near, self.far = part.near, part.far

    def run(self, frame, n):
        while n:
            self.near(frame)
            self.far(frame)
            n -= 1


def run(part, frame, n, lock=True):
    stream = Stream(part)
    if lock:
        locked(stream.run, frame, n)
    else:
        stream.run(frame, n)


def test_clips_of_every_form_at_either_rate_over_their_ends():
    try:
        for kind, bits in FORMS:
            for channels in (1, 2):
                for rate in (8000, 16000, 48000):
                    clip = Clip(file(kind, bits, channels, rate, rate // 50 * channels * bits // 8 * 5 // 2))
                    for to in (8000, 16000):
                        clip.tune(to)
                        clip.rewind()
                        frame = memoryview(bytearray(to // 25))
                        for _ in range(4):
                            locked(clip.read, frame)
                    clip.close()
                    locked(clip.read, frame)
    finally:
        os.remove(NAME)


def test_a_mixer_with_prompts_and_tones_on_both_sides():
    mixer = Mixer()
    call = Call()
    file(7, 8, 1, 8000, 1000)
    try:
        for rate in (8000, 16000):
            mixer.begin(call)
            mixer.tune(rate)
            frame = memoryview(bytearray(rate // 25))
            run(mixer, frame, 3)  # nothing to do
            for i in range(4):
                place = mixer.places[i]
                voice = Cadence(tones("gb")["ringing"], rate) if i & 1 else Clip(NAME, rate)
                place.begin(voice, i > 1, 12 if i == 3 else 0)
            run(mixer, frame, 40)
            assert [place.done.is_set() for place in mixer.places] == [True, False, True, True]
            mixer.stop()
            assert all(place.done.is_set() for place in mixer.places)
        mixer.end()
    finally:
        os.remove(NAME)


def test_cadences_of_all_kinds():
    frame = memoryview(bytearray(640))
    for sound in ("425@480,480", "950@330/1400@330/1800@330,1000", "1400@200!", "400+450@7,3", "440"):
        cadence = Cadence(sound, 16000)
        for _ in range(100):
            locked(cadence.read, frame)


def test_recordings_of_every_form_and_a_call_whose_rate_changes():
    part = Recording()
    part.begin(Call())
    try:
        for both, channels in ((True, 1), (True, 2), (False, 1)):
            for rate in (8000, 16000):
                part.tune(rate)
                part.record(NAME, both, channels)
                for now in (rate, 24000 - rate, rate):
                    part.tune(now)
                    run(part, memoryview(bytearray(now // 25)), 60)
                assert part.errors == 0 and part.seconds == 3
                part.stop()
                run(part, memoryview(bytearray(rate // 25)), 2)
                assert os.stat(NAME)[6] == 44 + 180 * rate // 25 * channels
    finally:
        os.remove(NAME)


class Sink:
    """A file on a disk with room for so many writes."""

    def __init__(self, room):
        self.room = room

    def write(self, data):
        self.room -= 1
        if self.room < 0:
            raise OSError(28)
        return len(data)

    def seek(self, *place):
        return 0

    def flush(self):
        pass

    close = flush


def test_a_disk_that_is_full_takes_nothing_either_but_its_own_error():
    part = Recording()
    part.begin(Call())
    part.record(NAME, True, 1)
    try:
        part._file._file.close()
        part._file._file = Sink(20)
        frame = memoryview(bytearray(320))
        run(part, frame, 20)
        run(part, frame, 1, False)
        run(part, frame, 20)
        assert part.failed and part.errors == 1 and part.over.is_set()
    finally:
        os.remove(NAME)


def test_the_audio_object_of_a_pc_at_either_rate():
    try:
        for rate in (16000, 48000):
            audio = Wav(file(1, 16, 1, rate, rate), NAME + ".kept", True)
            for kept in (8000, 16000):
                audio.tune(kept)
                audio.start()
                for now in (kept, 24000 - kept):
                    audio.tune(now)
                    frame = memoryview(bytearray(now // 25))
                    for _ in range(60):
                        locked(audio.read, frame)
                        locked(audio.write, frame)
                audio.stop()
                locked(audio.read, frame)
                locked(audio.write, frame)
            assert audio.errors == 0
    finally:
        os.remove(NAME)
        os.remove(NAME + ".kept")


class Device:
    def __init__(self):
        self.frames = self.loud = 0

    def write(self, frame):
        self.frames += 1
        if frame[100] or frame[101]:
            self.loud += 1


class Phone:
    def __init__(self):
        self.handlers = {}
        self.endpoint = self
        self.max_calls = 1
        self.sessions = []


class Progress:
    options = {}
    player = None

    def __init__(self):
        self.phone = Phone()

    def is_lent(self, audio):
        return False


def test_ringing_without_a_stream():
    call = Call()
    call.state = "ringing"
    call.audio = Device()
    for ms in (0, 4000):
        sounder = Sounder(Progress(), call, "busy", ms)
        for _ in range(199):
            locked(sounder.tick)
        assert sounder.tick()
        assert sounder.tick() == (not ms)
    assert call.audio.frames == 401 and 190 < call.audio.loud < 220


class Line:
    def __init__(self):
        self.phone = Phone()


class Stats:
    received = 0


def test_ringing_within_a_stream_that_hears_nothing():
    local = Local({})
    line = Line()
    local.describe(line)
    call = Call()
    call.session = call
    call.audio = Device()
    call.stats = Stats()
    assert local.begin(call)
    progress = line.phone.handlers["ringing"]
    frame = memoryview(bytearray(320))
    locked(local.far, frame)
    assert not any(frame)
    progress.rung = call
    for _ in range(10):
        locked(local.far, frame)
    assert any(frame)
    call.stats.received = 1
    for i in range(320):
        frame[i] = 0
    for _ in range(3):
        locked(local.far, frame)
    assert not any(frame)
    local.end()
    locked(local.far, frame)


def test_the_kernels_alone():
    data = bytearray(2560), bytearray(2560), bytearray(2560)

    def work(kernels):
        a, b, c = data
        kernels.mix(320, a, b)
        kernels.fold(320, a)
        kernels.weave(320, a, b, c)
        kernels.hush(0, 320, a)

    locked(work, mix)
    locked(work, mix_plain)
    for of, to in ((8000, 16000), (16000, 8000), (48000, 8000), (48000, 16000)):
        locked(Rates(of, to).convert, data[0], data[1])
