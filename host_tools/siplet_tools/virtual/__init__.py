# The virtual board: MicroPython's unix port behind a pseudo-terminal, with the parts of an ESP32 simulated around it.
# Imports nothing by itself: `registry` is asked on every platform, the board itself runs on Linux and macOS.
#
#     host program     pseudo-terminal      Supervisor              pseudo-terminal     MicroPython
#     mpremote ──────▶ line.Line ─────────▶ pace, cut, Ctrl-C ────▶ child.Child ──────▶ device/boot.py, main.py
#                      (the cable)          (power, boot ROM)       (its own UART)      machine, network, ...
#                                                 ▲                                           │
#                      VirtualBoard, control ─────┘◀──────── lines of text: pins, sound ──────┘


def __getattr__(name):
    if name == "VirtualBoard":
        from siplet_tools.virtual.board import VirtualBoard

        return VirtualBoard
    raise AttributeError(name)
