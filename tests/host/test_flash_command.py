# `siplet flash` as it is typed, and its downloads from a server of this PC.

import functools
import http.server
import json
import os
import threading

import esp_firmware
import pytest
from siplet_tools import cli, console
from siplet_tools.board import downloads
from siplet_tools.errors import FAILED, USAGE, ToolError
from siplet_tools.virtual.loader_port import LoaderOnPty
from siplet_tools.virtual.nor_flash import NorFlash

SIZE = 1 << 18
PAGE = """<a href="/resources/firmware/ESP32_GENERIC_C3-20260101-v1.9.0.bin">
<a href="/resources/firmware/ESP32_GENERIC_C3-20260401-v1.29.0.bin"> <a href="/resources/firmware/other.bin">
<a href="/resources/firmware/ESP32_GENERIC_C3-20260501-v1.30.0-preview.5.gabc.bin">"""


@pytest.fixture
def board(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("SIPLET_PORT", "SIPLET_FIRMWARE", "SIPLET_BACKUPS"):
        monkeypatch.delenv(name, raising=False)
    with LoaderOnPty("esp32c3", NorFlash(SIZE), tmp_path) as board:
        monkeypatch.setenv("SIPLET_PORT", board.port)
        yield board
    console.json_mode(False)


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "site"
    (folder / "download" / "ESP32_GENERIC_C3").mkdir(parents=True)
    (folder / "resources" / "firmware").mkdir(parents=True)
    (folder / "download" / "ESP32_GENERIC_C3" / "index.html").write_text(PAGE)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.func.log_message = lambda *arguments: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        server.folder = folder / "resources" / "firmware"
        server.address = f"http://127.0.0.1:{server.server_port}"
        yield server
        server.shutdown()


def keep(folder, chip="esp32c3", name="firmware.bin", version="v1.29.0"):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as file:
        file.write(esp_firmware.micropython(chip, version, 9000))


def test_with_the_usual_folders_nothing_needs_to_be_said(board, tmp_path, capfd):
    keep("firmware-images")
    assert cli.main(["flash"]) == 0
    told = capfd.readouterr()
    assert "✓ MicroPython 1.29.0 (firmware.bin) is on the board" in told.out
    assert "✓ what was there: firmware-backups" in told.out and "ESP32-C3 025e510e7001" in told.out
    assert "copy of the flash 100 %" in told.err and "writing 100 %" in told.err
    assert len(os.listdir(tmp_path / "firmware-backups")) == 1
    assert cli.main(["flash"]) == 0
    assert "is there already" in capfd.readouterr().out


def test_a_script_gets_one_document(board, capfd):
    keep("firmware-images")
    assert cli.main(["flash", "--no-backup", "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert (told["chip"], told["version"], told["backup"], told["skipped"]) == ("ESP32-C3", "1.29.0", "", False)


def test_a_dry_run_says_what_would_be_done(board, capfd):
    keep("firmware-images")
    assert cli.main(["flash", "--dry-run", "--erase"]) == 0
    assert "all of the flash would be erased, MicroPython 1.29.0" in capfd.readouterr().out
    assert board.flash.read() == b"\xff" * SIZE


def test_a_copy_is_written_back(board, capfd, tmp_path):
    board.flash.load(bytes(range(256)) * (SIZE // 256))
    before = board.flash.read()
    keep("firmware-images")
    assert cli.main(["flash"]) == 0
    (copy,) = (tmp_path / "firmware-backups").iterdir()
    assert cli.main(["flash", "--restore", str(copy), "--no-backup"]) == 0
    assert board.flash.read() == before and "the copy" in capfd.readouterr().out


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        ([], 2, "no such firmware file or folder"),
        (["--firmware", "s3.bin"], 2, "for an ESP32-S3"),
        (["--board", "esp23"], 2, "did you mean"),
        (["--restore", "s3.bin", "--erase"], 2, "--restore writes all"),
        (["--restore", "none.bin"], 2, "No such file"),
        (["--port", "/dev/nowhere", "--firmware", "s3.bin"], 3, "no such port"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(board, capfd, arguments, status, words):
    keep(".", "esp32s3", "s3.bin")
    assert cli.main(["flash", *arguments]) == status
    told = capfd.readouterr()
    assert words in told.err and told.err.strip().splitlines()[-1].startswith("siplet: ") and not told.out
    assert board.flash.read() == b"\xff" * SIZE


def test_a_download_is_made_only_when_asked_for_and_is_flashed(board, site, monkeypatch, capfd):
    keep(site.folder, name="ESP32_GENERIC_C3-20260401-v1.29.0.bin")
    assert cli.main(["flash"]) == USAGE
    assert "--download" in capfd.readouterr().err
    monkeypatch.setattr(downloads.fetch, "__defaults__", (*downloads.fetch.__defaults__[:-1], site.address))
    assert cli.main(["flash", "--download", "--no-backup"]) == 0
    assert os.listdir("firmware-images") == ["ESP32_GENERIC_C3-20260401-v1.29.0.bin"]
    assert board.flash.read(0, 4) == esp_firmware.micropython("esp32c3")[:4]
    os.remove(site.folder / "ESP32_GENERIC_C3-20260401-v1.29.0.bin")  # what is there is not fetched again
    assert cli.main(["flash", "--download"]) == 0


@pytest.mark.parametrize("damage", ["another chip", "cut off", "a page", "gone"])
def test_a_download_that_is_not_the_firmware_leaves_no_file(site, tmp_path, damage):
    name = "ESP32_GENERIC_C3-20260401-v1.29.0.bin"
    keep(site.folder, "esp32s3" if damage == "another chip" else "esp32c3", name)
    if damage == "cut off":
        os.truncate(site.folder / name, 0x10400)
    elif damage == "a page":
        (site.folder / name).write_text("<html>sorry")
    elif damage == "gone":
        os.remove(site.folder / name)
    with pytest.raises(ToolError):
        downloads.fetch("ESP32-C3", str(tmp_path / "images"), site=site.address)
    assert not os.path.exists(tmp_path / "images") or not os.listdir(tmp_path / "images")


def test_without_a_network_the_download_says_what_to_do_instead(tmp_path):
    with pytest.raises(ToolError) as caught:
        downloads.fetch("ESP32-C3", str(tmp_path), site="http://127.0.0.1:9")
    assert caught.value.status == FAILED and "--firmware FILE" in str(caught.value)


def test_a_chip_without_a_release_is_said_so(site, tmp_path):
    (site.folder.parent.parent / "download" / "ESP32_GENERIC_H2").mkdir()
    with pytest.raises(ToolError) as caught:
        downloads.fetch("ESP32-H2", str(tmp_path), site=site.address)
    assert "ESP32_GENERIC_H2" in str(caught.value)
