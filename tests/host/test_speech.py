"""The judge of speech, judged: what must pass passes, and everything that is not the clip fails."""

import itertools
import os
import random
import subprocess
import sys

import pytest
from siplet_tools.speech import compare
from siplet_tools.wav_file import RATE, SpeechError, read_wav, write_wav

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SPEECH = os.path.join(ROOT, "tests", "vectors", "speech")
DOOR = os.path.join(SPEECH, "door.wav")
INDOOR = os.path.join(SPEECH, "indoor.wav")
FRAME = 160


def silence(seconds):
    return [0] * int(RATE * seconds)


def frames(samples):
    return [list(samples[i : i + FRAME]) for i in range(0, len(samples), FRAME)]


def joined(pieces):
    return [sample for piece in pieces for sample in piece]


def test_the_clips_are_short_g711_and_speech():
    for path in (DOOR, INDOOR):
        assert os.path.getsize(path) <= 40_000
        samples = read_wav(path)
        assert 2 * RATE < len(samples) < 5 * RATE
        assert max(map(abs, samples)) > 8000


def test_the_clip_itself_is_heard_wherever_it_stands():
    door = list(read_wav(DOOR))
    found = compare(DOOR, silence(0.7) + door + silence(1.2))
    assert found.ok and found.heard == 1 and found.snr_db > 90
    assert found.offset_ms == 700
    assert found.gap_ms == 0 and found.drift_ms == 0


def test_a_repeated_clip_is_found_though_the_first_copy_lacks_its_start():
    door = list(read_wav(DOOR))
    assert compare(DOOR, door[RATE:] + door + door[:RATE]).ok


def test_quiet_transcoded_and_a_little_noisy_speech_is_still_heard():
    noise = random.Random(1)
    recorded = silence(0.3) + [int(sample * 0.7) + noise.randint(-60, 60) for sample in read_wav(INDOOR)]
    found = compare(INDOOR, recorded)
    assert found.ok
    assert 15 < found.snr_db < 40
    assert -3.5 < found.level_db < -2.5
    assert found.offset_ms == 300


def test_a_jitter_buffer_may_add_and_drop_a_frame():
    pieces = frames(read_wav(DOOR))
    found = compare(DOOR, joined(pieces[:40] + [pieces[39]] + pieces[40:90] + pieces[91:]))
    assert found.ok
    assert found.drift_ms == 20


def test_frames_of_16_khz_are_as_long():
    door = read_wav(DOOR)
    wide = joined((a, (a + b) // 2) for a, b in itertools.pairwise([*door, 0]))
    pieces = [wide[i : i + 2 * FRAME] for i in range(0, len(wide), 2 * FRAME)]
    dropped = compare(wide, silence(0.7) * 2 + joined(pieces[:60] + pieces[61:]), 2 * RATE)
    assert dropped.ok and dropped.offset_ms == 700 and dropped.drift_ms == 20
    loud = max(range(len(pieces) - 7), key=lambda i: min(sum(map(abs, piece)) for piece in pieces[i : i + 7]))
    cut_out = compare(wide, joined(pieces[:loud] + [[0] * 2 * FRAME] * 7 + pieces[loud + 7 :]), 2 * RATE)
    assert not cut_out.ok and cut_out.gap_ms == 140
    assert not compare(wide, door, 2 * RATE).ok  # at twice the speed


def test_another_clip_is_not_it():
    found = compare(DOOR, INDOOR)
    assert not found.ok and found.heard < 0.5
    assert not compare(INDOOR, DOOR).ok


def test_silence_and_noise_and_nothing_are_not_it():
    noise = random.Random(2)
    for recorded in (silence(4), [], [noise.randint(-9000, 9000) for _ in range(4 * RATE)]):
        found = compare(DOOR, recorded)
        assert not found.ok and found.heard < 0.1
        assert found.gap_ms > 300


@pytest.mark.parametrize("seed", range(3))
def test_a_fifth_of_the_frames_lost_fails(seed):
    dice = random.Random(seed)
    pieces = frames(read_wav(DOOR))
    kept = [dice.random() >= 0.2 for _ in pieces]
    silent = compare(DOOR, joined(piece if keep else [0] * FRAME for piece, keep in zip(pieces, kept)))
    assert not silent.ok and 0.6 < silent.heard < 0.93
    cut_out = compare(DOOR, joined(piece for piece, keep in zip(pieces, kept) if keep))
    assert not cut_out.ok


def test_one_long_gap_fails_though_most_was_heard():
    pieces = frames(read_wav(DOOR))
    level = [sum(map(abs, piece)) for piece in pieces]
    loud = max(range(len(level) - 7), key=lambda i: min(level[i : i + 7]))
    found = compare(DOOR, joined(pieces[:loud] + [[0] * FRAME] * 7 + pieces[loud + 7 :]))
    assert not found.ok and found.gap_ms == 140


def test_half_speed_and_faster_speech_fail():
    door = list(read_wav(DOOR))
    halved = joined((a, (a + b) // 2) for a, b in itertools.pairwise(door))
    assert not compare(DOOR, halved).ok
    faster = [door[int(i * 1.05)] for i in range(int(len(door) / 1.05) - 1)]
    assert not compare(DOOR, faster).ok


def test_speech_decoded_by_the_wrong_law_or_far_too_quiet_fails(tmp_path):
    assert not compare(DOOR, [sample // 4 for sample in read_wav(DOOR)]).ok
    with open(DOOR, "rb") as file:
        right = file.read()
    wrong = tmp_path / "wrong-law.wav"
    wrong.write_bytes(right.replace(b"\x07\x00\x01\x00", b"\x06\x00\x01\x00", 1))
    assert wrong.read_bytes() != right and not compare(DOOR, wrong).ok


def test_files_that_cannot_be_judged_are_named(tmp_path):
    stereo = tmp_path / "stereo.wav"
    write_wav(stereo, [1, 2, 3])
    data = bytearray(stereo.read_bytes())
    data[22] = 2
    stereo.write_bytes(data)
    for path in (tmp_path / "missing.wav", stereo, os.path.abspath(__file__)):
        with pytest.raises(SpeechError, match=os.path.basename(path)):
            compare(DOOR, path)
    with pytest.raises(SpeechError, match="silent"):
        compare(silence(1), DOOR)


def test_a_recording_whose_header_was_never_patched_still_counts(tmp_path):
    path = tmp_path / "killed.wav"
    write_wav(path, read_wav(DOOR))
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = bytes(4)
    path.write_bytes(data)
    assert compare(DOOR, path).ok


def test_the_command_line_gives_the_verdict_as_its_status():
    environment = dict(os.environ, PYTHONPATH=os.path.join(ROOT, "host_tools"))
    command = [sys.executable, "-m", "siplet_tools.speech", DOOR]
    good = subprocess.run(command + [DOOR], env=environment, check=False, capture_output=True, text=True)
    assert good.returncode == 0 and "heard" in good.stdout
    bad = subprocess.run(command + [INDOOR], env=environment, check=False, capture_output=True, text=True)
    assert bad.returncode == 1 and "NOT heard" in bad.stdout
