# What a phone tells about itself: lines on the console. May import platform.

from siplet.platform import now


def log(text):
    """One line: the seconds of the board's clock, then text."""
    ticks = now()
    print(f"{ticks // 1000}.{ticks % 1000:03d} {text}")
