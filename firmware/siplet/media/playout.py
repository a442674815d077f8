# From the jitter buffer's ring to a frame: packets are decoded to the end of pcm, an array "H" of signed samples, and
# frames are given out at its beginning. adaptive.py tells what the numbers in the state are. Imports its kernels:
# playout_viper where the build can run it, else playout_plain.

try:  # not every build compiles viper: WebAssembly, some RISC-V ones, CPython; or a .mpy of another build
    from siplet.media.playout_viper import flow, give, load, take
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.playout_plain import flow, give, load, take  # noqa: F401
