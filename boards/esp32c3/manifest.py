# An image with siplet frozen in:
#     make -C micropython/ports/esp32 BOARD=ESP32_GENERIC_C3 FROZEN_MANIFEST=.../boards/esp32c3/manifest.py
# include and module are the words of the build that reads it.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false

include("$(PORT_DIR)/boards/manifest.py")
include("../../firmware/manifest.py")
module("board.py", base_path="../esp32", opt=3)
module("station.py", base_path="../esp32", opt=3)
