# Faster G.711 where @micropython.viper does not exist: no faster there, but the same. Imports g711_plain.

from siplet.media.g711_plain import decode as decode_plain


def encode(words, pcm, out, n, at):
    """Write the codes of n 16-bit little-endian samples of pcm to out[at:]. words: g711_fast.encoder(law)."""
    linear = not words[514] and not words[515]
    i = 0
    n += at
    while at < n:
        x = pcm[i] | pcm[i + 1] << 8
        i += 2
        if linear:
            word = x >> 7 & 0x1FE
        elif x < 0x8000:
            x += 132
            word = x >> 7 & 0x1FE
        else:
            x -= 132
            word = (x >> 7 & 0x1FE) + 4
        out[at] = (x >> words[word + 1] & 15) ^ words[word]
        at += 1


def decode(samples, data, pcm, n, at):
    """Write the samples that the n codes data[at:] stand for to pcm. samples: g711.table(law)."""
    decode_plain(n, data, pcm, at, samples)
