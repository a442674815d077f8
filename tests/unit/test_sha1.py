# HMAC-SHA1 for packets: RFC 2202 section 3, and its two kernels against each other.

from siplet.media import sha1_plain
from siplet.media.sha1 import TAIL, TRAILER, Hmac, authenticate, work

# Key, data, digest. Keys of more than a block are hashed first (RFC 2104 section 2): theirs is the hash of 80 times
# 0xaa here, because SRTP's keys have 20 bytes.
LONG = "4ca0ef38f1794b28a8f8ee110ee79d48ce13be25"
CASES = (
    ("0b" * 20, b"Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"),
    ("4a656665", b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    ("aa" * 20, b"\xdd" * 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
    ("0102030405060708090a0b0c0d0e0f10111213141516171819", b"\xcd" * 50, "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
    ("0c" * 20, b"Test With Truncation", "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"),
    (LONG, b"Test Using Larger Than Block-Size Key - Hash Key First", "aa4ae5e15272d00e95705637ce8a3b55ed402112"),
    (
        LONG,
        b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
        "e8e99d0f45237d786d6bbaa7965c7808bbff1a91",
    ),
)


def digest(room, n, at, data, hmac, more=0):
    authenticate(room, n, at, data, hmac.pads, more)
    return bytes(room[TAIL : TAIL + 20])


def test_the_digests_of_rfc_2202():
    room = work()
    hmac = Hmac()
    for key, data, expected in CASES:
        hmac.key(room, bytes.fromhex(key))
        assert digest(room, len(data), 0, data, hmac) == bytes.fromhex(expected), data


def test_what_follows_the_message_belongs_to_it():
    room = work()
    hmac = Hmac()
    hmac.key(room, bytes(range(20)))
    for n in (0, 51, 52, 55, 56, 59, 60, 63, 64, 172, 500):
        data = bytes([i * 7 + n & 255 for i in range(n)])
        room[TRAILER : TRAILER + 4] = b"\x01\xff\x00\x7f"
        apart = digest(room, n, 3, b"abc" + data + b"rest", hmac, 4)
        assert apart == digest(room, n + 4, 0, data + b"\x01\xff\x00\x7f", hmac), n


def test_both_kernels_agree():
    room, other = work(), work()
    hmac = Hmac()
    hmac.key(room, b"\xff" * 64)
    for n in range(0, 200, 7):
        data = bytes([i * i + n & 255 for i in range(n + 5)])
        for more in (0, 4):
            authenticate(room, n, 5, data, hmac.pads, more)
            sha1_plain.authenticate(other, n, 5, data, hmac.pads, more)
            assert room[TAIL : TAIL + 20] == other[TAIL : TAIL + 20], n


def test_a_key_is_overwritten():
    hmac = Hmac()
    hmac.key(work(), bytes(range(20)))
    assert any(hmac.pads)
    hmac.wipe()
    assert not any(hmac.pads)
