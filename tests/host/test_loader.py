# The simulated loader byte by byte, without a port: frames, the flash chip, the ROM's and the stub's answers.

import hashlib
import struct
import zlib
from functools import reduce

import pytest
from siplet_tools.virtual import slip
from siplet_tools.virtual.loader import Loader, knocks
from siplet_tools.virtual.nor_flash import NorFlash
from siplet_tools.virtual.rom_chips import CHIPS

SYNC = b"\x07\x07\x12\x20" + b"\x55" * 32
CODE = 0x40080000  # where a stub goes


def request(command, data=b"", check=0):
    return slip.encode(struct.pack("<BBHI", 0, command, len(data), check) + data)


def block(command, data, number=0):
    check = reduce(lambda a, b: a ^ b, data, 0xEF)
    return request(command, struct.pack("<IIII", len(data), number, 0, 0) + data, check)


def answers(loader, sent):
    """[(command, value, data, status), ...] to what was sent; status: the two bytes, 0 is success."""
    tail = 2 if loader.stub else 4
    found = []
    for frame in slip.Decoder().feed(loader.feed(sent)):
        direction, command, length, value = struct.unpack_from("<BBHI", frame)
        assert direction == 1 and length == len(frame) - 8
        status = frame[len(frame) - tail :][:2]
        found.append((command, value, frame[8 : len(frame) - tail], int.from_bytes(status, "big")))
    return found


def with_stub(chip="esp32c3", size=1 << 18):
    """A loader whose stub runs, and its flash."""
    loader = Loader(chip, NorFlash(size))
    loader.feed(request(0x05, struct.pack("<IIII", 8, 1, 8, CODE)) + block(0x07, b"stubcode"))
    assert slip.encode(b"OHAI") in loader.feed(request(0x06, struct.pack("<II", 0, CODE + 4)))
    return loader, loader.flash


def test_frames_survive_every_cut_and_noise_between_them():
    frames = [b"\xc0\xdb\xdc\xdd", b"plain", bytes(range(256))]
    sent = b"noise" + b"".join(map(slip.encode, frames)) + b"\x00rst:0x1"
    for size in (1, 2, 3, 7, len(sent)):
        decoder = slip.Decoder()
        found = [frame for at in range(0, len(sent), size) for frame in decoder.feed(sent[at : at + size])]
        assert found == frames


def test_a_frame_with_a_wrong_escape_or_without_an_end_is_dropped():
    decoder = slip.Decoder()
    assert decoder.feed(b"\xc0ab\xdbz\xc0") == []
    assert decoder.feed(b"\xc0" + b"x" * 100000 + b"\xc0") == []
    assert decoder.feed(b"\xc0good\xc0") == [b"good"]


def test_programming_only_clears_bits_and_erasing_takes_whole_sectors():
    flash = NorFlash(1 << 18)
    flash.program(0x1000, b"\xf0\x0f")
    flash.program(0x1000, b"\x3c\x3c")
    assert flash.read(0x1000, 3) == b"\x30\x0c\xff"
    flash.erase(0x1001, 1)
    assert flash.read(0x1000, 2) == b"\xff\xff" and flash.erased == {1}


def test_a_flash_in_a_file_is_there_again_after_the_process(tmp_path):
    path = tmp_path / "flash.bin"
    flash = NorFlash(1 << 18, path)
    assert flash.read() == b"\xff" * (1 << 18)
    flash.program(5, b"abc")
    flash.close()
    assert NorFlash(1 << 18, path).read(4, 5) == b"\xffabc\xff"


@pytest.mark.parametrize("size", [0, 1000, 3 << 20, 1 << 25])
def test_a_flash_chip_of_an_odd_size_does_not_exist(size):
    with pytest.raises(ValueError):
        NorFlash(size)


@pytest.mark.parametrize("chip", CHIPS)
def test_the_rom_answers_a_sync_eight_times_and_not_with_zero_which_the_stub_does(chip):
    loader = Loader(chip, NorFlash(1 << 18))
    assert [one[1] != 0 for one in answers(loader, request(0x08, SYNC))] == [True] * 8
    loader, _ = with_stub(chip)
    assert answers(loader, request(0x08, SYNC)) == [(8, 0, b"", 0)] * 8


def test_a_sync_is_known_as_a_knock_at_the_door_and_a_terminal_is_not():
    assert knocks(b"noise" + request(0x08, SYNC))
    assert not knocks(b"\r\x03\x03\x01import machine\r\n\x04" + bytes(range(256)))


def test_what_the_rom_does_not_know_it_refuses_eight_times():
    for chip, command in (("esp32", 0x14), ("esp32c3", 0xD2), ("esp32s3", 0x77)):
        refused = answers(Loader(chip, NorFlash(1 << 18)), request(command))
        assert [one[3] for one in refused] == [0x0105] * 8


def test_the_mac_address_stands_in_the_fuses():
    loader = Loader("esp32c3", NorFlash(1 << 18), mac=b"\x7c\xdf\xa1\x01\x02\x03")
    low = answers(loader, request(0x0A, struct.pack("<I", 0x60008844)))[0][1]
    high = answers(loader, request(0x0A, struct.pack("<I", 0x60008848)))[0][1]
    assert (high.to_bytes(2, "big") + low.to_bytes(4, "big")).hex() == "7cdfa1010203"


def test_a_block_with_a_wrong_checksum_is_refused():
    loader = Loader("esp32", NorFlash(1 << 18))
    loader.feed(request(0x05, struct.pack("<IIII", 8, 1, 8, CODE)))
    broken = request(0x07, struct.pack("<IIII", 8, 0, 0, 0) + b"stubcode", 0x11)
    assert answers(loader, broken)[0][3] == 0x0107


def test_a_stub_that_is_not_whole_or_entered_beside_itself_crashes():
    for sent, entry in ((b"stub", CODE), (b"stubcode", CODE + 8)):
        loader = Loader("esp32", NorFlash(1 << 18))
        loader.feed(request(0x05, struct.pack("<IIII", 8, 1, 8, CODE)) + block(0x07, sent))
        assert b"Guru Meditation" in loader.feed(request(0x06, struct.pack("<II", 0, entry)))
        assert not loader.stub


def test_the_rom_sees_no_flash_before_it_is_attached_and_two_megabytes_before_it_knows_the_size():
    loader = Loader("esp32", NorFlash(4 << 20))
    look = request(0x13, struct.pack("<IIII", 3 << 20, 16, 0, 0))
    assert answers(loader, look)[0][3] == 0x0108
    loader.feed(request(0x0D, bytes(8)))
    assert answers(loader, look)[0][3] == 0x0108
    loader.feed(request(0x0B, struct.pack("<6I", 0, 4 << 20, 1 << 16, 1 << 12, 256, 0xFFFF)))
    digest = hashlib.md5(b"\xff" * 16).hexdigest().encode()
    assert answers(loader, look)[0][2:] == (digest, 0)


def test_the_rom_erases_first_and_the_stub_as_it_goes():
    begin = struct.pack("<IIIII", 0x4000, 16, 0x400, 0, 0)
    rom = Loader("esp32c3", NorFlash(1 << 18))
    rom.feed(request(0x0D, bytes(8)))
    stub, _ = with_stub()
    for loader in (rom, stub):
        loader.flash.load(bytes(0x4000))
        loader.feed(request(0x02, begin) + block(0x03, b"\xa5" * 0x400))
        assert loader.flash.read(0, 0x400) == b"\xa5" * 0x400
    assert rom.flash.read(0x3000, 4) == b"\xff" * 4
    assert stub.flash.read(0x3000, 4) == bytes(4)  # not yet reached


def test_the_stub_tells_what_went_wrong_with_a_block_when_the_next_one_comes():
    loader, _ = with_stub()
    assert answers(loader, request(0x10, struct.pack("<IIIII", 100, 1, 0x4000, 0, 0)))[0][3] == 0
    assert answers(loader, block(0x11, b"no deflate"))[0][3] == 0
    assert answers(loader, request(0x12, struct.pack("<I", 1)))[0][3] == 0xC700


def test_more_than_was_announced_is_refused():
    loader, flash = with_stub()
    loader.feed(request(0x10, struct.pack("<IIIII", 100, 1, 0x4000, 0, 0)))
    loader.feed(block(0x11, zlib.compress(b"x" * 5000)))
    assert answers(loader, request(0x12, struct.pack("<I", 1)))[0][3] == 0xC900
    assert flash.read(0, 200) == b"\xff" * 200


def test_nothing_can_be_read_or_written_past_the_end_of_the_flash():
    loader, _ = with_stub()
    for command, data in (
        (0x02, struct.pack("<IIIII", 0x2000, 8, 0x400, 0x3F000, 0)),
        (0xD1, struct.pack("<II", 0x3F000, 0x2000)),
        (0xD2, struct.pack("<IIII", 0x3F000, 0x2000, 0x1000, 64)),
        (0x13, struct.pack("<IIII", 0x3F000, 0x2000, 0, 0)),
    ):
        loader._late_error = None
        assert answers(loader, request(command, data))[0][3] == 0xC400


def test_a_reading_waits_for_each_acknowledgement_and_ends_with_the_digest():
    loader, flash = with_stub()
    flash.load(bytes(range(256)) * 32)
    frames = slip.Decoder().feed(loader.feed(request(0xD2, struct.pack("<IIII", 0x100, 0x1800, 0x1000, 64))))
    data = frames[1]
    for _ in range(2):
        frames = slip.Decoder().feed(loader.feed(slip.encode(struct.pack("<I", len(data)))))
        data += frames[0]
    assert data[:-16] == flash.read(0x100, 0x1800) and data[-16:] == hashlib.md5(data[:-16]).digest()


def test_a_reading_that_the_host_gives_up_leaves_the_stub_listening():
    loader, _ = with_stub()
    loader.feed(request(0xD2, struct.pack("<IIII", 0, 0x4000, 0x1000, 64)))
    loader.feed(request(0x08, SYNC))
    assert len(answers(loader, request(0x08, SYNC))) == 8


@pytest.mark.parametrize("chip", CHIPS)
def test_only_an_unlocked_watchdog_that_is_on_makes_the_chip_leave_its_loader(chip):
    protection, configuration = CHIPS[chip].watchdog

    def write(address, value):
        loader.feed(request(0x09, struct.pack("<IIII", address, value, 0xFFFFFFFF, 0)))

    loader = Loader(chip, NorFlash(1 << 18))
    write(configuration, 1 << 31 | 4 << 28)
    write(protection, 0)
    assert loader.left is None
    write(protection, 0x50D83AA1)
    write(configuration, 0)
    write(protection, 0)
    assert loader.left is None
    write(protection, 0x50D83AA1)
    write(configuration, 1 << 31 | 4 << 28)
    write(protection, 0)
    assert loader.left == "run"
    assert loader.feed(request(0x08, SYNC)) == b""


@pytest.mark.parametrize("chip", CHIPS)
def test_any_bytes_at_all_do_the_loader_no_harm(chip):
    loader, _ = with_stub(chip)
    for one in (loader, Loader(chip, NorFlash(1 << 18))):
        for command in range(256):
            for length in (0, 3, 4, 8, 16, 20, 24, 36):
                one.feed(request(command, b"\xff" * length) + request(command, b"\x00" * length))
        one.feed(bytes(range(256)) * 20)
