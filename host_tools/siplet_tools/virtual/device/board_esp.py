# The module `esp` of the virtual board: what tools ask of the flash chip. Imports nothing.

_size = 0


def flash_size():
    return _size


def flash_user_start():
    return 0x200000


def osdebug(*level):
    pass


def set_up(options):
    global _size
    _size = options["flash_size"]
