# AES with 128 bits, block by block: cryptolib's where there is one (every board that can do TLS), else aes_plain.
#
#     aes(key).encrypt(data, out)       whole blocks, in one call as many as there are; allocates nothing

try:
    from cryptolib import aes as _aes

    def aes(key):
        """The cipher of a key of 16 bytes."""
        return _aes(key, 1)  # ECB

except ImportError:
    from siplet.media.aes_plain import Aes as aes  # noqa: F401
