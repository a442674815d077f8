# Espressif's own esptool, as a program of its own, at the simulated loader: it must not see a difference.

import os
import re
import subprocess
import sys

import esp_firmware
import pytest
from siplet_tools.virtual.booting import boots
from siplet_tools.virtual.loader_port import LoaderOnPty
from siplet_tools.virtual.nor_flash import NorFlash

SIZE = 1 << 18
MAC = b"\x7c\xdf\xa1\x0a\x0b\x0c"


def esptool(*arguments):
    """What esptool prints; it has to succeed."""
    command = [sys.executable, "-m", "esptool", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def plugged(tmp_path):
    boards = []

    def plug(chip, size=SIZE):
        board = LoaderOnPty(chip, NorFlash(size), tmp_path, MAC).plug()
        boards.append(board)
        return board

    yield plug
    for board in boards:
        board.pull()


@pytest.mark.parametrize("chip", esp_firmware.CHIPS)
def test_the_made_up_firmware_is_valid_for_esptool(chip, tmp_path):
    for name, data in (("whole", esp_firmware.micropython(chip)), ("app", esp_firmware.application(chip))):
        path = tmp_path / name
        path.write_bytes(data)
        told = esptool("image-info", path)
        assert re.search(r"Checksum: 0x.. \(valid\)", told) and re.search(r"hash: \w+ \(valid\)", told)
    assert "ESP-IDF: v5.5.1" in told


@pytest.mark.parametrize(
    "chip, described, stub",
    [
        ("esp32", "ESP32-D0WD-V3 (revision v3.1)", True),
        ("esp32", "ESP32-D0WD-V3 (revision v3.1)", False),
        ("esp32s2", "ESP32-S2 (revision v0.0)", True),
        ("esp32s3", "ESP32-S3 (QFN56) (revision v0.2)", True),
        ("esp32c3", "ESP32-C3 (QFN32) (revision v0.4)", False),
        ("esp32c6", "ESP32-C6 (QFN40) (revision v0.1)", True),
    ],
)
def test_it_knows_chip_address_crystal_and_flash(plugged, chip, described, stub):
    board = plugged(chip)
    told = esptool("--port", board.port, "--before", "no-reset", *([] if stub else ["--no-stub"]), "flash-id")
    assert described in told and "40MHz" in told and "7c:df:a1:0a:0b:0c" in told
    assert "Detected flash size: 256KB" in told and "Manufacturer: ef" in told
    assert ("Stub flasher running" in told) == stub


@pytest.mark.parametrize("chip, stub", [("esp32", True), ("esp32s3", True), ("esp32c3", True), ("esp32c3", False)])
def test_it_writes_verifies_and_reads_back(plugged, tmp_path, chip, stub):
    board = plugged(chip)
    board.flash.load(os.urandom(SIZE))
    before = board.flash.read()
    firmware, copy = tmp_path / "firmware.bin", tmp_path / "copy.bin"
    firmware.write_bytes(esp_firmware.micropython(chip, size=9001))
    offset = esp_firmware.CHIPS[chip][1]
    how = ["--port", board.port, "--before", "no-reset", "--after", "no-reset", *([] if stub else ["--no-stub"])]
    told = esptool(*how, "write-flash", hex(offset), firmware)
    assert "Hash of data verified" in told
    end = offset + firmware.stat().st_size
    assert board.flash.read(offset, end - offset) == firmware.read_bytes()
    assert board.flash.read(0, offset) == before[:offset]
    after = -(-end // 0x1000) * 0x1000
    assert board.flash.read(end, after - end) == b"\xff" * (after - end)
    assert board.flash.read(after) == before[after:]
    assert "Verification successful" in esptool(*how, "verify-flash", hex(offset), firmware)
    length = 0x9000 if stub else 0x500
    esptool(*how, "read-flash", hex(offset), hex(length), copy)
    assert copy.read_bytes() == board.flash.read(offset, length)


@pytest.mark.parametrize("stub", [True, False])
def test_it_erases_what_it_is_told_to_and_nothing_else(plugged, stub):
    board = plugged("esp32")
    board.flash.load(bytes(SIZE))
    how = ["--port", board.port, "--before", "no-reset", "--after", "no-reset", *([] if stub else ["--no-stub"])]
    esptool(*how, "erase-region", "0x3000", "0x2000")
    assert board.flash.read() == bytes(0x3000) + b"\xff" * 0x2000 + bytes(SIZE - 0x5000)
    assert board.flash.erased == {3, 4}


def test_it_erases_everything_and_changes_the_speed(plugged):
    board = plugged("esp32")
    board.flash.load(bytes(SIZE))
    esptool("--port", board.port, "--before", "no-reset", "--baud", 921600, "erase-flash")
    assert board.flash.read() == b"\xff" * SIZE and board.loader.baud == 921600


def test_more_than_two_megabytes_are_within_reach_of_the_rom(plugged, tmp_path):
    board = plugged("esp32c3", 4 << 20)
    path = tmp_path / "end.bin"
    path.write_bytes(b"the end!" * 512)
    how = ["--port", board.port, "--before", "no-reset", "--after", "no-reset", "--no-stub"]
    esptool(*how, "write-flash", "0x3ff000", path)
    assert board.flash.read(0x3FF000) == path.read_bytes()


@pytest.mark.parametrize("chip", ["esp32s3", "esp32c3"])
def test_the_watchdog_makes_it_leave(plugged, chip):
    board = plugged(chip)
    esptool("--port", board.port, "--before", "no-reset", "--after", "watchdog-reset", "read-mac")
    assert board.left == 1


@pytest.mark.parametrize("chip", esp_firmware.CHIPS)
def test_a_chip_starts_micropython_only_when_all_of_it_is_there(chip):
    flash = NorFlash(SIZE)
    offset = esp_firmware.CHIPS[chip][1]
    assert boots(chip, flash).what == "invalid header"
    assert boots(chip, flash).text == b"invalid header: 0xffffffff\r\n"
    flash.load(esp_firmware.micropython(chip), offset)
    assert (boots(chip, flash).what, boots(chip, flash).version) == ("micropython", "1.29.0")
    flash.load(b"\xff" * 64, 0x10100)
    assert boots(chip, flash).what == "no application"
    flash.load(esp_firmware.micropython(chip, project="doorbell"), offset)
    assert boots(chip, flash).what == "other"
    other = "esp32c3" if chip != "esp32c3" else "esp32s3"
    assert boots(other, flash).what == "invalid header"


def test_a_chip_starts_the_application_that_its_ota_data_chooses():
    flash = NorFlash(SIZE)
    flash.load(esp_firmware.micropython("esp32", rows=esp_firmware.OTA), 0x1000)
    assert boots("esp32", flash).version == "1.29.0"
    flash.load(esp_firmware.application("esp32", "v1.30.0", size=9000), 0x30000)
    flash.load(esp_firmware.ota_choice(2), 0xD000)
    assert boots("esp32", flash).version == "1.30.0"
    flash.load(esp_firmware.ota_choice(3), 0xE000)
    assert boots("esp32", flash).version == "1.29.0"
