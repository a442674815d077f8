# What an echo comes to: a hands-free phone in simulated rooms, by switching and by the canceller. Phone and room run on
# MicroPython: in_a_room.py.
#
# The story, in seconds: 0 the far end speaks; 8 the near end speaks too; 14 the far end alone again; 20 the path is
# another one at once, as when somebody moves the phone; 28 the far end ends its word and the near end begins at once.
# The near end is 6 dB softer than the far end. A room is a case, whose first 3 ms are 8 dB above the room's own sound.

import os
import shutil
import tempfile
from array import array
from math import log10

import core
from siplet_tools import interpreter
from siplet_tools.interpreter import ROOT
from siplet_tools.wav_file import read_wav
from table import doing, table

FRAME = 160
BOTH, AGAIN, MOVED, TURN, END = (seconds * 50 for seconds in (8, 14, 20, 28, 32))
ROOMS = ((200, -12, 20), (300, -6, 60), (500, 0, 120))  # RT60 (ms), coupling (dB), delay (ms)
MODES = {"none": "nothing done", "switch": "switch", "alone": "canceller by itself", "cancel": "cancel"}
ECHOES = {
    "0-2 s": (0, 100),
    "4-8 s": (200, BOTH),
    "15-20 s": (AGAIN + 50, MOVED),
    "moved, 1 s": (MOVED, MOVED + 50),
    "then 2 s": (MOVED + 50, MOVED + 150),
    "24-28 s": (MOVED + 200, TURN),
}
WORDS = {"both speak": (BOTH, AGAIN), "right after": (TURN, TURN + 25), "alone": (TURN + 25, END)}
COUNTED = (("switch", 8000), ("switch", 16000), ("alone", 8000), ("alone", 16000))


def db(power):
    return 10 * log10(power + 1e-9)


def power(samples):
    return sum(x * x for x in samples) / max(1, len(samples))


def speech():
    """(far, near): two voices, samples."""
    folder = os.path.join(ROOT, "tests", "vectors", "speech")
    far, near = (list(read_wav(os.path.join(folder, name))) for name in ("indoor.wav", "door.wav"))
    said = (far * (TURN * FRAME // len(far) + 1))[: TURN * FRAME] + [0] * ((END - TURN) * FRAME)
    spoken = [0] * (END * FRAME)
    for begin, end in ((BOTH, AGAIN), (TURN, END)):
        n = (end - begin) * FRAME
        spoken[begin * FRAME : begin * FRAME + n] = (near * (n // len(near) + 1))[:n]
    return array("h", said), array("h", [x // 2 for x in spoken])


def _run(*arguments):
    return core._run([interpreter.find(), "-X", "heapsize=8m", "tests/bench/in_a_room.py", *map(str, arguments)])


def play(mode, room, folder):
    """(echo, sent) of the story, each a list of frames."""
    paths = [os.path.join(folder, name) for name in ("far", "near", "out")]
    _run(mode, *room, *paths, MOVED)
    data = array("h")
    with open(paths[2], "rb") as file:
        data.frombytes(file.read())
    frames = [data[i : i + FRAME] for i in range(0, len(data), FRAME)]
    return frames[::2], frames[1::2]


def lower(echo, sent, begin, end):
    """dB by which the echo is lower in what was sent, over the frames in which there is one."""
    loud = [i for i in range(begin, end) if power(echo[i]) > 1e4]
    return db(sum(power(echo[i]) for i in loud)) - db(sum(power(sent[i]) for i in loud))


def kept(near, sent, begin, end):
    """(dB by which near speech is weaker in what was sent, dB from it to all that was added or distorted)."""
    own = [x for i in range(begin, end) for x in near[i]]
    out = [x for i in range(begin, end) for x in sent[i]]
    gain = sum(a * b for a, b in zip(own, out)) / sum(a * a for a in own)
    rest = power([b - gain * a for a, b in zip(own, out)])
    return -20 * log10(max(gain, 1e-6)), db(gain * gain * power(own)) - db(rest)


def show():
    said, spoken = speech()
    near = [spoken[i : i + FRAME] for i in range(0, len(spoken), FRAME)]
    rows, words = [], []
    with tempfile.TemporaryDirectory() as folder:
        for name, samples in (("far", said), ("near", spoken)):
            with open(os.path.join(folder, name), "wb") as file:
                samples.tofile(file)
        for room in ROOMS:
            title = "RT60 {} ms, coupling {} dB, delay {} ms".format(*room)
            rows.append([title, *[""] * len(ECHOES)])
            words.append([title, *[""] * len(WORDS)])
            for mode, name in MODES.items():
                doing(f"{title}: {name}")
                echo, sent = play(mode, room, folder)
                rows.append(["  " + name, *(f"{lower(echo, sent, *part):.1f}" for part in ECHOES.values())])
                words.append(
                    ["  " + name, *("{:.1f} / {:.1f}".format(*kept(near, sent, *part)) for part in WORDS.values())]
                )
    table("Echo: dB lower in what is sent than at the microphone", ["", *ECHOES], rows)
    note = "Right after: the first 0.5 s behind the far end's last word. A loss below 0 is level control."
    table("Near speech: dB lost / dB above all that is not it", ["", *WORDS], words, note)
    show_instructions()


def show_instructions():
    if not shutil.which("valgrind"):
        print("\nvalgrind is not installed (make peers), so no instructions are counted.")
        return
    rows = []
    few, many = 40, 140
    for mode, rate in COUNTED:
        doing(f"{mode} at {rate}")
        each = []
        for name in (mode, "none"):
            command = [interpreter.find(), "tests/bench/in_a_room.py", "count", name, str(rate)]
            each.append((core._instructions(command, many) - core._instructions(command, few)) / (many - few))
        rows.append([MODES[mode], rate, round(each[0] - each[1])])
    note = "Both speak all the time, so that every gain is at work. The canceller's tail is 32 ms."
    table("Instructions of a 20 ms frame, both directions, 64 bit with viper", ["", "rate", "instructions"], rows, note)
