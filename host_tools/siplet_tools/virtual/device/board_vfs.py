# The module `vfs` of the virtual board: without the PC's file system. Imports nothing. (board_modules fills it in.)
