"""No key is heard where nobody presses one: the clips of speech at many speeds, which are as many voices."""

import array
import os
import sys

from siplet_tools.wav_file import read_wav

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.join(TESTS, "bench"))
import dtmf  # noqa: E402

SPEEDS = [0.62 + 0.04 * i for i in range(24)]


def faster(samples, speed):
    """The samples at another speed and pitch, between neighbours in a straight line."""
    made = array.array("h")
    for i in range(int((len(samples) - 1) / speed)):
        at = int(i * speed)
        rest = i * speed - at
        made.append(int(samples[at] * (1 - rest) + samples[at + 1] * rest))
    return made


def test_a_minute_of_speech_has_no_keys(tmp_path):
    said = array.array("h")
    for speed in SPEEDS:
        for name in ("door.wav", "indoor.wav"):
            said += faster(read_wav(os.path.join(TESTS, "vectors", "speech", name)), speed)
    assert len(said) > 60 * 8000
    path = tmp_path / "speech"
    path.write_bytes(said.tobytes())
    assert dtmf.listen(str(path)) == ""


def test_keys_that_follow_the_speech_are_found(tmp_path):
    said = read_wav(os.path.join(TESTS, "vectors", "speech", "door.wav"))
    text, data = dtmf.digits(3, -10, -12, 15, 0, 40)
    path = tmp_path / "both"
    path.write_bytes(said.tobytes() + data)
    assert dtmf.listen(str(path)) == text
