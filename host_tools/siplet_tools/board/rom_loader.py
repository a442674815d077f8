# An ESP32's loader on a port, by esptool as a library: into it, its flash, out of it again. Imports errors, ports,
# link (when MicroPython has to be asked to step aside), esptool, pyserial.
#
# Into it: the port's DTR and RTS lines press the buttons; where there are none (a pseudo-terminal, some USB), or they
# do nothing, MicroPython is asked for machine.bootloader(); and then it is the person's turn.

import contextlib
import re
import struct
import sys
import time

from siplet_tools.board import ports
from siplet_tools.errors import FAILED, NO_BOARD, ToolError

_BAUD = 115200  # the ROM's; it finds others, but not all
_AGAIN_S = 6  # a port that comes back after machine.bootloader()
_PART = 1 << 17  # read at once
_NO_ESP = ("rp2", "stm32", "nrf5", "mimxrt", "samd", "esp8266")
# The RTC's watchdog: write protection, time of stage 0, configuration and what it takes there to reset chip and RTC.
_ESP32_WATCHDOG = (0x3FF480A4, 0x3FF48090, 0x3FF4808C, 1 << 31 | 4 << 28 | 7 << 14 | 7 << 11)
_WATCHDOG = ("RTC_CNTL_WDTWPROTECT_REG", "RTC_CNTL_WDTCONFIG1_REG", "RTC_CNTL_WDTCONFIG0_REG")  # in esptool, of others
_WATCHDOG_ON = 1 << 31 | 5 << 28 | 1 << 8 | 2
_KEY = 0x50D83AA1
# esptool's words for a chip that says nothing any more, or half of what it should
_SILENCE = ("Serial data stream stopped", "No serial data", "No more data", "was no response", "transfer stopped")


class RomLoader:
    """A chip in its loader, the stub running. with RomLoader.open(port) as rom: the port is closed at the end.

    chip: esptool's name, "ESP32-S3"; revision: 301 for v3.1; mac: 12 hex digits; flash_size: bytes. doing: what it is
    at, for messages; after_break: what to tell besides when the line breaks. warnings: what esptool warned of.
    """

    def __init__(self, port, esp, lines, told):
        self.port, self.esp, self.lines = port, esp, lines
        self.doing = "reading the chip"
        self.after_break = "nothing has been changed on the board"
        self.warnings = told.warnings
        self._told = told
        self.chip = esp.CHIP_NAME
        self.revision = 0
        self.mac = ""
        self.flash_size = 0

    @classmethod
    @contextlib.contextmanager
    def open(cls, port, baud=460800):
        """ToolError with what to do when there is no loader behind that port. baud: for everything after the start."""
        with _quiet() as told:
            rom = None
            try:
                rom = cls(port, *_connect(port), told)
                try:
                    rom._start(baud)
                except BaseException:  # Ctrl-C, for one: its application goes on
                    with contextlib.suppress(Exception):
                        rom.run()
                    raise
                yield rom
            finally:
                if rom:
                    with contextlib.suppress(Exception):  # of a port that is gone
                        rom.esp._port.close()

    def _start(self, baud):
        from esptool import cmds
        from esptool.util import flash_size_bytes

        with self.told():
            if self.esp.CHIP_NAME == "ESP8266":
                raise ToolError(f"{self.port}: an ESP8266: siplet needs one of the ESP32 family", NO_BOARD)
            if self.esp.secure_download_mode:
                raise ToolError(f"{self.port}: the chip is locked (secure download mode)", FAILED)
            if self.esp.get_secure_boot_enabled() or self.esp.get_flash_encryption_enabled():
                raise ToolError(f"{self.port}: the chip takes what its maker has signed or encrypted alone", FAILED)
            self.revision = self.esp.get_chip_revision()
            self.mac = bytes(self.esp.read_mac("BASE_MAC")).hex()
            self.esp = cmds.run_stub(self.esp)
            self.esp.WRITE_FLASH_ATTEMPTS = 1  # a broken line is ours to tell
            if baud != _BAUD and self.esp.IS_STUB:
                self.esp.change_baud(baud)
            cmds.attach_flash(self.esp)
            self.flash_size = flash_size_bytes(cmds.detect_flash_size(self.esp)) or 0
            if not self.flash_size:
                raise ToolError(f"{self.port}: the flash chip does not tell its size: is it connected?", FAILED)
            self.esp.flash_set_parameters(self.flash_size)

    def digest(self, start, size):
        """MD5 of a range of flash, hex, by the chip itself."""
        with self.told():
            return self.esp.flash_md5sum(start, size)

    def read(self, start, size, step):
        """Yields a range of flash in parts, bytes. step(done, size) is called as it goes."""
        for at in range(0, size, _PART):
            length = min(_PART, size - at)
            with self.told():
                part = self.esp.read_flash(
                    start + at, length, lambda done, _length, _start, at=at: step(at + done, size)
                )
            yield part

    def erase(self):
        """All of the flash."""
        from esptool import cmds

        with self.told():
            cmds.erase_flash(self.esp)

    def write(self, start, data, step):
        """Erases as needed, writes, and has the chip compare. step(done, total): of what goes over the line."""
        from esptool import cmds

        self._told.step = step
        try:
            with self.told():
                cmds.write_flash(self.esp, [(start, data)])
        finally:
            self._told.step = None

    def run(self):
        """Leaves the loader: the board starts its firmware."""
        with self.told():
            if self.lines:
                self.esp.hard_reset()
            else:
                self._watchdog()

    def _watchdog(self):
        # Without lines: the RTC's watchdog resets the chip as a press of RESET does. What has none stays as it is.
        if self.esp.CHIP_NAME == "ESP32":
            protection, after, configuration, value = _ESP32_WATCHDOG
        elif self.esp.WATCHDOG_RESET_SUPPORTED:
            protection, after, configuration = (getattr(self.esp, name) for name in _WATCHDOG)
            value = _WATCHDOG_ON
        else:
            return
        self.esp.write_reg(protection, _KEY)
        self.esp.write_reg(after, 2000)
        self.esp.write_reg(configuration, value)
        self.esp.write_reg(protection, 0)

    @contextlib.contextmanager
    def told(self):
        """Errors of the line and of esptool in one line for the user."""
        with _explained(self.port, lambda: self.doing, lambda: self.after_break):
            yield


def _connect(port):
    # (esptool's object, whether the port has lines that reset)
    esp, lines = _attempt(port, reset=True)
    if esp:
        return esp, lines
    if not _asked(port):
        raise ToolError(
            f"{port}: the ESP32's loader does not answer: hold BOOT, press RESET, let BOOT go, then the same again",
            NO_BOARD,
        )
    deadline = time.monotonic() + _AGAIN_S
    while True:
        gone = False
        try:
            esp, lines = _attempt(port, reset=False)
        except ToolError:  # native USB vanishes for a moment, or for good under this name
            gone = True
        if esp:
            return esp, lines
        if time.monotonic() > deadline:
            other = "it may be on another port now: siplet boards" if gone else "hold BOOT and press RESET"
            raise ToolError(f"{port}: the board left MicroPython, but its loader does not answer: {other}", NO_BOARD)
        time.sleep(0.1)


def _attempt(port, reset):
    # (esptool's object or None, whether the port has lines that reset)
    import serial
    from esptool import cmds
    from esptool.reset import HardReset
    from esptool.util import FatalError

    try:
        # On Windows a port is exclusive by itself, and lines that go down reset the board
        line = serial.serial_for_url(port, do_not_open=True, exclusive=sys.platform != "win32" or None)
        if sys.platform == "win32":
            line.dtr = line.rts = False
        line.open()
    except (OSError, ValueError) as error:
        raise ports.explain(error, port) from None
    lines = _has_lines(line)
    mode, attempts = ("default-reset", 4) if lines and reset else ("no-reset", 1)
    try:
        with _explained(
            port, lambda: "looking for the ESP32's loader", lambda: "nothing has been changed on the board"
        ):
            try:
                return cmds.detect_chip(line, _BAUD, mode, connect_attempts=attempts), lines
            except FatalError as error:
                line.close()
                if "Failed to connect" not in str(error):
                    raise
                return None, lines
    except BaseException:
        with contextlib.suppress(Exception):
            if mode == "default-reset":  # the lines may have held it in its loader
                line.setDTR(False)
                HardReset(line)()
        with contextlib.suppress(Exception):
            line.close()
        raise


def _has_lines(line):
    # A pseudo-terminal has none, and says so
    try:
        return line.cts is not None
    except (OSError, NotImplementedError):
        return False


def _asked(port):
    # Whether a MicroPython was there to be asked for its loader
    from siplet_tools.board.link import Link

    try:
        link = Link.open(port)
    except ToolError:
        return False
    with link:
        chip = link.facts().chip
        if chip.startswith(_NO_ESP):
            raise ToolError(f"{port}: MicroPython runs on an {chip} there, which esptool cannot flash", NO_BOARD)
        with contextlib.suppress(Exception):  # the line may break at once
            link.transport.exec_raw_no_follow("import machine\nmachine.bootloader()")
            link.transport.in_raw_repl = False  # close() has nobody to say goodbye to
    return True


@contextlib.contextmanager
def _explained(port, doing, after):
    from esptool.util import FatalError

    try:
        yield
    except ToolError:
        raise
    except FatalError as error:
        text = " ".join(str(error).split("\n")[0].split())
        advice = "run the same command again, with --baud 115200 if the cable is long"
        if any(one in text for one in _SILENCE):
            text = f"{port}: the chip stopped answering while {doing()}; {after()}; press RESET, then {advice}"
            raise ToolError(text, NO_BOARD) from None
        text = re.split(r" Use (?:--force|the force)", text)[0].rstrip(".!")
        raise ToolError(f"{port}: {text}, while {doing()}; {after()}; {advice}") from None
    except Exception as error:
        # A line that was cut: OSError, termios.error, and what esptool makes of half an answer
        cut = (OSError, RuntimeError, LookupError, TypeError, struct.error)
        if not isinstance(error, cut) and type(error).__module__ != "termios":
            raise
        text = f"{port}: the line broke while {doing()}; {after()}; check the cable, then run the same command again"
        raise ToolError(text, NO_BOARD) from None


@contextlib.contextmanager
def _quiet():
    # esptool speaks through one logger for the whole process
    import esptool.logger  # noqa: F401 makes the first one
    from esp_pylib.logger import EspLog, EspLogBase

    class Told(EspLogBase):
        def __init__(self):
            self.warnings = []
            self.step = None

        def print(self, *args, **kwargs):
            pass

        note = err = error = hint = debug = set_verbosity = print

        def warn(self, *args, **kwargs):
            self.warnings.append(" ".join(" ".join(map(str, args)).split()))

        warning = warn

        def progress_bar(self, cur_iter, total_iters, *args, **kwargs):
            if self.step:
                self.step(cur_iter, total_iters)

    former, told = EspLog.instance, Told()
    EspLog.instance = told
    try:
        yield told
    finally:
        EspLog.instance = former
