# MicroPython onto a simulated chip, over a pseudo-terminal and with the real esptool: what is written, what is kept,
# what is left alone, and what is said when it cannot be.

import dataclasses
import os
import stat
import subprocess
import sys
from types import SimpleNamespace

import esp_firmware
import pytest
from siplet_tools.board import flashing, link, rom_loader
from siplet_tools.errors import NO_BOARD, USAGE, ToolError
from siplet_tools.process import wait_until
from siplet_tools.virtual.booting import boots
from siplet_tools.virtual.loader_port import LoaderOnPty
from siplet_tools.virtual.nor_flash import NorFlash
from siplet_tools.virtual.rom_chips import CHIPS

SIZE = 1 << 18
OLD = bytes(range(256)) * (SIZE // 256)


class Bench:
    """A board on the table: plug(chip) gives it; firmware and backups are paths."""

    def __init__(self, folder):
        self.folder = folder
        self.firmware = str(folder / "firmware.bin")
        self.backups = str(folder / "backups")
        self.board = None

    def plug(self, chip="esp32c3", image=None, old=OLD):
        self.image = esp_firmware.micropython(chip, size=9000) if image is None else image
        with open(self.firmware, "wb") as file:
            file.write(self.image)
        self.offset = esp_firmware.CHIPS[chip][1]
        self.board = LoaderOnPty(chip, NorFlash(SIZE), self.folder)
        self.board.flash.load(old)
        return self.board.plug()

    def flash(self, **options):
        return flashing.flash(self.board.port, self.firmware, self.backups, **options)

    def refusal(self, **options):
        with pytest.raises(ToolError) as caught:
            self.flash(**options)
        assert "\n" not in str(caught.value)
        return caught.value

    def holds_firmware(self):
        return self.board.flash.read(self.offset, len(self.image)) == self.image

    def kept(self):
        return sorted(os.listdir(self.backups)) if os.path.isdir(self.backups) else []


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    if bench.board:
        bench.board.pull()


class Watched:
    """A progress that remembers what it was told: {text: [(done, total), ...]}."""

    def __init__(self):
        self.seen = {}

    def __call__(self, text):
        self.steps = self.seen.setdefault(text, [])
        return self

    def __enter__(self):
        return lambda done, total: self.steps.append((done, total))

    def __exit__(self, kind, error, trace):
        pass


@pytest.mark.parametrize("chip", esp_firmware.CHIPS)
def test_a_copy_is_made_then_the_firmware_written_and_the_board_starts_it(bench, chip):
    board = bench.plug(chip)
    done = bench.flash()
    assert bench.holds_firmware() and board.left == 1 and boots(chip, board.flash).what == "micropython"
    assert (done.chip.replace("-", "").lower(), done.mac, done.version) == (chip, "025e510e7001", "1.29.0")
    assert (done.flash_size, done.written, done.skipped, done.notes) == (SIZE, len(bench.image), False, [])
    assert bench.kept() == [os.path.basename(done.backup)] and done.backup.endswith(".bin")
    with open(done.backup, "rb") as file:
        assert file.read() == OLD
    assert stat.S_IMODE(os.stat(done.backup).st_mode) == 0o600
    end = -(-(bench.offset + len(bench.image)) // 0x1000) * 0x1000
    assert board.flash.read(end) == OLD[end:]


def test_the_progress_of_each_part_goes_from_little_to_all(bench):
    bench.plug()
    watched = Watched()
    bench.flash(progress=watched)
    found = ["looking for the chip", "comparing", "copy of the flash", "comparing the copy", "writing"]
    assert list(watched.seen) == found
    for steps in (watched.seen["copy of the flash"], watched.seen["writing"]):
        assert steps == sorted(steps) and steps[-1][0] == steps[-1][1]
    assert watched.seen["copy of the flash"][-1] == (SIZE, SIZE) and len(watched.seen["copy of the flash"]) > 20


def test_ctrl_c_before_the_loader_is_ready_lets_the_board_start_again(bench, monkeypatch):
    def stopped(*_arguments, **_options):
        raise KeyboardInterrupt

    board = bench.plug()
    monkeypatch.setattr("esptool.cmds.run_stub", stopped)
    with pytest.raises(KeyboardInterrupt):
        bench.flash()
    wait_until(lambda: board.left == 1, 5, "start of its firmware")
    # While the lines of a port press its buttons
    pressed = []
    line = SimpleNamespace(cts=True, open=lambda: None, close=lambda: pressed.append("closed"), isOpen=lambda: True)
    line.setRTS, line.setDTR = (lambda on, name=name: pressed.append((name, on)) for name in ("EN", "BOOT"))
    line.dtr, line.name = False, "/dev/ttyUSB0"
    monkeypatch.setattr("serial.serial_for_url", lambda *_arguments, **_options: line)
    monkeypatch.setattr("esptool.cmds.detect_chip", stopped)
    with pytest.raises(KeyboardInterrupt):
        bench.flash()
    assert pressed[0] == ("BOOT", False) and pressed[-1] == "closed"
    assert [one for one in pressed if one[0] == "EN"] == [("EN", True), ("EN", False)]


def test_the_same_firmware_is_not_written_again_and_no_copy_made(bench):
    board = bench.plug()
    bench.flash(backup=False)
    before = board.received
    done = bench.flash()
    assert done.skipped and not done.written and bench.kept() == [] and board.left == 2
    assert board.received - before < 20000  # the stub alone


def test_what_micropython_writes_itself_does_not_make_a_firmware_another_one(bench):
    board = bench.plug()
    bench.flash(backup=False)
    board.flash.program(0x9000, b"wifi calibration")
    assert bench.flash().skipped
    board.flash.program(0x10400, bytes(8))
    assert not bench.flash(backup=False).skipped and bench.holds_firmware()


def test_a_firmware_that_lies_there_but_is_not_the_one_that_starts_is_written_again(bench):
    board = bench.plug("esp32", esp_firmware.micropython("esp32", size=9000, rows=esp_firmware.OTA))
    bench.flash(backup=False)
    assert bench.flash().skipped
    board.flash.program(0xD000, esp_firmware.ota_choice(2))
    assert not bench.flash(backup=False).skipped and bench.holds_firmware()


def test_an_image_for_another_chip_is_refused_and_nothing_changed(bench):
    board = bench.plug("esp32s3", esp_firmware.micropython("esp32", size=9000))
    refused = bench.refusal()
    assert refused.status == USAGE and "an ESP32;" in str(refused) and "an ESP32-S3" in str(refused)
    assert board.flash.read() == OLD and bench.kept() == [] and board.left == 1


def test_an_image_that_is_larger_than_the_flash_is_refused(bench):
    board = bench.plug(image=esp_firmware.micropython("esp32c3", size=9000).ljust(SIZE + 1, b"\xff"))
    assert str(SIZE) in str(bench.refusal())
    assert board.flash.read() == OLD and board.left == 1


def test_an_image_for_a_later_revision_of_the_chip_is_refused(bench):
    board = bench.plug("esp32", esp_firmware.micropython("esp32", size=9000, lowest=400))
    refused = bench.refusal()
    assert refused.status == USAGE and "v4.0" in str(refused) and "v3.1" in str(refused)
    assert board.flash.read() == OLD and bench.kept() == []


@pytest.mark.parametrize("fuse", [(0x60008834, 1 << 18), (0x60008838, 1 << 20)])  # encrypted flash, secure boot
def test_a_locked_chip_is_left_alone(bench, fuse):
    board = bench.plug()
    board.chip = dataclasses.replace(CHIPS["esp32c3"], fuses=(fuse,))
    board.plug()
    assert "signed or encrypted" in str(bench.refusal())
    assert board.flash.read() == OLD and bench.kept() == []


def test_another_program_is_written_with_a_note(bench):
    bench.plug(image=esp_firmware.micropython("esp32c3", size=9000, project="esphome"))
    assert ["esphome" in note for note in bench.flash(backup=False).notes] == [True]


def test_a_folder_gives_the_newest_that_fits(bench):
    bench.plug("esp32c3")
    for chip, version in (("esp32", "v1.31.0"), ("esp32c3", "v1.30.0")):
        with open(bench.folder / f"{chip}.bin", "wb") as file:
            file.write(esp_firmware.micropython(chip, version, 9000))
    done = flashing.flash(bench.board.port, str(bench.folder), bench.backups, backup=False)
    assert done.version == "1.30.0" and "2 firmwares fit, esp32c3.bin" in done.notes[0]


def test_a_dry_run_changes_nothing_and_says_what_it_would(bench):
    board = bench.plug()
    done = bench.flash(dry_run=True, erase=True)
    assert done.dry_run and done.erased and done.written == len(bench.image) and bench.kept() == []
    assert board.flash.read() == OLD and board.left == 1


def test_erasing_takes_all_that_was_there(bench):
    board = bench.plug()
    done = bench.flash(erase=True, backup=False)
    assert done.erased and bench.holds_firmware()
    end = bench.offset + len(bench.image)
    assert board.flash.read(end) == b"\xff" * (SIZE - end)


def test_a_copy_comes_back_byte_by_byte(bench):
    board = bench.plug()
    copy = bench.flash().backup
    board.flash.program(0x30000, bytes(100))
    done = flashing.restore(board.port, copy, bench.backups)
    assert board.flash.read() == OLD and done.written == SIZE and len(bench.kept()) == 2
    assert flashing.restore(board.port, copy, bench.backups).skipped


def test_a_copy_of_another_size_or_chip_is_not_written(bench):
    board = bench.plug()
    wrong = [("size", OLD * 2), ("chip", b"\xff" * 0x1000 + esp_firmware.micropython("esp32").ljust(SIZE - 0x1000))]
    for name, data in [*wrong, ("odd", OLD[:-1])]:
        path = bench.folder / name
        path.write_bytes(data)
        with pytest.raises(ToolError) as caught:
            flashing.restore(board.port, str(path), bench.backups)
        assert caught.value.status == USAGE
    assert board.flash.read() == OLD


def test_the_copy_of_another_board_comes_with_a_warning(bench):
    board = bench.plug()
    path = bench.folder / "esp32c3-0123456789ab-20260101-000000.bin"
    path.write_bytes(OLD[::-1])
    assert "not of this board" in flashing.restore(board.port, str(path), bench.backups, backup=False).notes[0]


def test_a_folder_that_takes_no_copy_stops_it_before_anything_is_written(bench):
    board = bench.plug()
    with open(bench.backups, "w") as file:
        file.write("a file, no folder")
    refused = bench.refusal()
    assert refused.status == USAGE and "--backups" in str(refused)
    assert board.flash.read() == OLD


def test_a_copy_that_the_chip_does_not_confirm_is_thrown_away(bench, monkeypatch):
    board = bench.plug()
    real = rom_loader.RomLoader.digest
    monkeypatch.setattr(
        rom_loader.RomLoader, "digest", lambda rom, at, size: "0" * 32 if size == SIZE else real(rom, at, size)
    )
    assert "115200" in str(bench.refusal())
    assert board.flash.read() == OLD and bench.kept() == []


def test_a_flash_chip_that_does_not_keep_what_is_written_is_found_out(bench):
    board = bench.plug()
    real = board.flash.program
    board.flash.program = lambda start, data: real(start, bytes(byte & 0x7F for byte in data))
    refused = str(bench.refusal())
    assert "MD5" in refused and "half-written" in refused and bench.kept()[1] in refused
    del board.flash.program
    assert bench.flash().written and bench.holds_firmware() and len(bench.kept()) == 1


def test_no_port_a_busy_port_and_one_without_permission_are_told_apart(bench, monkeypatch):
    bench.plug()
    port, bench.board.port = bench.board.port, str(bench.folder / "none")
    refused = bench.refusal()
    assert refused.status == NO_BOARD and "no such port" in str(refused)
    bench.board.port = port
    holder = "import serial, sys; port = serial.Serial(sys.argv[1], exclusive=True); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "open\n"
        refused = bench.refusal()
        assert refused.status == NO_BOARD and "another program" in str(refused) and str(other.pid) in str(refused)
        other.communicate("\n")

    def denied(*arguments, **options):
        raise PermissionError(13, "could not open port", port)

    monkeypatch.setattr("serial.Serial.open", denied)
    monkeypatch.setattr("grp.getgrgid", lambda number: SimpleNamespace(gr_name="dialout"))
    refused = bench.refusal()
    assert refused.status == NO_BOARD and "join its group: sudo usermod -aG dialout" in str(refused)


class SomeMicroPython:
    """In place of link.Link: a board that runs MicroPython until it is asked for its loader."""

    def __init__(self, board, chip="esp32c3"):
        self.board, self.chip, self.transport, self.in_raw_repl = board, chip, self, True

    def open(self, port):
        return self

    def facts(self):
        return self

    def exec_raw_no_follow(self, code):
        assert "machine.bootloader()" in code
        self.board.plug()
        raise OSError("the line broke")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        pass


def test_a_board_that_runs_micropython_is_asked_to_step_aside(bench, monkeypatch):
    board = bench.plug()
    board.plug(hush_after=0)
    monkeypatch.setattr(link, "Link", SomeMicroPython(board))
    done = bench.flash()
    assert done.written and bench.holds_firmware()


def test_micropython_on_a_chip_of_another_maker_is_left_alone(bench, monkeypatch):
    board = bench.plug()
    board.plug(hush_after=0)
    monkeypatch.setattr(link, "Link", SomeMicroPython(board, "rp2040"))
    refused = bench.refusal()
    assert refused.status == NO_BOARD and "rp2040" in str(refused)


def test_a_board_that_says_nothing_at_all_needs_its_boot_button(bench, monkeypatch):
    bench.plug().plug(hush_after=0)

    def silence(port):
        raise ToolError(f"{port}: silence", NO_BOARD)

    monkeypatch.setattr(link.Link, "open", silence)
    refused = bench.refusal()
    assert refused.status == NO_BOARD and "hold BOOT" in str(refused)


def test_lines_that_reset_are_tried_first_where_a_port_has_them(bench, monkeypatch):
    bench.plug()
    monkeypatch.setattr(rom_loader, "_has_lines", lambda line: True)
    asked = []
    monkeypatch.setattr("esptool.reset.UnixTightReset.reset", lambda self: asked.append("into the loader"))
    monkeypatch.setattr("esptool.reset.HardReset.reset", lambda self: asked.append("out of it"))
    assert bench.flash(backup=False).written
    assert asked == ["into the loader", "out of it"]


def test_esptool_prints_nothing_and_has_its_own_words_back_afterwards(bench, capfd):
    from esptool.logger import log

    bench.plug()
    bench.flash()
    assert capfd.readouterr() == ("", "")
    log.print("its own")
    assert capfd.readouterr()[0] == "its own\n"


@pytest.mark.parametrize("heard, words", [(4000, "nothing has been changed"), (13000, "half-written")])
def test_a_chip_that_falls_silent_while_the_cable_is_in_is_not_waited_for_for_ever(bench, heard, words):
    board = bench.plug()
    board.plug(hush_after=heard)
    config = bench.folder / "esptool.cfg"
    config.write_text("[esptool]\ntimeout = 0.2\nwrite_block_attempts = 1\n")
    command = [sys.executable, "-m", "siplet_tools", "flash", "--port", board.port, "--firmware", bench.firmware]
    done = subprocess.run(
        [*command, "--no-backup"],
        env=dict(os.environ, ESPTOOL_CFGFILE=str(config), PYTHONPATH=os.pathsep.join(sys.path)),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == NO_BOARD and "Traceback" not in done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith(f"siplet: {board.port}: the chip stopped answering while ") and words in line
    assert (board.flash.read() == OLD) == (words != "half-written")
