# AES, ours and that of the interpreter: FIPS 197 appendices B and C.1, NIST SP 800-38A F.1.1.

from siplet.media.aes import aes
from siplet.media.aes_plain import Aes

CASES = (
    ("2b7e151628aed2a6abf7158809cf4f3c", "3243f6a8885a308d313198a2e0370734", "3925841d02dc09fbdc118597196a0b32"),
    ("000102030405060708090a0b0c0d0e0f", "00112233445566778899aabbccddeeff", "69c4e0d86a7b0430d8cdb78070b4c55a"),
    (
        "2b7e151628aed2a6abf7158809cf4f3c",
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
        "3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf",
    ),
)


def test_blocks_of_the_standards():
    for make in (Aes, aes):
        for key, plain, expected in CASES:
            data = bytes.fromhex(plain)
            out = bytearray(len(data))
            cipher = make(bytes.fromhex(key))
            cipher.encrypt(data, out)
            assert out == bytes.fromhex(expected)
            place = bytearray(data)
            cipher.encrypt(place, place)
            assert place == out, "in its own place"


def test_both_agree():
    for seed in range(8):
        key = bytes([seed * 31 + i * 17 & 255 for i in range(16)])
        data = bytes([seed * 7 + i * i & 255 for i in range(160)])
        one, other = bytearray(160), bytearray(160)
        Aes(key).encrypt(data, one)
        aes(key).encrypt(data, other)
        assert one == other
