# AES with 128 bits, block by block: cryptolib's where there is one (every board that can do TLS), else aes_plain.

try:
    import cryptolib
except ImportError:  # CPython, the WebAssembly port
    cryptolib = None


def aes(key):
    """The cipher of a key, 16 bytes: encrypt(data, out) takes whole blocks, as many as there are; allocates nothing."""
    if cryptolib:
        return cryptolib.aes(key, 1)  # ECB
    from siplet.media.aes_plain import Aes

    return Aes(key)
