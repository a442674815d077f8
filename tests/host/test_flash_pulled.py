# The cable is pulled in the middle of `siplet flash`, at byte after byte of what the two say to each other. Each time:
# one line that says what to do, no file that is half a copy, and the next run ends it.

import os
import shutil

import esp_firmware
import pytest
from siplet_tools.board import flashing
from siplet_tools.errors import NO_BOARD, ToolError
from siplet_tools.virtual.booting import boots
from siplet_tools.virtual.loader_port import LoaderOnPty
from siplet_tools.virtual.nor_flash import NorFlash

SIZE = 1 << 18
OLD = bytes(range(256)) * (SIZE // 256)
CHIP = "esp32c3"
IMAGE = esp_firmware.micropython(CHIP, size=9000)


class Bench:
    def __init__(self, folder):
        self.backups = str(folder / "backups")
        self.firmware = str(folder / "firmware.bin")
        with open(self.firmware, "wb") as file:
            file.write(IMAGE)
        self.board = LoaderOnPty(CHIP, NorFlash(SIZE), folder)
        self.fresh()

    def fresh(self):
        """A board as it was before, and no copies."""
        self.board.pull()
        self.board.flash.load(OLD)
        shutil.rmtree(self.backups, ignore_errors=True)

    def flash(self, pull_after=None, backup=True):
        """Flashed; or the one line, when the cable was pulled."""
        self.board.plug(pull_after)
        try:
            return flashing.flash(self.board.port, self.firmware, self.backups, backup=backup)
        except ToolError as error:
            assert error.status == NO_BOARD, error
            line = str(error)
            assert line.startswith(f"{self.board.port}: the line broke while ") and "\n" not in line
            assert "check the cable, then run the same command again" in line
            return line
        finally:
            self.board.pull()

    def said(self, backup=True):
        """How many bytes a run without a mishap takes."""
        self.fresh()
        assert not isinstance(self.flash(backup=backup), str)
        count = self.board.sent + self.board.received
        self.fresh()
        return count

    def written(self):
        return self.board.flash.read(0, len(IMAGE)) == IMAGE

    def copies(self):
        """The names of the files that are no marks."""
        names = os.listdir(self.backups) if os.path.isdir(self.backups) else []
        return sorted(name for name in names if not name.endswith(".unfinished"))


@pytest.fixture
def bench(tmp_path):
    bench = Bench(tmp_path)
    yield bench
    bench.board.pull()


def test_wherever_it_is_pulled_the_next_run_ends_it(bench):
    whole = bench.said(backup=False)
    seen, pulled = set(), 0
    for number in range(41):
        bench.fresh()
        at = 1 + number * (whole - 2) // 40
        line = bench.flash(at, backup=False)
        if not isinstance(line, str):  # a SYNC less than at first: a busy computer may need a second one
            assert bench.board.sent + bench.board.received < at
            continue
        pulled += 1
        seen.add(line.split("the line broke while ")[1].split(";")[0])
        if "nothing has been changed" in line:
            assert bench.board.flash.read() == OLD
        elif "half-written" in line:
            assert bench.board.flash.read(0x18000) == OLD[0x18000:]  # behind the firmware all is as it was
        else:
            assert "the firmware is complete" in line and bench.written()
        done = bench.flash(backup=False)
        assert bench.written() and done.version == "1.29.0" and boots(CHIP, bench.board.flash).what == "micropython"
    assert {"looking for the ESP32's loader", "reading the chip", "writing"} <= seen and pulled >= 38


def test_a_copy_that_was_cut_off_is_no_copy(bench):
    whole, rest = bench.said(), bench.said(backup=False)
    for number in range(5):
        at = rest // 2 + 2000 + number * (whole - rest - 2000) // 5
        line = bench.flash(at)
        assert "while making a copy of the flash; nothing has been changed on the board" in line
        assert bench.board.flash.read() == OLD and bench.copies() == []
    done = bench.flash()
    assert bench.written() and bench.copies() == [os.path.basename(done.backup)]


def test_after_a_write_that_broke_the_first_copy_is_the_one_that_counts(bench):
    whole, rest = bench.said(), bench.said(backup=False)
    for number in range(4):
        line = bench.flash((rest if number else whole) - 1000 - 900 * number)
        (copy,) = bench.copies()
        assert "half-written" in line and copy in line
    done = bench.flash()
    assert bench.written() and bench.copies() == [copy] and done.backup.endswith(copy)
    assert "an earlier run" in done.notes[0]
    with open(done.backup, "rb") as file:
        assert file.read() == OLD
    assert os.listdir(bench.backups) == [copy]


def test_a_board_that_has_run_since_the_write_broke_gets_a_copy_of_its_own(bench):
    line = bench.flash(bench.said() - 1000)
    (copy,) = bench.copies()
    assert copy in line
    bench.board.flash.load(b"a file of the board's", 0x30000)
    done = bench.flash()
    assert len(bench.copies()) == 2 and not done.backup.endswith(copy) and done.notes == []


def test_a_copy_coming_back_may_be_pulled_too(bench):
    copy = bench.flash().backup
    bench.board.plug(pull_after=16000)
    with pytest.raises(ToolError) as caught:
        flashing.restore(bench.board.port, copy, bench.backups)
    assert caught.value.status == NO_BOARD
    bench.board.plug()
    flashing.restore(bench.board.port, copy, bench.backups)
    assert bench.board.flash.read() == OLD
