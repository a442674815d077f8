# The checks of `siplet check`, in their order. Imports its neighbours.
#
# A check is a generator: of a checking.Session it makes Verdicts. What it wants to know it asks of the board by a piece
# of MicroPython with a function _, whose result is a literal. Pieces of checks that need no siplet on the board run on
# old versions of MicroPython, too.

from collections.abc import Callable
from dataclasses import dataclass

from siplet_tools.board.checks import basics, network, parts, registration, sound


@dataclass
class Check:
    """title: what it looks at, for --list; needs_siplet: on the board."""

    function: Callable
    title: str
    needs_siplet: bool = True


TABLE = {
    "versions": Check(basics.versions, "MicroPython, and siplet against this checkout's", False),
    "heap": Check(basics.heap, "memory that is free, and its largest piece", False),
    "flash": Check(basics.flash, "room in the file system; are siplet's files as they were deployed?", False),
    "clock": Check(basics.clock, "the board's clock against this computer's", False),
    "config": Check(network.config, "does siplet take the board's configuration?"),
    "wifi": Check(network.wifi, "is the network joined, and how strong is it?"),
    "names": Check(network.names, "the registrar's address"),
    "registration": Check(registration.registration, "a real REGISTER with the board's accounts"),
    "microphone": Check(sound.microphone, "what it hears, and how loud"),
    "tone": Check(sound.tone, "a tone of the speaker, looked for in the microphone"),
    "relay": Check(parts.relay, "on, for half a second (the door may open), and off; you hear it click"),
    "button": Check(parts.button, "you press it"),
    "led": Check(parts.led, "three flashes, which you see"),
}
