# media/g711 against ITU-T G.711, written down here a second time and in another way: by the standard's tables of
# decision values (tables 1a, 1b, 2a, 2b), searched, not by bit arithmetic. All 65,536 samples, all 256 codes.

from siplet.media import g711, g711_fast, g711_fast_plain, g711_plain


def a_law_thresholds():
    # Table 1a, halved (it counts in 1/4096, a 13-bit sample has 2,048 magnitudes): 32 steps of 1, 16 of 2, 4 ... 64.
    values = list(range(1, 33))
    step = 2
    for _ in range(6):
        for _ in range(16):
            values.append(values[-1] + step)
        step *= 2
    return values  # values[n] is where code n ends: x_(n+1) of the table


def mu_law_thresholds():
    # Table 2a, mu-law, 14-bit units: 0, 1, 3, 5 ... 31, then 16 steps each of 4, 8, ... 256, up to 8159.
    values = [1]
    while values[-1] < 31:
        values.append(values[-1] + 2)
    step = 4
    for _ in range(7):
        for _ in range(16):
            values.append(values[-1] + step)
        step *= 2
    return values


A = a_law_thresholds()
MU = mu_law_thresholds()


def reference(thresholds, shift, invert):
    # the code of every positive sample: G.191 cuts the bits below the law's resolution off
    codes = bytearray(32768)
    n = 0
    for x in range(32768):
        while n < 127 and x >> shift >= thresholds[n]:
            n += 1
        codes[x] = (n | 0x80) ^ invert
    return codes


def samples():
    # all 65,536 in frames of 128 samples
    frame = bytearray(256)
    for first in range(-32768, 32768, 128):
        for i in range(128):
            frame[2 * i] = first + i & 0xFF
            frame[2 * i + 1] = first + i >> 8 & 0xFF
        yield first, frame


def check_encoder(encode, law, codes):
    out = bytearray(130)
    for first, frame in samples():
        encode(128, frame, out, 1, law)
        for i in range(128):
            x = first + i
            # one's complement of a negative sample; the sign bit of the code is 0 for it
            expected = codes[x] if x >= 0 else codes[-1 - x] ^ 0x80
            if out[1 + i] != expected:
                raise AssertionError(f"law {law} sample {x}: {out[1 + i]} instead of {expected}")
        assert out[0] == 0 and out[129] == 0  # nothing outside of its place


def test_thresholds_are_the_standard_s():
    # segment ends as printed: A-law 4096, 2048, 64 (halved here), mu-law 8159, 4063, 95, 31
    assert A[127] == 2048 and A[111] == 1024 and A[31] == 32 and len(A) == 128
    assert MU[127] == 8159 and MU[111] == 4063 and MU[15] == 31 and MU[31] == 95 and len(MU) == 128


def test_encode_all_samples_a_law():
    codes = reference(A, 4, 0x55)
    check_encoder(g711.encode, g711.PCMA, codes)
    if g711_plain.encode is not g711.encode:
        check_encoder(g711_plain.encode, g711.PCMA, codes)


def test_encode_all_samples_mu_law():
    codes = reference(MU, 2, 0x7F)
    check_encoder(g711.encode, g711.PCMU, codes)
    if g711_plain.encode is not g711.encode:
        check_encoder(g711_plain.encode, g711.PCMU, codes)


def expand(thresholds, code, invert, scale):
    # y_n: the middle of its interval (table 1, column 8; mu-law's first value is 0)
    n = (code ^ invert) & 0x7F
    low = thresholds[n - 1] if n else (0 if thresholds is A else -1)
    y = (low + thresholds[n]) * scale // 2
    return y if code & 0x80 else -y


def test_decode_all_codes():
    codes = bytes(range(256))
    for law, thresholds, invert, scale in ((g711.PCMA, A, 0x55, 16), (g711.PCMU, MU, 0x7F, 4)):
        for decode in (g711.decode, g711_plain.decode):
            pcm = bytearray(2 * 256 + 2)
            decode(256, b"?" + codes, pcm, 1, g711.table(law))
            for code in range(256):
                x = pcm[2 * code] | pcm[2 * code + 1] << 8
                x = x - 65536 if x > 32767 else x
                expected = expand(thresholds, code, invert, scale)
                assert x == expected, (law, code, x, expected)
            assert bytes(pcm[-2:]) == bytes(2)


def test_codes_survive_a_round_trip():
    codes = bytes(range(256))
    pcm = bytearray(512)
    again = bytearray(256)
    for law in (g711.PCMA, g711.PCMU):
        g711.decode(256, codes, pcm, 0, g711.table(law))
        g711.encode(256, pcm, again, 0, law)
        different = [c for c in range(256) if again[c] != c]
        # mu-law has two zeros: the negative one comes back positive
        assert different == ([] if law else [0x7F]), different


def faster(kernels):
    # their encode and decode in the shape of g711's
    def encode(n, pcm, out, at, law):
        kernels.encode(g711_fast.encoder(law), pcm, out, n, at)

    def decode(n, data, pcm, at, samples):
        kernels.decode(samples, data, pcm, n, at)

    return encode, decode


def test_the_faster_ones_encode_all_samples_alike():
    for law, codes in ((g711.PCMA, reference(A, 4, 0x55)), (g711.PCMU, reference(MU, 2, 0x7F))):
        check_encoder(faster(g711_fast)[0], law, codes)
        if g711_fast_plain.encode is not g711_fast.encode:
            check_encoder(faster(g711_fast_plain)[0], law, codes)


def test_the_faster_ones_do_all_lengths_and_leave_the_rest_alone():
    codes = bytes([i * 37 & 255 for i in range(40)])
    pcm = bytearray([i * 91 & 255 for i in range(80)])
    for kernels in (g711_fast, g711_fast_plain):
        encode, decode = faster(kernels)
        for law in (g711.PCMA, g711.PCMU):
            for n in range(38):
                for at in (0, 1, 2):
                    out, wanted = bytearray(42), bytearray(42)
                    encode(n, pcm, out, at, law)
                    g711_plain.encode(n, pcm, wanted, at, law)
                    assert out == wanted, (law, n, at)
                    out, wanted = bytearray(82), bytearray(82)
                    decode(n, codes, out, at, g711.table(law))
                    g711_plain.decode(n, codes, wanted, at, g711.table(law))
                    assert out == wanted, (law, n, at)


def test_a_table_is_made_once():
    assert g711_fast.encoder(g711.PCMA) is g711_fast.encoder(g711.PCMA) is not g711_fast.encoder(g711.PCMU)
    assert g711.table(g711.PCMA) is g711.table(g711.PCMA) is not g711.table(g711.PCMU)


def test_move():
    for move in (g711.move, g711_plain.move):
        out = bytearray(8)
        move(3, b"abcdef", out, 2, 4)
        assert out == b"\0\0\0\0cde\0"
        move(0, b"abcdef", out, 2, 4)
        assert out == b"\0\0\0\0cde\0"
        # every way to lie at the borders of words
        data = bytes(range(1, 25))
        for n in range(13):
            for at in range(5):
                for to in range(5):
                    out = bytearray(24)
                    move(n, data, out, at, to)
                    assert out == bytes(to) + data[at : at + n] + bytes(24 - to - n), (n, at, to)


def test_viper_is_there_where_it_can_be():
    import sys

    if sys.implementation.name == "micropython" and sys.platform == "linux":
        assert g711.encode is not g711_plain.encode and g711_fast.encode is not g711_fast_plain.encode
    if sys.implementation.name == "cpython":
        assert g711.encode is g711_plain.encode
