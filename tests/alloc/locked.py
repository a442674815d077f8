# What the allocation tests share: a locked heap, and a network and an audio device that allocate nothing themselves.

import gc

import micropython


def locked(function, a=None, b=None, c=None):
    """Call function with a, b, c, as far as they are not None, with the heap locked: an allocation raises MemoryError.

    (A star in the call would allocate by itself.)
    """
    gc.collect()
    before = gc.mem_alloc()
    micropython.heap_lock()
    try:
        if a is None:
            function()
        elif b is None:
            function(a)
        elif c is None:
            function(a, b)
        else:
            function(a, b, c)
    finally:
        micropython.heap_unlock()
    assert gc.mem_alloc() == before  # nothing that lives on, either


class Audio:
    """Microphone: a saw; speaker: counts the frames that were not silent."""

    rate = 8000

    def __init__(self):
        self.loud = 0
        self.frames = 0
        self.phase = 0

    def start(self):
        pass

    def stop(self):
        pass

    def read(self, frame):
        i = 0
        while i < 320:
            frame[i] = 0
            frame[i + 1] = self.phase & 0xFF
            self.phase += 3
            i += 2
        return True

    def write(self, frame):
        self.frames += 1
        if frame[0] or frame[1] or frame[318] or frame[319]:
            self.loud += 1


class Peer:
    """A Udp whose far end sends samples of voice per packet and follows a script, in place in one buffer.

    trouble: callable(tick) -> str, what happens to the packets of that tick: "" nothing, "lost", "twice", "key" (an
    event packet instead), "gap" (nothing is sent, the clock goes on), "jump" (another SSRC begins).
    """

    def __init__(self, samples=160, kind=0, event=101):
        self.packet = bytearray(12 + samples)
        self.packet[0] = 0x80
        self.packet[1] = kind
        self.key = bytearray(16)
        self.key[0] = 0x80
        self.key[1] = event
        self.samples = samples
        self.sequence = 65500  # wraps soon
        self.high = 0xFFFF
        self.low = 0xF000
        self.trouble = None
        self.ticks = self.sent = self.due = 0
        self.peer = None
        self.source = ("192.0.2.7", 4000)
        self.press = 0
        self.held = 0
        self.waiting = bytearray(2048)
        self.n = 0

    def _put(self, packet):
        i = 0
        while i < len(packet):
            self.waiting[self.n] = packet[i]
            self.n += 1
            i += 1

    def _head(self, packet):
        packet[2] = self.sequence >> 8
        packet[3] = self.sequence & 255
        self.sequence = (self.sequence + 1) & 0xFFFF
        packet[4] = self.high >> 8
        packet[5] = self.high & 255
        packet[6] = self.low >> 8
        packet[7] = self.low & 255

    def _voice(self):
        self._head(self.packet)
        i = 12
        while i < len(self.packet):
            self.packet[i] = self.sequence & 0x7F
            i += 1

    def _advance(self):
        low = self.low + self.samples
        self.low = low & 0xFFFF
        self.high = (self.high + (low >> 16)) & 0xFFFF

    def arrive(self):
        """20 ms pass at the far end."""
        self.ticks += 1
        self.due += 160
        while self.due >= self.samples:
            self.due -= self.samples
            what = self.trouble(self.ticks) if self.trouble else ""
            if what == "key":
                if not self.held:
                    self._head(self.key)  # the time of the press
                    self.press = (self.press + 1) & 15
                self.held += 1
                self.key[2] = self.sequence >> 8
                self.key[3] = self.sequence & 255
                self.sequence = (self.sequence + 1) & 0xFFFF
                self.key[12] = self.press
                self.key[13] = 0x8A if self.held > 3 else 0x0A
                self.key[14] = 1
                self.key[15] = self.held
                self._put(self.key)
            elif what == "gap":
                pass
            else:
                self.held = 0
                if what == "jump":
                    self.packet[8] = (self.packet[8] + 1) & 255
                    self.key[8] = self.packet[8]
                    self.sequence = (self.sequence + 7000) & 0xFFFF
                self._voice()
                if what != "lost":
                    self._put(self.packet)
                if what == "twice":
                    self._put(self.packet)
            self._advance()

    # --- the Udp ---

    def receive_from(self, view):
        return self.receive(view) or -1

    def receive(self, view):
        n = self.n
        i = 0
        while i < n:
            view[i] = self.waiting[i]
            i += 1
        self.n = 0
        return n

    def connect(self, address):
        self.peer = address
        return True

    def reopen(self):
        self.peer = None
        return True

    def send(self, view):
        self.sent += 1
        return True

    def send_to(self, view, address):
        self.sent += 1
        return True


class Agreement:
    address = "192.0.2.7"
    port = 4000
    ptime = 20

    def __init__(self, codec=b"PCMU", payload_type=0, dtmf=101, direction="sendrecv"):
        self.codec = codec
        self.payload_type = payload_type
        self.dtmf = dtmf
        self.direction = direction
