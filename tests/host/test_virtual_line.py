# The virtual board's serial line: its speed to the bit, a cable that is pulled at any byte, and what a UART makes of
# what the interpreter prints.

import concurrent.futures
import os
import time

import pytest
import serial
from siplet_tools.process import wait_until
from siplet_tools.virtual import VirtualBoard
from siplet_tools.virtual.line import Line
from siplet_tools.virtual.pace import Pace
from siplet_tools.virtual.uart import LITERAL, RAW, Uart
from virtual_parts import Terminal

NATIVE, BANNER = b"MicroPython abc on 2026; linux [GCC] version\r\n", b"MicroPython v1 with ESP32\r\n"


# --- its speed ---


@pytest.mark.parametrize("baud", [300, 9600, 115200, 921600])
def test_a_byte_takes_ten_bit_times(baud):
    pace = Pace(baud)
    pace.put(bytes(range(200)), 5.0)
    assert pace.take(5.0 + 9.99 / baud) == b""
    assert pace.take(5.0 + 10 / baud) == b"\0"
    assert pace.take(5.0 + 19.99 / baud) == b""
    assert pace.take(5.0 + 1999.9 / baud) == bytes(range(1, 199))
    assert pace.take(5.0 + 2000 / baud) == b"\xc7" and not len(pace)


def test_a_second_at_115200_is_11520_bytes_however_often_one_looks():
    pace = Pace(115200)
    pace.put(bytes(20000), 0.0)
    now, count = 0.0, 0
    while pace.due() <= 1.0:
        now = pace.due()
        taken = len(pace.take(now))
        assert taken  # nobody is woken for nothing
        count += taken
    assert now <= 1.0 and 11520 - 11 <= count + len(pace.take(1.0)) <= 11520
    assert 20000 - len(pace) == 11520


def test_a_pause_is_not_made_up_for():
    pace = Pace(1000)
    pace.put(b"ab", 0.0)
    assert pace.take(0.5) == b"ab"
    pace.put(b"cd", 0.5)
    assert pace.take(0.509) == b"" and pace.take(0.52) == b"cd"
    pace.put(b"e", 0.52)
    pace.put(b"f", 0.525)  # queues behind it
    assert pace.take(0.539) == b"e" and pace.take(0.54) == b"f"


def test_without_a_speed_all_passes_at_once():
    pace = Pace()
    assert pace.due() is None
    pace.put(b"abc", 1.0)
    assert pace.due() <= 1.0 and pace.take(1.0) == b"abc"


def test_a_slow_line_takes_its_time(tmp_path):
    with VirtualBoard(tmp_path / "slow", baud=115200) as board:
        board.wait_idle()
        with Terminal(board.port) as terminal:
            terminal.synchronize()
            terminal.type(b"print('x' * 4000)\r")
            terminal.until(b"\r\n")
            start = time.monotonic()
            assert terminal.until(b">>> ") == b"x" * 4000 + b"\r\n>>> "
            # Some of it was under way already
            assert time.monotonic() - start >= 3900 * 10 / 115200


# --- the cable ---


@pytest.fixture
def line():
    line = Line()
    line.plug()
    yield line
    line.unplug()


def opened(line):
    port = serial.Serial(line.port, timeout=5)
    line.turn(time.monotonic() + 1)  # it looks for that now and then
    assert line.opened
    return port


def arrived(line, count):
    """The bytes that arrive at the board until they are so many, or the cable is out."""
    data = bytearray()

    def there():
        data.extend(line.turn(time.monotonic()))
        return len(data) >= count or line.port is None

    wait_until(there, 5, "bytes at the board")
    return bytes(data)


def said(line, data):
    """The board sends data."""
    line.send(data, 0)
    line.turn(time.monotonic())


def test_bytes_go_both_ways_unchanged(line):
    data = bytes(range(256)) * 4
    with opened(line) as port:
        port.write(data)
        assert arrived(line, 1024) == data
        said(line, data)
        assert port.read(1024) == data


def test_what_nobody_listens_to_is_lost_and_so_is_what_was_left_unread(line):
    said(line, b"lost")
    with opened(line) as port:
        said(line, b"heard, unread")
        wait_until(lambda: port.in_waiting == 13, 5, "bytes at the port")
    line.turn(time.monotonic())
    assert not line.opened
    with opened(line) as port:
        said(line, b"new")
        assert port.read(3) == b"new"


def test_a_pulled_cable_is_an_error_for_who_has_the_port_open_and_comes_back(line):
    port = opened(line)
    former = line.port
    line.unplug()
    with pytest.raises(OSError):
        port.write(b"x")
        port.read(1)
    port.close()
    assert not os.path.exists(former)
    with opened_again(line) as port:
        said(line, b"back")
        assert port.read(4) == b"back"
    line.unplug()
    former = line.plug()
    assert line.plug(same=False) != former


def opened_again(line):
    line.plug()
    return opened(line)


@pytest.mark.parametrize("direction", ["in", "out", "both"])
def test_the_cable_is_pulled_at_exactly_the_byte_that_was_said(line, direction):
    data = bytes(range(100))
    for count in (1, 2, 7, 99, 100):
        with opened_again(line) as port:
            line.cut_after(count, direction)
            if direction == "out":
                reader = concurrent.futures.ThreadPoolExecutor(1).submit(read_to_the_end, port)
                said(line, data)
                assert reader.result() == data[:count]
            else:
                port.write(data)
                assert arrived(line, 101) == data[:count]
            assert line.port is None
    with opened_again(line) as port:  # the next one is whole again
        port.write(data)
        assert arrived(line, 100) == data


def read_to_the_end(port):
    data = b""
    while True:
        try:
            data += port.read(1)
        except OSError:
            return data


def test_a_cable_that_goes_from_the_other_side_lets_the_rest_pass(line):
    with opened(line) as port:
        line.cut_after(10, "in")
        said(line, b"0123456789abcdef")
        assert port.read(16) == b"0123456789abcdef"
        port.write(b"xyz")
        assert arrived(line, 3) == b"xyz"
        line.cut_after(10)  # both together
        said(line, b"0123")
        assert port.read(4) == b"0123"
        port.write(b"456789ab")
        assert arrived(line, 7) == b"456789"
        assert line.port is None


def test_a_program_that_writes_a_file_meets_the_cut_and_the_board_lives_on(tmp_path):
    from siplet_tools.board.link import Link
    from siplet_tools.errors import ToolError

    data = bytes(range(256)) * 8
    with VirtualBoard(tmp_path / "cut") as board:
        board.wait_idle()
        for count in (1, 2, 3, 50, 400, 1500, 2600):
            board.unplug(after=count)
            with pytest.raises(ToolError) as caught, Link.open(board.port) as link:
                link.put("/data.bin", data)
            assert "\n" not in str(caught.value)
            board.wait(lambda: board.port is None, what="end of the cable")
            board.plug()
        with Link.open(board.port) as link:
            link.put("/data.bin", data)
            assert link.get("/data.bin") == data
    assert board.starts == 1  # pulling USB's data lines resets nothing


# --- the UART ---


def test_lines_end_as_a_board_ends_them():
    uart = Uart(NATIVE, BANNER)
    assert uart.sent(b"a\nb\r\nc\r", False) == b"a\r\nb\r\nc\r"
    assert uart.sent(b"\nd", False) == b"\nd"


def test_what_is_written_as_bytes_is_left_alone_wherever_it_is_cut():
    data = b"x\n" + LITERAL + b"\n" + LITERAL + b"\x1b" + b"y" + LITERAL + b"\n"
    for cut in range(len(data) + 1):
        uart = Uart(NATIVE, BANNER)
        assert uart.sent(data[:cut]) + uart.sent(data[cut:], False) == b"x\r\n\n\x1by\n"


def test_the_banner_is_the_boards_wherever_it_is_cut():
    data = b"42\n" + NATIVE + b">>> "
    for cut in range(len(data) + 1):
        uart = Uart(NATIVE, BANNER)
        assert uart.sent(data[:cut]) + uart.sent(data[cut:], False) == b"42\r\n" + BANNER + b">>> "
        assert not uart.raw
    assert uart.sent(b"\r\n" + RAW + b">", False) == b"\r\n" + RAW + b">" and uart.raw


def test_a_soft_reset_in_the_raw_repl_comes_back_there_without_the_friendly_one():
    uart = Uart(NATIVE, BANNER, enter_raw=True)
    assert uart.sent(b"boot.py says\n") == b"boot.py says\r\n" and not uart.wants_raw
    assert uart.sent(NATIVE + b">>> ") == b"" and uart.wants_raw and uart.raw
    assert uart.sent(b"\r\n" + RAW + b">", False) == RAW + b">" and not uart.entering


def test_places_in_the_simulation_are_no_part_of_a_trace():
    hidden = b'  File "/x/device'
    data = b'Traceback:\n  File "main.py", line 1\n' + hidden + b'/a.py", line 7, in f\nOSError: 2\n'
    for cut in range(len(data) + 1):
        uart = Uart(NATIVE, BANNER, hidden=hidden)
        said = uart.sent(data[:cut]) + uart.sent(data[cut:], False)
        assert said == b'Traceback:\r\n  File "main.py", line 1\r\nOSError: 2\r\n'


def test_a_trace_that_breaks_off_is_not_waited_for_for_ever():
    uart = Uart(NATIVE, BANNER, hidden=b'  File "/x/device')
    assert uart.sent(b'1\n  File "/x/device/a.py", li') == b"1\r\n" and uart.holds
    assert uart.sent(b"", False) == b"" and not uart.holds
    assert uart.sent(b"next\n") == b"next\r\n"


def test_a_uart_that_is_not_read_holds_259_bytes_and_loses_the_rest(tmp_path):
    with VirtualBoard(tmp_path / "slow", baud=921600) as board:
        board.wait_idle()
        with Terminal(board.port) as terminal:
            terminal.synchronize()
            terminal.type(
                b"\x01import sys, time; print('busy'); time.sleep_ms(300); print(sys.stdin.read(259)[-4:])\x04"
            )
            terminal.until(b"OKbusy\r\n")
            terminal.type(b"x" * 255 + b"last" + b"lost" * 10)
            assert terminal.until(b"\x04>") == b"last\r\n\x04\x04>"
        assert board.lost == 40
