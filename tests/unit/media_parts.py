# What the media tests share: packets by hand, a network and an audio device that are lists. Allocates freely, but for
# the devices' methods, which run under a locked heap in tests/alloc.


def rtp(sequence, timestamp, payload=b"", kind=0, ssrc=b"SSRC", marker=False):
    """One RTP packet as bytes."""
    return (
        bytes([0x80, kind | (0x80 if marker else 0), sequence >> 8 & 255, sequence & 255])
        + bytes([timestamp >> 24 & 255, timestamp >> 16 & 255, timestamp >> 8 & 255, timestamp & 255])
        + ssrc
        + payload
    )


def voice(i, code=None, samples=160, kind=0, first=1000, ssrc=b"SSRC", start=0):
    """The i-th packet of a steady stream; its codes are all i (so that a frame tells where it came from)."""
    return rtp(first + i, start + i * samples, bytes([(i if code is None else code) & 255]) * samples, kind, ssrc)


class Agreement:
    """What siplet.offer.Negotiation.agreed looks like."""

    def __init__(self, address="192.0.2.7", port=4000, codec=b"PCMU", dtmf=101, direction="sendrecv"):
        self.address = address
        self.port = port
        self.codec = codec
        self.payload_type = 8 if codec == b"PCMA" else 0
        self.dtmf = dtmf
        self.direction = direction
        self.ptime = 20


class Net:
    """A Udp whose other side is a list: incoming (host, port, bytes), outgoing (host, port, bytes)."""

    def __init__(self):
        self.incoming = []
        self.outgoing = []
        self.peer = None
        self.source = None
        self.reopened = 0
        self.keep = True

    def receive_from(self, view):
        if not self.incoming:
            return -1
        host, port, data = self.incoming.pop(0)
        self.source = (host, port)
        data = data[: len(view)]
        view[: len(data)] = data
        return len(data)

    def receive(self, view):
        # all that the peer sent, glued, as MicroPython's readinto does
        n = 0
        while self.incoming:
            host, port, data = self.incoming.pop(0)
            if (host, port) != self.peer:
                continue
            i = 0
            while i < len(data) and n < len(view):
                view[n] = data[i]
                n += 1
                i += 1
            if n == len(view):
                break
        return n

    def connect(self, address):
        self.peer = address
        return True

    def reopen(self):
        self.peer = None
        self.reopened += 1
        return True

    def send(self, view):
        if self.keep:
            self.outgoing.append((self.peer[0], self.peer[1], bytes(view)))
        return True

    def send_to(self, view, address):
        if self.keep:
            self.outgoing.append((address[0], address[1], bytes(view)))
        return True


class Audio:
    """A microphone that counts frames up in its samples, and a speaker that remembers."""

    rate = 8000

    def __init__(self):
        self.heard = []
        self.level = 0  # of the microphone, constant; 0 is silence
        self.running = False
        self.keep = True
        self.writes = 0

    def start(self):
        self.running = True

    def stop(self):
        self.running = False

    def read(self, frame):
        level = self.level
        if not level:
            return False
        low = level & 0xFF
        high = level >> 8 & 0xFF
        i = 0
        while i < 320:
            frame[i] = low
            frame[i + 1] = high
            i += 2
        return True

    def write(self, frame):
        self.writes += 1
        if self.keep:
            self.heard.append(bytes(frame))
