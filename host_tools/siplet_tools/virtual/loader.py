# The loader in an ESP32's ROM and the stub that esptool puts in its place, simulated: bytes in, bytes out.
# Espressif's "Serial Protocol" (esptool's documentation), esp-flasher-stub 1. Imports its neighbours loader_requests,
# loader_transfers, rom_chips, rom_registers, slip; no serial port, no clock.
#
#     request   00 command length(2) checksum(4) data        each in a SLIP frame, little endian
#     response  01 command length(2) value(4) data status    status: 4 bytes of the ROM, 2 of the stub; 00 is success
#
# What differs: the ROM erases at FLASH_BEGIN and writes before it answers; the stub erases as it goes, answers first,
# writes then, and tells what went wrong in its next answer. The ROM sees no flash before SPI_ATTACH, and 2 MB of it
# before SPI_SET_PARAMS.

import functools
import hashlib
import operator
import struct

from siplet_tools.virtual import loader_requests as requests
from siplet_tools.virtual import slip
from siplet_tools.virtual.loader_transfers import Read, Write
from siplet_tools.virtual.rom_chips import CHIPS
from siplet_tools.virtual.rom_registers import Registers

MAC = b"\x02\x5e\x51\x0e\x70\x01"  # locally administered
_ROM_FLASH = 2 << 20
_START = 0xEF  # of the checksum


def knocks(data):
    """Whether esptool asks for a loader in these bytes. A pseudo-terminal has no DTR and RTS, by which it makes a real
    board enter its loader; a simulated one that has nothing to run may go by this.
    """
    return b"\xc0\x00\x08\x24\x00" in data


class Loader:
    """A chip in download mode.

    chip: a Chip or its name; flash: a NorFlash; mac: 6 bytes. greeting: what the ROM prints on entering, bytes.
    left: None; "run" once the host has told the chip to leave the loader and boot. stub: whether the stub runs.
    baud: what the host has asked for.
    """

    def __init__(self, chip, flash, mac=MAC):
        self.chip = CHIPS[chip] if isinstance(chip, str) else chip
        self.flash = flash
        self.greeting = self.chip.greeting()
        self.left = None
        self.stub = False
        self.baud = 115200
        self._registers = Registers(self.chip, flash, mac)
        self._frames = slip.Decoder()
        self._out = []
        self._attached = False
        self._flash_size = min(flash.size, _ROM_FLASH)
        self._memory = None  # [address, bytes missing, [(start, end) of what was loaded]]
        self._write = None  # Write that is under way
        self._late_error = None  # of the stub
        self._reading = None  # Read that is under way

    def feed(self, data):
        """What the chip sends back to these bytes."""
        for frame in self._frames.feed(data):
            if self.left:
                break
            if self._reading:
                self._acknowledged(frame)
            elif len(frame) >= 8:
                self._request(frame)
        out, self._out = self._out, []
        return b"".join(out)

    def _request(self, frame):
        direction, command, length, checksum = struct.unpack_from("<BBHI", frame)
        data = frame[8:]
        if direction != 0:
            return
        name, lengths = requests.COMMANDS.get(command, ("", None))
        lacking = command in (requests.ROM_ONLY if self.stub else requests.STUB_ONLY) or (
            name == "security_info" and not self.chip.security
        )
        if command == 0xD3 and self.stub:  # has no answer, and in this stub no effect
            return
        if not self.stub and (not name or lacking):
            for _ in range(8):  # the ROM repeats itself, under no command's number
                self._respond(0, 0, b"", requests.UNKNOWN[0])
            return
        late, self._late_error = self._late_error, None
        value, answer, status, after = 0, b"", 0, None
        try:
            if late:
                raise requests.Refused(late)
            if not name or lacking:
                raise requests.Refused(requests.UNKNOWN)
            if length != len(data) or (lengths and length not in lengths):
                raise requests.Refused(requests.BAD_LENGTH)
            if name.endswith("_data"):
                data = self._payload(data, checksum)
            done = getattr(self, "_" + name)(data, command)
            if callable(done):
                after = done
            elif isinstance(done, bytes):
                answer = done
            elif done is not None:
                value = done
        except requests.Refused as error:
            status = error.args[0][self.stub]
        for _ in range(8 if command == requests.SYNC else 1):
            self._respond(command, value, answer, status)
        if after:
            try:
                after()
            except requests.Refused as error:
                self._late_error = error.args[0]

    def _respond(self, command, value, data, status):
        data += struct.pack(">H", status) + (b"" if self.stub else b"\0\0")
        self._out.append(slip.encode(struct.pack("<BBHI", 1, command, len(data), value & 0xFFFFFFFF) + data))

    def _payload(self, data, checksum):
        # Behind a header of 16 bytes: length, sequence, two zeros
        if len(data) < 16 or struct.unpack_from("<I", data)[0] != len(data) - 16:
            raise requests.Refused(requests.BAD_LENGTH)
        data = data[16:]
        if functools.reduce(operator.xor, data, _START) != checksum & 0xFF:
            raise requests.Refused(requests.BAD_CHECKSUM)
        return data

    # What both know

    def _sync(self, data, command):
        if not data.startswith(b"\x07\x07\x12\x20"):
            raise requests.Refused(requests.BAD_LENGTH)
        return 0 if self.stub else 0x20120707

    def _read_reg(self, data, command):
        return self._registers.read(struct.unpack("<I", data)[0])

    def _write_reg(self, data, command):
        if not data or len(data) % 16:
            raise requests.Refused(requests.BAD_LENGTH)
        for address, value, mask, _delay_us in struct.iter_unpack("<IIII", data):
            self._registers.write(address, value, mask)
        if self._registers.reset:
            self.left = "run"

    def _spi_set_params(self, data, command):
        self._flash_size = min(struct.unpack("<6I", data)[1], self.flash.size)

    def _spi_attach(self, data, command):
        if len(data) != (4 if self.stub else 8):
            raise requests.Refused(requests.BAD_LENGTH)
        self._attached = True

    def _change_baudrate(self, data, command):
        self.baud = struct.unpack("<II", data)[0]

    def _security_info(self, data, command):
        return (struct.pack("<IB7xII", 0, 0, self.chip.chip_id, 0))[: self.chip.security]

    def _mem_begin(self, data, command):
        size, _blocks, _block_size, address = struct.unpack("<IIII", data)
        loaded = self._memory[2] if self._memory else []
        self._memory = [address, size, loaded + [(address, address + size)]]

    def _mem_data(self, data, command):
        if not self._memory or len(data) > self._memory[1]:
            raise requests.Refused(requests.NOT_BEGUN if not self._memory else requests.TOO_MUCH)
        self._memory[1] -= len(data)

    def _mem_end(self, data, command):
        stay, entry = struct.unpack("<II", data)
        if not self._memory:
            raise requests.Refused(requests.NOT_BEGUN)
        _, missing, loaded = self._memory
        self._memory = None
        if stay:
            return None
        if missing or not any(start <= entry < end for start, end in loaded):
            return lambda: self._out.append(b"Guru Meditation Error: Core 0 panic'ed (IllegalInstruction)\r\n")
        return self._start_stub

    def _start_stub(self):
        self.stub = self._attached = True
        self._flash_size = self.flash.size
        self._out.append(slip.encode(b"OHAI"))

    # Flash

    def _range(self, start, length):
        if not self._attached or start + length > self._flash_size:
            raise requests.Refused(requests.FLASH_FAILED)

    def _erase(self, start, length):
        self._range(start, length)
        if start % 0x1000:
            raise requests.Refused(requests.FLASH_FAILED)
        if length:
            self.flash.erase(start, length)

    def _flash_begin(self, data, command):
        size, _blocks, _block_size, offset = struct.unpack_from("<IIII", data)
        if not self.stub:
            if len(data) != (20 if self.chip.security else 16):
                raise requests.Refused(requests.BAD_LENGTH)
            self._erase(offset, size)
        self._range(offset, size)
        self._write = Write(self.flash, offset, size, deflated=command == 0x10, erases=self.stub)

    _deflate_begin = _flash_begin

    def _flash_data(self, data, command):
        if not self._write or self._write.deflated != (command == 0x11):
            raise requests.Refused(requests.NOT_BEGUN)
        if self.stub:
            return lambda: self._write.put(data)
        self._write.put(data)
        return None

    def _flash_end(self, data, command):
        if not self._write:
            raise requests.Refused(requests.NOT_BEGUN)
        if self.stub:
            if self._write.left:
                raise requests.Refused(requests.BAD_LENGTH)
            self._write = None
        else:
            self.left = "run"  # 0: reset; 1: go on with the flash: here the same

    def _flash_md5(self, data, command):
        start, length, _, _ = struct.unpack("<IIII", data)
        self._range(start, length)
        digest = hashlib.md5(self.flash.read(start, length))
        return digest.digest() if self.stub else digest.hexdigest().encode()

    def _read_flash_slow(self, data, command):
        start, length = struct.unpack("<II", data)
        self._range(start, length)
        if length > 64:
            raise requests.Refused(requests.BAD_LENGTH)
        return self.flash.read(start, length).ljust(64, b"\0")

    # The stub alone

    def _erase_flash(self, data, command):
        self._erase(0, self.flash.size)

    def _erase_region(self, data, command):
        start, length = struct.unpack("<II", data)
        if length % 0x1000:
            raise requests.Refused(requests.BAD_LENGTH)
        self._erase(start, length)

    def _read_flash(self, data, command):
        start, length, block, _in_flight = struct.unpack("<IIII", data)
        self._range(start, length)
        if not 0 < block <= 0x1000:
            raise requests.Refused(requests.BAD_LENGTH)

        def begin():
            self._reading = Read(self.flash, start, start + length, block)
            self._next_part()

        return begin

    def _acknowledged(self, frame):
        # One part at a time is on its way; what is no acknowledgement ends the reading
        if len(frame) == 4:
            self._next_part()
        else:
            self._reading = None

    def _next_part(self):
        self._out.append(slip.encode(self._reading.part()))
        if self._reading.over:
            self._reading = None
