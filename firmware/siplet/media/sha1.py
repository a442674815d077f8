# HMAC-SHA1: RFC 2104 over FIPS 180-4's SHA-1, for packets that come fifty times a second. Imports its kernels:
# sha1_viper where the build can run it, else sha1_plain.
#
# hashlib would take 320 bytes of heap a packet: its objects cannot be copied on MicroPython, and each digest is one
# more. Here the key's two pads are compressed once, and nothing is allocated afterwards. In native code a packet of
# 20 ms takes 39,000 instructions.

from micropython import const

# What the kernels work in, one bytearray: 85 words of rounds, 80 of a block's schedule, then the places below
_STATE = const(660)  # five words, e d c b a
_CONSTANTS = const(680)  # of the rounds, one for each twenty
TAIL = const(696)  # two blocks with the message's end; afterwards the digest, 20 bytes
TRAILER = const(824)  # what is hashed after the message, up to 4 bytes; the 20 more are srtp's
_SIZE = const(848)

# Low byte first, as the kernels see words
_ROUNDS = b"\x99\x79\x82\x5a\xa1\xeb\xd9\x6e\xdc\xbc\x1b\x8f\xd6\xc1\x62\xca"
_START = b"\xf0\xe1\xd2\xc3\x76\x54\x32\x10\xfe\xdc\xba\x98\x89\xab\xcd\xef\x01\x23\x45\x67"


def work():
    """What authenticate() works in; one is enough for any number of keys."""
    made = bytearray(_SIZE)
    made[_CONSTANTS : _CONSTANTS + 16] = _ROUNDS
    return made


class Hmac:
    """A key of up to 64 bytes, for authenticate(work, n, at, data, hmac.pads, more). wipe() overwrites it."""

    def __init__(self):
        self.pads = bytearray(40)

    def key(self, work, key):
        """Take a key. (In place: the next one needs no more memory.)"""
        block = bytearray(64)
        half = bytearray(20)
        for at, pad in ((0, 0x36), (20, 0x5C)):
            for i in range(64):
                block[i] = pad ^ (key[i] if i < len(key) else 0)
            half[:] = _START
            authenticate(work, 64, 0, block, half, -1)
            self.pads[at : at + 20] = half
        for i in range(64):
            block[i] = 0

    def wipe(self):
        """Overwrite what the key became."""
        for i in range(40):
            self.pads[i] = 0


try:  # not every build compiles viper: see g711
    from siplet.media.sha1_viper import authenticate
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.sha1_plain import authenticate
