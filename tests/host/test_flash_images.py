# What firmware files tell of themselves, which are refused and with which words, which one of a folder is taken.

import os

import esp_firmware
import pytest
from siplet_tools.board import downloads, images
from siplet_tools.errors import USAGE, ToolError


def put(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def refusal(function, *arguments):
    with pytest.raises(ToolError) as caught:
        function(*arguments)
    assert caught.value.status == USAGE and "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("chip, name", [("esp32", "ESP32"), ("esp32s3", "ESP32-S3"), ("esp32c3", "ESP32-C3")])
def test_an_image_tells_its_chip_its_version_and_where_it_goes(tmp_path, chip, name):
    data = esp_firmware.micropython(chip, "v1.29.0")
    image = images.read(put(tmp_path, "firmware.bin", data))
    offset = esp_firmware.CHIPS[chip][1]
    assert (image.chip, image.version, image.project, image.offset) == (name, "1.29.0", "micropython", offset)
    assert image.end == offset + len(data)
    (boot, boot_size), (table, _), (app, app_size) = image.regions
    assert (boot, table, app, app + app_size) == (offset, 0x8000, 0x10000, image.end)
    assert 3000 < boot_size < 3200


@pytest.mark.parametrize(
    "banner, version",
    [
        (b"MicroPython v1.29.0 on 2026-04-01", "1.29.0"),
        (b"MicroPython v1.30.0-preview.12.g0123abcde0-dirty on 2026-05-01", "1.30.0-preview.12.g0123abcde0-dirty"),
        (b"MicroPython (with v2.0 preview) v1.30.0 on 2026-05-01", "1.30.0"),
        (b"a build whose banner somebody has changed, with the module micropython in it", ""),
    ],
)
def test_the_version_is_the_one_of_the_banner(tmp_path, banner, version):
    content = esp_firmware.application("esp32", "", 9000)[24 + 8 : 24 + 8 + 256] + bytes(5000) + banner
    app = esp_firmware.image("esp32", [(0x3F400020, content)])
    image = images.read(put(tmp_path, "x.bin", esp_firmware.micropython("esp32", size=9)[:0xF000] + app))
    assert (image.project, image.version) == ("micropython", version)


def test_another_program_is_told_by_the_name_that_it_gives_itself(tmp_path):
    data = esp_firmware.micropython("esp32", "2026.1", 9000, project="esphome")
    image = images.read(put(tmp_path, "x.bin", data))
    assert (image.project, image.version) == ("esphome", "2026.1")


@pytest.mark.parametrize(
    "start, words",
    [
        (b"\x7fELF\x01", "ELF"),
        (b"UF2\nWQ]\x9e", "UF2"),
        (b"PK\x03\x04", "unpack"),
        (b"\x1f\x8b\x08", "unpack"),
        (b"<!DOCTYPE html>", "not a firmware"),
        (b"", "not a firmware"),
        (b"\xff" * 0x1000 + b"\xe9", "siplet flash --restore"),
    ],
)
def test_other_files_are_refused_with_what_to_do(tmp_path, start, words):
    assert words in refusal(images.read, put(tmp_path, "it", start + (bytes(9000) if start else b"")))


def test_an_application_alone_is_refused(tmp_path):
    assert "bootloader" in refusal(images.read, put(tmp_path, "app.bin", esp_firmware.application("esp32")))


def test_a_bootloader_alone_is_refused(tmp_path):
    assert "no partition table" in refusal(images.read, put(tmp_path, "b", esp_firmware.micropython()[:0x7000]))


def test_a_chip_that_nobody_knows_is_named_by_its_number(tmp_path):
    data = bytearray(esp_firmware.micropython())
    data[12:14] = b"\x39\x30"
    assert "12345" in refusal(images.read, put(tmp_path, "x.bin", data))


@pytest.mark.parametrize("at", [0x100, 0x7010, 0xF030, 0x10000, -40, -1])
def test_one_wrong_byte_anywhere_is_found(tmp_path, at):
    data = bytearray(esp_firmware.micropython())
    data[at] ^= 1
    refusal(images.read, put(tmp_path, "x.bin", data))


@pytest.mark.parametrize("length", [1, 30, 0x1100, 0x7000, 0x7C00, 0xF000, 0xF020, 0xF200, 0x15000])
def test_a_file_that_is_cut_off_is_refused(tmp_path, length):
    refusal(images.read, put(tmp_path, "x.bin", esp_firmware.micropython()[:length]))


def test_a_file_or_folder_that_is_not_there_is_named(tmp_path):
    assert "No such file" in refusal(images.read, str(tmp_path / "none.bin"))
    assert "--firmware" in refusal(images.candidates, str(tmp_path / "none"))
    assert "--download" in refusal(images.candidates, str(tmp_path))


def test_of_a_folder_the_newest_for_the_chip_is_taken(tmp_path):
    for version, date in (("v1.9.4", "20180511"), ("v1.28.0", "20260101"), ("v1.29.0-preview.7", "20260301")):
        put(tmp_path, f"ESP32_GENERIC-{date}-{version}.bin", esp_firmware.micropython("esp32", version, 9000))
    put(tmp_path, "ESP32_GENERIC_S3-20260401-v1.30.0.bin", esp_firmware.micropython("esp32s3", "v1.30.0", 9000))
    put(tmp_path, "notes.bin", b"what is this")
    image, fitting = images.find(str(tmp_path), "ESP32")
    assert (image.version, fitting) == ("1.29.0-preview.7", 3)
    put(tmp_path, "ESP32_GENERIC-20260401-v1.29.0.bin", esp_firmware.micropython("esp32", "v1.29.0", 9000))
    put(tmp_path, "ESP32_GENERIC-SPIRAM-20260401-v1.29.0.bin", esp_firmware.micropython("esp32", "v1.29.0", 9000))
    image, fitting = images.find(str(tmp_path), "ESP32")
    assert os.path.basename(image.path) == "ESP32_GENERIC-20260401-v1.29.0.bin" and fitting == 5
    image, fitting = images.find(str(tmp_path), "ESP32", "*-SPIRAM-*")
    assert "SPIRAM" in image.path and fitting == 1


def test_a_folder_without_one_for_the_chip_says_so(tmp_path):
    put(tmp_path, "s3.bin", esp_firmware.micropython("esp32s3", size=9000))
    told = refusal(images.find, str(tmp_path), "ESP32-C3")
    assert "ESP32-C3" in told and "--download" in told


def test_the_ota_data_chooses_the_application():
    first, second, erased = esp_firmware.ota_choice(1), esp_firmware.ota_choice(2), b"\xff" * 0x1000
    assert images.slot(erased + erased, 2) == 0
    assert images.slot(first + erased, 2) == 0
    assert images.slot(first + second, 2) == 1
    assert images.slot(esp_firmware.ota_choice(3) + second, 2) == 0
    damaged = bytearray(second)
    damaged[0] = 9
    assert images.slot(first + bytes(damaged), 2) == 0


def test_a_partition_table_with_a_wrong_digest_is_none():
    table = bytearray(esp_firmware.table(esp_firmware.PLAIN))
    assert [one.label for one in images.partitions(table)] == ["nvs", "phy_init", "factory"]
    table[4] ^= 1
    assert images.partitions(table) is None


def test_micropython_names_its_generic_builds_by_chip():
    assert downloads.generic("ESP32") == "ESP32_GENERIC"
    assert downloads.generic("ESP32-C6") == "ESP32_GENERIC_C6"
