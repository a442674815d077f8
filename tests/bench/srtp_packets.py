# Packets through SRTP on MicroPython, for srtp.py: srtp_packets.py nothing | protect | unprotect | control N sends N of
# them; srtp_packets.py heap prints "NAME|BYTES" a packet.

import gc
import sys

from siplet.media.g711 import move
from siplet.media.rtp import Sender as Packets
from siplet.media.srtp import Receiver, Room, Sender

packets = Packets(lambda n: bytes(range(n)))
report = bytearray(b"\x81\xc8\x00\x0c" + bytes(76))
sender, receiver = Sender(Room()), Receiver(Room())
sender.key(bytes(range(30)))
receiver.key(bytes(range(30)))
data = bytearray(200)


def run(what, n):
    while n:
        n -= 1
        if what == "control":
            sealed = sender.protect_control(report)
            move(len(sealed), sealed, data, 0, 0)
            receiver.unprotect_control(data, 0, len(sealed))
            continue
        packets.number(packets.voice, 8, False, True)
        packets.advance(160)
        if what != "nothing":
            sealed = sender.protect(packets.voice)
            move(len(sealed), sealed, data, 0, 0)
            if what == "unprotect":
                receiver.unprotect(data, 0, len(sealed))


if sys.argv[1] != "heap":
    run(sys.argv[1], int(sys.argv[2]))
else:
    for name in ("protect", "unprotect", "control"):
        run(name, 5)
        if sys.platform != "webassembly":  # there it only notes that a collection is due, and that takes heap
            gc.collect()
        before = gc.mem_alloc()
        run(name, 200)
        print(f"{name}|{(gc.mem_alloc() - before) / 200}")
