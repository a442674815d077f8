# siplet virtual: a board without hardware. Imports virtual, console, click.

import contextlib
import os
import select
import signal
import sys
import tempfile

import click

from siplet_tools import console
from siplet_tools.errors import USAGE, ToolError

_ECHO_DB = 6  # by which an open case lowers its amplifier on the way to its microphone
_EXAMPLES = """\b
Examples:
  siplet virtual                         in one terminal; then in another one:
  siplet boards
  mpremote connect /dev/pts/5 repl       the port that it tells
  siplet virtual --bare                  an empty flash, for: siplet flash
  siplet virtual --folder gate --address 127.0.0.2 --chip esp32s3
While it runs, Enter presses the bell; help lists what else can be typed.
"""


@click.command(epilog=_EXAMPLES)
@click.option("--folder", default="siplet-virtual", show_default=True, help="Keeps its files and its flash.")
@click.option("--chip", default="esp32", show_default=True, help="esp32, esp32s3 or esp32c3.")
@click.option("--bare", is_flag=True, help="Begin with an empty flash: no MicroPython, no files.")
@click.option("--baud", type=click.IntRange(300, 4000000), help="As slow as a serial line of that speed.")
@click.option("--address", default="127.0.0.1", show_default=True, help="Its own in the network: 127.x.x.x.")
@click.option("--flash-size", default="4MB", show_default=True, help="4MB, 8MB or 16MB; 2 MB of it are MicroPython's.")
@click.option("--heap", default=1024, show_default=True, type=click.IntRange(100, 65536), help="Its memory, in KB.")
@click.option(
    "--say", metavar="WAV", help="What its microphone hears, again and again; else a made-up voice; none: silence."
)
def command(folder, chip, bare, baud, address, flash_size, heap, say):
    """Runs a board without hardware until Ctrl-C ends it.

    It is MicroPython behind a serial port, with an ESP32's pins, sound and Wi-Fi simulated. Everything that siplet does
    with a board it does with this one. Its Wi-Fi network is "siplet", the password "virtual-board".
    """
    if sys.platform == "win32":
        raise ToolError("a virtual board needs pseudo-terminals: Linux, macOS or WSL", USAGE)
    size = flash_size.upper().removesuffix("MB")
    if not size.isdecimal():
        raise click.UsageError("--flash-size: 4MB, 8MB or 16MB")
    from siplet_tools.interpreter import NoInterpreter
    from siplet_tools.virtual import VirtualBoard

    with contextlib.suppress(ValueError):  # not the main thread
        signal.signal(signal.SIGTERM, _ended)
    told = _Telling()
    try:
        board = VirtualBoard(
            _free(folder),
            told.hear,
            chip=chip,
            bare=bare,
            baud=baud,
            address=_checked(address),
            flash_size=int(size) << 20,
            heap=heap << 10,
        )
        with board:
            told.board = board
            console.say(f"virtual board at {board.port}", bold=True)
            console.say(f"  {chip}, MAC {board.settings.mac}, files in {os.path.relpath(board.settings.files)}")
            name, password, _ = board.settings.networks[0]
            _warn_of_neighbours(board)
            console.say(f'  its Wi-Fi is "{name}", password "{password}", address {address}')
            console.say("Enter presses the bell, help lists more, Ctrl-C ends it")
            with _voice(board, say):  # which takes a second to make
                _serve(board)
    except NoInterpreter as error:
        raise ToolError(str(error)) from None
    except (KeyboardInterrupt, _Ended):
        console.say("power off")


def _warn_of_neighbours(board):
    from siplet_tools.virtual import registry

    for entry in registry.running():
        if entry.get("address") == board.settings.address and entry["port"] != board.port:
            advice = "one of them has its port 5060 alone: --address 127.0.0.2 gives this one its own"
            console.verdict("note", f"the board at {entry['port']} has the address {entry['address']}, too", advice)


@contextlib.contextmanager
def _voice(board, path):
    # Somebody speaks at the door: without that a test call would find a dead microphone
    from siplet_tools.wav_file import write_wav
    from siplet_tools.wire import measure

    if path != "none":
        with tempfile.TemporaryDirectory(prefix="siplet-voice-") as folder:
            made = os.path.join(folder, "voice.wav")
            if not path:
                write_wav(made, measure.probe()[::-1])  # backwards: no echo of what a test call says
            board.say(path or made, repeat=True)
    board.echo(_ECHO_DB)
    yield


class _Ended(BaseException):
    """SIGTERM came."""


def _ended(number, frame):
    raise _Ended


class _Telling:
    """Says what a person beside the board would see: relay, lamp, resets."""

    board = None

    def __init__(self):
        self._seen = {}

    def hear(self, line):
        word = line.partition(" ")[0]
        if word == "pin" and self.board:
            for name in ("relay", "led"):
                with contextlib.suppress(ToolError):
                    self._tell(name, self.board.is_on(name))
        elif word == "wifi" and self.board:
            self._tell("network", self.board.network)
        elif word in ("reset", "bootloader", "deepsleep", "unplugged"):
            self._seen.clear()
            console.say(word)

    def _tell(self, name, value):
        usual = {"network": ""}.get(name, False)
        if self._seen.get(name, usual) != value:
            self._seen[name] = value
            console.say(f"{name} {value if name == 'network' and value else 'on' if value else 'off'}")


def _free(folder):
    from siplet_tools.virtual import registry

    path = os.path.abspath(folder)
    if os.path.isdir(path) and os.listdir(path) and not os.path.isdir(os.path.join(path, "files")):
        raise ToolError(f"{folder} holds other things: say another --folder", USAGE)
    for entry in registry.running(unplugged=True):
        if entry.get("folder") == path:
            where = f"at {entry['port']}" if entry["port"] else "whose cable is out"
            raise ToolError(f"{folder} is in use by the virtual board {where}: say another --folder", USAGE)
    return path


def _checked(address):
    parts = address.split(".")
    if len(parts) != 4 or parts[0] != "127" or not all(part.isdecimal() and int(part) < 256 for part in parts):
        raise click.UsageError("--address: 127.0.0.1 to 127.255.255.254")
    return address


def _serve(board):
    """Obeys what is typed, as long as the board runs; in the background, or without a keyboard, nothing is."""
    from siplet_tools.virtual import control

    typed, rest = True, b""
    while board.running:
        if not typed or not _in_front():
            select.select([], [], [], 0.5)
            continue
        if not select.select([sys.stdin], [], [], 0.5)[0]:
            continue
        data = os.read(sys.stdin.fileno(), 4096)  # a buffer of Python's would hide the second line from select
        typed = bool(data)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            try:
                console.say(control.obey(board, line.decode("utf-8", "replace").strip()))
            except BrokenPipeError:
                raise
            except (ToolError, OSError, RuntimeError) as error:
                console.warn(str(error))
    raise ToolError(f"the virtual board failed: {board.failure}") from board.failure


def _in_front():
    # A job in the background may not read the terminal
    try:
        return not sys.stdin.isatty() or os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
