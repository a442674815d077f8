# siplet/audio/wav: files of every kind it takes are said to the last sample, what is heard is kept, others are refused.

import os
import struct

from siplet.audio.wav import Wav
from siplet.errors import LocalError
from siplet.media import g711
from siplet.platform import random

NAME = "/tmp/siplet-%s.wav" % "".join("%02x" % b for b in random(6))


def wav(data, kind=1, channels=1, rate=8000, bits=16, before=b"", after=b""):
    fmt = struct.pack("<HHIIHH", kind, channels, rate, rate * channels * bits // 8, channels * bits // 8, bits)
    body = (
        b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + before + b"data" + struct.pack("<I", len(data)) + data + after
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def ramp(n):
    return b"".join([struct.pack("<h", (i * 7) % 20000 - 10000) for i in range(n)])


class File:
    """A file of these bytes (or none yet) while a test looks at it."""

    def __init__(self, data=None, end=""):
        self.data = data
        self.name = NAME + end

    def __enter__(self):
        if self.data is not None:
            with open(self.name, "wb") as file:
                file.write(self.data)
        return self.name

    def __exit__(self, kind, error, trace):
        os.remove(self.name)


def frames(audio, n):
    frame = bytearray(320)
    return b"".join([bytes(frame) for _ in range(n) if audio.read(frame)])


def test_pcm_is_said_to_its_last_sample_and_then_there_is_silence():
    sound = ramp(400)  # two and a half frames
    with File(wav(sound, after=b"LIST\4\0\0\0abcd")) as name:
        audio = Wav(play=name)
        frame = bytearray(b"x" * 320)
        assert not audio.read(frame) and frame == bytes(320)  # not started
        audio.start()
        assert frames(audio, 3) == sound + bytes(960 - 800)
        assert not audio.read(frame) and frame == bytes(320)
        audio.stop()


def test_every_call_hears_the_file_from_its_beginning_and_repeat_never_ends():
    sound = ramp(320)
    with File(wav(sound)) as name:
        audio = Wav(play=name)
        for _ in range(2):
            audio.start()
            assert frames(audio, 1) == sound[:320]
            audio.stop()
        audio = Wav(play=name, repeat=True)
        audio.start()
        assert frames(audio, 5) == sound + sound + sound[:320]


def test_both_laws_of_g711_are_said_as_the_codec_has_them():
    codes = bytes([i * 3 & 255 for i in range(200)])
    for kind, law in ((6, g711.PCMA), (7, g711.PCMU)):
        wanted = bytearray(400)
        g711.decode(200, codes, wanted, 0, g711.table(law))
        with File(wav(codes, kind=kind, bits=8, before=b"fact\4\0\0\0\xc8\0\0\0")) as name:
            audio = Wav(play=name)
            audio.start()
            assert frames(audio, 3) == wanted + bytes(240)


def test_a_header_without_true_sizes_is_played_to_the_end_of_the_file():
    # As espeak-ng writes one to a pipe
    data = bytearray(wav(ramp(160)))
    data[40:44] = b"\xff\xff\xff\xff"
    with File(data) as name:
        audio = Wav(play=name)
        audio.start()
        assert frames(audio, 2)[:320] == ramp(160)


def test_what_is_heard_is_kept_and_can_be_read_while_it_grows():
    with File() as name:
        audio = Wav(record=name)
        audio.start()
        sound = ramp(160)
        for _ in range(120):
            audio.write(sound)
        with open(name, "rb") as file:
            header = file.read(44)
        assert struct.unpack("<I", header[40:])[0] == 100 * 320  # two seconds of two and a bit
        audio.stop()
        with open(name, "rb") as file:
            assert file.read() == wav(sound * 120)
        audio.write(sound)  # after the call: nowhere
        audio.start()  # the next call is a new recording
        audio.write(sound)
        audio.stop()
        with open(name, "rb") as file:
            assert file.read() == wav(sound)
        assert audio.errors == 0


def refused(data):
    with File(data) as name:
        try:
            Wav(play=name)
        except LocalError as error:
            line = str(error)
            assert line[: len(name) + 2] == name + ": " and "\n" not in line
            return line[len(name) + 2 :]
    raise AssertionError("was taken")


def test_other_formats_are_refused_with_what_is_wanted():
    wanted = "a WAV of 8, 16 or 48 kHz, one or two channels, 16-bit PCM, A-law or mu-law is wanted"
    assert refused(wav(bytes(64), rate=44100)) == wanted
    assert refused(wav(bytes(64), channels=3)) == wanted
    assert refused(wav(bytes(64), bits=8)) == wanted
    assert refused(wav(bytes(64), kind=3, bits=32)) == wanted


def test_broken_files_are_refused_whatever_is_broken():
    whole = wav(bytes(64))
    for size in range(44):
        assert refused(whole[:size]) == "is not a WAV file"
    assert refused(b"RIFX" + whole[4:]) == "is not a WAV file"
    assert refused(whole[:12] + b"data\4\0\0\0abcd") == "is not a WAV file"  # sound before its format
    assert refused(whole[:12] + b"junk\0\0\0\0" * 20 + whole[12:]) == "is not a WAV file"


def test_files_that_are_not_there_are_named():
    for play, record, line in (
        ("/tmp/there/is/none.wav", None, "/tmp/there/is/none.wav: cannot be read"),
        (None, "/tmp/there/is/none.wav", "/tmp/there/is/none.wav: cannot be written"),
    ):
        try:
            Wav(play, record)
        except LocalError as error:
            assert str(error) == line
        else:
            raise AssertionError


def test_a_disk_that_fails_is_counted_and_the_call_goes_on():
    class Full:
        def write(self, data):
            raise OSError(28)

        seek = flush = readinto = write
        close = str

    with File() as name:
        audio = Wav(record=name)
        audio.start()
        audio._recorder._file.close()
        audio._recorder._file = Full()
        for _ in range(60):
            audio.write(bytes(320))
        audio.stop()
        assert audio.errors == 1  # and it is over
    with File(wav(ramp(1000))) as name:
        audio = Wav(play=name)
        audio.start()
        audio._play.close()
        audio._play = Full()
        frame = bytearray(320)
        audio.read(frame)
        assert frame == bytes(320) and audio.errors == 1


def test_a_file_of_16_khz_is_said_and_kept_at_either_rate():
    sound = ramp(800)
    with File(wav(sound, rate=16000)) as name, File(end=".kept") as kept:
        audio = Wav(play=name, record=kept)
        assert audio.rates == (8000, 16000)
        for rate in (16000, 8000, 16000):
            audio.tune(rate)
            frame = bytearray(rate // 25)
            assert not audio.read(frame) and not any(frame)  # not started
            audio.start()
            heard = b""
            while audio.read(frame):
                heard += bytes(frame)
                audio.write(frame)
            assert not any(frame) and not audio.read(frame)
            audio.stop()
            assert len(heard) == 3 * rate // 25
            if rate == 16000:
                assert heard == sound + bytes(3 * 640 - 1600)
            with open(kept, "rb") as file:
                assert file.read() == wav(heard, rate=rate)


def test_a_call_that_becomes_wide_is_said_and_kept_on():
    def level(n):
        return struct.pack("<h", 5000) * n

    with File(wav(level(48000 * 2), rate=48000, channels=2)) as name, File(end=".kept") as kept:
        audio = Wav(play=name, record=kept, repeat=True)
        audio.start()
        for rate in (8000, 16000, 8000):
            audio.tune(rate)
            frame = bytearray(rate // 25)
            for _ in range(60):
                assert audio.read(frame)
                audio.write(frame)
            found = struct.unpack_from("<h", frame, 200)[0]
            assert abs(found - 5000) < 100, (rate, found)
        audio.stop()
        with open(kept, "rb") as file:
            data = file.read()
        assert data[:44] == wav(bytes(180 * 320))[:44] and len(data) == 44 + 180 * 320
        assert abs(struct.unpack_from("<h", data, 44 + 320 * 90)[0] - 5000) < 100
        assert audio.errors == 0


def test_two_channels_of_8_khz_are_no_wide_sound():
    with File(wav(ramp(640), channels=2)) as name:
        audio = Wav(play=name)
        assert audio.rates == (8000,)
        audio.start()
        assert len(frames(audio, 5)) == 640
