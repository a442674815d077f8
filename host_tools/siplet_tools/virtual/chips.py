# What tells one kind of board from another: its names, its pins and buses, what its boot ROM prints. Imports nothing.

from dataclasses import dataclass

_ESP32_BOOT = (
    "ets Jul 29 2019 12:21:46\r\n\r\n{reset},boot:0x13 (SPI_FAST_FLASH_BOOT)\r\nconfigsip: 0, SPIWP:0xee\r\n"
    "clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00\r\nmode:DIO, clock div:2\r\n"
)
_S3_BOOT = (
    "ESP-ROM:esp32s3-20210327\r\nBuild:Mar 27 2021\r\n{reset},boot:0x8 (SPI_FAST_FLASH_BOOT)\r\n"
    "SPIWP:0xee\r\nmode:DIO, clock div:1\r\n"
)
_C3_BOOT = (
    "ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\n{reset},boot:0xc (SPI_FAST_FLASH_BOOT)\r\n"
    "SPIWP:0xee\r\nmode:DIO, clock div:1\r\n"
)

_RESETS = (
    "rst:0x1 (POWERON)",
    "rst:0xc (RTC_SW_CPU_RST)",
    "rst:0x8 (TG1WDT_SYS_RST)",
    "rst:0x5 (DSLEEP)",
    "rst:0x7 (TG0WDT_SYS_RST)",
)


@dataclass(frozen=True)
class Kind:
    """machine: as os.uname() tells it; build: the name of MicroPython's build for it; boot: the text of its ROM; loads:
    what the second-stage loader is loaded with; resets: the words for power, software, watchdog, deep sleep, and the
    ROM's own watchdog; pins: their numbers; buses: how many I2S; frequency in Hz.
    """

    name: str
    machine: str
    build: str
    boot: str
    loads: str
    resets: tuple
    pins: range
    buses: int
    frequency: int

    def boot_text(self, cause=1):
        """What a hard reset prints, bytes. cause: as machine.reset_cause() tells it, 1 to 4."""
        return (self.boot.format(reset=self.resets[cause - 1]) + self.loads).encode()

    def loop_text(self, trouble):
        """What the ROM prints each time that a start leads nowhere, bytes; trouble: what it complains of."""
        head = self.boot.partition("configsip")[0].partition("SPIWP")[0]
        count = 8 if trouble.startswith(b"invalid") else 1
        return head.format(reset=self.resets[4]).encode() + trouble * count


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "esp32",
            "Generic ESP32 module with ESP32",
            "ESP32_GENERIC",
            _ESP32_BOOT,
            "load:0x3fff0030,len:4892\r\nho 0 tail 12 room 4\r\nload:0x40078000,len:14896\r\n"
            "load:0x40080400,len:3372\r\nentry 0x400805ac\r\n",
            (
                "rst:0x1 (POWERON_RESET)",
                "rst:0xc (SW_CPU_RESET)",
                "rst:0x8 (TG1WDT_SYS_RESET)",
                "rst:0x5 (DEEPSLEEP_RESET)",
                "rst:0x10 (RTCWDT_RTC_RESET)",
            ),
            range(40),
            2,
            160000000,
        ),
        Kind(
            "esp32s3",
            "Generic ESP32S3 module with ESP32S3",
            "ESP32_GENERIC_S3",
            _S3_BOOT,
            "load:0x3fce2820,len:0xfc0\r\nload:0x403c8700,len:0xc70\r\nload:0x403cb700,len:0x2e30\r\n"
            "entry 0x403c8898\r\n",
            _RESETS,
            range(49),
            2,
            160000000,
        ),
        Kind(
            "esp32c3",
            "Generic ESP32C3 module with ESP32C3",
            "ESP32_GENERIC_C3",
            _C3_BOOT,
            "load:0x3fcd5820,len:0x1180\r\nload:0x403cc710,len:0xb50\r\nload:0x403ce710,len:0x3150\r\n"
            "entry 0x403cc710\r\n",
            _RESETS,
            range(22),
            1,
            160000000,
        ),
    )
}
