# The period of a voice: where the sound is most like itself, 4 to 15 ms before. Imports its kernel: pitch_viper where
# the build can run it, else pitch_plain.

try:  # not every build compiles viper: WebAssembly, some RISC-V ones, CPython; or a .mpy of another build
    from siplet.media.pitch_viper import pitch
except (SyntaxError, ImportError, NameError, ValueError):
    from siplet.media.pitch_plain import pitch  # noqa: F401
