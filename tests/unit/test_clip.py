# siplet/audio/clip: files of every form are read frame by frame at the rate that is wanted; what is broken is refused
# before anything is said, or played as far as it goes.

import math
import struct

from siplet.audio import clip, rates
from siplet.audio.clip import Clip, check
from siplet.errors import LocalError
from siplet.media import g711
from test_wav import File, ramp, wav

AMPLITUDE = 8000


def tone(hertz, rate, n, channels=1, other=0):
    step = 2 * math.pi * hertz / rate
    out = []
    for i in range(n):
        x = round(AMPLITUDE * math.sin(step * i))
        out.append(struct.pack("<h", x) if channels == 1 else struct.pack("<hh", x, other * x))
    return b"".join(out)


def read(clip, rate, most=100):
    """All its samples, padding included."""
    frame = bytearray(rate // 25)
    out = []
    more = True
    while more and len(out) < most:
        more = clip.read(frame)
        out.append(bytes(frame))
    return b"".join(out)


def values(data):
    return struct.unpack("<%dh" % (len(data) // 2), data)


def level(samples, hertz, rate):
    """(amplitude of that frequency, of all the rest) in the middle of samples."""
    samples = samples[len(samples) // 4 : len(samples) // 4 + rate // 10]
    n = len(samples)
    step = 2 * math.pi * hertz / rate
    real = sum(samples[i] * math.cos(step * i) for i in range(n)) * 2 / n
    imaginary = sum(samples[i] * math.sin(step * i) for i in range(n)) * 2 / n
    found = math.sqrt(real * real + imaginary * imaginary)
    power = sum(s * s for s in samples) * 2 / n
    return found, math.sqrt(max(0, power - found * found))


def test_pcm_of_the_call_s_rate_is_read_as_it_is():
    for rate in (8000, 16000):
        sound = ramp(rate // 50 * 5 // 2)
        with File(wav(sound, rate=rate, after=b"LIST\4\0\0\0abcd")) as name:
            clip = Clip(name, rate)
            assert read(clip, rate) == sound + bytes(rate // 25 * 3 - len(sound))
            clip.rewind()
            assert read(clip, rate)[: len(sound)] == sound
            clip.close()
            frame = bytearray(rate // 25)
            assert not clip.read(frame) and frame == bytes(rate // 25)


def test_every_rate_becomes_every_other_one_without_what_it_cannot_carry():
    for of in (8000, 16000, 48000):
        for to in (8000, 16000):
            for hertz in (400, 3000, 6000):
                if 2 * hertz > of:
                    continue
                with File(wav(tone(hertz, of, of // 4), rate=of)) as name:
                    heard = values(read(Clip(name, to), to))
                carried = 2 * hertz < to
                found, rest = level(heard, hertz if carried else 2000, to)
                if carried:
                    assert abs(found / AMPLITUDE - 1) < 0.05 and rest < 0.02 * AMPLITUDE, (of, to, hertz, found, rest)
                else:
                    assert found + rest < 0.02 * AMPLITUDE, (of, to, hertz, found, rest)


def test_two_channels_are_their_mean():
    for other, wanted in ((1, AMPLITUDE), (0, AMPLITUDE / 2), (-1, 0)):
        with File(wav(tone(400, 16000, 4000, 2, other), rate=16000, channels=2)) as name:
            found, rest = level(values(read(Clip(name), 8000)), 400, 8000)
        assert abs(found - wanted) < 0.05 * AMPLITUDE and rest < 0.02 * AMPLITUDE


def test_both_laws_with_a_header_and_without_one():
    codes = bytes([i * 3 & 255 for i in range(400)])
    for kind, law, ends in ((6, g711.PCMA, ("al", "pcma", "ALAW")), (7, g711.PCMU, ("ul", "pcmu"))):
        wanted = bytearray(800)
        g711.decode(400, codes, wanted, 0, g711.table(law))
        with File(wav(codes, kind=kind, bits=8, before=b"fact\4\0\0\0\xc8\0\0\0")) as name:
            assert read(Clip(name), 8000) == wanted + bytes(160)
        for end in ends:
            with File(codes, "." + end) as name:
                assert read(Clip(name), 8000) == wanted + bytes(160)


def test_the_extensible_form_is_looked_into():
    sound = ramp(160)
    plain = wav(sound)
    more = b"\x16\0\x10\0\4\0\0\0\1\0" + b"\0\0\0\0\x10\0\x80\0\0\xaa\0\x38\x9b\x71"
    for sub in (1, 3):
        form = b"\xfe\xff" + plain[22:36] + more[:8] + struct.pack("<H", sub) + more[10:]
        data = plain[:16] + struct.pack("<I", len(form)) + form + plain[36:]
        with File(data) as name:
            if sub == 1:
                assert read(Clip(name), 8000)[:320] == sound
            else:
                assert "is wanted" in refused(name)


def refused(name):
    try:
        check(name)
    except LocalError as error:
        line = str(error)
        assert line[: len(name) + 2] == name + ": " and "\n" not in line
        return line[len(name) + 2 :]
    return ""


def test_what_cannot_be_played_is_refused_with_a_reason():
    for options in ({"rate": 44100}, {"rate": 11025}, {"channels": 3}, {"bits": 8}, {"kind": 3, "bits": 32}):
        with File(wav(bytes(96), **options)) as name:
            assert refused(name).endswith("is wanted"), options
    whole = wav(bytes(64))
    for data in [whole[:size] for size in range(44)] + [
        b"RIFX" + whole[4:],
        whole[:12] + b"data\4\0\0\0abcd",
        whole[:12] + b"junk\0\0\0\0" * 20 + whole[12:],
        whole[:12] + b"junk\xff\xff\xff\xff" + whole[12:],
        whole[:16] + b"\xff\xff\xff\x7f" + whole[20:],
        b"\xff" * 400,
    ]:
        with File(data) as name:
            assert refused(name) == "is not a WAV file", data
    assert refused("/tmp/there/is/none.wav") == "cannot be read"


def test_a_file_cut_short_is_played_as_far_as_it_goes():
    sound = ramp(1000)
    whole = wav(sound)
    for end in (44, 45, 46, 44 + 321, 44 + 640):
        with File(whole[:end]) as name:
            heard = read(Clip(name), 8000)
            there = (end - 44) & ~1
            assert heard[:there] == sound[:there] and not any(heard[there:])
    # sizes that nobody patched
    for size in (b"\0\0\0\0", b"\xff\xff\xff\xff"):
        with File(whole[:40] + size + sound) as name:
            assert read(Clip(name), 8000)[:2000] == sound


def test_a_disk_that_fails_ends_it_and_is_counted():
    class Broken:
        def readinto(self, data):
            raise OSError(5)

        close = str

    with File(wav(ramp(1000))) as name:
        clip = Clip(name)
        frame = bytearray(b"x" * 320)
        assert clip.read(frame)
        clip._file.close()
        clip._file = Broken()
        assert not clip.read(frame) and frame == bytes(320) and clip.errors == 1


def test_the_rate_may_change_while_it_plays():
    with File(wav(tone(400, 8000, 4000), rate=8000)) as name:
        clip = Clip(name)
        heard = [read(clip, 8000, 10)]
        clip.tune(16000)
        heard.append(read(clip, 16000, 10))
        clip.tune(8000)
        heard.append(read(clip, 8000, 5))
    for part, rate in zip(heard, (8000, 16000, 8000)):
        found, rest = level(values(part), 400, rate)
        assert abs(found / AMPLITUDE - 1) < 0.05 and rest < 0.03 * AMPLITUDE


def test_a_file_is_closed_when_memory_fails_for_its_filter():
    opened = []

    def note(*arguments):
        opened.append(open(*arguments))
        return opened[-1]

    def full(*_):
        raise MemoryError

    made = rates.Rates
    clip.open, rates.Rates = note, full
    try:
        with File(wav(ramp(400), rate=16000)) as name:
            try:
                Clip(name, 8000)
                raise AssertionError("made")
            except MemoryError:
                pass
            try:
                opened[-1].read(1)
                raise AssertionError("open")
            except (ValueError, OSError):  # it is closed
                pass
    finally:
        del clip.open
        rates.Rates = made
    assert len(opened) == 1
