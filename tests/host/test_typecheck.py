# The type check of the firmware sees what it is there for: a call that no board could answer. pyright comes from npm.

import json
import os
import re

import typecheck

BOARD = """\
import asyncio, machine, micropython, network, socket, time

class Microphone:
    def __init__(self, pin, rate=48000):
        self.i2s = machine.I2S(0, sck=machine.Pin(pin), ws=machine.Pin(1), sd=machine.Pin(2), mode=machine.I2S.RX,
                               bits=16, format=machine.I2S.MONO, rate=rate, ibuf=4000)
        self.frame = bytearray(320)
        self.socket = None

    def read(self):
        self.i2s.readinto(self.frame)
        self.i2s.readinto(self.frame, 320)  # WRONG
        self.i2s.readinot(self.frame)  # WRONG

    async def run(self):
        await asyncio.sleep_ms(20)
        await asyncio.sleep_ms()  # WRONG
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.readinto(self.frame)
        self.socket.recv_into(self.frame)  # WRONG

def connect():
    wlan = network.WLAN(network.WLAN.IF_STA)
    wlan.config(pm=wlan.PM_NONE)
    wlan.conect("name", "password")  # WRONG
    wlan.active(1, 2, 3)  # WRONG
    wlan.config(wlan.PM_NOPE)  # WRONG
    machine.I2S(0, mode=machine.I2S.RX, bits=16, format=machine.I2S.MONO, rate=8000, buffer=4000)  # WRONG
    machine.Pin(4, machine.Pin.OUT, value=0).value(1, 2)  # WRONG
    micropython.heap_lock(3)  # WRONG
    return time.ticks_ms(3)  # WRONG

@micropython.viper
def invert(data: ptr8, n: int):
    i = 0
    while i < n:
        data[i] = data[i] ^ 255
        i += 1

invert(bytearray(4), 4)
"""


def test_wrong_calls_are_found_and_right_ones_are_not(tmp_path):
    with open(os.path.join(typecheck.ROOT, ".pyright.json"), encoding="utf-8") as file:
        settings = json.loads(re.sub(r"^\s*//.*$", "", file.read(), flags=re.MULTILINE))
    settings["include"] = ["."]
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "board.py").write_text(BOARD)
    wrong = {i for i, line in enumerate(BOARD.splitlines(), 1) if "# WRONG" in line}
    assert {line for _, line, _ in typecheck.check(str(tmp_path / "config.json"))} == wrong
