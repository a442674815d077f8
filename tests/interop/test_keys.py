"""Keys as tones in real calls: of a WAV that a phone plays we hear each once; ours are in what it recorded."""

import math
import os
import random
import struct
import subprocess
import time
import wave

import pjsua
import pytest
from driver import need
from siplet_tools import baresip, interpreter
from siplet_tools.wav_file import read_wav

BENCH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bench")
SOUND = {"sound.complete": True}
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
GRID = "123A456B789C*0#D"
TYPED = "1590*#ABCD55"


@pytest.fixture
def typed(tmp_path):
    """A WAV of 8 kHz: a second of faint noise, the keys of TYPED, 80 ms each and 80 ms apart, two seconds of noise."""
    rnd = random.Random(4733)
    samples = [0.0] * 8000
    for key in TYPED:
        k = GRID.index(key)
        for i in range(640):
            samples.append(sum(5000 * math.sin(2 * math.pi * f * i / 8000) for f in (LOW[k >> 2], HIGH[k & 3])))
        samples += [0.0] * 640
    samples += [0.0] * 16000
    path = str(tmp_path / "typed.wav")
    with wave.open(path, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack(f"<{len(samples)}h", *(int(x + rnd.gauss(0, 20)) for x in samples)))
    return path


def once(digits):
    """The digits of one whole round of the WAV, which a peer may play again and again, from any place on."""
    assert len(digits) >= len(TYPED) and digits in TYPED * (len(digits) // len(TYPED) + 2), digits


def listen(phone, call, hang_up):
    time.sleep(1.6 + 0.16 * len(TYPED) + 2)
    stats = phone.do("stats", call=call)
    hang_up()
    assert stats["lost"] == 0 and phone.do("state")["faults"] == 0
    return "".join(event["digit"] for event in phone.events("digit"))


def test_tones_that_baresip_plays_are_heard_once_each(started, puppet, typed, tmp_path):
    need(baresip.missing())
    indoor = started(baresip.Baresip(tmp_path / "indoor", says=typed, codecs="PCMA"))
    phone = puppet(sound=SOUND)
    call = phone.do("call", target=indoor.uri)["call"]
    indoor.wait_event("CALL_INCOMING")
    indoor.command("accept")
    phone.event("up", call=call)
    once(listen(phone, call, lambda: phone.do("hangup", call=call)))


def test_tones_that_pjsip_plays_are_heard_once_each(started, puppet, typed, tmp_path):
    need(pjsua.missing())
    indoor = started(pjsua.Pjsua(tmp_path / "indoor", says=typed))
    phone = puppet(sound=SOUND)
    call = phone.do("call", target=indoor.uri)["call"]
    theirs = indoor.incoming()
    indoor.answer(theirs)
    phone.event("up", call=call)
    once(listen(phone, call, lambda: indoor.hangup(theirs)))


def test_our_tones_are_in_what_pjsip_recorded(started, puppet, tmp_path):
    need(pjsua.missing())
    indoor = started(pjsua.Pjsua(tmp_path / "indoor"))
    phone = puppet(sound=SOUND)
    call = phone.do("call", target=indoor.uri)["call"]
    theirs = indoor.incoming()
    indoor.answer(theirs)
    phone.event("up", call=call)
    time.sleep(0.5)
    assert phone.do("digits", call=call, digits=TYPED, form="tones")["sent"]
    time.sleep(0.5)
    indoor.hangup(theirs)
    raw = str(tmp_path / "heard.raw")
    with open(raw, "wb") as file:
        file.write(read_wav(indoor.heard(theirs)).tobytes())
    command = [interpreter.find(), os.path.join(BENCH, "keys_heard.py"), raw]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=interpreter.environment())
    assert done.stdout.strip() == TYPED
