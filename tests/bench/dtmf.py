# Keys as tones: how many of them are found at the limits of ITU-T Q.24, and how many in speech, where there are none.
#
# MINUTES of speech: 30 without that variable of the environment. The digits are made here, the speech by espeak-ng,
# both from a seed; keys_heard.py listens on MicroPython.

import array
import math
import os
import random
import re
import shutil
import subprocess
import tempfile

from siplet_tools import interpreter
from table import doing, table

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEARD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keys_heard.py")
LOW, HIGH = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
GRID = "123A456B789C*0#D"
MINUTES = float(os.environ.get("MINUTES", "30"))
TIMES = 20  # each of the 16 digits, each time at another phase
VOICES = "en-gb en-us de fr-fr es it pt nl sv pl ru tr hi fi hu cs el da".split()
VARIANTS = ["", *[f"+f{i}" for i in range(1, 6)], *[f"+m{i}" for i in range(1, 8)], "+croak", "+whisper"]
# what is changed: level of the low and of the high group, dBm0; noise below both, dB; error of the frequencies; ms
ROWS = (
    ("40 ms on, 40 ms off", -10, -10, None, 0, 40),
    ("noise 15 dB below", -10, -10, 15, 0, 40),
    ("high group 8 dB below, noise 15 dB", -10, -18, 15, 0, 40),
    ("high group 4 dB above, noise 15 dB", -14, -10, 15, 0, 40),
    ("frequencies 1.5 % wrong", -10, -10, None, 0.015, 40),
    ("0 dBm0 each", 0, 0, None, 0, 40),
    ("-25 dBm0 each", -25, -25, None, 0, 40),
    ("frequencies 3.5 % wrong: none is right", -10, -10, None, 0.035, 100),
    ("23 ms on: none is right", -10, -10, None, 0, 23),
)


def digits(seed, low, high, noise, wrong, on):
    """(the digits, samples as bytes): TIMES times all, in any order, at any phase."""
    rnd = random.Random(seed)
    text = [key for _ in range(TIMES) for key in GRID]
    rnd.shuffle(text)
    samples = []
    tops = [22350 * 10 ** (level / 20) for level in (low, high)]
    floor = math.sqrt((tops[0] ** 2 + tops[1] ** 2) / 2) * 10 ** (-noise / 20) if noise else 0
    for key in text:
        k = GRID.index(key)
        steps = [2 * math.pi * f * (1 + wrong * rnd.choice((-1, 1))) / 8000 for f in (LOW[k >> 2], HIGH[k & 3])]
        phases = [rnd.random() * 7, rnd.random() * 7]
        samples += [sum(t * math.sin(w * i + p) for t, w, p in zip(tops, steps, phases)) for i in range(8 * on)]
        samples += [0.0] * (320 + rnd.randrange(4))  # a pause of 40 ms, and another phase of the blocks
    if floor:
        samples = [x + rnd.gauss(0, floor) for x in samples]
    clipped = array.array("h", [max(-32768, min(32767, int(x))) for x in samples + [0.0] * 800])
    return "".join(text), clipped.tobytes()


def speech(seed, minutes, path):
    """Write that many minutes of speech by many voices, raw samples of 8 kHz, to path."""
    rnd = random.Random(seed)
    words = []
    for page in ("README.md", "firmware/README.md", "host_tools/README.md"):
        with open(os.path.join(ROOT, page), encoding="utf-8") as file:
            words += re.findall(r"[A-Za-z]{2,}", file.read())
    left = int(minutes * 60 * 16000)
    with open(path, "wb") as file:
        while left > 0:
            voice = rnd.choice(VOICES) + rnd.choice(VARIANTS)
            how = ["-s", str(rnd.randint(120, 220)), "-p", str(rnd.randint(5, 95))]
            text = " ".join(rnd.choice(words) for _ in range(60))
            said = subprocess.run(["espeak-ng", "-v", voice, *how, "--stdout", text], capture_output=True, check=True)
            sox = "sox -D -t wav - -t raw -r 8000 -c 1 -e signed -b 16 - highpass 150 gain -n".split()
            sox.append(str(-rnd.randint(1, 20)))
            data = subprocess.run(sox, input=said.stdout, capture_output=True, check=True).stdout[:left]
            file.write(data)
            left -= len(data)


def listen(path):
    """What siplet hears in a file of raw samples."""
    run = [interpreter.find(), HEARD, path]
    done = subprocess.run(run, capture_output=True, text=True, check=True, env=interpreter.environment())
    return done.stdout.strip()


def show():
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "samples")
        for seed, row in enumerate(ROWS):
            doing(row[0])
            said, data = digits(seed, *row[1:])
            with open(path, "wb") as file:
                file.write(data)
            heard = listen(path)
            rows.append((row[0], len(said), len(heard), "yes" if heard == said else ""))
        if shutil.which("espeak-ng") and shutil.which("sox"):
            doing("speech")
            speech(1, MINUTES, path)
            rows.append((f"{MINUTES:g} minutes of speech", 0, len(listen(path)), ""))
    note = "" if len(rows) > len(ROWS) else "No speech: espeak-ng and sox are not installed."
    table("Keys as tones", ("in", "said", "heard", "each once, in order"), rows, note)
