# media/g722 against other implementations, bit by bit: what ffmpeg made of synthetic speech and of codes at random, and
# what the ITU-T's own encoder (G.191) made of sound that overloads it. See tests/vectors/g722/README.md.

import sys

from siplet.media import g722, g722_plain
from siplet.media.g722 import G722
from wide_signal import FRAME, codes, overload, speech, vector


class Plain(G722):
    """The twin that runs everywhere."""

    def encode(self, samples, frame, packet, at):
        with_kernels(g722_plain.band, g722_plain.qmf, G722.encode, self, samples, frame, packet, at)

    def decode(self, samples, data, frame, at):
        with_kernels(g722_plain.band, g722_plain.qmf, G722.decode, self, samples, data, frame, at)


def with_kernels(band, qmf, call, *arguments):
    former = g722.band, g722.qmf
    g722.band, g722.qmf = band, qmf
    try:
        call(*arguments)
    finally:
        g722.band, g722.qmf = former


def encoded(codec, pcm):
    packet = bytearray(172)
    frame = bytearray(FRAME)
    out = bytearray()
    for at in range(0, len(pcm), FRAME):
        frame[:] = pcm[at : at + FRAME]
        codec.encode(160, frame, packet, 12)
        out.extend(packet[12:])
        assert packet[:12] == bytes(12)  # nothing outside of its place
    return out


def decoded(codec, data):
    frame = bytearray(FRAME)
    out = bytearray()
    for at in range(0, len(data), 160):
        codec.decode(160, data, frame, at)
        out.extend(frame)
    return out


def test_speech_gets_the_codes_that_ffmpeg_gives_it():
    for codec in (G722(), Plain()):
        assert encoded(codec, speech(12)) == vector("speech.g722")


def test_codes_of_speech_become_what_ffmpeg_makes_of_them():
    for codec in (G722(), Plain()):
        assert decoded(codec, vector("speech.g722")) == vector("speech.pcm")


def test_sound_that_overloads_every_sum_gets_the_codes_of_the_reference():
    for codec in (G722(), Plain()):
        assert encoded(codec, overload(8)) == vector("overload.g722")


def test_codes_that_no_encoder_sends_become_what_ffmpeg_makes_of_them():
    for codec in (G722(), Plain()):
        assert decoded(codec, codes(6)) == vector("codes.pcm")


def test_both_twins_remember_the_same():
    one, other = G722(), Plain()
    assert encoded(one, overload(3)) == encoded(other, overload(3))
    assert decoded(one, codes(3)) == decoded(other, codes(3))
    for a, b in zip(one._bands, other._bands):
        assert a == b
    assert one._said == other._said and one._heard == other._heard


def test_frames_of_any_length_join_without_a_seam():
    pcm = speech(2)
    whole = encoded(G722(), pcm)
    codec = G722()
    packet = bytearray(320)
    at = 0
    for samples in (80, 1, 39, 160, 40):
        codec.encode(samples, memoryview(pcm)[4 * at :], packet, at)
        at += samples
    assert at == 320 and packet == whole
    frame = bytearray(2 * FRAME)
    at = 0
    for samples in (3, 157, 80, 80):
        codec.decode(samples, whole, memoryview(frame)[4 * at :], at)
        at += samples
    assert frame == decoded(G722(), whole)


def test_the_two_directions_do_not_disturb_each_other():
    pcm, data = speech(4), vector("speech.g722")
    codec = G722()
    packet = bytearray(160)
    frame = bytearray(FRAME)
    for i in range(4):
        codec.encode(160, memoryview(pcm)[FRAME * i :], packet, 0)
        codec.decode(160, data, frame, 160 * i)
        assert packet == data[160 * i : 160 * i + 160] and frame == vector("speech.pcm")[FRAME * i : FRAME * i + FRAME]


def test_reset_forgets():
    codec = G722()
    first = encoded(codec, speech(2)), decoded(codec, codes(2))
    assert (encoded(codec, speech(2)), decoded(codec, codes(2))) != first
    codec.reset()
    assert (encoded(codec, speech(2)), decoded(codec, codes(2))) == first


def test_silence_stays_silence_but_for_three_steps_of_65536():
    codec = G722()
    assert set(decoded(codec, encoded(codec, bytearray(3 * FRAME)))) <= {0, 1, 2, 3, 253, 254, 255}


def test_viper_is_there_where_it_can_be():
    there = sys.implementation.name == "micropython" and sys.platform == "linux"
    assert (g722.band is not g722_plain.band) == there and (g722.qmf is not g722_plain.qmf) == there
