# Between the 8 kHz of G.711, the 16 kHz of G.722 and the 16 or 48 kHz at which I2S parts run: a linear-phase low-pass.
# Pure; imports its kernels.
#
# 8 kHz hardware would cost 64 ms of DMA buffers a side (256 sample frames each, two at least), 48 kHz hardware costs 11
# ms. The filter passes 0 to 3.4 kHz within 0.3 dB and holds everything that would alias or mirror into it (from 4.6 kHz
# on) 46 dB down. It is the equiripple one, remez(15 * factor, [0, 3400, 4600, rate / 2], [1, 0], weight=[1, 3],
# fs=rate), in Q14: with Q14 the largest sum that any input can make is below 2**30, so it stays a small int in the
# plain kernels too. Symmetric, so half of it is written down. One phase of the interpolator is 15 taps for either
# factor.
#
# For 16 kHz it passes 0 to 7 kHz, which is what G.722 carries, within 0.15 dB, and holds 44 dB down what is above 9:
# remez(48, [0, 7000, 9000, 24000], [1, 0], weight=[1, 3], fs=48000), 16 taps a phase.

import struct
from array import array

from micropython import const

try:  # not every build compiles viper: WebAssembly, some RISC-V ones, CPython
    from siplet.audio.resample_viper import decimate, gather, interpolate, move
except (SyntaxError, ImportError, ValueError, NameError):
    from siplet.audio.resample_plain import decimate, gather, interpolate, move

PHASE = const(15)  # taps that one output sample of the interpolator meets at 8 kHz; its history is one less

_HALF = {
    2: b"\x07\x00\x82\x00H\x00g\xff\x87\xff\xf7\x00\xd6\x00\x80\xfe\x91\xfeZ\x02\x86\x02\xfe\xfb\xce\xfa\x9c\t\x1c\x1c",
    3: b"\xa8\xff\xb6\xff\xf3\xffS\x00~\x004\x00\xa5\xff_\xff\xc9\xff\x9f\x00\x0e\x01x\x006\xff\x80\xfeP\xff<\x01r\x02I"
    b"\x01\x1b\xfe\xb0\xfba\xfd>\x04\x8c\r2\x14",
    6: b"\xe2\xff\n\x00\x13\x00\x1f\x00*\x00.\x00*\x00\x1b\x00\x02\x00\xe6\xff\xcd\xff\xbf\xff\xc1\xff\xd6\xff\xfc\xff"
    b")\x00S\x00l\x00j\x00I\x00\x0e\x00\xc4\xff\x80\xffU\xffS\xff\x84\xff\xe0\xffV\x00\xc9\x00\x16\x01"
    b" \x01\xd9\x00D\x00z\xff\xaa\xfe\r\xfe\xdb\xfdB\xfeV\xff\x0b\x014\x03\x8a\x05\xb6\x07c\tM\n",
}


def taps(factor):
    """The whole filter: array of signed Q14 values. factor: 2 or 6 for 8 kHz, 3 for 16 kHz times that; 1: none is
    needed, the one tap passes everything.
    """
    if factor == 1:
        return array("i", (16384,))
    half = _HALF[factor]
    half = struct.unpack("<%dh" % (len(half) // 2), half)
    return array("i", half + tuple(reversed(half)))


__all__ = ("PHASE", "decimate", "gather", "interpolate", "move", "taps")
