# The heap that 20 ms frames take, both ways, lost packets and keys among them, over a network without sockets: prints
# "NAME|BYTES". The proof that it is none, with the heap locked, stands in tests/alloc; this is the table's figure.

import gc
import sys

sys.path[:0] = ["tests/alloc", "/tests/alloc"]  # on the unix port, and in the WebAssembly port's file system

from locked import Agreement, Audio, Peer  # noqa: E402
from siplet.stream import Stream  # noqa: E402

peer = Peer()
peer.trouble = lambda tick: "lost" if tick % 50 == 0 else "key" if tick % 100 < 8 else ""
stream = Stream(Audio(), peer, lambda n: bytes(range(n)))
stream.configure(Agreement())


def run(frames):
    while frames:
        frames -= 1
        peer.arrive()
        stream.tick()


run(200)
if sys.platform != "webassembly":  # there it only notes that a collection is due, and that takes heap
    gc.collect()
before = gc.mem_alloc()
run(1000)
taken = gc.mem_alloc() - before
print(f"1,000 frames of 20 ms, both ways, with losses and keys|{taken}")
