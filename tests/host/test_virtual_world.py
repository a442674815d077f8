# What stands around the virtual board: a button, a relay, a microphone and an amplifier, Wi-Fi, the flash chip, and the
# commands that play with them.

import os
import subprocess
import sys
import threading
import time

import pytest
from siplet_tools import wav_file
from siplet_tools.board.link import Link
from siplet_tools.errors import ToolError
from siplet_tools.process import wait_until
from siplet_tools.virtual import VirtualBoard, control, registry, sound
from siplet_tools.virtual.flash import factory
from virtual_parts import Terminal

ESPTOOL = os.path.join(os.path.dirname(sys.executable), "esptool")


@pytest.fixture
def board(tmp_path):
    with VirtualBoard(tmp_path / "board", address="127.0.0.9") as board:
        board.wait_idle()
        yield board


@pytest.fixture
def link(board):
    with Link.open(board.port) as link:
        yield link


# --- pins ---


def test_a_pressed_button_interrupts_the_program_and_is_let_go_again(board, link):
    link.run("""
import machine, time
seen = []
bell = machine.Pin(13, machine.Pin.IN, machine.Pin.PULL_UP)
bell.irq(lambda pin: seen.append((pin is bell, pin.value())), machine.Pin.IRQ_FALLING | machine.Pin.IRQ_RISING)
""")
    board.press("bell", 30)  # 13 by the description of boards/esp32
    link.run("while len(seen) < 2: pass")
    assert link.value("seen") == [(True, 0), (True, 1)]
    board.press(13, None)
    link.run("while len(seen) < 3: time.sleep_ms(1)")
    assert link.value("(bell.value(), bell())") == (0, 0)
    board.release(13)
    link.run(
        "import select, sys; p = select.poll(); p.register(sys.stdin, select.POLLIN)\nwhile len(seen) < 4: p.poll(50)"
    )
    board.drive(4, 1)
    assert link.value("machine.Pin(4, machine.Pin.IN).value()") == 1
    board.drive(4, None)
    assert link.value("(machine.Pin(4).value(), machine.Pin(5, machine.Pin.IN, machine.Pin.PULL_DOWN).value())") == (
        0,
        0,
    )


def test_a_button_that_is_held_over_a_reset_is_still_held(board):
    board.press(0, None)
    board.reset()
    board.wait_started(2)
    board.wait_idle()
    with Link.open(board.port) as link:
        assert link.value("__import__('machine').Pin(0, 1, 2).value()") == 0


def test_the_relay_is_seen_by_its_name_and_by_which_level_is_on(board, link):
    assert board.level("relay") is None and not board.relay
    link.run("import machine; relay = machine.Pin(23, machine.Pin.OUT, value=0)")
    assert board.level("relay") == 0 and not board.relay
    link.run("relay.on()")
    board.wait(lambda: board.relay, what="relay")
    with open(os.path.join(board.settings.files, "config.json"), "w") as file:
        file.write('{"board": {"relay_pin": 25, "relay_active_low": true, "led_pin": -1}}')
    link.run("machine.Pin(25, machine.Pin.OUT, value=0)")
    board.wait(lambda: board.relay, what="relay")
    with pytest.raises(ToolError):
        board.level("led")
    with pytest.raises(ToolError):
        board.press(40)
    assert "can only be input" in trace(link, "machine.Pin(34, machine.Pin.OUT)")
    assert "invalid pin" in trace(link, "machine.Pin(40)")


def trace(link, code):
    with pytest.raises(ToolError) as caught:
        link.run(code)
    return caught.value.trace


def test_timers_and_a_watchdog_keep_time(board, link):
    link.run("""
import machine, time
calls = []
timer = machine.Timer(0)
timer.init(period=5, callback=lambda t: calls.append(t is timer))
while len(calls) < 3: time.sleep_ms(1)
timer.deinit()
""")
    assert link.value("calls[:3]") == [True] * 3
    assert link.value("time.gmtime(0)[:3]") == (2000, 1, 1) and link.value("time.gmtime()[0]") == 2000
    link.run("machine.RTC().datetime((2026, 3, 1, 0, 12, 30, 0, 0))")
    assert link.value("time.localtime()[:5]") == (2026, 3, 1, 12, 30)
    assert link.value("time.mktime((2026, 3, 1, 12, 30, 0, 0, 0)) == 825683400")
    link.transport.exec_raw_no_follow("machine.WDT(timeout=10)\nwhile True: pass")
    board.wait_started(2)
    board.wait_idle()
    link.enter()
    assert link.value("__import__('machine').reset_cause()") == 3
    assert link.value("__import__('time').localtime()[:5]") == (2026, 3, 1, 12, 30)  # the clock went on


# --- sound ---


def test_what_the_microphone_hears_is_what_the_amplifier_plays_to_the_sample(board, link, tmp_path):
    spoken = [(i * 7919) % 20001 - 10000 for i in range(8000)]
    wav_file.write_wav(tmp_path / "spoken.wav", spoken, 16000)
    board.say(tmp_path / "spoken.wav")
    board.hear(tmp_path / "heard.wav")
    link.run("""
import machine
from machine import I2S, Pin
pins = dict(sck=Pin(26), ws=Pin(25), sd=Pin(33), rate=16000, ibuf=40000)
rx = I2S(0, mode=I2S.RX, bits=32, format=I2S.MONO, **pins)
tx = I2S(1, mode=I2S.TX, bits=16, format=I2S.MONO, **pins)
words, samples = bytearray(4 * 800), bytearray(2 * 800)
tx.write(bytes(2 * 4000))
for _ in range(11):  # a quarter of a second ahead
    rx.readinto(words)
    for i in range(800):
        samples[2 * i] = words[4 * i + 2]
        samples[2 * i + 1] = words[4 * i + 3]
    tx.write(samples)
import time
time.sleep_ms(400)
tx.deinit()
rx.deinit()
""")
    assert board.deaf() > 8000
    heard = wav_file.read_wav(tmp_path / "heard.wav", 16000)
    start = next(i for i, value in enumerate(heard) if value == spoken[0] and heard[i + 1] == spoken[1])
    assert list(heard[start : start + 8000]) == spoken and not any(heard[:start])


def test_siplets_own_driver_has_sound_at_48_khz(board, link, tmp_path):
    # The ways of machine.I2S that firmware/siplet/audio/i2s.py goes: polled once, then nothing waits
    wav_file.write_wav(tmp_path / "tone.wav", [1000] * 800, 8000)
    board.say(tmp_path / "tone.wav", repeat=True)
    link.run("""
import select, time
from machine import I2S, Pin
rx = I2S(0, sck=Pin(1), ws=Pin(2), sd=Pin(3), mode=I2S.RX, bits=16, format=I2S.STEREO, rate=48000, ibuf=8 * 256 * 6 + 1)
tx = I2S(1, sck=Pin(4), ws=Pin(5), sd=Pin(6), mode=I2S.TX, bits=32, format=I2S.MONO, rate=48000, ibuf=4 * 256 * 6 + 1)
for bus, flag in ((rx, select.POLLIN), (tx, select.POLLOUT)):
    p = select.poll()
    p.register(bus, flag)
    p.poll(0)
block = bytearray(4 * 256)
counts = [rx.readinto(block), tx.write(bytes(4 * 256 * 9))]
time.sleep_ms(60)
counts.append(sum([rx.readinto(block) for _ in range(9)]))
values = set()
for i in range(0, 1024, 2): values.add(block[i] | block[i + 1] << 8)
""")
    first, written, later = link.value("counts")
    assert first % 1024 == 0 and later == 5 * 1024  # all that a ring of six blocks keeps, one of them the bus's own
    assert 4 * 256 * 3 < written <= 4 * 256 * 5 and written % 4 == 0  # the block that is being played is not free
    assert link.value("min(values)") > 900 and link.value("max(values)") < 1100
    assert "EPERM" in trace(link, "p = select.poll(); p.register(tx, select.POLLIN); p.poll(0)")
    assert "invalid id" in trace(
        link, "I2S(2, sck=Pin(1), ws=Pin(2), sd=Pin(3), mode=1, bits=16, format=0, rate=8000, ibuf=1)"
    )


def test_sound_of_another_rate_keeps_its_length_and_its_level():
    tone = [8000 if i // 20 % 2 else -8000 for i in range(1600)]
    for rate in (16000, 48000):
        wide = sound.resample(tone, 8000, rate)
        assert len(wide) == 1600 * rate // 8000
        back = sound.resample(wide, rate, 8000)
        assert max(abs(a - b) for a, b in zip(tone[100:1500], back[100:1500])) < 2500  # but for the edges' ringing
        assert sum(abs(a - b) for a, b in zip(tone, back)) < 1600 * 400
    assert list(sound.resample([1, -2, 3], 8000, 8000)) == [1, -2, 3]


# --- Wi-Fi ---


def test_wifi_comes_only_with_the_right_name_and_password_and_goes_with_its_access_point(board, link):
    link.run("""
import network, time
wlan = network.WLAN(network.WLAN.IF_STA)
def join(*words):
    wlan.disconnect()  # the driver forgets its last trouble by that alone
    wlan.connect(*words)
    while wlan.status() in (network.STAT_CONNECTING, network.STAT_IDLE): time.sleep_ms(5)
    return wlan.status()
""")
    assert link.value("(wlan.active(), wlan.isconnected(), wlan.ifconfig()[0])") == (False, False, "0.0.0.0")
    assert "Wifi Not Started" in trace(link, "wlan.connect('siplet', 'x')")
    link.run("wlan.active(True); wlan.config(reconnects=0, pm=wlan.PM_NONE)")
    assert [row[0] for row in link.value("wlan.scan()")] == [b"siplet", b"guests"]
    assert link.value("join('siplet', 'wrong') == network.STAT_WRONG_PASSWORD == 202")
    assert link.value("join('nowhere', 'x') == network.STAT_NO_AP_FOUND == 201")
    assert link.value("join('siplet') == network.STAT_NO_AP_FOUND_W_COMPATIBLE_SECURITY == 210")
    assert link.value("join('siplet', 'virtual-board') == network.STAT_GOT_IP == 1010")
    assert link.value("(wlan.isconnected(), wlan.ifconfig()[0], wlan.config('ssid'))") == (True, "127.0.0.9", "siplet")
    assert link.value("wlan.config('mac').hex()") == board.settings.mac
    board.signal(-80)
    link.run("while wlan.status('rssi') != -80: time.sleep_ms(1)")
    assert board.network == "siplet"
    link.run("wlan.config(reconnects=-1)")
    board.wifi(False)
    link.run("while wlan.isconnected(): time.sleep_ms(1)")
    assert link.value("wlan.status()") in (200, 201, 1001)
    board.wifi(True)
    link.run("while not wlan.isconnected(): time.sleep_ms(1)")  # the driver joins again by itself
    link.run("wlan.disconnect()")
    assert link.value("(wlan.isconnected(), wlan.status() == network.STAT_IDLE)") == (False, True)
    board.wait(lambda: not board.network, what="end of the Wi-Fi")


def test_wifi_outlives_a_soft_reset_and_not_a_hard_one(board, link):
    link.run("import network; w = network.WLAN(); w.active(True); w.connect('guests')\nwhile not w.isconnected(): pass")
    link.transport.enter_raw_repl(soft_reset=True)
    assert link.value("__import__('network').WLAN().isconnected()")
    link.reset()
    board.wait_started(3)
    board.wait_idle()
    link.enter()
    assert not link.value("__import__('network').WLAN().isconnected()")


def test_sockets_have_the_boards_own_address_and_need_the_wifi(board, link):
    link.run("""
import network, socket, time, asyncio
w = network.WLAN(); w.active(True)
a = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
a.bind(('0.0.0.0', 25160))
b = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
b.bind(('', 0))
""")
    assert "EHOSTUNREACH" in trace(link, "b.sendto(b'x', ('127.0.0.9', 25160))")
    link.run("w.connect('guests')\nwhile not w.isconnected(): pass")
    link.run("b.sendto(b'there', socket.getaddrinfo('127.0.0.9', 25160, 0, socket.SOCK_DGRAM)[0][-1])")
    data, source = link.value("a.recvfrom(100)")
    assert data == b"there" and source[0] == "127.0.0.9"
    link.run("""
async def serve(reader, writer):
    writer.write(b'you said ' + await reader.readline())
    await writer.drain()
    await writer.wait_closed()
async def main():
    server = await asyncio.start_server(serve, '127.0.0.9', 25162)
    reader, writer = await asyncio.open_connection('127.0.0.9', 25162)
    writer.write(b'hello\\n')
    await writer.drain()
    print((await reader.read(-1)).decode())
    server.close()
    await server.wait_closed()
    a.setblocking(False)
asyncio.run(main())
""")
    assert link.run("asyncio.run(main())") == b"you said hello\r\n\r\n"
    board.wifi(False)
    link.run("while w.isconnected(): pass")
    assert "EHOSTUNREACH" in trace(link, "b.sendto(b'x', ('127.0.0.9', 25160))")
    assert link.value("a.readinto(bytearray(10))") is None


# --- flash ---


def esptool(board, *words):
    command = [ESPTOOL, "--port", board.port, "--before", "no-reset", "--after", "no-reset", *words]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr


def test_esptool_erases_the_board_and_brings_it_back_with_its_files(board, tmp_path):
    with open(os.path.join(board.settings.files, "kept.txt"), "w") as file:
        file.write("kept")
    with Link.open(board.port) as link:
        link.transport.exec_raw_no_follow("import machine; machine.bootloader()")
        board.wait(lambda: board.state == "loader", what="loader")
    esptool(board, "read-flash", "0x200000", "0x4000", str(tmp_path / "files.bin"))
    esptool(board, "erase-flash")
    board.reset()
    assert board.state == "loop" and os.listdir(board.settings.files) == ["boot.py"]
    with Terminal(board.port) as terminal:
        terminal.until(b"rst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\ninvalid header: 0xffffffff\r\n")
    (tmp_path / "firmware.bin").write_bytes(factory("esp32", "v1.30.0"))
    esptool(board, "write-flash", "0x1000", str(tmp_path / "firmware.bin"), "0x200000", str(tmp_path / "files.bin"))
    board.reset()
    board.wait_started(2)
    assert board.state == "micropython" and sorted(os.listdir(board.settings.files)) == ["boot.py", "kept.txt"]


def test_a_bare_board_has_nothing_to_start_each_kind_in_its_own_words(tmp_path):
    for chip, words in (
        ("esp32", b"ets Jul 29 2019"),
        ("esp32s3", b"ESP-ROM:esp32s3-"),
        ("esp32c3", b"ESP-ROM:esp32c3-"),
    ):
        with VirtualBoard(tmp_path / chip, chip=chip, bare=True) as board, Terminal(board.port) as terminal:
            terminal.until(words)
            terminal.until(b"invalid header: 0xffffffff\r\n")
            assert board.state == "loop" and not board.starts


# --- by commands ---


def test_commands_play_with_a_board_of_another_process(tmp_path):
    import siplet_tools

    tools = os.path.dirname(os.path.dirname(siplet_tools.__file__))
    command = [sys.executable, "-m", "siplet_tools", "virtual", "--folder", "mine", "--chip", "esp32c3"]
    log = tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONPATH": tools, "PYTHONUNBUFFERED": "1"},
        )
    try:

        def mine():
            return [one for one in registry.running() if one["folder"] == str(tmp_path / "mine")]

        entry = wait_until(mine, 10, "virtual board")[0]
        assert entry["pid"] == process.pid
        with Link.open(entry["port"]) as link:
            assert link.facts().chip == "esp32c3"
            link.run("import machine; relay = machine.Pin(7, machine.Pin.OUT, value=1)")
        assert control.send(entry, "pin 7") == "1"
        assert control.send(entry, "press 4 10") == "pressed 4"
        assert control.send(entry, "status").startswith(f"micropython, port {entry['port']}, network none")
        assert control.send(entry, "wifi off") == control.send(entry, "wifi -70") == "ok"
        for wrong in ("fly", "press 99", "wifi maybe", "say none.wav", "unplug x", "pin"):
            with pytest.raises(ToolError):
                control.send(entry, wrong)
        assert control.send(entry, "unplug") == "ok" and not mine()
        assert control.send(entry, "plug").startswith("/dev/")
        process.stdin.write(b"status\n")
        process.stdin.flush()
        wait_until(lambda: b"micropython, port" in log.read_bytes(), 10, "answer to what was typed")
    finally:
        process.terminate()
        status = process.wait(10)
        process.stdin.close()
    assert status == 0 and b"virtual board at /dev/" in log.read_bytes()
    assert not mine() and not os.path.exists(entry["control"])


def test_a_board_whose_supervisor_is_killed_goes_with_it(tmp_path):
    code = """
import sys, time
from siplet_tools.virtual import VirtualBoard
board = VirtualBoard(sys.argv[1]).start()
board.wait_idle()
print(board.child_pid, flush=True)
time.sleep(60)
"""
    import siplet_tools

    tools = os.path.dirname(os.path.dirname(siplet_tools.__file__))
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "orphan")],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": tools},
    )
    pid = int(process.stdout.readline())
    assert alive(pid)
    process.kill()
    process.wait()
    process.stdout.close()
    wait_until(lambda: not alive(pid), 10, "end of the child")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return False
    try:  # without /proc
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_interrupts_in_their_thousands_disturb_nothing(board, link):
    # The thread that brings them allocates while the main program does, and collects garbage
    link.run("""
import machine
count = 0
def hit(pin):
    global count
    count += 1
pin = machine.Pin(4, machine.Pin.IN, machine.Pin.PULL_UP)
pin.irq(hit)
""")
    start = time.monotonic()
    link.transport.exec_raw_no_follow("""
kept = []
while count < 400:
    kept.append([str(len(kept)), bytes(50), {'a': len(kept)}])
    if len(kept) > 2000: kept = []
print('sound', all([row[0] == str(i) and row[2]['a'] == i for i, row in enumerate(kept)]))
""")
    for _ in range(300):
        board.press(4, None)
        board.release(4)
    while time.monotonic() - start < 8 and not link.transport.serial.in_waiting:
        board.press(4, None)
        board.release(4)
    out, error = link.transport.follow(5)
    assert out == b"sound True\r\n" and not error


# --- what goes wrong ---


def test_a_micropython_that_does_not_come_up_is_told_and_not_tried_for_ever(tmp_path, monkeypatch):
    broken = tmp_path / "micropython"
    broken.write_text(
        '#!/bin/sh\ncase "$1" in -c) echo "micropython 1 29 0 True"; exit;; esac\necho "out of luck"\nexit 1\n'
    )
    broken.chmod(0o755)
    monkeypatch.setenv("MICROPYTHON", str(broken))
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    try:
        with VirtualBoard(tmp_path / "board") as board:
            board.wait(lambda: False, 10, "start")
    except ToolError:
        pass
    assert "out of luck" in str(board.failure)


def test_networks_of_ones_own_and_what_cannot_be(tmp_path):
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "networks.json").write_text('[["Home", "sweet home", 1]]')
    with VirtualBoard(folder) as board, Link.open(board.port) as link:
        assert link.value("(w := __import__('network').WLAN()).active(True) and w.scan()[0][0]") == b"Home"
    (folder / "networks.json").write_text("{}x")
    for wrong in ({}, {"chip": "esp8266", "networks": ()}, {"flash_size": 5, "networks": ()}):
        with pytest.raises(ToolError):
            VirtualBoard(folder, **wrong)
