# The loaders' requests and what they answer when one fails. Espressif's "Serial Protocol", esp-flasher-stub 1.
# Imports nothing.

# Status codes: (of the ROM, of the stub)
BAD_LENGTH = 0x0105, 0xC000
BAD_CHECKSUM = 0x0107, 0xC100
UNKNOWN = 0x0105, 0xC300
FLASH_FAILED = 0x0108, 0xC400
NOT_BEGUN = 0x0106, 0xC600
BAD_DEFLATE = 0x010B, 0xC700
TOO_MUCH = 0x0106, 0xC900

SYNC = 0x08
COMMANDS = {  # number: (name, bytes of data that it must have)
    0x02: ("flash_begin", (16, 20)),
    0x03: ("flash_data", None),
    0x04: ("flash_end", (4,)),
    0x05: ("mem_begin", (16,)),
    0x06: ("mem_end", (8,)),
    0x07: ("mem_data", None),
    0x08: ("sync", (36,)),
    0x09: ("write_reg", None),
    0x0A: ("read_reg", (4,)),
    0x0B: ("spi_set_params", (24,)),
    0x0D: ("spi_attach", (4, 8)),
    0x0E: ("read_flash_slow", (8,)),
    0x0F: ("change_baudrate", (8,)),
    0x10: ("deflate_begin", (16, 20)),
    0x11: ("flash_data", None),
    0x12: ("flash_end", (4,)),
    0x13: ("flash_md5", (16,)),
    0x14: ("security_info", (0,)),
    0xD0: ("erase_flash", (0,)),
    0xD1: ("erase_region", (8,)),
    0xD2: ("read_flash", (16,)),
    0xD3: ("run_user_code", None),  # not answered
}
ROM_ONLY = (0x0E,)
STUB_ONLY = (0xD0, 0xD1, 0xD2, 0xD3)


class Refused(Exception):
    """A command failed; args[0]: the status codes."""
