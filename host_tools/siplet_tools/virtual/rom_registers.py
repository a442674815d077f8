# The registers of a chip that a host program reads and writes through the loader: fuses, the controller of the flash
# chip, the watchdog that resets. Espressif's technical reference manuals. Imports nothing.

_KEY = 0x50D83AA1  # unlocks the watchdog's
_COMMAND_USER = 1 << 18  # runs what the usr registers describe


class Registers:
    """chip: a rom_chips.Chip; flash: a NorFlash; mac: 6 bytes. reset: whether the watchdog has been made to reset."""

    def __init__(self, chip, flash, mac):
        self._chip, self._flash = chip, flash
        self._values = chip.registers(mac)
        self._armed = False
        self.reset = False

    def read(self, address):
        """32 bits; 0 of what is not simulated."""
        return self._values.get(address, 0)

    def write(self, address, value, mask=0xFFFFFFFF):
        """Changes the bits of mask."""
        value = value & mask | self.read(address) & ~mask
        protection, configuration = self._chip.watchdog
        if address == configuration:
            if self.read(protection) != _KEY:
                return
            self._armed = bool(value >> 31 and value >> 28 & 7 >= 3)  # on, and its first stage resets
        self._values[address] = value
        if address == protection and value != _KEY and self._armed:
            self.reset = True
        if address == self._chip.register("command") and value & _COMMAND_USER:
            self._flash_command()

    def _flash_command(self):
        def of(name):
            return self.read(self._chip.register(name))

        address = of("address")
        if self._chip.address_is_high:
            address >>= 31 - (of("usr1") >> 26)
        self._values[self._chip.register("w0")] = self._flash.answer(of("usr2") & 0xFF, address)
        self._values[self._chip.register("command")] = 0
