# Prompts and recordings in a call whose frames become longer or shorter, with and without memory for a filter.

from siplet.audio import rates
from siplet.media.mix import hush
from siplet.sound.mixer import Mixer
from siplet.sound.recording import Recording
from test_wav import File


def full(*_):
    raise MemoryError


def frames(part, samples):
    """20 ms both ways."""
    for way in (part.near, part.far):
        frame = memoryview(bytearray(b"\1\2" * samples))
        way(frame)
        assert len(frame) == 2 * samples


def test_a_call_whose_recording_is_over_may_become_wide_and_narrow_again():
    with File(b"") as name:
        part = Recording()
        part.record(name, True, 1)
        frames(part, 160)
        part.stop()
        for samples in (320, 160):
            part.tune(50 * samples)
            frames(part, samples)
        part.record(name, True, 2)
        frames(part, 160)
        assert part.seconds == 0 and part.busy
        part.end()


def test_a_recording_without_memory_for_a_filter_is_over_and_whole():
    with File(b"") as name:
        part = Recording()
        part.record(name, True, 1)
        for _ in range(50):
            frames(part, 160)
        made, rates.Rates = rates.Rates, full
        try:
            part.tune(16000)
        finally:
            rates.Rates = made
        frames(part, 320)
        assert part.over.is_set() and part.failed and part.seconds == 1
        with open(name, "rb") as file:
            assert len(file.read()) == 44 + 16000


class Voice:
    """Silence for ever, at 8 kHz alone."""

    tune = full

    def read(self, frame):
        hush(0, len(frame) >> 1, frame)
        return True


def test_a_prompt_without_memory_for_a_filter_is_over_and_the_call_is_heard():
    part = Mixer()
    for place in part.places:
        place.begin(Voice(), False)
    frames(part, 160)
    part.tune(16000)
    for place in part.places:
        assert place.done.is_set() and not place.whole and not place.voice
    frames(part, 320)
