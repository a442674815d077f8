# siplet/media/mix: sums that clip, means of two channels, pairs; and the two kernels against each other.

import struct

from siplet.media import mix, mix_plain


def samples(*values):
    return bytearray(struct.pack("<%dh" % len(values), *values))


def values(data):
    return list(struct.unpack("<%dh" % (len(data) // 2), bytes(data)))


def noise(n):
    x, out = 1, bytearray(2 * n)
    for i in range(2 * n):
        x = (x * 75 + 74) % 65537
        out[i] = x & 255
    return out


def test_a_sum_clips_and_does_not_wrap():
    frame = samples(0, 1, -1, 20000, -20000, 32767, -32768, 32767, 5)
    mix.mix(8, frame, samples(0, 2, -2, 20000, -20000, 32767, -32768, -32768, 7))
    assert values(frame) == [0, 3, -3, 32767, -32768, 32767, -32768, -1, 5]


def test_two_channels_become_their_mean():
    pcm = samples(100, 200, -1, -1, 32767, 32767, -32768, -32768, 32767, -32768)
    mix.fold(5, pcm)
    assert values(pcm)[:5] == [150, -1, 32767, -32768, -1]


def test_pairs_and_silence():
    out = samples(9, 9, 9, 9, 9, 9)
    mix.weave(2, samples(1, 2), samples(-3, -4), out)
    assert values(out) == [1, -3, 2, -4, 9, 9]
    mix.hush(1, 3, out)
    assert values(out) == [1, 0, 0, -4, 9, 9]


def test_both_kernels_agree_to_the_bit():
    found = []
    for kernel in (mix, mix_plain):
        frame, other, out = noise(320), noise(640), bytearray(2560)
        kernel.mix(320, frame, memoryview(other)[320:960])
        kernel.weave(320, frame, other, out)
        kernel.fold(320, other)
        kernel.hush(300, 310, other)
        found.append((frame, other, out))
    assert found[0] == found[1]
