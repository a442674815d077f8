# RTP and RTCP in the trace, for a capture that Wireshark opens. Loaded when one is asked for: it costs time and memory
# at each packet, as nothing else in a call does. May import platform, trace, net.udp.
#
# A record is a line ">>r TICKS HOST:PORT LEN KEPT LOCAL" (sent) or "<<r ..." (received), then the first KEPT bytes of a
# packet that had LEN, and a newline; LOCAL is our port.

from siplet.net.udp import Udp

_HEAD = 12  # bytes of an RTP header


class _Tap:
    """Tells the trace what goes through the sockets. whole: with the sound; else headers, and RTCP whole."""

    def __init__(self, trace, whole):
        self._trace = trace
        self._whole = whole

    def tell(self, mark, udp, data, address):
        """data: one packet, or some of one source in one piece (RFC 3550 section 5.1: each has the source's SSRC)."""
        data = bytes(data)
        if len(data) < 8 or data[0] >> 6 != 2 or not address:  # SIP, STUN, garbage
            return
        while data:
            is_rtcp = 192 <= data[1] <= 223  # RFC 5761 section 4
            next_one = -1 if is_rtcp else data.find(data[8:12], _HEAD + 8) - 8
            size = next_one if next_one > 0 and data[next_one] >> 6 == 2 else len(data)
            kept = size if self._whole or is_rtcp else min(size, _HEAD)
            self._trace.record(mark, data[:kept], address, f"{size} {kept} {udp.port}")
            data = data[size:]


def install(trace, whole):
    """From now on each new socket tells trace (siplet.trace.Trace) what goes through it. whole: the sound, too."""
    tap = _Tap(trace, whole)
    opened, sent_to, came = Udp._open, Udp.send_to, Udp.datagram

    def _open(self, port):
        opened(self, port)
        read, write = self._read, self._write

        def reading(view):
            n = read(view)
            if n:
                tap.tell("<<r", self, view[:n], self.peer)
            return n

        def writing(view):
            n = write(view)
            if n:
                tap.tell(">>r", self, view, self.peer)
            return n

        self._read, self._write = reading, writing

    def send_to(self, data, address):
        done = sent_to(self, data, address)
        if done:
            tap.tell(">>r", self, data, address)
        return done

    def datagram(self, size):
        data = came(self, size)
        if data:
            tap.tell("<<r", self, data, self.source)
        return data

    Udp._open, Udp.send_to, Udp.datagram = _open, send_to, datagram
