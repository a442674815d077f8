# `siplet flash` on a virtual board, whose port has no lines to reset it by: MicroPython is asked to step aside.

import esp_firmware
import pytest
from siplet_tools.board import flashing
from siplet_tools.board.link import Link
from siplet_tools.errors import ToolError
from siplet_tools.virtual import VirtualBoard


@pytest.fixture
def firmware(tmp_path):
    path = tmp_path / "firmware.bin"
    path.write_bytes(esp_firmware.micropython("esp32", size=9000))
    return str(path)


def flash(board, firmware, tmp_path, **options):
    return flashing.flash(board.port, firmware, str(tmp_path / "copies"), backup=False, **options)


def test_micropython_steps_aside_and_comes_back_with_the_files_that_were_there(tmp_path, firmware):
    with VirtualBoard(tmp_path / "board") as board:
        with Link.open(board.port) as link:
            link.put("/note.txt", b"still here")
        assert flash(board, firmware, tmp_path).written
        with Link.open(board.port) as link:
            assert link.get("/note.txt") == b"still here" and link.facts().chip == "esp32"
        assert flash(board, firmware, tmp_path).skipped
        assert flash(board, firmware, tmp_path, erase=True).erased
        with Link.open(board.port) as link:
            assert link.get("/note.txt") is None


def test_a_board_as_it_comes_out_of_its_bag_gets_micropython(tmp_path, firmware):
    with VirtualBoard(tmp_path / "board", bare=True) as board:
        with pytest.raises(ToolError) as caught:
            Link.open(board.port)
        assert "siplet flash" in str(caught.value)
        assert flash(board, firmware, tmp_path).written
        with Link.open(board.port) as link:
            assert link.facts().chip == "esp32"


def test_after_a_cable_that_was_pulled_the_board_has_no_firmware_until_the_next_run(tmp_path, firmware):
    with open(firmware, "wb") as file:
        file.write(esp_firmware.micropython("esp32", size=100000))
    with VirtualBoard(tmp_path / "board") as board:
        board.unplug(after=30000)  # of 60,000, the first 15,000 of them talk
        with pytest.raises(ToolError) as caught:
            flash(board, firmware, tmp_path)
        assert "half-written" in str(caught.value)
        board.plug()
        assert flash(board, firmware, tmp_path).written
        with Link.open(board.port) as link:
            assert link.facts().chip == "esp32"
