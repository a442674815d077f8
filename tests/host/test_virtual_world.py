# What stands around the virtual board: a button, a relay, timers, a microphone and an amplifier.

import os
import subprocess
import time

import pytest
from siplet_tools import interpreter, wav_file
from siplet_tools.board.link import Link
from siplet_tools.errors import ToolError
from siplet_tools.virtual import VirtualBoard, child, sound
from virtual_parts import trace

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
    link.transport.enter_raw_repl(soft_reset=True)
    assert board.relay and link.value("__import__('machine').Pin(25).value()") == 0  # a soft reset moves no pin
    link.run("import machine; machine.Pin(25, machine.Pin.IN)")
    board.wait(lambda: not board.relay, what="end of the output")
    with pytest.raises(ToolError):
        board.level("led")
    with pytest.raises(ToolError):
        board.press(40)
    assert "can only be input" in trace(link, "machine.Pin(34, machine.Pin.OUT)")
    assert "invalid pin" in trace(link, "machine.Pin(40)")


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


def test_timers_that_are_set_beside_much_garbage_leave_the_board_alive(board):
    # Each one wakes the thread that brings interrupts, while the main program makes names and collects garbage
    code = """
import gc, machine
gc.threshold(4096)
kept = {}
for n in range(FROM, FROM + 60):
    machine.Timer(0).init(mode=machine.Timer.ONE_SHOT, period=300000, callback=print)
    exec('def f_%d_a(x_%d): y_%d = [x_%d] * 3; return y_%d' % (n, n, n, n, n))
    kept[n % 50] = [str(n), {n: (n,)}]
"""
    for _ in range(40):
        with Link.open(board.port) as link:
            link.fresh()
            for i in range(4):
                link.run(code.replace("FROM", str(60 * i)))
    assert board.crashes == 0


def test_a_timer_that_is_set_anew_forgets_what_it_was_set_to(link):
    link.run("""
import machine, time
calls = []
machine.Timer(0).init(mode=machine.Timer.ONE_SHOT, period=20, callback=lambda timer: calls.append('first'))
machine.Timer(0).init(mode=machine.Timer.ONE_SHOT, period=40, callback=lambda timer: calls.append('second'))
machine.Timer(1, mode=machine.Timer.ONE_SHOT, period=60, callback=lambda timer: calls.append('other'))
while len(calls) < 2: time.sleep_ms(1)
""")
    assert link.value("(calls, machine.Timer(0) is machine.Timer(0))") == (["second", "other"], True)


def test_what_a_program_does_wrong_is_its_own_error_and_not_the_end_of_the_board(board, link):
    buses = "machine.I2S({}, sck=machine.Pin(1), ws=machine.Pin(2), sd=machine.Pin(3), mode=1, bits=16, format=0, {})"
    assert "TypeError" in trace(link, "import machine; " + buses.format(0, "rate=16e3, ibuf=4096"))
    assert "ValueError" in trace(link, buses.format(0.5, "rate=16000, ibuf=4096"))
    assert "ValueError" in trace(link, "machine.WDT(timeout='soon')")
    assert "ValueError" in trace(link, "machine.deepsleep('long')")
    link.run("import esp32; space = esp32.NVS('a\\npin x y'); space.set_i32('key', 1); space.commit()")
    assert link.value("1 + 1") == 2 and board.running and board.starts == 1


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


def test_the_room_answers_what_the_amplifier_plays_softer_and_5_ms_later(tmp_path):
    """The board plays a tone and listens: as loud as the room lets it back, and silence without a room."""
    code = """
def _():
    from machine import I2S, Pin
    import time, math, array
    speaker = I2S(0, sck=Pin(27), ws=Pin(14), sd=Pin(22), mode=I2S.TX, bits=16, format=I2S.MONO, rate=16000, ibuf=8192)
    mic = I2S(1, sck=Pin(26), ws=Pin(25), sd=Pin(33), mode=I2S.RX, bits=16, format=I2S.MONO, rate=16000, ibuf=8192)
    tone = bytearray(array.array('h', [int(8000 * math.sin(i * math.pi / 8)) for i in range(1600)]))
    got = bytearray(3200)
    best = 0
    for i in range(4):
        speaker.write(tone)
        mic.readinto(got)
        best = max(best, max(array.array("h", got)))
    speaker.deinit()
    mic.deinit()
    return best
print(_())
"""
    with VirtualBoard(tmp_path / "board") as board, Link.open(board.port) as link:
        assert int(link.run(code)) == 0
        board.echo(12)
        assert 1900 < int(link.run(code)) < 2100
        board.echo(None)
        assert int(link.run(code)) == 0


def test_the_loops_over_samples_are_twins():
    code = """
import board_samples_plain as plain, board_samples_viper as viper
source = bytes([i * 37 & 255 for i in range(240)])
for words in (1, 2):
    for both in (0, 1):
        a, b = bytearray(b'?' * 960), bytearray(b'?' * 960)
        plain.widen(source, a, 100, words, both)
        viper.widen(source, b, 100, words, both)
        print(a == b, a[400 * (1 + both) * words // 2 :] == b'?' * (960 - 200 * words * (1 + both)))
        a, b = bytearray(80), bytearray(80)
        plain.narrow(source, a, 30, words * (1 + both), words - 1)
        viper.narrow(source, b, 30, words * (1 + both), words - 1)
        print(a == b, any(a[:60]), any(a[60:]))
ring = bytes([i * 73 + (i >> 8) & 255 for i in range(16384)])
for at, gain in ((0, 256), (8100, 32), (8191, 1), (5, 4000)):
    a, b = bytearray(source), bytearray(source)
    plain.mix(a, ring, 120, at, gain)
    viper.mix(b, ring, 120, at, gain)
    print(a == b, a != source)
"""
    run = subprocess.run(
        [interpreter.find(), "-c", code], env={"MICROPYPATH": child.DEVICE}, capture_output=True, text=True
    )
    assert run.stdout == "True True\nTrue True False\n" * 4 + "True True\n" * 4, run.stderr
