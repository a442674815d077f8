# The unix port with siplet frozen in: make -C micropython/ports/unix FROZEN_MANIFEST=.../boards/unix/manifest.py
# include, package and module are the words of the build that reads it.
# ruff: noqa: F821
# pyright: reportUndefinedVariable=false

include("$(PORT_DIR)/variants/standard/manifest.py")
include("../../firmware/manifest.py")
module("board.py", opt=3)
module("own_address.py", opt=3)
module("telling.py", opt=3)
