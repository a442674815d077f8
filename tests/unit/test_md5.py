# The MD5 of boards without one: the vectors of RFC 1321 A.5, and the lengths around a block.

from binascii import hexlify

from siplet.sip.md5 import md5


def test_the_vectors_of_the_rfc():
    for text, digest in (
        (b"", b"d41d8cd98f00b204e9800998ecf8427e"),
        (b"a", b"0cc175b9c0f1b6a831c399e269772661"),
        (b"abc", b"900150983cd24fb0d6963f7d28e17f72"),
        (b"message digest", b"f96b697d7cb7938d525a2f31aaf161d0"),
        (b"abcdefghijklmnopqrstuvwxyz", b"c3fcd3d76192e4007dfb496cca67e13b"),
        (b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", b"d174ab98d277d9f5a5611c2c9f419d9f"),
        (b"1234567890" * 8, b"57edf4a22be3c955ac49da2e2107b67a"),
    ):
        assert hexlify(md5(text)) == digest, text


def test_every_length_around_a_block_is_padded_right():
    # The digests of n times 0xff, all together, so that it can be asked where hashlib has none
    together = b"".join(md5(b"\xff" * n) for n in range(140))
    assert hexlify(md5(together)) == b"a5b077132aa9d87c157e492263605821"


def test_it_agrees_with_hashlib():
    try:
        from hashlib import md5 as theirs
    except ImportError:
        return  # the two tests above are what this interpreter can say
    for n in range(0, 200, 3):
        data = bytes((i * 31 + n) & 255 for i in range(n))
        assert md5(data) == theirs(data).digest(), n
