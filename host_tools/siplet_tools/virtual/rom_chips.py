# The chips whose ROM loader is simulated: register addresses and fuses, from Espressif's technical reference manuals.
# Imports nothing. Deliberately not read from esptool: who is tested must not bring the answers along.

from dataclasses import dataclass

_USER = {"usr": 0x18, "usr1": 0x1C, "usr2": 0x20, "w0": 0x58}  # offsets in the SPI controller since the S2
_ESP32_USER = {"usr": 0x1C, "usr1": 0x20, "usr2": 0x24, "w0": 0x80}


@dataclass(frozen=True)
class Chip:
    """One chip. chip_id: of image headers and, from the C3 on, of GET_SECURITY_INFO (security: bytes of its answer, 0
    when the ROM lacks it); bootloader: its flash offset; spi: base of the controller of the flash; watchdog: registers
    (write protection, configuration 0) of the RTC's; rom, rst: what it prints on entering the loader; fuses, offsets:
    what is otherwise than in the others, (address, value) or (name, offset) each.
    """

    name: str
    title: str
    chip_id: int
    bootloader: int
    magic: int
    security: int
    spi: int
    watchdog: tuple
    mac_register: int
    rom: str
    rst: str = "rst:0x1 (POWERON),boot:0x0 (DOWNLOAD(USB/UART0))"
    fuses: tuple = ()
    offsets: tuple = tuple(_USER.items())
    address_is_high: bool = False

    def register(self, name):
        """The address of one of the SPI controller's: command, address, usr, usr1, usr2, w0."""
        return self.spi + {"command": 0, "address": 4, **dict(self.offsets)}[name]

    def registers(self, mac):
        """{address: value} after a reset. mac: 6 bytes."""
        values = dict(self.fuses)
        values[0x40001000] = self.magic
        high, low = int.from_bytes(mac[:2], "big"), int.from_bytes(mac[2:], "big")
        values[self.mac_register] = low
        values[self.mac_register + 4] = high | values.get(self.mac_register + 4, 0)
        return values

    def greeting(self):
        """What the ROM prints when it has entered the loader, bytes."""
        return f"{self.rom}\r\n{self.rst}\r\nwaiting for download\r\n".encode()


# name, title, chip id, bootloader, magic, security, SPI controller, watchdog's protection and configuration, MAC; ROM
# fmt: off
_CHIPS = (
    Chip("esp32", "ESP32", 0, 0x1000, 0x00F01D83, 0, 0x3FF42000, (0x3FF480A4, 0x3FF4808C), 0x3FF5A004,
         "ets Jul 29 2019 12:21:46\r\n",
         rst="rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2))",
         fuses=(
             (0x3FF5A00C, 1 << 15 | 1 << 9),  # revision bit 0, package 1: D0WD
             (0x3FF5A010, 64),  # CK8M: with the calibration below a crystal of 40 MHz
             (0x3FF5A014, 1 << 24 | 1 << 20),  # revision 3.1
             (0x3FF6607C, 1 << 31),
             (0x3FF5F06C, 1600 << 7),
             (0x3FF40014, 347),  # the UART's divider at 115200
         ),
         offsets=tuple(_ESP32_USER.items()),
         address_is_high=True),
    Chip("esp32s2", "ESP32-S2", 2, 0x1000, 0x000007C6, 12, 0x3F402000, (0x3F4080AC, 0x3F408094), 0x3F41A044,
         "ESP-ROM:esp32s2-rc4-20191025\r\nBuild:Oct 25 2019"),
    Chip("esp32s3", "ESP32-S3", 9, 0, 9, 20, 0x60002000, (0x600080B0, 0x60008098), 0x60007044,
         "ESP-ROM:esp32s3-20210327\r\nBuild:Mar 27 2021",
         fuses=((0x60007050, 2 << 18),)),  # revision 0.2
    Chip("esp32c3", "ESP32-C3", 5, 0, 0x1B31506F, 20, 0x60002000, (0x600080A8, 0x60008090), 0x60008844,
         "ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021",
         fuses=((0x60008850, 4 << 18),)),  # revision 0.4
    Chip("esp32c6", "ESP32-C6", 13, 0, 0x2CE0806F, 20, 0x60003000, (0x600B1C18, 0x600B1C00), 0x600B0844,
         "ESP-ROM:esp32c6-20220919\r\nBuild:Sep 19 2022",
         fuses=((0x600B0850, 1 << 18),)),  # revision 0.1
)
# fmt: on
CHIPS = {chip.name: chip for chip in _CHIPS}
