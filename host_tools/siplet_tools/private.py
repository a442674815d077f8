# Files that only their owner may read: captures, logs and settings hold secrets. Imports the standard library alone.

import os


def opener(path, flags):
    """For open(path, "wb", opener=opener): a new file is its owner's alone; one that was there keeps its rights."""
    return os.open(path, flags, 0o600)
