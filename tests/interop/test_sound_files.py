"""Sound files of every usual form: sox and ffmpeg make them, siplet plays them, sox reads what siplet keeps."""

import math
import operator
import os
import shutil
import subprocess
import wave
from array import array

import pytest
from driver import DOOR, HERE, need
from siplet.audio.clip import check
from siplet.audio.recorder import Recorder
from siplet.errors import LocalError
from siplet_tools import interpreter

FINE = 48000  # what is compared at: the filters delay by parts of a sample of 8 kHz
MOST = 120  # samples of it by which a filter may delay

SOX = {  # name of the file: what sox is told
    "plain.wav": ["-r", "8000", "-b", "16", "-e", "signed"],
    "a.wav": ["-r", "8000", "-e", "a-law"],
    "u.wav": ["-r", "8000", "-e", "mu-law"],
    "raw.al": ["-t", "raw", "-r", "8000", "-e", "a-law"],
    "raw.ul": ["-t", "raw", "-r", "8000", "-e", "mu-law"],
    "two.wav": ["-r", "8000", "-c", "2", "-b", "16", "-e", "signed"],
    "16.wav": ["-r", "16000", "-b", "16", "-e", "signed"],
    "16a.wav": ["-r", "16000", "-e", "a-law"],
    "16two.wav": ["-r", "16000", "-c", "2", "-b", "16", "-e", "signed"],
    "48.wav": ["-r", "48000", "-b", "16", "-e", "signed"],
    "48two.wav": ["-r", "48000", "-c", "2", "-b", "16", "-e", "signed"],
}
FFMPEG = {
    "f.wav": ["-ar", "8000", "-c:a", "pcm_s16le"],
    "ftwo.wav": ["-af", "pan=stereo|c0=c0|c1=c0", "-ar", "48000", "-c:a", "pcm_s16le"],
    "fa.wav": ["-ar", "16000", "-c:a", "pcm_alaw"],
    "fu.wav": ["-ar", "8000", "-c:a", "pcm_mulaw"],
    "ftold.wav": ["-ar", "16000", "-c:a", "pcm_s16le", "-metadata", "title=A door", "-metadata", "artist=Nobody"],
}


@pytest.fixture(autouse=True)
def needed():
    for name in ("sox", "ffmpeg"):
        need("" if shutil.which(name) else f"{name} is not installed (make peers)")


def sox(*arguments):
    subprocess.run(["sox", "-D", *map(str, arguments)], check=True, capture_output=True, timeout=60)


def fine(path, folder):
    """The samples of a file at 48 kHz, as sox reads it."""
    out = folder / "fine.wav"
    sox(path, "-r", FINE, "-c", 1, "-b", 16, "-e", "signed", out)
    with wave.open(str(out)) as file:
        return array("h", file.readframes(file.getnframes()))


def dot(a, b):
    return sum(map(operator.mul, a, b))


def likeness(spoken, heard):
    """(the correlation of two sounds where they are most alike, delay in ms, the gain in dB)."""
    middle = len(spoken) // 3
    piece = spoken[middle : middle + FINE // 4]
    best = max(range(-MOST, MOST), key=lambda lag: dot(piece, heard[middle + lag : middle + lag + len(piece)]))
    n = min(len(spoken), len(heard) - best) - MOST
    a, b = spoken[MOST:n], heard[MOST + best : n + best]
    power = dot(a, a)
    both = dot(a, b)
    return both / math.sqrt(power * dot(b, b)), best * 1000 / FINE, 20 * math.log10(both / power)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_files_of_all_kinds_sound_as_what_they_were_made_of(tmp_path, rate):
    paths = []
    for name, options in SOX.items():
        sox(DOOR, *options, tmp_path / name)
        paths.append(tmp_path / name)
    for name, options in FFMPEG.items():
        command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-i", DOOR, *options, str(tmp_path / name)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        paths.append(tmp_path / name)
    pairs = [str(path) for one in paths for path in (one, f"{one}.heard.wav")]
    command = [interpreter.find(), os.path.join(HERE, "clip_copy.py"), str(rate), *pairs]
    subprocess.run(command, check=True, timeout=60, env=interpreter.environment())
    spoken = fine(DOOR, tmp_path)
    for path in paths:
        heard = f"{path}.heard.wav"
        told = subprocess.run(["soxi", heard], check=True, capture_output=True, text=True).stdout
        assert f"Sample Rate    : {rate}" in told and "Precision      : 16-bit" in told and "Channels       : 1" in told
        alike, delay, gain = likeness(spoken, fine(heard, tmp_path))
        print(f"{path.name:10} {alike:.5f} {delay:5.2f} ms {gain:5.2f} dB")
        assert alike > 0.99 and abs(gain) < 0.3 and -0.1 < delay < 2, path.name


def test_what_they_make_of_other_forms_is_refused_in_one_line(tmp_path):
    for name, options in {
        "24.wav": ["-b", "24"],
        "float.wav": ["-e", "floating-point", "-b", "32"],
        "cd.wav": ["-r", "44100"],
        "eight.wav": ["-b", "8", "-e", "unsigned"],
        "four.wav": ["-e", "ms-adpcm"],
        "x.aiff": [],
        "x.au": [],
    }.items():
        sox(DOOR, *options, tmp_path / name)
        with pytest.raises(LocalError) as error:
            check(str(tmp_path / name))
        assert str(error.value).startswith(str(tmp_path / name)) and "\n" not in str(error.value)


def test_sox_reads_our_recordings_of_one_and_two_channels_while_they_grow(tmp_path):
    class Owner:
        errors = 0

    for rate in (8000, 16000):
        for channels in (1, 2):
            path = tmp_path / f"{rate}-{channels}.wav"
            recorder = Recorder(Owner, str(path), rate, channels)
            recorder.start()
            sound = array("h", [i * 37 % 20000 - 10000 for i in range(rate // 50 * channels)])
            for i in range(130):
                recorder.write(sound.tobytes())
                if i == 120:
                    told = subprocess.run(["soxi", "-s", path], check=True, capture_output=True, text=True).stdout
                    assert int(told) == 2 * rate  # two seconds of two and a bit
            recorder.stop()
            copy = tmp_path / "copy.raw"
            sox(path, copy)
            assert copy.read_bytes() == sound.tobytes() * 130
            told = subprocess.run(["soxi", path], check=True, capture_output=True, text=True).stdout
            assert f"Channels       : {channels}" in told and f"Sample Rate    : {rate}" in told
    assert Owner.errors == 0


def test_a_disk_that_is_really_full_ends_a_recording_and_is_counted():
    assert os.path.exists("/dev/full"), "Linux has it (full(4)), and the programs that these tests drive run there"

    class Owner:
        errors = 0

    recorder = Recorder(Owner, "/dev/full")  # Python keeps what is written for a while
    before = Owner.errors
    recorder.start()
    for _ in range(200):
        recorder.write(bytes(320))
    assert not recorder.is_open and Owner.errors == before + 1
    recorder.stop()
    # MicroPython writes at once
    code = "import siplet.audio.recorder as r\nclass O:\n errors = 0\ntry:\n r.Recorder(O, '/dev/full')\n"
    code += "except r.LocalError as e: print(e, O.errors)"
    run = subprocess.run(
        [interpreter.find(), "-c", code], env=interpreter.environment(), capture_output=True, text=True, check=True
    )
    assert run.stdout == "/dev/full: cannot be written 1\n", run.stdout + run.stderr
