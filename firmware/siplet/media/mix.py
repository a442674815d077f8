# Adding two sounds, and one of two channels of two: mix, fold, weave, hush, as mix_plain documents them.
# Imports its kernels: mix_viper where the build can run it, else mix_plain.

try:  # not every build compiles viper: WebAssembly, some RISC-V ones, CPython; or a .mpy of another build
    from siplet.media.mix_viper import fold, hush, mix, weave
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.mix_plain import fold, hush, mix, weave

__all__ = ("fold", "hush", "mix", "weave")
