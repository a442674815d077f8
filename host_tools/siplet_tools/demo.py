"""`make demo`: a door phone on MicroPython rings an indoor phone, they talk, the door opens; shown as it happens.

Imports the other tools, and siplet itself: the indoor phone is the same core on this CPython, or a real baresip.
No hardware, no root, no server: all of it stays on 127.0.0.1, and ends only what it started.
"""

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import sys

from siplet.errors import LocalError

from siplet_tools import interpreter
from siplet_tools.actors import CODE, RELAY_MS, RESIDENT, VISITOR, BaresipIndoors, DemoError, DoorPhone, SipletIndoors
from siplet_tools.baresip import missing as baresip_missing
from siplet_tools.ladder import Ladder
from siplet_tools.process import ProcessError
from siplet_tools.report import Report, media_rows
from siplet_tools.speech import compare
from siplet_tools.trace_file import Follower
from siplet_tools.wav_file import RATE, SpeechError, read_wav

ROOT = interpreter.ROOT
LEFT = ("heard-at-door.wav", "heard-indoors.wav", "ladder.txt", "report.txt", "messages.trace", "door.json", "door.log")
PEERS = ("siplet", "baresip")
RING_S = 0.8  # how long the resident lets it ring
BESIDES_S = 0.6  # both clips, this much longer: the delay of the network and of the jitter buffer


class Show:
    """What is seen: the ladder as it grows, on the terminal and, without colours, in a list for the file."""

    def __init__(self, trace, door, peer, peer_name):
        self._trace = Follower(trace)
        self._door = door
        self._seen = 0
        self._waiting = []  # (ticks, rank, order, draw)
        self._order = 0
        options = {"own": "door phone", "names": {peer: peer_name}}
        self._screen = Ladder(colour=is_colourful(), plain=is_plain(), **options)
        self._file = Ladder(**options)
        self.lines = []
        self.happened = {}  # text: ticks of what the door phone said

    def note(self, text, rank=0):
        """Something happened at the indoor phone, now."""
        self._add(now(), rank, lambda ladder, ticks: ladder.note(ticks, text, away=True))

    def _add(self, ticks, rank, draw):
        # rank: within one millisecond, causes stand before messages and messages before their effects
        self._order += 1
        self._waiting.append((ticks, rank, self._order, draw))

    def look(self, last=False):
        """Draws what is new; things of the last moments wait for others that may have happened before them."""
        for record in self._trace.new():
            self._add(record.ticks, 1, lambda ladder, _, record=record: ladder.message(record))
        said = self._door.said()
        for ticks, text in said[self._seen :]:
            self.happened.setdefault(text, ticks)
            if "pressed bell" not in self.happened:
                continue  # the scene begins with the bell
            rank = 0 if text.startswith(("pressed", "calling")) else 2
            self._add(ticks, rank, lambda ladder, ticks, text=text: ladder.note(ticks, text))
        self._seen = len(said)
        self._waiting.sort(key=lambda entry: entry[:3])
        while self._waiting and (last or now() - self._waiting[0][0] > 50):
            ticks, _, _, draw = self._waiting.pop(0)
            for line in draw(self._screen, ticks):
                print(line.rstrip(), flush=True)
            self.lines += [line.rstrip() for line in draw(self._file, ticks)]

    async def run(self):
        """Looks again and again until it is cancelled."""
        while True:
            self.look()
            await asyncio.sleep(0.03)


def now():
    """The clock of the door phone's lines and of the trace, in ms."""
    from siplet import platform

    return platform.now()


def is_colourful():
    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def is_plain():
    return "utf" not in (sys.stdout.encoding or "").lower()


async def play(door, indoors, show):
    """The scene, from the bell to the end of the call; returns ({name: counter} of the door, heap)."""
    await door.expect("doorphone ready", 10)
    await door.command("press bell")
    if not await indoors.ring(5):
        raise DemoError("the indoor phone did not ring")
    show.note("it rings", 2)
    await asyncio.sleep(RING_S)
    show.note("picks up")
    await indoors.answer()
    await door.expect("talking", 5)
    clips = max(len(read_wav(clip)) for clip in (VISITOR, RESIDENT)) / RATE
    await asyncio.sleep(clips + BESIDES_S)
    show.note(f"presses {' '.join(CODE)}")
    if not await indoors.press(CODE):
        raise DemoError("the door phone did not take the keys")
    await door.expect("relay on", 5)
    await asyncio.sleep(0.3)
    media, heap = await door.media(), await door.heap()
    show.note("hangs up")
    await indoors.hang_up()
    await door.expect("call ended", 5)
    await door.expect("relay off", RELAY_MS / 1000 + 5)
    return media, heap


def judge(door, indoors, show, media, heap):
    """The Report of the call that was."""
    report = Report("The call", ["door phone", indoors.name])
    media_rows(report, media, indoors.media())
    report.row("heap in the call", f"{heap / 1024:.0f} KiB", None)
    report.rule()
    words = []
    for clip, recording, text in (
        (RESIDENT, door.heard, "the resident was heard at the door"),
        (VISITOR, indoors.heard, "the visitor was heard in the house"),
    ):
        try:
            words.append((compare(clip, recording), text))
        except SpeechError as error:
            raise DemoError(str(error)) from None
    report.row("speech heard", *[f"{found.heard:.1%}" for found, _ in words])
    report.row("correlation with what was said", *[f"{found.correlation:.4f}" for found, _ in words])
    report.row("signal to noise", *[f"{found.snr_db:.1f} dB" for found, _ in words])
    report.row("longest gap", *[f"{found.gap_ms} ms" for found, _ in words])
    for found, text in words:
        report.check(found.ok, text + ("" if found.ok else f": {found.reason}"))
    on, off = show.happened.get("relay on"), show.happened.get("relay off")
    open_ms = off - on if on and off else 0
    report.check(abs(open_ms - RELAY_MS) < 200, f"the code {CODE} opened the door for {open_ms / 1000:.1f} s")
    return report


@contextlib.contextmanager
def alone(out):
    """Makes the folder and keeps it for one demo at a time; DemoError while another one is at work there."""
    os.makedirs(out, exist_ok=True)
    folder = os.open(out, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"another demo is at work in {out}: wait until it ends") from None
        yield
    finally:
        os.close(folder)


async def run(micropython, peer, out):
    """Plays the demo; returns the Report, which is also in the folder `out` with all else."""
    for name in LEFT:  # of a former run
        if os.path.exists(os.path.join(out, name)):
            os.remove(os.path.join(out, name))
    indoors = BaresipIndoors(out) if peer == "baresip" else SipletIndoors(out)
    door = show = watcher = None
    try:
        await indoors.start()
        door = DoorPhone(micropython, out, indoors.target)
        show = Show(door.trace, door, f"127.0.0.1:{indoors.port}", indoors.name)
        watcher = asyncio.create_task(show.run())
        media, heap = await play(door, indoors, show)
    finally:
        if watcher:
            watcher.cancel()
        try:
            await indoors.close()
        finally:  # Ctrl-C may come once more
            if door:
                door.stop()
        if show:
            show.look(last=True)
            with open(os.path.join(out, "ladder.txt"), "w", encoding="utf-8") as file:
                file.write("\n".join(show.lines) + "\n")
    report = judge(door, indoors, show, media, heap)
    with open(os.path.join(out, "report.txt"), "w", encoding="utf-8") as file:
        file.write(report.text())
    return report


def main(arguments=None):
    """Exit status 0 when both were heard and the door opened, 1 when not, 2 when something is missing."""
    parser = argparse.ArgumentParser(prog="demo", description="A door phone rings, two people talk, the door opens.")
    parser.add_argument("--peer", default=PEERS[0], help="who answers: " + " or ".join(PEERS))
    parser.add_argument("--micropython", help="the interpreter of the door phone")
    parser.add_argument("--out", default=os.path.join(ROOT, "out"), help="folder for what is left of it")
    choice = parser.parse_args(arguments)
    sys.stdout.reconfigure(errors="replace")  # frames and arrows are no reason to fail
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # end what was started then, too
    if choice.peer not in PEERS:
        print(f"PEER={choice.peer}: the indoor phone is {' or '.join(PEERS)}", file=sys.stderr)
        return 2
    try:
        if choice.peer == "baresip" and baresip_missing():
            print(baresip_missing(), file=sys.stderr)
            return 2
        micropython = choice.micropython or interpreter.find()
        who = "baresip" if choice.peer == "baresip" else f"siplet on CPython {sys.version.split()[0]}"
        print(f"door phone: siplet on {interpreter.describe(micropython)}; indoor phone: {who}\n", flush=True)
        with alone(choice.out):
            report = asyncio.run(run(micropython, choice.peer, choice.out))
    except interpreter.NoInterpreter as error:
        print(error, file=sys.stderr)
        return 2
    except (DemoError, LocalError, ProcessError, OSError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print("\n" + report.text(is_colourful(), is_plain()))
    print(f"recordings, ladder.txt and report.txt are in {os.path.relpath(choice.out)}/")
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
